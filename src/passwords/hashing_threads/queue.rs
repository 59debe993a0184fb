//! The hashes that wait for the hashing threads, and which one a thread takes next.
//!
//! Networks of clients are served in turn (`shares`), one hash each. A thread computes several of
//! ours at once, as many as end the waiting soonest where all threads have an equal share, and takes
//! the next as soon as there is a lane for it. It computes a foreign hash alone: the thread that takes
//! one takes no more until it is done. One that needs memory must wait until the running ones leave
//! enough of the budget. Until then others pass it, except those that need memory too.
//!
//! Lanes that are all taken become free when they will, and those that were taken together become free
//! together. So where there are many, the last one of all is kept for a network that has none: its
//! client need not wait for a flood to end a batch.
//!
//! A hash that costs several times what a login usually does waits apart, after the others: an
//! import may bring some, and guesses at them must not stop all logins. One thread at a time
//! computes such a hash, alone, and never the only thread while others wait. Each one that waits
//! holds a worker, so their number is bounded. Beyond the bound the network with most of them gives
//! way.

use crate::error::{Error, Result};
use crate::passwords::cost;
use crate::passwords::foreign::Foreign;
use crate::passwords::kernel::{HASH_BYTES, Kernel};
use crate::shares::{Amount, Network, Shares, Ticket};
use std::collections::BTreeMap;
use std::sync::mpsc::SyncSender;
use zeroize::Zeroizing;

/// How often cheap hashes may pass a costly one where there are several threads, for each lane of a
/// thread. That is a second or two of theirs, so a flood of logins does not keep it waiting for good.
const PASSED: usize = 8;

/// A hash of this many times the usual cost is costly. Twice 600,000 rounds are half of the most
/// that any stored hash may cost.
const MUCH: u64 = 2;

/// From how many lanes of a thread on one of all is kept: there it is little to lose.
const MANY: usize = 8;

/// The least rounds of PBKDF2-SHA-256 that count as usual, where fewer are configured.
const USUAL: u32 = 600_000;

pub(super) struct Queue {
    waiting: Shares<Waiting>,
    costly: Shares<Waiting>,
    /// The cost beyond which a hash is costly.
    much: u64,
    /// How many costly ones may wait.
    most_costly: usize,
    threads: usize,
    /// Threads that have taken a hash that is computed alone.
    occupied: usize,
    /// Hashes that the other threads compute.
    pub(super) running: usize,
    /// How many of these are each network's.
    running_of: BTreeMap<Network, usize>,
    costly_runs: bool,
    /// How often waiting hashes have passed a costly one.
    passed: usize,
    /// Bytes that the foreign hashes which run take.
    pub(super) in_use: usize,
    pub(super) closed: bool,
}

/// A hash that a caller waits for.
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
pub(super) enum Taken {
    /// One of ours, for a lane, and the network whose it is.
    Own(Pbkdf2, Network),
    /// One that the thread computes when its lanes are empty.
    Alone(Alone),
}

/// A hash that is computed alone.
pub(super) struct Alone {
    pub(super) work: Waiting,
    pub(super) costly: bool,
}

impl Waiting {
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Pbkdf2(_) => 0,
            Self::Foreign(check) => check.hash.memory(),
        }
    }

    /// Its cost, in the unit that bounds stored hashes.
    fn cost(&self) -> u64 {
        match self {
            Self::Pbkdf2(own) => cost::of_iterations(own.iterations),
            Self::Foreign(check) => cost::of_foreign(&check.hash),
        }
    }

    /// Tells the caller that there was no room.
    fn turn_away(self) {
        let refused = "too many passwords are waiting to be checked against hashes of a high cost";
        let error = Error::Overloaded(refused);
        // Nothing receives it when the caller panicked.
        match self {
            Self::Pbkdf2(own) => drop(own.reply.send(Err(error))),
            Self::Foreign(check) => drop(check.reply.send(Err(error))),
        }
    }
}

