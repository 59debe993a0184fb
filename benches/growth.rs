//! Whether anything costs more with more users, or with more history: the same operations on 1,000
//! users, on 1,000,000 of them, and on 1,000 with 100,000 rows of history in each table, in turn,
//! through the library and one connection; and how PostgreSQL plans their statements on the large
//! table. `cargo bench --bench growth`, `-- --quick` for 100,000 users.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

#[path = "shared/site.rs"]
mod site;

use gatepost::domain::{Login, LoginPrefix, Name, Page, Timestamp, UserId};
use gatepost::passwords::Password;
use gatepost::revocations::Cursor;
use gatepost::users::Filter;
use gatepost::{App, Caller, Profile};
use gatepost_test_support::Cluster;
use postgres::NoTls;
use site::PASSWORD;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

const ROUNDS: usize = 15;
const IN_A_ROUND: i64 = 100;
const SMALL: i64 = 1_000;

/// The remains of a busy service: ended sessions of one user, failures, networks, revoked keys, a
/// sealed log.
const HISTORY: &str = "
    INSERT INTO gatepost.sessions (user_id, key_generation, expires_at, ended_at, revoked_at)
    SELECT 1, 1, now() + interval '1 hour', now() - interval '1 hour', now() - interval '1 hour'
    FROM generate_series(1, 100000);
    INSERT INTO gatepost.attempts (key, forgotten_at, retry_at)
    SELECT 'l'::bytea || decode(md5(n::text), 'hex'), now() + interval '1 hour', 'epoch'
    FROM generate_series(1, 100000) n;
    INSERT INTO gatepost.known_networks (network, user_id)
    SELECT decode(md5(n::text), 'hex'), 2 FROM generate_series(1, 100000) n;
    INSERT INTO gatepost.api_keys (name, hash, scopes, revoked_at)
    SELECT 'shop', decode(md5(n::text), 'hex'), 'register', now() FROM generate_series(1, 100000) n;
    INSERT INTO gatepost.audit (at, actor, action, user_id, outcome, nonce, mac)
    SELECT now(), 'user', 'log_in', 1, 'done', '', decode(md5(n::text), 'hex')
    FROM generate_series(1, 100000) n";

/// A tenth as many users who are locked, behind the others.
const LOCKED: &str = "
    INSERT INTO gatepost.users (login, login_canonical, password_hash, locked)
    SELECT 'locked' || id, 'locked' || id, password_hash, true FROM gatepost.users WHERE id % 10 = 0";

/// What the service keeps beside roles and groups.
const INDEX: &str = "
    INSERT INTO gatepost.memberships (user_id, kind, name)
    SELECT id, 'role', unnest(roles) FROM gatepost.users
    UNION ALL SELECT id, 'group', unnest(groups) FROM gatepost.users";

/// The statements, as the stores have them, with values from the middle of the table.
const STATEMENTS: [(&str, &str); 4] = [
    (
        "GET /user",
        "SELECT u.id, login, admin, u.created_at, locked, u.expires_at, token_version,
                EXISTS (SELECT FROM gatepost.sessions s WHERE s.id = 1 AND s.user_id = u.id
                        AND s.ended_at IS NULL AND s.expires_at > now()
                    AND NOT u.locked AND (u.expires_at IS NULL OR u.expires_at > now()))
         FROM gatepost.users u WHERE u.id IN (1, 500000)",
    ),
    (
        "GET /users, deep",
        "SELECT u.id, login, admin, u.created_at, locked, u.expires_at, token_version,
                EXISTS (SELECT FROM gatepost.sessions s WHERE s.id = 1 AND s.user_id = u.id
                        AND s.ended_at IS NULL AND s.expires_at > now()
                    AND NOT u.locked AND (u.expires_at IS NULL OR u.expires_at > now())), true
         FROM gatepost.users u WHERE u.id = 1
         UNION ALL (SELECT id, login, admin, created_at, locked, expires_at, token_version, false, false
                    FROM gatepost.users WHERE id > 500000 ORDER BY id OFFSET 0 LIMIT 21)",
    ),
    (
        "login",
        "SELECT id, admin, token_version, password_hash FROM gatepost.users
         WHERE login_canonical = 'user500000'",
    ),
    (
        "registration",
        "INSERT INTO gatepost.users (login, login_canonical, password_hash, admin)
         VALUES ('new', 'new', 'none', false) RETURNING id, login, admin, created_at",
    ),
];

