//! A database that stops where it is and keeps its connections: a frozen virtual machine, a network
//! that swallows everything.
//!
//! Nothing ends such a wait but ourselves. What is asked for here is that every request is answered,
//! and that every thread serves again soon after the thaw.

use crate::support::program::{Home, Running};
use crate::support::{APP_PASSWORD, PASSWORD, bootstrap, client, config, conninfo};
use gatepost::secret::Secret;
use gatepost::{Config, Service};
use gatepost_test_support::{Cluster, descendants, signal};
use serde_json::json;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Within this time a request is answered, and every thread serves again after a thaw.
const SOON: Duration = Duration::from_secs(8);

/// What clients do, one after the other, and what came of it.
struct Clients<'a> {
    base: &'a str,
    stopping: &'a AtomicBool,
}

/// The answers that one client had: when it asked, the status, and how long that took.
type Answers = Vec<(Instant, u16, Duration)>;

impl Clients<'_> {
    /// Registers users until it is told to stop. Whoever was acknowledged is in the first list.
    fn register(&self, name: &str) -> (Vec<String>, Answers) {
        let (mut acknowledged, mut answers) = (Vec::new(), Vec::new());
        for n in 0.. {
            if self.stopping.load(Ordering::Relaxed) {
                break;
            }
            let login = format!("{name}-{n}");
            let begun = Instant::now();
            let body = json!({"login": login, "password": PASSWORD});
            let request = client().post(format!("{}/user", self.base)).json(&body);
            let status = request.timeout(Duration::from_secs(60)).send().unwrap().status().as_u16();
            answers.push((begun, status, begun.elapsed()));
            if status == 201 {
                acknowledged.push(login);
            }
        }
        (acknowledged, answers)
    }

    /// Asks whether the service is ready, which needs the database, until it is told to stop.
    fn look(&self) -> Answers {
        let mut answers = Vec::new();
        while !self.stopping.load(Ordering::Relaxed) {
            let begun = Instant::now();
            let request = client().get(format!("{}/readyz", self.base));
            let status = request.timeout(Duration::from_secs(60)).send().unwrap().status().as_u16();
            answers.push((begun, status, begun.elapsed()));
        }
        answers
    }
}

/// Lets clients at a service while its database is frozen and thawed, and checks what they were told.
/// Returns the logins that were acknowledged.
fn live_through(base: &str, freeze: impl Fn(), thaw: impl Fn()) -> Vec<String> {
    let stopping = AtomicBool::new(false);
    let clients = Clients { base, stopping: &stopping };
    std::thread::scope(|scope| {
        let clients = &clients;
        let registering: Vec<_> =
            (0..6).map(|n| scope.spawn(move || clients.register(&format!("user-{n}")))).collect();
        let looking: Vec<_> = (0..10).map(|_| scope.spawn(move || clients.look())).collect();
        std::thread::sleep(Duration::from_secs(1));
        freeze();
        let frozen = Instant::now();
        std::thread::sleep(Duration::from_secs(8));
        thaw();
        let thawed = Instant::now();
        std::thread::sleep(SOON + Duration::from_secs(1));
        stopping.store(true, Ordering::Relaxed);
        let mut all: Answers = Vec::new();
        let mut acknowledged = Vec::new();
        for thread in registering {
            let (logins, answers) = thread.join().unwrap();
            // Each of them is served again.
            let after = |(begun, status, _): &(Instant, u16, Duration)| {
                *status == 201 && *begun > thawed && *begun < thawed + SOON
            };
            assert!(answers.iter().any(after), "a client that registers is not served again");
            acknowledged.extend(logins);
            all.extend(answers);
        }
        looking.into_iter().for_each(|thread| all.extend(thread.join().unwrap()));
        let (begun, status, slowest) = all.iter().max_by_key(|(_, _, time)| *time).unwrap();
        let after = begun.saturating_duration_since(frozen);
        assert!(*slowest < SOON, "{status} took {slowest:?}, asked {after:?} after the freeze");
        let other = all.iter().find(|(_, status, _)| !matches!(status, 200 | 201 | 503));
        assert_eq!(other, None);
        let frozen_out = |(begun, status, _): &&(Instant, u16, Duration)| {
            *begun > frozen && *begun < thawed && *status == 503
        };
        // Each client waits for one answer, then for the next.
        let refused = all.iter().filter(frozen_out).count();
        assert!(refused >= 8, "{refused} of 16 met the frozen database");
        // What was asked well after the thaw is answered well: no thread is left behind.
        let late = all.iter().filter(|(begun, _, _)| *begun > thawed + SOON);
        assert!(late.clone().count() > 20);
        for (begun, status, _) in late {
            let after = begun.duration_since(thawed);
            assert!(matches!(status, 200 | 201), "{status} {after:?} after the thaw");
        }
        acknowledged
    })
}

