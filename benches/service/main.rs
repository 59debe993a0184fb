//! The performance of the whole service on this machine, beside its bounds: the hashing kernel
//! alone for logins, PostgreSQL's own `pgbench` for reads and writes. A private PostgreSQL with
//! durability, the release binary as its own process, everything in turn and several times, medians
//! and spreads. `cargo bench --bench service`, or with `-- --quick`. Needs `wrk` and `pgbench`;
//! takes about twenty minutes, a quick run three. `-- --program PATH` measures another build of the
//! program; `-- --flood` only what a flood of logins does, and `-- --gate` only the gate, with `--beside URL --cookie
//! COOKIE` beside another one.
//!
//! The load comes from this machine too and takes its share of the cores. Absolute figures can be
//! compared only with each other.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

mod gate;
mod load;
mod peers;
mod process;
mod report;
#[path = "../shared/site.rs"]
mod site;

use gatepost::Profile;
use gatepost_test_support::Cluster;
use load::{Load, Networks};
use peers::PgBench;
use process::Process;
use report::{Table, progress};
use std::time::{Duration, Instant};

/// Users in the table.
const USERS: u32 = 10_000;

/// All registrations come from one network here.
const SETTINGS: &[(&str, &str)] =
    &[("GATEPOST_LIMITS_REGISTRATIONS", "10000"), ("GATEPOST_SERVER_TRUSTED_PROXIES", "127.0.0.1")];

/// How much is measured.
struct Extent {
    rounds: usize,
    seconds: u64,
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let extent =
        if quick { Extent { rounds: 3, seconds: 2 } } else { Extent { rounds: 9, seconds: 5 } };
    peers::need("wrk");
    progress("starting a private PostgreSQL and filling it");
    let cluster = Cluster::start_durable();
    let site = process::Site::prepare(&cluster, Profile::Development, USERS);
    let mut table = Table::default();

    if std::env::args().any(|argument| argument == "--flood") {
        let service = Process::start(&site, SETTINGS);
        let token = service.log_in("user1");
        flood(&mut table, &service, &token, &extent);
        crowds(&mut table, &service, &extent);
        drop(service);
        return table.print();
    }
    if std::env::args().any(|argument| argument == "--gate") {
        gate::measure(&mut table, &site, &extent);
        return table.print();
    }
    table.section("The program");
    table.line("binary, MiB", vec![site.binary_mib()]);
    table.line("start to first answer, ms", starts(&site, extent.rounds));

    let service = Process::start(&site, SETTINGS);
    let token = service.log_in("user1");
    let pgbench = PgBench::new(&cluster);
    reads(&mut table, &service, &pgbench, &token, &extent);
    logins(&mut table, &service, &extent);
    registrations(&mut table, &service, &pgbench, &extent);
    flood(&mut table, &service, &token, &extent);
    crowds(&mut table, &service, &extent);
    drop(service);
    gate::measure(&mut table, &site, &extent);
    table.print();
}

/// From the start of the process to its first answer, on an existing, migrated database.
fn starts(site: &process::Site, rounds: usize) -> Vec<f64> {
    let start = |round| {
        progress(&format!("start {round} of {rounds}"));
        let begin = Instant::now();
        let service = Process::start(site, SETTINGS);
        service.is_live();
        begin.elapsed().as_secs_f64() * 1e3
    };
    (1..=rounds).map(start).collect()
}

fn reads(table: &mut Table, service: &Process, pgbench: &PgBench, token: &str, extent: &Extent) {
    for (name, load, sql) in [
        ("GET /user", Load::user(token, USERS), peers::USER),
        ("GET /users", Load::users(token), peers::USERS),
    ] {
        table.section(&format!("{name}, 64 connections, against pgbench -M prepared -c 8"));
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 1..=extent.rounds {
            progress(&format!("{name} {round} of {}", extent.rounds));
            theirs.push(pgbench.run(sql, 8, extent.seconds));
            ours.push(load.run(service, 64, extent.seconds));
        }
        let rates: Vec<f64> = ours.iter().map(|figures| figures.rate).collect();
        table.line("requests/s", rates.clone());
        table.line("p50, ms", ours.iter().map(|figures| figures.median_ms).collect());
        table.line("p99, ms", ours.iter().map(|figures| figures.p99_ms).collect());
        table.line("pgbench, statements/s", theirs.clone());
        table.ratios("requests : statements", &rates, &theirs);
    }
}

fn logins(table: &mut Table, service: &Process, extent: &Extent) {
    table.section("POST /, 600,000 iterations, against the kernel alone on all cores");
    // A client alone waits for one hash at a time, so the kernel alone runs with one lane.
    let most = gatepost::internals::benchmark::lanes();
    for (clients, slots, threads) in [(1, 1, 1), (8, most.min(3), cores()), (64, most, cores())] {
        let (mut ours, mut kernel) = (Vec::new(), Vec::new());
        for round in 1..=extent.rounds {
            progress(&format!("logins of {clients} clients, {round} of {}", extent.rounds));
            kernel.push(peers::kernel(slots, threads, extent.seconds));
            // Hashes that are half done at the end are not counted. The longer it takes, the less that
            // is. One network alone would leave the lane empty that is kept for others.
            ours.push(Load::log_in_at_home(USERS).run(service, clients, extent.seconds * 4));
        }
        let rates: Vec<f64> = ours.iter().map(|figures| figures.rate).collect();
        table.line(&format!("{clients} clients, logins/s"), rates.clone());
        table.line("    p99, ms", ours.iter().map(|figures| figures.p99_ms).collect());
        table.line(&format!("    kernel, {slots} at once a thread, hashes/s"), kernel.clone());
        table.ratios("    logins : hashes", &rates, &kernel);
    }
}

