//! What waits for the hashing threads, and what a thread takes next.
//!
//! Networks of clients are served in turn (`shares`), one hash each. A thread takes up to three of
//! ours at once, since the kernel computes three together in less than twice the time of one; but it
//! leaves some to threads that are idle. A foreign hash it takes alone, and one that needs memory
//! only when what runs already leaves enough of the budget; until then others pass it, but no other
//! one that needs memory.
//!
//! A hash that costs several times what a login usually does waits apart, behind the others: an
//! import may bring some, and guesses at them must not stop all logins. One thread at a time
//! computes such a hash, and never the only one while others wait. At most so many wait, since each
//! holds a worker; beyond that the network with most of them gives way.

use crate::error::{Error, Result};
use crate::passwords::foreign::{Digest, Foreign};
use crate::passwords::kernel::HASH_BYTES;
use crate::shares::{Amount, Network, Shares, Ticket};
use std::sync::mpsc::SyncSender;
use zeroize::Zeroizing;

/// How often those that cost little may pass one that costs much, where there are several threads:
/// a second or two of theirs, so that a flood of logins does not keep it waiting for good.
const PASSED: u32 = 8;

/// How many times the usual cost is much.
const MUCH: u64 = 4;

/// Rounds of PBKDF2-SHA-256 that count as usual at the least, where few are configured. Four times
/// as many take a third of a second.
const USUAL: u32 = 600_000;

pub(super) struct Queue {
    waiting: Shares<Waiting>,
    costly: Shares<Waiting>,
    /// Rounds beyond which a hash is costly.
    much: u64,
    /// Costly ones that may wait.
    most_costly: usize,
    threads: usize,
    pub(super) idle: usize,
    costly_runs: bool,
    /// How often those that wait have passed a costly one.
    passed: u32,
    /// Bytes that the foreign hashes which run take.
    pub(super) in_use: usize,
    pub(super) closed: bool,
}

/// A hash that somebody waits for.
pub(super) enum Waiting {
    Pbkdf2(Pbkdf2),
    Foreign(ForeignCheck),
}

/// PBKDF2-HMAC-SHA256, as the kernel computes it.
pub(super) struct Pbkdf2 {
    pub(super) password: Zeroizing<Vec<u8>>,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u32,
    pub(super) reply: SyncSender<Result<[u8; HASH_BYTES]>>,
}

pub(super) struct ForeignCheck {
    pub(super) password: Zeroizing<Vec<u8>>,
    pub(super) hash: Foreign,
    pub(super) reply: SyncSender<Result<bool>>,
}

/// What a thread takes at a time.
pub(super) struct Taken {
    pub(super) work: Work,
    pub(super) costly: bool,
}

pub(super) enum Work {
    Together(Vec<Pbkdf2>),
    Alone(ForeignCheck),
}

impl Waiting {
    fn memory(&self) -> usize {
        match self {
            Self::Pbkdf2(_) => 0,
            Self::Foreign(check) => check.hash.memory(),
        }
    }

    /// About how many rounds of PBKDF2-SHA-256, as the kernel computes them, take as long.
    fn rounds(&self) -> u64 {
        match self {
            Self::Pbkdf2(own) => own.iterations.into(),
            Self::Foreign(check) => match &check.hash {
                // By the crate, without three at once; SHA-512 without instructions of its own.
                Foreign::Pbkdf2 { digest: Digest::Sha512, iterations, .. } => {
                    9 * u64::from(*iterations)
                }
                Foreign::Pbkdf2 { iterations, .. } => 2 * u64::from(*iterations),
                // Cost 12 takes a quarter of a second.
                Foreign::Bcrypt { cost, .. } => 470 << cost,
                Foreign::Argon2 { kib, passes, .. } => 11 * u64::from(*kib) * u64::from(*passes),
                Foreign::Scrypt { log_n, r, p, .. } => {
                    (20 * u64::from(*r) * u64::from(*p)) << log_n >> 3
                }
            },
        }
    }

    /// Tells whoever waits that there was no room.
    fn turn_away(self) {
        let refused = "too many passwords are waiting to be checked against hashes of a high cost";
        let error = Error::Overloaded(refused);
        // Nobody waits when the caller panicked.
        match self {
            Self::Pbkdf2(own) => drop(own.reply.send(Err(error))),
            Self::Foreign(check) => drop(check.reply.send(Err(error))),
        }
    }
}

