//! Which hashes are taken from the queue, and in which order.

use super::*;
use crate::passwords::foreign::Digest;
use std::sync::mpsc::sync_channel;

fn memory_hard(kib: u32) -> Foreign {
    let text = format!("$argon2id$v=19$m={kib},t=1,p=1$c29tZXNhbHQ$AFQeApHkE9rBoyI8+cqHXw");
    text.parse().unwrap()
}

fn cheap() -> Foreign {
    "pbkdf2_sha1$1$saltsaltsalt$AwqfYeoLQyExMNseD8jAJAm/tec=".parse().unwrap()
}

const ADDRESSES: [&str; 3] = ["192.0.2.1", "198.51.100.1", "203.0.113.1"];

fn network(number: usize) -> Network {
    Network::of(ADDRESSES[number].parse().unwrap())
}

/// A kernel that computes up to three at once, or one.
fn kernel(lanes: usize) -> Kernel {
    Kernel::stand_in(lanes, |_, _| ())
}

fn own(iterations: u32) -> Waiting {
    let (reply, _) = sync_channel(1);
    let password = Zeroizing::new(b"x".to_vec());
    Waiting::Pbkdf2(Pbkdf2 { password, salt: Vec::new(), iterations, reply })
}

fn foreign(hash: Foreign) -> Waiting {
    let (reply, _) = sync_channel(1);
    Waiting::Foreign(ForeignCheck { password: Zeroizing::new(b"x".to_vec()), hash, reply })
}

/// What the threads of a queue take with these waiting, one after the other, when each takes what it
/// can: a network's number for one of ours, `P` and it for a costly one, or the kibibytes of a
/// foreign one; `-` for nothing.
fn order(threads: usize, lanes: usize, in_use: usize, waiting: &[(usize, &str)]) -> String {
    let mut queue = Queue { in_use, ..Queue::new(threads, 1, 4) };
    for (of, word) in waiting {
        let waiting = match *word {
            // The number of the network is its cost, so that it is known again.
            "p" => own(1 + u32::try_from(*of).unwrap()),
            "P" => own(100_000_000),
            "0" => foreign(cheap()),
            kib => foreign(memory_hard(kib.parse().unwrap())),
        };
        queue.push(network(*of), waiting);
    }
    let (kernel, mut order) = (kernel(lanes), Vec::new());
    loop {
        let (mut held, mut alone) = (Vec::new(), None);
        while alone.is_none() {
            match queue.take(held.len(), &kernel, 1024 << 10) {
                Some(Taken::Own(own, network)) => {
                    order.push((own.iterations - 1).to_string());
                    held.push(network);
                }
                Some(Taken::Alone(taken)) => alone = Some(taken),
                None => break,
            }
        }
        let ours = held.len();
        held.into_iter().for_each(|network| queue.finished(network));
        if let Some(Alone { work, costly }) = &alone {
            order.push(match work {
                Waiting::Pbkdf2(_) => "P".to_owned(),
                Waiting::Foreign(check) => format!("f{}", check.hash.memory() >> 10),
            });
            // Its memory stays in use, to see what waits for it.
            queue.done(0, *costly);
        } else if ours == 0 {
            order.extend((!queue.is_empty()).then(|| "-".to_owned()));
            return order.join(" ");
        } else {
            order.push("|".to_owned());
        }
    }
}

/// The same for one network and a thread with three lanes.
fn order_of_one(words: &str, in_use: usize) -> String {
    let waiting: Vec<_> = words.split(' ').map(|word| (0, word)).collect();
    order(1, 3, in_use, &waiting)
}

#[test]
fn ours_are_computed_together_and_foreign_ones_alone() {
    assert_eq!(order_of_one("p p p p 0 p 64 p p", 0), "0 0 0 | 0 f0 0 f64 0 0 |");
}

#[test]
fn what_needs_more_memory_than_is_left_waits_and_only_what_needs_none_passes_it() {
    assert_eq!(order_of_one("512 256 512 64 0 p", 0), "f512 f256 f0 0 | -");
    assert_eq!(order_of_one("1024", 0), "f1024");
    assert_eq!(order_of_one("1024", 1), "-");
}

#[test]
fn networks_are_served_in_turn_whoever_asks_most() {
    let flood = [(0, "0"), (0, "0"), (0, "0"), (0, "0"), (1, "p"), (2, "p"), (0, "0")];
    assert_eq!(order(1, 3, 0, &flood), "f0 1 2 f0 f0 f0 f0");
}

#[test]
fn a_lane_that_becomes_free_goes_to_the_next_in_turn_and_the_last_to_a_network_that_has_none() {
    let mut queue = Queue::new(1, 1, 4);
    let kernel = kernel(16);
    for _ in 0..40 {
        queue.push(network(0), own(1));
    }
    let mut held = 0;
    while let Some(Taken::Own(..)) = queue.take(held, &kernel, 0) {
        held += 1;
    }
    assert_eq!(held, 15);
    // What costs much comes after all others, also where the last lane is kept from these.
    queue.push(network(0), own(100_000_000));
    assert!(queue.take(15, &kernel, 0).is_none());
    queue.push(network(1), own(2));
    queue.push(network(1), own(3));
    let Some(Taken::Own(next, of)) = queue.take(15, &kernel, 0) else { panic!() };
    assert_eq!((next.iterations, of), (2, network(1)));
    queue.push(network(2), own(4));
    assert!(queue.take(16, &kernel, 0).is_none(), "there are no more lanes");
    // It is the last one again, and each but the last network has some.
    queue.finished(network(0));
    let Some(Taken::Own(next, _)) = queue.take(15, &kernel, 0) else { panic!() };
    assert_eq!(next.iterations, 4);
    queue.finished(network(2));
    assert!(queue.take(15, &kernel, 0).is_none());
    queue.finished(network(1));
    let taken = [14, 15].map(|held| match queue.take(held, &kernel, 0) {
        Some(Taken::Own(own, _)) => own.iterations,
        _ => 0,
    });
    assert!(taken.contains(&3), "{taken:?}");
}

