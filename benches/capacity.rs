//! What each call costs a database: our processor time and PostgreSQL's, round trips, rows and WAL, on
//! 1,000 users and on 10,000,000 with 20,000,000 sessions. `cargo bench --bench capacity`,
//! `-- --quick` for a hundredth of that. The large one takes some 12 GB of disk and a quarter of an hour.
//!
//! The calls go through the library on one connection, without HTTP, and with one iteration of the password
//! hash. Each goes to another user and another session, all over the tables.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

#[path = "shared/site.rs"]
mod site;

use gatepost::domain::{Login, Page, UserId};
use gatepost::passwords::Password;
use gatepost::secret::Secret;
use gatepost::users::Change;
use gatepost::{App, Caller, Config, Error, Profile};
use gatepost_test_support::{Cluster, descendants};
use postgres::{Client, NoTls};
use site::PASSWORD;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Calls of each kind, and the users and sessions that they are about.
const CALLS: usize = 2_000;

/// Calls of each kind that are looked at for their round trips.
const FEW: usize = 20;

/// A database, and an app on it.
struct Site {
    cluster: Cluster,
    config: Config,
    app: App,
    users: i64,
    /// A refresh token of each session that is used.
    refresh: Mutex<Vec<String>>,
}

impl Site {
    fn with(users: i64, sessions: i64) -> Self {
        let cluster = Cluster::start_durable();
        let mut config = site::prepare(&cluster, Profile::Testing);
        config.passwords.iterations = 1;
        config.database.pool_size = 1;
        config.database.prepared_statements = true;
        config.limits.tuning.refreshes = 10_000;
        config.limits.registrations = 10_000;
        let app = App::open(config.clone()).unwrap();
        let (login, password) = (Login::parse("user1").unwrap(), password());
        gatepost::users::register(&app, &Caller::Trusted, &login, &password).unwrap();
        let mut client = cluster.admin("gatepost").connect(NoTls).unwrap();
        // No checkpoint but those that are asked for.
        client.batch_execute("ALTER SYSTEM SET checkpoint_timeout = '1h'").unwrap();
        client.batch_execute("ALTER SYSTEM SET max_wal_size = '8GB'").unwrap();
        client.batch_execute("SELECT pg_reload_conf()").unwrap();
        let fill = "INSERT INTO gatepost.users (login, login_canonical, password_hash)
                    SELECT 'user' || n, 'user' || n, password_hash
                    FROM gatepost.users, generate_series(2, $1::bigint) AS n";
        client.execute(fill, &[&users]).unwrap();
        let mut refresh = Vec::new();
        let each = (sessions - CALLS as i64).max(0) / CALLS as i64;
        let fill = "INSERT INTO gatepost.sessions (user_id, identity, key_generation, expires_at, address,
                                                   user_agent)
                    SELECT 1 + ($1 + n) * 7919 % $3, decode(md5((1000000007 * n + $1)::text), 'hex'), 1,
                           now() + interval '20 days' + n * interval '1 second', '192.0.2.1',
                           'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
                    FROM generate_series(1, $2::bigint) AS n";
        for number in 0..CALLS as i64 {
            if number % (CALLS as i64 / 10) == 0 {
                eprintln!("{} of {sessions} sessions", number * each);
            }
            client.execute(fill, &[&(number * each), &each, &users]).unwrap();
            let login = Login::parse(&format!("user{}", user(number, users))).unwrap();
            // A connection goes on where it wrote last, and a new one at the end of the table.
            let app = App::open(config.clone()).unwrap();
            let tokens = gatepost::sessions::log_in(&app, &login, &password).unwrap();
            refresh.push(tokens.refresh_token);
        }
        client.batch_execute("VACUUM ANALYZE").unwrap();
        Self { cluster, config, app, users, refresh: Mutex::new(refresh) }
    }

    fn admin(&self) -> Client {
        self.cluster.admin("gatepost").connect(NoTls).unwrap()
    }
}

/// The user of the call with this number: all over the table.
fn user(number: i64, users: i64) -> i64 {
    // A prime number that divides neither of the sizes.
    number * 7_919_531 % users + 1
}

fn password() -> Password {
    Password::parse(PASSWORD).unwrap()
}

/// A call: on a site, through an app, with a number that differs each time.
type Call = fn(&Site, &App, usize);

fn login_of(site: &Site, number: usize) -> Login {
    Login::parse(&format!("user{}", user(number as i64, site.users))).unwrap()
}

fn id_of(site: &Site, number: usize) -> UserId {
    UserId::parse(user(number as i64, site.users)).unwrap()
}

