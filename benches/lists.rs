//! The cost of looking a password up: in the built-in list, and in a list of breached ones that is
//! built here from generated passwords. `cargo bench --bench lists`, with `-- 20` for 20 million.

use gatepost::internals::benchmark::{List, is_common};
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::time::{Duration, Instant};

const QUERIES: u64 = 200_000;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let millions = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(5_u64);
    let count = millions * 1_000_000;
    for password in ["0", "password1", "monkey2009", "zzzzzzzz and more"] {
        let took = time(2_000, |_| {
            black_box(is_common(black_box(password)));
        });
        println!("built-in list, {password:?}: {} a query", micros(took));
    }
    let dir = tempfile::tempdir()?;
    let (text, list) = (dir.path().join("text"), dir.path().join("list"));
    let mut out = BufWriter::new(std::fs::File::create(&text)?);
    for n in 0..count {
        writeln!(out, "password number {n}")?;
    }
    out.into_inner()?;
    let begin = Instant::now();
    let built = gatepost::passwords::build_breach_list(&[text], &list, 1, |_| ())?;
    let took = begin.elapsed().as_secs_f64();
    let size = std::fs::metadata(&list)?.len();
    println!("{} passwords built in {took:.1} s, {} MiB", built.entries, size >> 20);
    let begin = Instant::now();
    let list = List::open(&list)?;
    println!("opened and checked in {}", micros(begin.elapsed()));
    for (name, offset) in [("there", 0), ("not there", count)] {
        let mut found = 0;
        let took = time(QUERIES, |n| {
            // A prime step, so that the passwords come in no particular order.
            let password = format!("password number {}", offset + n * 7_919 % count);
            found += u64::from(list.contains(password.as_bytes()).unwrap_or(false));
        });
        println!("{name}: {} a query, {found} of {QUERIES} found", micros(took));
    }
    Ok(())
}

/// The time of one call, of this many.
fn time(count: u64, mut call: impl FnMut(u64)) -> Duration {
    let begin = Instant::now();
    (0..count).for_each(&mut call);
    begin.elapsed() / u32::try_from(count).unwrap_or(u32::MAX)
}

fn micros(time: Duration) -> String {
    format!("{:.2} us", time.as_secs_f64() * 1e6)
}
