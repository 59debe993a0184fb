//! The cost of a password hash on one core, each way in turn: this kernel with one, two and three
//! passwords at once and with as many as it has lanes, the `pbkdf2` crate, and OpenSSL as Python's
//! `hashlib` calls it. Before that, what the kernel has measured at its start.
//! `cargo bench --bench hashing`, with `-- --quick` for a tenth of the iterations. With
//! `-- --bounds` it prints how long the costliest hash of each kind that an import accepts takes.

use gatepost::internals::benchmark::{
    costliest_hashes, derive, failed_self_check, lanes, measured, verify,
};
use std::process::Command;
use std::time::Instant;

const ROUNDS: usize = 11;
const PASSWORD: &[u8] = b"correct horse battery staple";
const SALT: &[u8] = b"sixteen bytes of";

/// Prints the milliseconds of one hash, which it measures itself.
const PYTHON: &str = "
import hashlib, sys, time
begin = time.perf_counter()
hashlib.pbkdf2_hmac('sha256', sys.argv[1].encode(), sys.argv[2].encode(), int(sys.argv[3]))
print((time.perf_counter() - begin) * 1e3)
";

/// A way to hash, and milliseconds a password of every round; empty where the machine lacks it.
struct Way {
    name: &'static str,
    measure: fn(u32) -> Option<f64>,
    rounds: Vec<f64>,
}

fn main() {
    assert!(!failed_self_check(), "the kernel is wrong on this machine");
    if std::env::args().any(|argument| argument == "--bounds") {
        return bounds();
    }
    let quick = std::env::args().any(|argument| argument == "--quick");
    let iterations = if quick { 60_000 } else { 600_000 };
    let way = |name, measure| Way { name, measure, rounds: Vec::new() };
    let mut ways = [
        way("OpenSSL (hashlib)", openssl),
        way("pbkdf2 crate", |n| Some(by_crate(n))),
        way("kernel, one alone", |n| Some(by_kernel(n, 1))),
        way("kernel, two", |n| Some(by_kernel(n, 2))),
        way("kernel, three", |n| Some(by_kernel(n, 3))),
        way("kernel, eight", |n| Some(by_kernel(n, 8))),
        way("kernel, sixteen", |n| Some(by_kernel(n, 16))),
    ];
    println!("at once, with which instructions, ms a password as measured at the start:");
    for (at_once, way, nanoseconds) in measured() {
        println!("{at_once:7} {way:>9} {:8.2}", nanoseconds * 0.6 / at_once as f64);
    }
    println!("{iterations} iterations, {ROUNDS} rounds; most at once: {}", lanes());
    for round in 1..=ROUNDS {
        eprint!("\rround {round}");
        for way in &mut ways {
            way.rounds.extend((way.measure)(iterations));
        }
    }
    eprintln!();
    println!("{:22} {:>8} {:>8} {:>8}  (ms a password)", "", "median", "least", "most");
    let mut of_openssl = None;
    for Way { name, mut rounds, .. } in ways {
        rounds.sort_by(f64::total_cmp);
        let (Some(least), Some(most)) = (rounds.first(), rounds.last()) else {
            println!("{name:22} skipped: no python3 with hashlib.pbkdf2_hmac");
            continue;
        };
        let median = rounds[rounds.len() / 2];
        print!("{name:22} {median:8.2} {least:8.2} {most:8.2}");
        of_openssl = of_openssl.or(name.starts_with("OpenSSL").then_some(median));
        println!("{}", of_openssl.map_or_else(String::new, |o| format!("  {:.2} x", o / median)));
    }
}

fn bounds() {
    println!("milliseconds of a wrong password, the least of three");
    for hash in costliest_hashes() {
        let took = (0..3).map(|_| {
            let begin = Instant::now();
            assert_eq!(verify("a wrong password", hash), Ok(false));
            begin.elapsed().as_secs_f64() * 1e3
        });
        let least = took.fold(f64::INFINITY, f64::min);
        // The parameters, without salt and hash.
        println!("{least:8.0}  {}", &hash[..hash.len().min(36)]);
    }
}

fn by_kernel(iterations: u32, passwords: usize) -> f64 {
    let begin = Instant::now();
    let hashes = derive(PASSWORD, SALT, iterations, passwords);
    let took = begin.elapsed();
    std::hint::black_box(hashes);
    took.as_secs_f64() * 1e3 / passwords as f64
}

fn by_crate(iterations: u32) -> f64 {
    let mut hash = [0; 32];
    let begin = Instant::now();
    pbkdf2::pbkdf2_hmac::<sha2::Sha256>(PASSWORD, SALT, iterations, &mut hash);
    let took = begin.elapsed();
    std::hint::black_box(hash);
    took.as_secs_f64() * 1e3
}

fn openssl(iterations: u32) -> Option<f64> {
    let [password, salt] = [PASSWORD, SALT].map(|bytes| String::from_utf8_lossy(bytes));
    let mut python = Command::new("python3");
    python.args(["-c", PYTHON, &*password, &*salt, &iterations.to_string()]);
    let output = python.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