fn on(cluster: &Cluster) -> Config {
    let mut config = config("unused");
    let url = conninfo(cluster, "gatepost_app", APP_PASSWORD, "gatepost");
    config.database.url = Some(Secret::new(url));
    config.limits.enabled = false;
    config
}

#[test]
fn a_frozen_server_is_503_and_all_threads_serve_after_the_thaw() {
    let cluster = Cluster::start();
    bootstrap(&cluster);
    let service = Service::start(on(&cluster)).unwrap();
    let base = format!("http://{}", service.addr());
    let acknowledged = live_through(&base, || cluster.freeze(), || cluster.thaw());
    let mut sql = cluster.admin("gatepost").connect(postgres::NoTls).unwrap();
    for login in &acknowledged {
        let found = sql.query("SELECT FROM gatepost.users WHERE login = $1", &[login]).unwrap();
        assert_eq!(found.len(), 1, "{login} was acknowledged and is not there");
    }
    // Nothing holds the server's locks.
    let sql_text = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";
    assert_eq!(sql.query_one(sql_text, &[]).unwrap().get::<_, i64>(0), 0);
}

#[test]
fn the_private_server_may_freeze_too() {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    let service = Running::start(command.env("GATEPOST_LIMITS_ENABLED", "false"));
    let file = home.data_dir().join("cluster/postmaster.pid");
    let text = std::fs::read_to_string(file).unwrap();
    let server: u32 = text.lines().next().unwrap().parse().unwrap();
    let all = |name: &str| descendants(server).into_iter().for_each(|pid| signal(pid, name));
    live_through(&service.url, || all("-STOP"), || all("-CONT"));
    let log = service.stop();
    assert!(log.contains("the database does not answer"), "{log}");
    home.wait_until_quiet();
}

#[test]
fn a_service_stops_while_its_private_server_is_frozen() {
    let home = Home::new();
    let service = home.serve();
    let file = home.data_dir().join("cluster/postmaster.pid");
    let text = std::fs::read_to_string(file).unwrap();
    let server: u32 = text.lines().next().unwrap().parse().unwrap();
    signal(server, "-STOP");
    let begun = Instant::now();
    service.stop();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    home.wait_until_quiet();
}

#[test]
fn servers_that_accept_and_say_nothing_do_not_hold_the_threads_that_connect() {
    let mut cluster = Cluster::start();
    bootstrap(&cluster);
    cluster.freeze();
    // More often than there are threads that open connections.
    let service = Service::start(on(&cluster)).unwrap();
    let ready = || {
        let begun = Instant::now();
        let request = client().get(format!("http://{}/readyz", service.addr()));
        let status = request.timeout(Duration::from_secs(60)).send().unwrap().status().as_u16();
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        status
    };
    for _ in 0..5 {
        assert_eq!(ready(), 503);
    }
    cluster.thaw();
    let thawed = Instant::now();
    while ready() != 200 {
        assert!(thawed.elapsed() < SOON, "the server is not found again");
    }
    drop(service);
    cluster.stop();
}

#[test]
fn a_host_that_accepts_and_says_nothing_does_not_hide_the_next_one() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cluster = Cluster::start_on(port);
    bootstrap(&cluster);
    let mut config = on(&cluster);
    let password = APP_PASSWORD.replace('\'', "\\'");
    let silent = silent.local_addr().unwrap().port();
    config.database.url = Some(Secret::new(format!(
        "host=127.0.0.1,127.0.0.1 port={silent},{port} user=gatepost_app password='{password}' \
         dbname=gatepost connect_timeout=1"
    )));
    let service = Service::start(config).unwrap();
    let request = client().get(format!("http://{}/readyz", service.addr()));
    assert_eq!(request.send().unwrap().status(), 200);
}