fn registrations(table: &mut Table, service: &Process, pgbench: &PgBench, extent: &Extent) {
    table.section("POST /user, 8 clients, against pgbench inserting the same row");
    let (mut ours, mut theirs, mut kernel) = (Vec::new(), Vec::new(), Vec::new());
    // Eight clients wait for eight hashes.
    let most = gatepost::internals::benchmark::lanes().min(3);
    for round in 1..=extent.rounds {
        progress(&format!("registrations {round} of {}", extent.rounds));
        theirs.push(pgbench.run(peers::REGISTER, 8, extent.seconds));
        kernel.push(peers::kernel(most, cores(), extent.seconds));
        ours.push(Load::register().run(service, 8, extent.seconds).rate);
    }
    table.line("registrations/s", ours.clone());
    table.line("pgbench, inserts/s", theirs.clone());
    table.line("kernel, hashes/s", kernel.clone());
    table.ratios("registrations : inserts", &ours, &theirs);
    table.ratios("registrations : hashes", &ours, &kernel);
}

/// One client that reads, alone and beside 64 that log in; what the flood does to the process.
fn flood(table: &mut Table, service: &Process, token: &str, extent: &Extent) {
    table.section("GET /user of 4 clients, alone and under 64 clients that log in");
    let load = Load::user(token, USERS);
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let before = service.status();
    let mut during = Vec::new();
    for round in 1..=extent.rounds {
        progress(&format!("flood {round} of {}", extent.rounds));
        alone.push(load.run(service, 4, extent.seconds));
        let flood = Load::log_in(USERS);
        std::thread::scope(|scope| {
            let flooding = scope.spawn(|| flood.run(service, 64, extent.seconds + 2));
            std::thread::sleep(Duration::from_secs(1));
            beside.push(load.run(service, 4, extent.seconds));
            during.push(service.status());
            flooding.join().unwrap();
        });
    }
    let after = service.status();
    for (name, figures) in [("alone", &alone), ("flooded", &beside)] {
        table.line(&format!("{name}, p50, ms"), figures.iter().map(|f| f.median_ms).collect());
        table.line(&format!("{name}, p99, ms"), figures.iter().map(|f| f.p99_ms).collect());
    }
    let p99 = |figures: &[load::Figures]| figures.iter().map(|f| f.p99_ms).collect::<Vec<_>>();
    table.ratios("p99, flooded : alone", &p99(&beside), &p99(&alone));
    table.line("resident before, MiB", vec![before.resident_mib]);
    table.line("resident during, MiB", during.iter().map(|status| status.resident_mib).collect());
    table.line("resident after, MiB", vec![after.resident_mib]);
    table.line("most ever resident, MiB", vec![after.peak_mib]);
    table.line("threads before", vec![before.threads]);
    table.line("threads during", during.iter().map(|status| status.threads).collect());
    table.line("threads after", vec![after.threads]);
}

/// An honest client that logs in once a second, alone and beside 256 clients that log in: of one other
/// network, and of a thousand.
fn crowds(table: &mut Table, service: &Process, extent: &Extent) {
    let measured = gatepost::internals::benchmark::measured();
    // Nanoseconds of an iteration of a batch are milliseconds of a million.
    let batch = measured.last().map_or(0.0, |(_, _, nanoseconds)| nanoseconds * 0.6);
    let logins = extent.seconds * 5;
    let mut bound = None;
    for (name, networks) in [
        ("alone", None),
        ("beside 256 clients of one network", Some(Networks::One)),
        ("beside 256 clients of a thousand networks", Some(Networks::Thousand)),
    ] {
        table.section(&format!("An honest client, {name}"));
        progress(&format!("an honest client, {name}"));
        // Known in its network, as an owner is.
        service.log_in_from("user2", "203.0.113.7");
        let (took, refused, crowd) = std::thread::scope(|scope| {
            let crowd = networks.map(|networks| {
                scope.spawn(move || Load::crowd(USERS, networks).flood(service, 256, logins + 3))
            });
            std::thread::sleep(Duration::from_secs(2));
            let (took, refused) = load::honest(service, logins);
            (took, refused, crowd.map(|crowd| crowd.join().unwrap()))
        });
        let mut sorted = took;
        sorted.sort_by(f64::total_cmp);
        let p50 = sorted[sorted.len() / 2];
        let bound = *bound.get_or_insert(2.0 * p50 + batch);
        let p99 = sorted[(sorted.len() * 99).div_ceil(100) - 1];
        table.line("p50, ms", vec![p50]);
        table.line("p99, ms", vec![p99]);
        table.line("    p99 : two alone and a batch", vec![p99 / bound]);
        table.line("refused", vec![refused as f64]);
        if let Some(crowd) = crowd {
            table.line("the crowd, logins/s", vec![crowd.rate]);
            table.line("    p50, ms", vec![crowd.median_ms]);
            table.line("    p99, ms", vec![crowd.p99_ms]);
            table.line("    refused, of a hundred", vec![crowd.refused]);
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