const ALL: [(&str, Call); 9] = [
    ("show a user", |site, app, n| {
        gatepost::users::show(app, &Caller::Trusted, id_of(site, n)).unwrap();
    }),
    ("page of 20 users", |site, app, n| {
        let after = user(n as i64, site.users - 100);
        let page = Page::parse(1, 20, Some(after)).unwrap();
        gatepost::users::list(app, &Caller::Trusted, page).unwrap();
    }),
    ("introspection", |site, app, n| {
        let token = site.refresh.lock().unwrap()[n].clone();
        gatepost::introspection::introspect(app, &Caller::Trusted, &token).unwrap().unwrap();
    }),
    ("refresh", |site, app, n| {
        let tokens = &mut site.refresh.lock().unwrap()[n];
        *tokens = gatepost::sessions::refresh(app, tokens).unwrap().refresh_token;
    }),
    ("login", |site, app, n| {
        gatepost::sessions::log_in(app, &login_of(site, n), &password()).unwrap();
    }),
    ("login that fails", |site, app, n| {
        let wrong = Password::parse("not the right password").unwrap();
        let refused = gatepost::sessions::log_in(app, &login_of(site, n), &wrong);
        assert_eq!(refused.unwrap_err(), Error::InvalidCredentials);
    }),
    ("registration", |_, app, _| {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let login = format!("new{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let login = Login::parse(&login).unwrap();
        gatepost::users::register(app, &Caller::Trusted, &login, &password()).unwrap();
    }),
    ("change of a password", |site, app, n| {
        let new = password();
        let mut change = Change::default();
        change.password = Some(&new);
        gatepost::users::change(app, &Caller::Trusted, id_of(site, n), &change).unwrap();
    }),
    ("logout", |site, app, n| {
        let token = site.refresh.lock().unwrap()[n].clone();
        gatepost::introspection::revoke(app, &token).unwrap();
    }),
];

/// Those before which everybody logs in again: others have ended the sessions.
const USES_TOKENS: [&str; 1] = ["logout"];

/// What the calls of one kind cost, each.
struct Cost {
    ours: f64,
    postgres: f64,
    rows: [f64; 3],
    wal: f64,
}

/// What the database has counted.
struct Counted {
    rows: [i64; 3],
    wal: i64,
    ours: f64,
    postgres: f64,
}

/// A backend hands in what it has counted once a second, and when it is idle, after ten.
const HANDED_IN: Duration = Duration::from_millis(10_500);

fn counted(site: &Site, client: &mut Client) -> Counted {
    std::thread::sleep(HANDED_IN);
    let sql = "SELECT tup_inserted, tup_updated, tup_deleted,
                      (pg_current_wal_insert_lsn() - '0/0')::bigint
               FROM pg_stat_database WHERE datname = 'gatepost'";
    let row = client.query_one(sql, &[]).unwrap();
    let server = descendants(site.cluster.pid());
    Counted {
        rows: [row.get(0), row.get(1), row.get(2)],
        wal: row.get(3),
        ours: processor_time("self"),
        postgres: server.iter().map(|pid| processor_time(&pid.to_string())).sum(),
    }
}

/// The seconds that a process has computed, from proc_pid_stat(5).
fn processor_time(pid: &str) -> f64 {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return 0.0 };
    let rest = stat.rsplit_once(") ").unwrap().1;
    let words: Vec<f64> =
        rest.split(' ').skip(11).take(2).map(|word| word.parse().unwrap()).collect();
    // The unit is a hundredth of a second on every Linux.
    (words[0] + words[1]) / 100.0
}

fn measure(site: &Site, client: &mut Client, call: Call) -> Cost {
    let before = counted(site, client);
    (0..CALLS).for_each(|n| call(site, &site.app, n));
    let after = counted(site, client);
    let each = |number: f64| number / CALLS as f64;
    Cost {
        ours: each(after.ours - before.ours) * 1e6,
        postgres: each(after.postgres - before.postgres) * 1e6,
        rows: [0, 1, 2].map(|kind| each((after.rows[kind] - before.rows[kind]) as f64)),
        wal: each((after.wal - before.wal) as f64),
    }
}

/// Counts how often a client waits for the server: what it sends goes through us.
struct Between {
    trips: Arc<AtomicU64>,
    dir: tempfile::TempDir,
}

impl Between {
    fn of(cluster: &Cluster) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join(".s.PGSQL.5432")).unwrap();
        let server = cluster.dir().join(".s.PGSQL.5432");
        let trips = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&trips);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), UnixStream::connect(&server).unwrap());
                let asked = Arc::new(AtomicBool::new(false));
                let (trips, question) = (Arc::clone(&counted), Arc::clone(&asked));
                pass(&client, &server, move || {
                    if !question.swap(true, Ordering::SeqCst) {
                        trips.fetch_add(1, Ordering::SeqCst);
                    }
                });
                pass(&server, &client, move || asked.store(false, Ordering::SeqCst));
            }
        });
        Self { trips, dir }
    }

    fn dir(&self) -> &Path {
        self.dir.path()
    }
}

