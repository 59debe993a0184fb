//! The chains that one thread advances together.
//!
//! Chains know nothing of each other. So one may come at any time, and one that ends leaves a lane
//! for the next at once. A stretch is advanced in the way, and with as many lanes, as ends the
//! waiting of all soonest (`Table::at_once`); those with the least left go first.

use super::chain::Chain;
use super::job::{HASH_BYTES, Job};
use super::ways::Ways;
use zeroize::Zeroize;

/// The chains of a thread, each with what its owner wants to remember of it.
pub(crate) struct Lanes<T> {
    held: Vec<Held<T>>,
}

struct Held<T> {
    chain: Box<Chain>,
    /// Iterations.
    left: u32,
    what: T,
}

/// How far a stretch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Chains.
    pub(crate) at_once: usize,
    /// Iterations of each.
    pub(crate) iterations: u32,
}

impl<T> Lanes<T> {
    pub(crate) const fn new() -> Self {
        Self { held: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Begins a hash.
    pub(crate) fn add(&mut self, job: &Job<'_>, what: T) {
        let left = job.iterations.saturating_sub(1);
        self.held.push(Held { chain: Chain::start(job), left, what });
    }

    /// Takes out a chain that has ended.
    pub(crate) fn finished(&mut self) -> Option<(T, [u8; HASH_BYTES])> {
        let place = self.held.iter().position(|held| held.left == 0)?;
        let Held { chain, what, .. } = self.held.swap_remove(place);
        wipe_stack();
        Some((what, chain.hash()))
    }

    /// Advances some of the chains for about a twentieth of a millisecond, or until one ends. Those
    /// that have ended must have been taken out.
    pub(super) fn advance(&mut self, ways: &Ways) -> Stretch {
        let at_once = ways.table.at_once(self.held.len());
        if at_once < self.held.len() {
            self.held.select_nth_unstable_by_key(at_once, |held| held.left);
        }
        let taken = &mut self.held[..at_once];
        let left = taken.iter().map(|held| held.left).min().unwrap_or(0);
        let iterations = left.min(ways.table.stretch(at_once));
        let mut chains: Vec<&mut Chain> = Vec::with_capacity(at_once);
        for held in taken {
            held.left -= iterations;
            chains.push(&mut held.chain);
        }
        ways.advance(&mut chains, iterations);
        Stretch { at_once, iterations }
    }
}

/// Overwrites the stack where the frames of the inner loops were, with the states that did not fit in
/// the registers. That is as far as safe code can go, since only the compiler knows the place. Done
/// when a hash has ended: until then its chain is there anyway.
#[inline(never)]
fn wipe_stack() {
    [0_u64; 2048].zeroize();
}
