//! The threads together: every caller's own hash, the order, memory, and the end.

use super::*;
use pbkdf2::pbkdf2_hmac;
use sha2::Sha256;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const SALT_BYTES: usize = 16;
const BUDGET: usize = 1 << 20;

fn start(threads: usize, activity: Arc<Activity>) -> HashingThreads {
    let bounds = Bounds { threads, budget: BUDGET, usual: 1_000, most_costly: 4 };
    HashingThreads::start(bounds, activity).unwrap()
}

fn memory_hard(kib: u32) -> Foreign {
    let text = format!("$argon2id$v=19$m={kib},t=1,p=1$c29tZXNhbHQ$AFQeApHkE9rBoyI8+cqHXw");
    text.parse().unwrap()
}

fn cheap() -> Foreign {
    "pbkdf2_sha1$1$saltsaltsalt$AwqfYeoLQyExMNseD8jAJAm/tec=".parse().unwrap()
}

#[test]
fn everybody_gets_the_own_hash() {
    let hashing = start(2, Arc::default());
    std::thread::scope(|scope| {
        for caller in 0..12_u8 {
            let hashing = &hashing;
            scope.spawn(move || {
                for n in 0..20_u8 {
                    let password = vec![caller; usize::from(n) * 7];
                    let salt = [n; SALT_BYTES];
                    let iterations = 1 + u32::from(caller) * 13;
                    let hash = hashing.derive(&password, &salt, iterations).unwrap();
                    let mut expected = [0; HASH_BYTES];
                    pbkdf2_hmac::<Sha256>(&password, &salt, iterations, &mut expected);
                    assert_eq!(hash, expected);
                }
            });
        }
    });
}

#[test]
fn the_threads_end_when_they_are_dropped() {
    drop(start(3, Arc::default()));
}

#[test]
fn a_hash_is_computed_though_others_are_answered_all_the_time() {
    let activity = Arc::new(Activity::default());
    let _answering = activity.begin();
    let hashing = start(1, Arc::clone(&activity));
    let hash = hashing.derive(b"password", &[7; SALT_BYTES], 40_000).unwrap();
    let mut expected = [0; HASH_BYTES];
    pbkdf2_hmac::<Sha256>(b"password", &[7; SALT_BYTES], 40_000, &mut expected);
    assert_eq!(hash, expected);
}

/// A service of one thread, and what lets that thread go on from its first stretch.
fn held_up(lanes: usize) -> (HashingThreads, Arc<AtomicBool>) {
    let go_on = Arc::new(AtomicBool::new(false));
    let waits = Arc::clone(&go_on);
    let slow = Kernel::stand_in(lanes, move |_, _| {
        while !waits.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let bounds = Bounds { threads: 1, budget: BUDGET, usual: 1_000, most_costly: 4 };
    let kernel = Box::leak(Box::new(slow));
    (HashingThreads::start_with(kernel, bounds, Arc::default()).unwrap(), go_on)
}

fn wait_for(hashing: &HashingThreads, waiting: usize, running: usize) {
    let is = |queue: MutexGuard<'_, Queue>| (queue.len(), queue.running) == (waiting, running);
    while !is(hashing.shared.lock()) {
        std::thread::yield_now();
    }
}

#[test]
fn the_network_of_the_client_decides_whose_turn_it_is() {
    let (hashing, go_on) = held_up(1);
    let order = Mutex::new(Vec::new());
    let ask = |address: &'static str| {
        let derive = || hashing.derive(b"password", &[7; SALT_BYTES], 100_000).unwrap();
        client::for_client(address.parse().ok(), derive);
        order.lock().unwrap().push(address);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| ask("192.0.2.1"));
        wait_for(&hashing, 0, 1);
        for n in 1..=12 {
            scope.spawn(|| ask("192.0.2.2"));
            wait_for(&hashing, n, 1);
        }
        scope.spawn(|| ask("198.51.100.1"));
        wait_for(&hashing, 13, 1);
        go_on.store(true, Ordering::SeqCst);
    });
    let place = order.lock().unwrap().iter().position(|address| *address == "198.51.100.1");
    // Callers are not woken in the order of their answers.
    assert!(place.unwrap() < 8, "{order:?}");
}

