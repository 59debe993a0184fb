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

/// What is taken in turn from a queue with these waiting: `p` and how many of ours, `P` for a
/// costly one, or the kibibytes of a foreign one; `-` for nothing.
fn order(waiting: &[&str], in_use: usize) -> String {
    let waiting: Vec<_> = waiting.iter().map(|word| (0, *word)).collect();
    order_of(Queue { idle: 1, in_use, ..Queue::new(1, 1, 4) }, &waiting)
}

/// The same, with a network's number for each.
fn order_of(mut queue: Queue, waiting: &[(usize, &str)]) -> String {
    let (own, own_answers) = sync_channel(1);
    let (foreign, foreign_answers) = sync_channel(1);
    let password = || Zeroizing::new(b"x".to_vec());
    for (of, word) in waiting {
        let own = |iterations| {
            let password = password();
            let salt = Vec::new();
            let reply = own.clone();
            Waiting::Pbkdf2(Pbkdf2 { password, salt, iterations, reply })
        };
        let waiting = match *word {
            "p" => own(1),
            "P" => own(100_000_000),
            kib => {
                let kib: u32 = kib.parse().unwrap();
                let hash = if kib == 0 { cheap() } else { memory_hard(kib) };
                let reply = foreign.clone();
                Waiting::Foreign(ForeignCheck { password: password(), hash, reply })
            }
        };
        queue.push(network(*of), waiting);
    }
    drop((own_answers, foreign_answers));
    let mut order = Vec::new();
    loop {
        match queue.take(3, 1024 << 10) {
            Some(Taken { work: Work::Together(taken), costly: false }) => {
                order.push(format!("p{}", taken.len()));
            }
            Some(Taken { work: Work::Together(taken), .. }) => {
                order.push("P".repeat(taken.len()));
                queue.done(0, true);
            }
            Some(Taken { work: Work::Alone(check), .. }) => {
                order.push((check.hash.memory() >> 10).to_string());
            }
            None if queue.is_empty() => return order.join(" "),
            None => return format!("{} -", order.join(" ")),
        }
    }
}

#[test]
fn ours_are_taken_together_and_foreign_ones_alone() {
    assert_eq!(order(&["p", "p", "p", "p", "0", "p", "64", "p", "p"], 0), "p3 p1 0 p1 64 p2");
}

#[test]
fn what_needs_more_memory_than_is_left_waits_and_only_what_needs_none_passes_it() {
    assert_eq!(order(&["512", "256", "512", "64", "0", "p"], 0), "512 256 0 p1 -");
    assert_eq!(order(&["1024"], 0), "1024");
    assert_eq!(order(&["1024"], 1), " -");
}

#[test]
fn networks_are_served_in_turn_whoever_asks_most() {
    let queue = || Queue { idle: 1, ..Queue::new(1, 1, 4) };
    let flood = [(0, "0"), (0, "0"), (0, "0"), (0, "0"), (1, "p"), (2, "p"), (0, "0")];
    assert_eq!(order_of(queue(), &flood), "0 p2 0 0 0 0");
}

#[test]
fn what_costs_much_comes_last_alone_and_on_one_thread_at_a_time() {
    assert_eq!(order(&["P", "p", "P", "p", "p", "0"], 0), "p3 0 P P");
    let mut queue = Queue { idle: 2, ..Queue::new(2, 1, 4) };
    let (reply, _answer) = sync_channel(1);
    let own = |iterations| {
        let password = Zeroizing::new(Vec::new());
        let salt = Vec::new();
        let reply = reply.clone();
        Waiting::Pbkdf2(Pbkdf2 { password, salt, iterations, reply })
    };
    queue.push(network(0), own(100_000_000));
    queue.push(network(1), own(100_000_000));
    assert!(queue.take(3, 0).unwrap().costly);
    assert!(queue.take(3, 0).is_none(), "the other thread is kept for others");
    queue.push(network(2), own(1));
    assert!(!queue.take(3, 0).unwrap().costly);
    queue.done(0, true);
    assert!(queue.take(3, 0).unwrap().costly);
}

#[test]
fn what_costs_much_is_not_passed_for_ever_where_there_are_several_threads() {
    let mut words = vec![(0, "P")];
    words.extend([(1, "0"); 12]);
    let queue = |threads| Queue { idle: 1, ..Queue::new(threads, 1, 4) };
    let alone = "0 ".repeat(12) + "P";
    assert_eq!(order_of(queue(1), &words), alone);
    assert_eq!(order_of(queue(2), &words), "0 0 0 0 0 0 0 0 P 0 0 0 0");
}

#[test]
fn the_network_that_waits_for_most_that_costs_much_gives_way() {
    let mut queue = Queue { idle: 1, ..Queue::new(2, 1, 2) };
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