/// Passes everything on, in a thread, and tells of each part.
fn pass(from: &UnixStream, to: &UnixStream, mut each: impl FnMut() + Send + 'static) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    std::thread::spawn(move || {
        let mut bytes = [0; 1 << 16];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            each();
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}

/// The round trips of each call.
fn round_trips(site: &Site) -> Vec<f64> {
    let between = Between::of(&site.cluster);
    let mut config = site.config.clone();
    let dir = between.dir().display();
    let url = format!("host={dir} user=gatepost_app password='{PASSWORD}' dbname=gatepost");
    config.database.url = Some(Secret::new(url));
    let app = App::open(config).unwrap();
    let all = ALL.iter().map(|(_, call)| {
        // Those before have ended the sessions of these users.
        site.log_in_again();
        // Statements are prepared, and keys read, at the first call.
        call(site, &app, CALLS - FEW - 1);
        let before = between.trips.load(Ordering::SeqCst);
        (CALLS - FEW..CALLS).for_each(|n| call(site, &app, n));
        (between.trips.load(Ordering::SeqCst) - before) as f64 / FEW as f64
    });
    all.collect()
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let share = if quick { 100 } else { 1 };
    for (users, sessions) in [(1_000, 2_000), (10_000_000 / share, 20_000_000 / share)] {
        let begin = Instant::now();
        eprintln!("{users} users and {sessions} sessions");
        let site = Site::with(users, sessions);
        eprintln!("made in {} s", begin.elapsed().as_secs());
        report(&site, users, sessions);
    }
}

fn report(site: &Site, users: i64, sessions: i64) {
    let mut client = site.admin();
    println!("\n{users} users, {sessions} sessions\n");
    sizes(&mut client);
    let mut costs = Vec::new();
    for (name, call) in &ALL {
        let prepare = || {
            if USES_TOKENS.contains(name) {
                site.log_in_again();
            }
        };
        set(&mut client, "full_page_writes", "off");
        prepare();
        let cost = measure(site, &mut client, *call);
        prepare();
        set(&mut client, "full_page_writes", "on");
        client.batch_execute("CHECKPOINT").unwrap();
        let images = measure(site, &mut client, *call);
        eprintln!("{name}");
        costs.push((cost, images));
    }
    in_the_page(&mut client);
    println!(
        "\n| call | ours, us | PostgreSQL's, us | round trips | rows written | WAL, bytes | \
         right after a checkpoint |\n|---|---|---|---|---|---|---|"
    );
    for (((name, _), (cost, images)), trips) in ALL.iter().zip(&costs).zip(round_trips(site)) {
        println!(
            "| {name} | {:.0} | {:.0} | {trips:.1} | {:.1} | {:.0} | {:.0} |",
            cost.ours,
            cost.postgres,
            cost.rows.iter().sum::<f64>(),
            cost.wal,
            images.wal
        );
    }
}

fn set(client: &mut Client, name: &str, value: &str) {
    client.batch_execute(&format!("ALTER SYSTEM SET {name} = {value}")).unwrap();
    client.batch_execute("SELECT pg_reload_conf(), pg_sleep(0.2)").unwrap();
}

fn sizes(client: &mut Client) {
    let sql = "SELECT relname::text, pg_total_relation_size(c.oid) / 1048576, pg_relation_size(c.oid) / 1048576
               FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
               WHERE nspname = 'gatepost' AND relkind = 'r' AND pg_total_relation_size(c.oid) > 1048576
               ORDER BY 2 DESC";
    for row in client.query(sql, &[]).unwrap() {
        let (name, all, table): (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
        println!("{name}: {all} MiB, {table} of them the table");
    }
}

/// How many updates stayed in their page.
fn in_the_page(client: &mut Client) {
    let sql = "SELECT relname::text, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables
               WHERE n_tup_upd > 100 ORDER BY n_tup_upd DESC";
    println!();
    for row in client.query(sql, &[]).unwrap() {
        let (name, all, kept): (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
        println!("{name}: {kept} of {all} updates in the page");
    }
}

impl Site {
    /// New tokens where the old ones were used up.
    fn log_in_again(&self) {
        for (n, token) in self.refresh.lock().unwrap().iter_mut().enumerate() {
            let login = login_of(self, n);
            let tokens = gatepost::sessions::log_in(&self.app, &login, &password()).unwrap();
            *token = tokens.refresh_token;
        }
    }
}
