//! What a cluster promises while its parts die: `cargo bench --bench chaos`.
//!
//! Eight clients register, log in, refresh and change passwords through HAProxy, while one thing after
//! another happens to PostgreSQL, pgbouncer and Gatepost. After each, everything that was acknowledged is
//! looked for, and the times are noted. At the end there is a table. `-- --rounds N` does each N times
//! (once), `-- --only NAME,…` those named alone, `-- --without-durability` lets PostgreSQL acknowledge
//! before it keeps, to show that the check sees losses. Needs what `examples/cluster` needs; root for the
//! faults that cut the network and fill the disk.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use gatepost_test_support::chaos::{Clients, Cluster, Fault, Round, round};
use std::path::Path;
use std::time::Duration;

/// The first of the ports of its cluster.
const PORT: u16 = 25_500;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let rounds: usize = after("--rounds").map_or(1, |number| number.parse().unwrap());
    let only = after("--only");
    let wanted = |fault: &Fault| {
        only.as_ref().is_none_or(|names| names.split(',').any(|name| name == fault.name()))
    };
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cluster = Cluster::up(source, Path::new(env!("CARGO_BIN_EXE_gatepost")), PORT);
    if arguments.iter().any(|argument| argument == "--without-durability") {
        cluster.forget_durability();
    }
    let clients = Clients::of(&cluster);
    let mut all: Vec<Round> = Vec::new();
    for fault in Fault::ALL.into_iter().filter(wanted) {
        if let Some(lack) = fault.lack(&cluster) {
            println!("{}: left out, {lack}", fault.name());
            continue;
        }
        for number in 1..=rounds {
            let done = round(&cluster, &clients, fault);
            println!(
                "{} {number}/{rounds}: {:.1} s without a success, {} lost{}",
                fault.name(),
                done.outage.as_secs_f64(),
                done.losses.len(),
                if done.helped { "; Patroni had to be helped" } else { "" }
            );
            done.losses.iter().take(5).for_each(|loss| println!("    {loss:?}"));
            all.push(done);
        }
    }
    table(&all);
    let lost: usize = all.iter().map(|round| round.losses.len()).sum();
    drop(cluster);
    std::process::exit(i32::from(lost > 0));
}

fn table(all: &[Round]) {
    println!();
    println!(
        "| fault | times | acknowledged | refused | lost | longest without success, s | after promotion, s | \
         full rate, s | all threads, s | slowest answer, s | memory, MiB | connections | Patroni helped |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for fault in Fault::ALL {
        let of: Vec<&Round> = all.iter().filter(|round| round.fault == fault).collect();
        if of.is_empty() {
            continue;
        }
        let sum = |count: fn(&Round) -> usize| of.iter().map(|round| count(round)).sum::<usize>();
        let spread = |time: fn(&Round) -> Option<Duration>| {
            let mut times: Vec<f64> =
                of.iter().filter_map(|round| Some(time(round)?.as_secs_f64())).collect();
            times.sort_by(f64::total_cmp);
            match times.as_slice() {
                [] => String::new(),
                [one] => format!("{one:.2}"),
                times => format!(
                    "{:.2} ({:.2} to {:.2})",
                    times[times.len() / 2],
                    times[0],
                    times[times.len() - 1]
                ),
            }
        };
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            fault.name(),
            of.len(),
            sum(|round| round.acknowledged),
            sum(|round| round.refused),
            sum(|round| round.losses.len()),
            spread(|round| Some(round.outage)),
            spread(|round| round.promotion),
            spread(|round| Some(round.full_rate)),
            spread(|round| Some(round.threads)),
            spread(|round| Some(round.slowest)),
            of.iter().map(|round| round.memory).max().unwrap_or_default() / 1024,
            of.iter().map(|round| round.connections).max().unwrap_or_default(),
            of.iter().filter(|round| round.helped).count(),
        );
    }
}