/// A service without a listener on so many users.
struct Site {
    cluster: Cluster,
    app: App,
    users: i64,
    /// The refresh token of a session that goes on.
    refresh: Mutex<String>,
}

impl Site {
    fn with(users: i64, history: &str) -> Self {
        let cluster = Cluster::start_durable();
        let mut config = site::prepare(&cluster, Profile::Testing);
        // The database is measured, not the hash.
        config.passwords.iterations = 1;
        config.database.pool_size = 1;
        // The first user always has two and opens a third, which ends the oldest.
        config.sessions.per_user = 2;
        config.limits.tuning.refreshes = 10_000;
        let app = App::open(config).unwrap();
        let (login, password) = (Login::parse("user1").unwrap(), password());
        gatepost::users::register(&app, &Caller::Trusted, &login, &password).unwrap();
        let mut client = cluster.admin("gatepost").connect(NoTls).unwrap();
        let fill =
            "INSERT INTO gatepost.users (login, login_canonical, password_hash, roles, groups,
                                                created_at)
                    SELECT 'user' || n, 'user' || n, password_hash,
                           CASE WHEN n % 100 = 0 THEN '{all,rare}' ELSE '{all}' END::text[],
                           CASE WHEN n > $1 - 500 THEN '{newest}' ELSE '{}' END::text[],
                           '2026-01-01Z'::timestamptz + n * interval '1 second'
                    FROM gatepost.users, generate_series(2, $1::bigint) AS n";
        client.execute(fill, &[&users]).unwrap();
        for statement in [LOCKED, INDEX].into_iter().chain(history.split_inclusive(';')) {
            client.batch_execute(statement).unwrap();
        }
        client.batch_execute("VACUUM ANALYZE").unwrap();
        let last = Login::parse("user3").unwrap();
        let refresh =
            Mutex::new(gatepost::sessions::log_in(&app, &last, &password).unwrap().refresh_token);
        Self { cluster, app, users, refresh }
    }
}

fn password() -> Password {
    Password::parse(PASSWORD).unwrap()
}

/// A measured operation: on a site, with a number that differs each time.
type Operation = fn(&Site, i64);