impl Queue {
    /// A queue for so many threads, where hashes of so many rounds are usual.
    pub(super) fn new(threads: usize, usual: u32, most_costly: usize) -> Self {
        Self {
            waiting: Shares::default(),
            costly: Shares::default(),
            much: MUCH * u64::from(usual.max(USUAL)),
            most_costly,
            threads,
            idle: 0,
            costly_runs: false,
            passed: 0,
            in_use: 0,
            closed: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.costly.is_empty()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.held().count + self.costly.held().count
    }

    /// Adds a hash that a client of this network waits for. One that costs much and finds no room is
    /// answered at once, or another one in its place.
    pub(super) fn push(&mut self, network: Network, waiting: Waiting) {
        if waiting.rounds() <= self.much {
            self.waiting.insert(network, waiting, 1);
            return;
        }
        let most = Amount { count: self.most_costly, weight: usize::MAX };
        match self.costly.admit(network, waiting, 1, most) {
            Ok((_, displaced)) => displaced.into_iter().for_each(Waiting::turn_away),
            Err(newcomer) => newcomer.turn_away(),
        }
    }

    /// What can be done now: the next in turn, with a fair share of its like if it is one of ours.
    pub(super) fn take(&mut self, lanes: usize, budget: usize) -> Option<Taken> {
        let room = budget.saturating_sub(self.in_use);
        let may_run = !self.costly_runs && !self.costly.is_empty();
        let due = may_run && self.threads > 1 && self.passed >= PASSED;
        let costly = self.costly.find(|waiting| waiting.memory() <= room).filter(|_| may_run);
        // One that is due keeps others from the memory that it waits for.
        let first = self.first(room, due && costly.is_none());
        match (costly, first) {
            (Some(costly), None) => self.take_costly(costly),
            (Some(costly), Some(_)) if due => self.take_costly(costly),
            (_, first) => {
                let taken = self.take_usual(first?, lanes, room);
                self.passed = if may_run { self.passed + 1 } else { 0 };
                taken
            }
        }
    }

    /// The first in turn of those that cost little, of those that memory is there for.
    fn first(&self, room: usize, mut held_up: bool) -> Option<Ticket> {
        self.waiting.find(|waiting| {
            let memory = waiting.memory();
            held_up |= memory > room;
            memory == 0 || !held_up
        })
    }

    fn take_usual(&mut self, first: Ticket, lanes: usize, room: usize) -> Option<Taken> {
        let work = match self.waiting.serve(first)? {
            Waiting::Foreign(check) => {
                self.in_use += check.hash.memory();
                Work::Alone(check)
            }
            Waiting::Pbkdf2(one) => {
                let left = self.waiting.held().count + 1;
                let share = left.div_ceil(self.idle.max(1)).min(lanes);
                let mut taken = vec![one];
                while taken.len() < share
                    && let Some(next) = self.first(room, false)
                    && let Some(Waiting::Pbkdf2(_)) = self.waiting.get(next)
                    && let Some(Waiting::Pbkdf2(own)) = self.waiting.serve(next)
                {
                    taken.push(own);
                }
                Work::Together(taken)
            }
        };
        Some(Taken { work, costly: false })
    }

    fn take_costly(&mut self, ticket: Ticket) -> Option<Taken> {
        let waiting = self.costly.serve(ticket)?;
        (self.costly_runs, self.passed) = (true, 0);
        self.in_use += waiting.memory();
        let work = match waiting {
            Waiting::Pbkdf2(own) => Work::Together(vec![own]),
            Waiting::Foreign(check) => Work::Alone(check),
        };
        Some(Taken { work, costly: true })
    }

    /// What was taken is done.
    pub(super) fn done(&mut self, memory: usize, costly: bool) {
        self.in_use -= memory;
        self.costly_runs &= !costly;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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

    /// A queue with these waiting, and what is taken from it in turn: `p` and how many of ours, `P`
    /// for one that costs much, or the kibibytes of a foreign one; `-` for nothing.
    fn order(waiting: &[&str], in_use: usize) -> String {
        let waiting: Vec<_> = waiting.iter().map(|word| (0, *word)).collect();
        order_of(Queue { idle: 1, in_use, ..Queue::new(1, 1, 4) }, &waiting)
    }

    /// The same with the number of a network for each.
    fn order_of(mut queue: Queue, waiting: &[(usize, &str)]) -> String {
        let (own, own_answers) = sync_channel(1);
        let (foreign, foreign_answers) = sync_channel(1);
        let password = || Zeroizing::new(b"x".to_vec());
        for (of, word) in waiting {
            let own = |iterations| {
                let (password, salt, reply) = (password(), Vec::new(), own.clone());
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
            let (password, salt, reply) = (Zeroizing::new(Vec::new()), Vec::new(), reply.clone());
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
            let (password, salt) = (Zeroizing::new(Vec::new()), Vec::new());
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
        let rounds = |text: &str| {
            let (reply, _answer) = sync_channel(1);
            let (password, hash) = (Zeroizing::new(Vec::new()), text.parse().unwrap());
            Waiting::Foreign(ForeignCheck { password, hash, reply }).rounds()
        };
        let hash = "c29tZXNhbHQ$AFQeApHkE9rBoyI8+cqHXw";
        let bcrypt = "LcfXw6rBHCTkIjAgKHKHc.mHKSjQbG0RX5HRxbMdZy4RuqQDvAVH2";
        for (text, much) in [
            (format!("$2b$12${bcrypt}"), false),
            (format!("$2b$14${bcrypt}"), true),
            (format!("$argon2id$v=19$m=102400,t=2,p=8${hash}"), false),
            (format!("$argon2id$v=19$m=524288,t=2,p=8${hash}"), true),
            (format!("$pbkdf2-sha512$210000${hash}"), false),
            (format!("$pbkdf2-sha512$10000000${hash}"), true),
        ] {
            assert_eq!(rounds(&text) > queue.much, much, "{text}");
        }
    }
}