#[test]
fn a_hash_that_comes_while_others_are_computed_takes_a_free_lane_at_once() {
    let (hashing, go_on) = held_up(16);
    let order = Mutex::new(Vec::new());
    let ask = |iterations| {
        hashing.derive(b"password", &[7; SALT_BYTES], iterations).unwrap();
        order.lock().unwrap().push(iterations);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| ask(1_100_000));
        wait_for(&hashing, 0, 1);
        scope.spawn(|| ask(1_000));
        wait_for(&hashing, 1, 1);
        go_on.store(true, Ordering::SeqCst);
    });
    assert_eq!(*order.lock().unwrap(), [1_000, 1_100_000]);
}

#[cfg(debug_assertions)]
#[test]
fn a_hash_as_slow_as_without_optimisation_is_warned_of_once() {
    /// Keeps the warnings that advise to optimise.
    struct Warnings(Mutex<Vec<String>>);

    impl log::Log for Warnings {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            let text = record.args().to_string();
            if text.contains("opt-level") {
                self.0.lock().unwrap().push(text);
            }
        }

        fn flush(&self) {}
    }

    static WARNINGS: Warnings = Warnings(Mutex::new(Vec::new()));
    log::set_logger(&WARNINGS).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    static MICROSECONDS: AtomicU64 = AtomicU64::new(1);
    let slow = Kernel::stand_in(1, |_, iterations| {
        let microseconds = u64::from(iterations) * MICROSECONDS.load(Ordering::SeqCst);
        let begin = slow_hash::processor_time();
        while slow_hash::processor_time() - begin < Duration::from_micros(microseconds) {
            std::hint::spin_loop();
        }
    });
    let bounds = Bounds { threads: 1, budget: BUDGET, usual: 1_000, most_costly: 4 };
    let kernel = Box::leak(Box::new(slow));
    let hashing = HashingThreads::start_with(kernel, bounds, Arc::default()).unwrap();
    // A hash that may well take this long on a slow machine.
    hashing.derive(b"password", &[7; SALT_BYTES], 600_000).unwrap();
    assert!(WARNINGS.0.lock().unwrap().is_empty());
    MICROSECONDS.store(6, Ordering::SeqCst);
    for _ in 0..2 {
        hashing.derive(b"password", &[7; SALT_BYTES], 100_000).unwrap();
    }
    let warnings = WARNINGS.0.lock().unwrap();
    let advice = "`[profile.dev.package.\"*\"]` and below it `opt-level = 2`";
    assert!(warnings.len() == 1 && warnings[0].contains(advice), "{warnings:?}");
}

#[test]
fn whoever_waits_for_memory_gets_it() {
    let hashing = start(3, Arc::default());
    std::thread::scope(|scope| {
        for caller in 0..9_u32 {
            let hashing = &hashing;
            scope.spawn(move || {
                for n in 0..10 {
                    let kib = if (caller + n).is_multiple_of(3) { 1024 } else { 300 };
                    assert_eq!(hashing.verify(b"x", &memory_hard(kib)), Ok(false));
                    assert_eq!(hashing.verify(b"x", &cheap()), Ok(false));
                }
            });
        }
    });
    assert_eq!(hashing.shared.lock().in_use, 0);
}

#[test]
fn a_hash_that_needs_more_than_the_budget_is_refused_with_both_numbers() {
    let hashing = start(1, Arc::default());
    let Err(Error::Internal(text)) = hashing.verify(b"x", &memory_hard(1025)) else { panic!() };
    assert!(text.contains("needs 1049600 bytes") && text.contains("is 1048576"), "{text}");
}