const OPERATIONS: [(&str, Operation); 21] = [
    ("first page", |site, _| page(site, 0)),
    ("page in the middle, by Link", |site, _| page(site, site.users / 2)),
    ("role of all", |site, _| filtered(site, |it| it.role = name("all"))),
    ("role of one in a hundred", |site, _| filtered(site, |it| it.role = name("rare"))),
    ("group of the newest", |site, _| filtered(site, |it| it.group = name("newest"))),
    ("locked", |site, _| filtered(site, |it| it.locked = Some(true))),
    ("not locked", |site, _| filtered(site, |it| it.locked = Some(false))),
    ("created after", |site, _| {
        let middle = format!("2026-01-{:02}T00:00:00Z", 1 + site.users / 200_000);
        filtered(site, |it| it.created_after = Some(Timestamp::parse(&middle).unwrap()));
    }),
    ("created before", |site, _| {
        let middle = "2026-01-01T00:10:00Z";
        filtered(site, |it| it.created_before = Some(Timestamp::parse(middle).unwrap()));
    }),
    ("login prefix of most", |site, _| {
        filtered(site, |it| it.login_prefix = Some(LoginPrefix::parse("USER").unwrap()));
    }),
    ("login prefix of few", |site, _| {
        filtered(site, |it| it.login_prefix = Some(LoginPrefix::parse("user9").unwrap()));
    }),
    ("one user", |site, n| {
        let id = UserId::parse(n * 7919 % site.users + 1).unwrap();
        gatepost::users::show(&site.app, &Caller::Trusted, id).unwrap();
    }),
    ("login", |site, n| {
        let login = Login::parse(&format!("user{}", n * 7919 % site.users + 1)).unwrap();
        gatepost::sessions::log_in(&site.app, &login, &password()).unwrap();
    }),
    ("login that ends the oldest", |site, _| {
        gatepost::sessions::log_in(&site.app, &Login::parse("user1").unwrap(), &password())
            .unwrap();
    }),
    ("login that fails", |site, _| {
        static COUNT: AtomicI64 = AtomicI64::new(0);
        let login = format!("nobody{}", COUNT.fetch_add(1, Ordering::Relaxed));
        gatepost::sessions::log_in(&site.app, &Login::parse(&login).unwrap(), &password())
            .unwrap_err();
    }),
    ("refresh", |site, _| {
        let mut token = site.refresh.lock().unwrap();
        *token = gatepost::sessions::refresh(&site.app, &token).unwrap().refresh_token;
    }),
    ("introspection", |site, _| {
        let token = site.refresh.lock().unwrap();
        let found =
            gatepost::introspection::introspect(&site.app, &Caller::Trusted, &token).unwrap();
        assert!(found.is_some());
    }),
    ("sessions of a user", |site, _| {
        let user = UserId::parse(1).unwrap();
        let page = Page::parse(1, 20, None).unwrap();
        gatepost::sessions::list(&site.app, &Caller::Trusted, Some(user), page).unwrap();
    }),
    ("list of revocations", |site, _| {
        let from = Cursor::parse(0, 0).unwrap();
        gatepost::revocations::list(&site.app, from).unwrap();
    }),
    ("page of the audit log", |site, _| {
        gatepost::audit::entries(&site.app, &Caller::Trusted, None, 20).unwrap();
    }),
    ("registration", |site, _| {
        static COUNT: AtomicI64 = AtomicI64::new(0);
        let login = format!("new{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let login = Login::parse(&login).unwrap();
        gatepost::users::register(&site.app, &Caller::Trusted, &login, &password()).unwrap();
    }),
];

fn page(site: &Site, after: i64) {
    let page = Page::parse(1, 20, Some(after)).unwrap();
    let (users, more) = gatepost::users::list(&site.app, &Caller::Trusted, page).unwrap();
    assert!(users.len() == 20 && more);
}

fn name(name: &str) -> Option<Name> {
    Some(Name::parse("name", name).unwrap())
}

/// A page of 20 of the users who pass a filter.
fn filtered(site: &Site, set: impl Fn(&mut Filter)) {
    let mut filter = Filter::default();
    set(&mut filter);
    let page = Page::parse(1, 20, None).unwrap();
    let (users, _) =
        gatepost::users::search(&site.app, &Caller::Trusted, &filter, page, None).unwrap();
    assert!(users.len() >= 10, "{filter:?}");
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let many = if quick { 100_000 } else { 1_000_000 };
    eprintln!("filling tables with {SMALL} users, with {many}, and with {SMALL} and a history");
    let sites = [Site::with(SMALL, ""), Site::with(many, ""), Site::with(SMALL, HISTORY)];
    let mut rounds = vec![[Vec::new(), Vec::new(), Vec::new()]; OPERATIONS.len()];
    for round in 0..ROUNDS {
        eprint!("\rround {} of {ROUNDS}", round + 1);
        for ((_, operation), figures) in OPERATIONS.iter().zip(&mut rounds) {
            for (site, figures) in sites.iter().zip(figures) {
                let begin = Instant::now();
                (1..=IN_A_ROUND).for_each(|n| operation(site, n));
                figures.push(begin.elapsed().as_secs_f64() * 1e6 / IN_A_ROUND as f64);
            }
        }
    }
    eprintln!();
    println!(
        "us, median (least to most)   {SMALL:>10} users         {many:>10} users   ratio   \
         history in each table   ratio"
    );
    for ((name, _), [few, many, history]) in OPERATIONS.iter().zip(&rounds) {
        let ratio = |figures: &[f64]| {
            median(few.iter().zip(figures).map(|(few, figure)| figure / few).collect())
        };
        println!(
            "{name:28} {} {} {:.2} {} {:.2}",
            show(few),
            show(many),
            ratio(many),
            show(history),
            ratio(history)
        );
    }
    let mut client = sites[1].cluster.admin("gatepost").connect(NoTls).unwrap();
    for (name, sql) in STATEMENTS {
        println!("\n{name}");
        for row in client.query(&format!("EXPLAIN (COSTS off) {sql}"), &[]).unwrap() {
            println!("    {}", row.get::<_, &str>(0));
        }
    }
}

fn median(mut runs: Vec<f64>) -> f64 {
    runs.sort_by(f64::total_cmp);
    runs[runs.len() / 2]
}

fn show(runs: &[f64]) -> String {
    let (least, most) =
        runs.iter().fold((f64::MAX, 0_f64), |(a, b), &run| (a.min(run), b.max(run)));
    format!("{:8.0} ({least:.0} to {most:.0})", median(runs.to_vec()))
}