impl Queue {
    /// A queue for this many threads, where hashes of `usual` rounds are usual.
    pub(super) fn new(threads: usize, usual: u32, most_costly: usize) -> Self {
        Self {
            waiting: Shares::default(),
            costly: Shares::default(),
            much: MUCH * cost::of_iterations(usual.max(USUAL)),
            most_costly,
            threads,
            occupied: 0,
            running: 0,
            running_of: BTreeMap::new(),
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

    /// Adds a hash that a client of this network waits for. If it is costly and there is no room,
    /// it is refused at once, or another one is in its place.
    pub(super) fn push(&mut self, network: Network, waiting: Waiting) {
        if waiting.cost() <= self.much {
            self.waiting.insert(network, waiting, 1);
            return;
        }
        let most = Amount { count: self.most_costly, weight: usize::MAX };
        match self.costly.admit(network, waiting, 1, most) {
            Ok((_, displaced)) => displaced.into_iter().for_each(Waiting::turn_away),
            Err(newcomer) => newcomer.turn_away(),
        }
    }

    /// Takes the next in turn of what can be computed now, for a thread that computes `held` hashes.
    pub(super) fn take(&mut self, held: usize, kernel: &Kernel, budget: usize) -> Option<Taken> {
        let room = budget.saturating_sub(self.in_use);
        let may_run = !self.costly_runs && !self.costly.is_empty();
        let due = may_run && self.threads > 1 && self.passed >= PASSED * kernel.lanes();
        let costly = self.costly.find(|_, waiting| waiting.memory() <= room).filter(|_| may_run);
        // A costly one that is due keeps others from the memory that it waits for.
        let held_up = due && costly.is_none();
        let first = self.first(room, held_up, false);
        match (costly, first) {
            (Some(costly), None) => self.take_costly(costly),
            (Some(costly), Some(_)) if due => self.take_costly(costly),
            (_, first) => {
                first.filter(|_| held < self.share(kernel))?;
                let last = self.running + 1 >= self.threads_for_ours() * kernel.lanes();
                let first = self.first(room, held_up, last && kernel.lanes() >= MANY)?;
                self.passed = if may_run { self.passed + 1 } else { 0 };
                self.take_usual(first)
            }
        }
    }

    /// How many hashes a thread should compute, of those that run and wait.
    fn share(&self, kernel: &Kernel) -> usize {
        let all = self.running + self.waiting.held().count;
        kernel.at_once(all.div_ceil(self.threads_for_ours()))
    }

    fn threads_for_ours(&self) -> usize {
        self.threads.saturating_sub(self.occupied).max(1)
    }

    /// The first in turn of the cheap ones that there is memory for; if a lane is `kept`, of those
    /// whose network computes none.
    fn first(&self, room: usize, mut held_up: bool, kept: bool) -> Option<Ticket> {
        self.waiting.find(|network, waiting| {
            if kept && self.running_of.contains_key(&network) {
                return false;
            }
            let memory = waiting.memory();
            held_up |= memory > room;
            memory == 0 || !held_up
        })
    }

    fn take_usual(&mut self, first: Ticket) -> Option<Taken> {
        let network = first.network();
        Some(match self.waiting.serve(first)? {
            Waiting::Pbkdf2(own) => {
                self.running += 1;
                *self.running_of.entry(network).or_insert(0) += 1;
                Taken::Own(own, network)
            }
            work @ Waiting::Foreign(_) => self.alone(Alone { work, costly: false }),
        })
    }

    fn take_costly(&mut self, ticket: Ticket) -> Option<Taken> {
        let work = self.costly.serve(ticket)?;
        (self.costly_runs, self.passed) = (true, 0);
        Some(self.alone(Alone { work, costly: true }))
    }

    fn alone(&mut self, alone: Alone) -> Taken {
        self.in_use += alone.work.memory();
        self.occupied += 1;
        Taken::Alone(alone)
    }

    /// Notes that a hash of this network has left its lane.
    pub(super) fn finished(&mut self, network: Network) {
        self.running -= 1;
        if let Some(running) = self.running_of.get_mut(&network) {
            *running -= 1;
            if *running == 0 {
                self.running_of.remove(&network);
            }
        }
    }

    /// Notes that a hash that was computed alone is done, and gives its memory back.
    pub(super) fn done(&mut self, memory: usize, costly: bool) {
        self.in_use -= memory;
        self.occupied -= 1;
        self.costly_runs &= !costly;
    }
}

#[cfg(test)]
mod tests;
