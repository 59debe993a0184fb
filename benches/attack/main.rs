//! The gain and the cost of guessing: attempts at one account, at unknown logins, and from one
//! network. How many got through, how fast, what they left in memory and in the database, and
//! whether the honest user still got in. Then the audit log's cost for a login. The first part is
//! the effect of a flood of logins on honest ones (`flood`). `cargo bench --bench attack`, with
//! `-- --quick` a tenth of it, with `-- --flood` the first part alone.
//!
//! It uses a private PostgreSQL with durability, and the release binary as its own process, with
//! the header of a trusted proxy. The guesses are measured with 1,000 iterations and not with
//! 600,000, so that the limits slow them down and not the hash, which alone would let some 60 a
//! second through here.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

mod client;
mod flood;
#[expect(dead_code, reason = "the benchmark of the service uses more of it")]
#[path = "../service/process.rs"]
mod process;
#[path = "../service/report.rs"]
mod report;
#[path = "../shared/site.rs"]
mod site;

use client::Client;
use gatepost::Profile;
use gatepost_test_support::Cluster;
use process::{Process, Site};
use report::{Table, progress};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Connections of the attacker.
const CONNECTIONS: u64 = 16;

/// Networks of the attacker.
const NETWORKS: u64 = 1_000;

/// Where the honest user has logged in before.
const HOME: &str = "192.0.2.1";

const FAST: &[(&str, &str)] =
    &[("APP_SETTINGS", "testing"), ("GATEPOST_SERVER_TRUSTED_PROXIES", "127.0.0.0/8")];

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (attempts, rounds) = if quick { (10_000, 3) } else { (100_000, 7) };
    progress("starting a private PostgreSQL and filling it");
    let cluster = Cluster::start_durable();
    let site = Site::prepare(&cluster, Profile::Testing, 1_000);
    let mut table = Table::default();
    flood::measure(&mut table, &site, if quick { 10 } else { 60 });
    if std::env::args().any(|argument| argument == "--flood") {
        return table.print();
    }
    let service = Process::start(&site, FAST);
    assert_eq!(Client::connect(&service.address).log_in(HOME, "user1"), 200);
    let network = |n: u64| format!("10.{}.{}.1", n % NETWORKS / 250, n % 250);
    attack(&mut table, &service, &cluster, "one account, from 1,000 networks", attempts, |n| {
        (network(n), "user1".to_owned())
    });
    attack(&mut table, &service, &cluster, "invented logins, from 1,000 networks", attempts, |n| {
        (network(n), format!("invented {n}"))
    });
    attack(&mut table, &service, &cluster, "invented logins, from one network", attempts, |n| {
        ("203.0.113.7".to_owned(), format!("another {n}"))
    });
    drop(service);
    audit(&mut table, &site, rounds);
    table.print();
}

/// Makes this many attempts; `n` gives the address and the login of each.
fn attack(
    table: &mut Table,
    service: &Process,
    cluster: &Cluster,
    name: &str,
    attempts: u64,
    attempt: impl Fn(u64) -> (String, String) + Sync,
) {
    progress(name);
    let next = AtomicU64::new(0);
    let over = AtomicBool::new(false);
    let (tried, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let begin = Instant::now();
    let honest = std::thread::scope(|scope| {
        let honest = scope.spawn(|| honest(service, &over));
        let flood = || {
            let mut client = Client::connect(&service.address);
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= attempts {
                    return;
                }
                let (from, login) = attempt(n);
                match client.try_login(&from, &login, "wrong password") {
                    400 => tried.fetch_add(1, Ordering::Relaxed),
                    429 => refused.fetch_add(1, Ordering::Relaxed),
                    other => panic!("{other}"),
                };
            }
        };
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(flood)).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        over.store(true, Ordering::Relaxed);
        honest.join().unwrap()
    });
    let took = begin.elapsed().as_secs_f64();
    let status = service.status();
    let count = |number: &AtomicU64| vec![number.load(Ordering::Relaxed) as f64];
    table.section(&format!("{attempts} attempts: {name}"));
    table.line("tried, and wrong", count(&tried));
    table.line("refused with 429", count(&refused));
    table.line("attempts/s", vec![attempts as f64 / took]);
    table.line("seconds", vec![took]);
    table.line("honest logins from home, all let in", vec![honest.len() as f64]);
    table.line("    how long they took, ms", honest);
    table.line("resident, MiB", vec![status.resident_mib]);
    table.line("most ever resident, MiB", vec![status.peak_mib]);
    let mut sql = cluster.admin("gatepost").connect(postgres::NoTls).unwrap();
    for name in ["attempts", "known_networks", "audit"] {
        let text = format!(
            "SELECT pg_total_relation_size('gatepost.{name}')::float8 / 1048576,
                    (SELECT count(*) FROM gatepost.{name})::float8"
        );
        let row = sql.query_one(&text, &[]).unwrap();
        table.line(&format!("table {name}, MiB"), vec![row.get(0)]);
        table.line(&format!("table {name}, rows"), vec![row.get(1)]);
    }
}

/// The account's owner logs in every 50 ms until the end; returns how long each login took.
fn honest(service: &Process, over: &AtomicBool) -> Vec<f64> {
    let mut client = Client::connect(&service.address);
    let mut took = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let begin = Instant::now();
        assert_eq!(client.log_in(HOME, "user1"), 200);
        took.push(begin.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_millis(50));
    }
    took
}

/// Right logins with and without the audit log, in turn.
fn audit(table: &mut Table, site: &Site, rounds: usize) {
    for (name, profile) in [("1,000 iterations", "testing"), ("600,000", "development")] {
        table.section(&format!("Logins of {CONNECTIONS} clients, {name}"));
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for round in 1..=rounds {
            progress(&format!("the audit log's cost, {name}, {round} of {rounds}"));
            for (enabled, rates) in [("true", &mut with), ("false", &mut without)] {
                let settings = [("APP_SETTINGS", profile), ("GATEPOST_AUDIT_ENABLED", enabled)];
                rates.push(logins_per_second(&Process::start(site, &settings)));
            }
        }
        table.line("with the audit log, logins/s", with.clone());
        table.line("without, logins/s", without.clone());
        table.ratios("with : without", &with, &without);
    }
}

fn logins_per_second(service: &Process) -> f64 {
    let seconds = Duration::from_secs(3);
    let login = |n: u64| format!("user{}", 2 + n);
    for n in 0..CONNECTIONS {
        // Hashes of fewer iterations are replaced now, before the measurement.
        assert_eq!(Client::connect(&service.address).log_in(HOME, &login(n)), 200);
    }
    let begin = Instant::now();
    let done: u64 = std::thread::scope(|scope| {
        let clients = (0..CONNECTIONS).map(|n| {
            scope.spawn(move || {
                let mut client = Client::connect(&service.address);
                let mut done = 0;
                while begin.elapsed() < seconds {
                    assert_eq!(client.log_in(HOME, &login(n)), 200);
                    done += 1;
                }
                done
            })
        });
        let clients: Vec<_> = clients.collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    done as f64 / begin.elapsed().as_secs_f64()
}