#[test]
fn threads_share_what_waits_unless_one_computes_something_alone() {
    let mut queue = Queue::new(2, 1, 4);
    let kernel = kernel(16);
    let take_all = |queue: &mut Queue| {
        let mut held = 0;
        while let Some(Taken::Own(..)) = queue.take(held, &kernel, 0) {
            held += 1;
        }
        held
    };
    for _ in 0..9 {
        queue.push(network(0), own(1));
    }
    assert_eq!([take_all(&mut queue), take_all(&mut queue)], [5, 4]);
    (0..9).for_each(|_| queue.finished(network(0)));
    queue.push(network(1), foreign(cheap()));
    assert!(matches!(queue.take(0, &kernel, 0), Some(Taken::Alone(_))));
    for _ in 0..9 {
        queue.push(network(0), own(1));
    }
    assert_eq!(take_all(&mut queue), 9);
    queue.done(0, false);
}

#[test]
fn what_costs_much_comes_last_alone_and_on_one_thread_at_a_time() {
    assert_eq!(order_of_one("P p P p p 0", 0), "0 0 0 | f0 P P");
    let mut queue = Queue::new(2, 1, 4);
    let kernel = kernel(3);
    let is_costly = |taken| matches!(taken, Some(Taken::Alone(Alone { costly: true, .. })));
    queue.push(network(0), own(100_000_000));
    queue.push(network(1), own(100_000_000));
    assert!(is_costly(queue.take(0, &kernel, 0)));
    assert!(queue.take(0, &kernel, 0).is_none(), "the other thread is kept for others");
    queue.push(network(2), own(1));
    assert!(matches!(queue.take(0, &kernel, 0), Some(Taken::Own(..))));
    queue.done(0, true);
    assert!(is_costly(queue.take(0, &kernel, 0)));
}

#[test]
fn what_costs_much_is_not_passed_for_ever_where_there_are_several_threads() {
    let mut words = vec![(0, "P")];
    words.extend([(1, "0"); 12]);
    assert_eq!(order(1, 1, 0, &words), "f0 ".repeat(12) + "P");
    assert_eq!(order(2, 1, 0, &words), "f0 ".repeat(8) + "P f0 f0 f0 f0");
    let mut ours = vec![(0, "P")];
    ours.extend([(1, "p"); 60]);
    let taken = order(2, 3, 0, &ours).replace("| ", "");
    let (before, _) = taken.split_once(" P").unwrap();
    assert_eq!(before.split(' ').count(), 24, "{taken}");
}

#[test]
fn the_network_that_waits_for_most_that_costs_much_gives_way() {
    let mut queue = Queue::new(2, 1, 2);
    let push = |queue: &mut Queue, of| {
        let (reply, answer) = sync_channel(1);
        let password = Zeroizing::new(Vec::new());
        let salt = Vec::new();
        let own = Pbkdf2 { password, salt, iterations: 100_000_000, reply };
        queue.push(network(of), Waiting::Pbkdf2(own));
        answer
    };
    let (first, second) = (push(&mut queue, 0), push(&mut queue, 0));
    let third = push(&mut queue, 1);
    let fourth = push(&mut queue, 2);
    assert!(first.try_recv().is_err() && third.try_recv().is_err(), "these wait");
    for answer in [second, fourth] {
        assert!(matches!(answer.try_recv(), Ok(Err(Error::Overloaded(_)))));
    }
}

#[test]
fn defaults_of_other_services_are_not_what_costs_much() {
    let queue = Queue::new(2, 1, 1);
    let is_costly = |hash: Foreign| {
        let (reply, _answer) = sync_channel(1);
        let password = Zeroizing::new(Vec::new());
        Waiting::Foreign(ForeignCheck { password, hash, reply }).cost() > queue.much
    };
    let bcrypt = |cost| {
        let rest = "LcfXw6rBHCTkIjAgKHKHc.mHKSjQbG0RX5HRxbMdZy4RuqQDvAVH2";
        format!("$2b${cost}${rest}").parse().unwrap()
    };
    let sha512 = |iterations| Foreign::Pbkdf2 {
        digest: Digest::Sha512,
        iterations,
        salt: vec![0; 16],
        hash: vec![0; 64],
    };
    assert!(!is_costly(bcrypt(12)) && is_costly(bcrypt(14)));
    assert!(!is_costly(sha512(210_000)) && is_costly(sha512(1_600_001)));
    assert!(!is_costly(memory_hard(200 * 1024)) && is_costly(memory_hard(1024 * 1024)));
}
