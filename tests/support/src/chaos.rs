//! Chaos in a cluster: clients that write down what they were promised, faults that break the promise
//! if anything can, and a judge who compares.
//!
//! The cluster is the one of `examples/cluster`, with its real etcd, Patroni, HAProxy and pgbouncer.

mod clients;
mod cluster;
mod fault;
mod judge;

pub use clients::Clients;
pub use cluster::Cluster;
pub use fault::Fault;
pub use judge::Loss;

use std::time::{Duration, Instant};

/// How long clients go on undisturbed before a fault, which gives the rate to come back to.
const BEFORE: Duration = Duration::from_secs(3);

/// A cluster is back when it does as much in a second as this part of what it did before.
const FULL: f64 = 0.8;

/// How long a round may take. Patroni's `ttl` is 20 s, and a standby that was far behind follows.
const PATIENCE: Duration = Duration::from_secs(120);

/// What one fault did.
#[derive(Debug)]
pub struct Round {
    /// What it was.
    pub fault: Fault,
    /// The longest time after it in which no write was acknowledged.
    pub outage: Duration,
    /// From the promotion, or the return of the primary, to the first acknowledged write.
    pub promotion: Option<Duration>,
    /// From the fault to a second with the rate of before.
    pub full_rate: Duration,
    /// Until every thread of both Gateposts served again, from the end of the fault.
    pub threads: Duration,
    /// The slowest answer.
    pub slowest: Duration,
    /// Writes that were acknowledged after it.
    pub acknowledged: usize,
    /// Writes that were answered with 502 to 504, or not at all.
    pub refused: usize,
    /// What was acknowledged before or after it, and is not there.
    pub losses: Vec<Loss>,
    /// The greatest memory of a Gatepost afterwards, in KiB.
    pub memory: u64,
    /// Connections of Gatepost at the primary afterwards.
    pub connections: i64,
    /// Whether Patroni had to be told afterwards to name its synchronous standby anew.
    pub helped: bool,
}

/// Lets clients at the cluster, does one thing to it, and waits until all is as before.
pub fn round(cluster: &Cluster, clients: &Clients, fault: Fault) -> Round {
    cluster.wait_until_whole();
    let begun = Instant::now();
    let (done, threads, promoted, struck) = clients.run_while(|| {
        std::thread::sleep(BEFORE);
        let before = clients.rate(begun + Duration::from_secs(1), Instant::now());
        let struck = Instant::now();
        let promoted = fault.strike(cluster);
        let healed = Instant::now();
        cluster.wait_until_all_threads_serve();
        let threads = healed.elapsed();
        let done = loop {
            let now = Instant::now();
            let second = clients.rate(now - Duration::from_secs(1), now);
            if second >= before * FULL && now > struck + Duration::from_secs(1) {
                break now;
            }
            assert!(
                now < struck + PATIENCE,
                "{fault:?}: {second:.0} writes a second, before {before:.0}"
            );
            std::thread::sleep(Duration::from_millis(50));
        };
        (done, threads, promoted, struck)
    });
    let seen = clients.since(struck);
    let mut successes: Vec<Instant> = seen.iter().filter(|a| a.success).map(|a| a.end).collect();
    successes.push(struck);
    successes.sort();
    let gaps = successes.windows(2).map(|pair| pair[1] - pair[0]);
    let outage = gaps.max().unwrap_or_default();
    let after = |from: Instant| {
        let first = successes.iter().find(|end| **end > from);
        first.map_or(PATIENCE, |end| end.duration_since(from))
    };
    let helped = cluster.wait_until_whole();
    Round {
        helped,
        fault,
        outage,
        promotion: promoted.map(after),
        full_rate: done.duration_since(struck),
        threads,
        slowest: seen.iter().map(|a| a.end - a.begun).max().unwrap_or_default(),
        acknowledged: seen.iter().filter(|a| a.success).count(),
        refused: seen.iter().filter(|a| !a.success).count(),
        losses: judge::compare(cluster, clients),
        memory: cluster.memory(),
        connections: cluster.connections(),
    }
}
