//! What waits for the hashing threads, and what a thread takes next.
//!
//! A thread takes up to three of ours at once, since the kernel computes three together in less than
//! twice the time of one; but it leaves some to threads that are idle. A foreign hash it takes
//! alone, and one that needs memory only when what runs already leaves enough of the budget; until
//! then others pass it, but no other one that needs memory.

use crate::error::Result;
use crate::passwords::foreign::Foreign;
use crate::passwords::kernel::HASH_BYTES;
use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use zeroize::Zeroizing;

#[derive(Default)]
pub(super) struct Queue {
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) idle: usize,
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
    pub(super) reply: SyncSender<[u8; HASH_BYTES]>,
}

pub(super) struct ForeignCheck {
    pub(super) password: Zeroizing<Vec<u8>>,
    pub(super) hash: Foreign,
    pub(super) reply: SyncSender<Result<bool>>,
}

/// What a thread takes at a time.
pub(super) enum Taken {
    Together(Vec<Pbkdf2>),
    Alone(ForeignCheck),
}

impl Queue {
    /// The first that can be done now, with a fair share of its like if it is one of ours.
    pub(super) fn take(&mut self, lanes: usize, budget: usize) -> Option<Taken> {
        let room = budget.saturating_sub(self.in_use);
        let mut held_up = false;
        let first = self.waiting.iter().position(|waiting| match waiting {
            Waiting::Pbkdf2(_) => true,
            Waiting::Foreign(check) => {
                let memory = check.hash.memory();
                held_up |= memory > room;
                memory == 0 || !held_up
            }
        })?;
        match self.waiting.remove(first)? {
            Waiting::Foreign(check) => {
                self.in_use += check.hash.memory();
                Some(Taken::Alone(check))
            }
            Waiting::Pbkdf2(one) => {
                let share = (self.waiting.len() + 1).div_ceil(self.idle).min(lanes);
                let mut taken = vec![one];
                while taken.len() < share
                    && let Some(Waiting::Pbkdf2(_)) = self.waiting.get(first)
                    && let Some(Waiting::Pbkdf2(next)) = self.waiting.remove(first)
                {
                    taken.push(next);
                }
                Some(Taken::Together(taken))
            }
        }
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

    /// A queue with these waiting, and what is taken from it in turn: `p` and how many of ours, or
    /// the kibibytes of a foreign one; `-` for nothing.
    fn order(waiting: &[&str], in_use: usize) -> String {
        let (own, own_answers) = sync_channel(1);
        let (foreign, foreign_answers) = sync_channel(1);
        let mut queue = Queue { idle: 1, in_use, ..Queue::default() };
        let password = || Zeroizing::new(b"x".to_vec());
        for word in waiting {
            queue.waiting.push_back(match *word {
                "p" => Waiting::Pbkdf2(Pbkdf2 {
                    password: password(),
                    salt: Vec::new(),
                    iterations: 1,
                    reply: own.clone(),
                }),
                kib => {
                    let kib: u32 = kib.parse().unwrap();
                    let hash = if kib == 0 { cheap() } else { memory_hard(kib) };
                    let reply = foreign.clone();
                    Waiting::Foreign(ForeignCheck { password: password(), hash, reply })
                }
            });
        }
        drop((own_answers, foreign_answers));
        let mut order = Vec::new();
        loop {
            match queue.take(3, 1024 << 10) {
                Some(Taken::Together(taken)) => order.push(format!("p{}", taken.len())),
                Some(Taken::Alone(check)) => order.push((check.hash.memory() >> 10).to_string()),
                None if queue.waiting.is_empty() => return order.join(" "),
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
}
