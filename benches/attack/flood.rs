//! An honest client beside a flood of logins: is it let in, and how long does it take?
//!
//! The target, on two cores, for 256 connections of one other network: in a minute of two logins a
//! second none is refused, the slowest takes at most three times a lone one and half a second, and
//! an admin's lock less than half a second. A thousand networks of a few connections each are only
//! reported: each has a share of a thousandth of the places, and there are fewer places than that.

use crate::client::Client;
use crate::process::{Process, Site};
use crate::report::{Table, progress};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const HOME: &str = "192.0.2.1";

const SETTINGS: &[(&str, &str)] =
    &[("APP_SETTINGS", "development"), ("GATEPOST_SERVER_TRUSTED_PROXIES", "127.0.0.0/8")];

/// How long a flooding client waits after a 503. Without it, writing refusals takes the cores, and
/// the flood slows itself.
const PAUSE: Duration = Duration::from_millis(100);

/// Measures each for this many seconds.
pub(crate) fn measure(table: &mut Table, site: &Site, seconds: u64) {
    // Both processes need at least one descriptor a connection.
    let many = rustix::process::Rlimit { current: Some(8_192), maximum: Some(8_192) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, many);
    let service = Process::start(site, SETTINGS);
    let token = service.log_in("user1");
    let lone = honest(&service, Duration::ZERO, &|n, _| n == 20).took;
    table.section("Logins of an honest client, 600,000 iterations");
    table.line("alone, ms", lone.clone());
    let beside = |table: &mut Table, name: &str, connections: u64, network: fn(u64) -> String| {
        progress(name);
        beside_a_flood(table, &service, &token, (name, connections, seconds), network);
    };
    beside(table, "beside 256 connections of one network", 256, |_| "203.0.113.7".to_owned());
    let one_of = |n: u64| format!("10.{}.{}.1", n % 1_000 / 250, n % 250);
    beside(table, "beside a thousand networks of two each", 2_000, one_of);
    let limit = 3.0 * median(lone) + 500.0;
    table.line("three times a lone login and half a second, ms", vec![limit]);
}

fn median(mut runs: Vec<f64>) -> f64 {
    runs.sort_by(f64::total_cmp);
    runs[runs.len() / 2]
}

fn beside_a_flood(
    table: &mut Table,
    service: &Process,
    token: &str,
    (name, connections, seconds): (&str, u64, u64),
    network: fn(u64) -> String,
) {
    let (over, hashed, refused) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let (honest, locks) = std::thread::scope(|scope| {
        let (over, hashed, refused) = (&over, &hashed, &refused);
        for n in 0..connections {
            let flood = move || {
                let mut client = Client::connect(&service.address);
                let from = network(n);
                let login = format!("user{}", 3 + n % 256);
                while !over.load(Ordering::Relaxed) {
                    if client.log_in(&from, &login) == 503 {
                        refused.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(PAUSE);
                    } else {
                        hashed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            };
            let thread = std::thread::Builder::new().stack_size(64 * 1024);
            thread.spawn_scoped(scope, flood).unwrap();
        }
        let locks = scope.spawn(move || locks(service, token, over));
        std::thread::sleep(Duration::from_secs(1));
        let time = Duration::from_secs(seconds);
        let honest = honest(service, Duration::from_millis(500), &|_, since| since >= time);
        over.store(true, Ordering::Relaxed);
        (honest, locks.join().unwrap())
    });
    table.section(name);
    table.line("logins of the honest client, let in", vec![honest.took.len() as f64]);
    table.line("    refused", vec![honest.refused as f64]);
    table.line("    how long they took, ms", honest.took);
    table.line("an admin's lock, ms", locks);
    table.line("logins of the flood, let in", vec![hashed.load(Ordering::Relaxed) as f64]);
    table.line("    refused", vec![refused.load(Ordering::Relaxed) as f64]);
    table.line("resident, MiB", vec![service.status().resident_mib]);
}

struct Seen {
    took: Vec<f64>,
    refused: u64,
}

/// Logs in at intervals until the end, by number and time.
fn honest(service: &Process, every: Duration, is_over: &dyn Fn(u64, Duration) -> bool) -> Seen {
    let mut client = Client::connect(&service.address);
    let begin = Instant::now();
    let mut seen = Seen { took: Vec::new(), refused: 0 };
    for n in 0.. {
        if is_over(n, begin.elapsed()) {
            break;
        }
        let start = Instant::now();
        match client.log_in(HOME, "user2") {
            200 => seen.took.push(start.elapsed().as_secs_f64() * 1e3),
            503 => seen.refused += 1,
            other => panic!("{other}"),
        }
        std::thread::sleep(every.saturating_sub(start.elapsed()));
    }
    seen
}

/// An admin locks a user and unlocks it again, every half a second.
fn locks(service: &Process, token: &str, over: &AtomicBool) -> Vec<f64> {
    let mut client = Client::connect(&service.address);
    let mut took = Vec::new();
    for locked in [true, false].into_iter().cycle() {
        std::thread::sleep(Duration::from_millis(500));
        if over.load(Ordering::Relaxed) && locked {
            break;
        }
        let start = Instant::now();
        assert_eq!(client.lock(HOME, token, 300, locked), 200);
        took.push(start.elapsed().as_secs_f64() * 1e3);
    }
    took
}
