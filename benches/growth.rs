//! Whether anything costs more when there are more users: the same operations on 1,000 and on
//! 1,000,000 of them, in turn, through the library and one connection; and how PostgreSQL plans
//! their statements on the large table. `cargo bench --bench growth`, `-- --quick` for 100,000.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/end_to_end/support/cluster.rs"]
mod cluster;
#[path = "shared/site.rs"]
mod site;

use cluster::Cluster;
use gatepost::{App, Caller, Login, Page, Password, Profile, UserId};
use postgres::NoTls;
use site::PASSWORD;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

const ROUNDS: usize = 15;
const IN_A_ROUND: i64 = 200;
const SMALL: i64 = 1_000;

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
}

impl Site {
    fn with(users: i64) -> Self {
        let cluster = Cluster::start_durable();
        let mut config = site::prepare(&cluster, Profile::Testing);
        // The database's cost is to be seen, not the hash's.
        config.passwords.iterations = 1;
        config.database.pool_size = 1;
        let app = App::open(config).unwrap();
        let (login, password) = (Login::parse("user1").unwrap(), password());
        gatepost::register(&app, &Caller::Trusted, &login, &password).unwrap();
        let mut client = cluster.admin("gatepost").connect(NoTls).unwrap();
        let fill = "INSERT INTO gatepost.users (login, login_canonical, password_hash)
                    SELECT 'user' || n, 'user' || n, password_hash
                    FROM gatepost.users, generate_series(2, $1::bigint) AS n";
        client.execute(fill, &[&users]).unwrap();
        client.batch_execute("VACUUM ANALYZE gatepost.users").unwrap();
        Self { cluster, app, users }
    }
}

fn password() -> Password {
    Password::parse(PASSWORD).unwrap()
}

/// What is measured: on a site, with a number that is another one each time.
type Operation = fn(&Site, i64);

const OPERATIONS: [(&str, Operation); 5] = [
    ("first page", |site, _| page(site, 0)),
    ("page in the middle, by Link", |site, _| page(site, site.users / 2)),
    ("one user", |site, n| {
        let id = UserId::parse(n * 7919 % site.users + 1).unwrap();
        gatepost::show(&site.app, &Caller::Trusted, id).unwrap();
    }),
    ("login", |site, n| {
        let login = Login::parse(&format!("user{}", n * 7919 % site.users + 1)).unwrap();
        gatepost::log_in(&site.app, &login, &password()).unwrap();
    }),
    ("registration", |site, _| {
        static COUNT: AtomicI64 = AtomicI64::new(0);
        let login = format!("new{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let login = Login::parse(&login).unwrap();
        gatepost::register(&site.app, &Caller::Trusted, &login, &password()).unwrap();
    }),
];

fn page(site: &Site, after: i64) {
    let page = Page::parse(1, 20, Some(after)).unwrap();
    let (users, more) = gatepost::list(&site.app, &Caller::Trusted, page).unwrap();
    assert!(users.len() == 20 && more);
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let many = if quick { 100_000 } else { 1_000_000 };
    eprintln!("filling a table with {SMALL} users and one with {many}");
    let sites = [Site::with(SMALL), Site::with(many)];
    let mut rounds = vec![[Vec::new(), Vec::new()]; OPERATIONS.len()];
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
    println!("us, median (least to most)   {SMALL:>10} users           {many:>10} users   ratio");
    for ((name, _), [few, many]) in OPERATIONS.iter().zip(&rounds) {
        let ratios = few.iter().zip(many).map(|(few, many)| many / few).collect();
        println!("{name:28} {} {} {:.2}", show(few), show(many), median(ratios));
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
