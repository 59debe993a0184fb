//! Networks with a recent success, which are next among equals.

use super::network::Network;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// How long a success counts.
const RECENT: Duration = Duration::from_secs(600);

/// How often a network is preferred for it, at most.
const ONCE_IN: Duration = Duration::from_secs(60);

/// Networks that are remembered. Two with the same place take it from each other.
const PLACES: usize = 1024;

/// Networks that have just succeeded: each is preferred once a minute among those with the same
/// claim. The table has a fixed size, so successes cost no memory.
#[derive(Debug)]
pub(crate) struct Successes {
    places: Box<[Option<Success>]>,
    /// Its keys are random, so that a client cannot choose whose place to take.
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug)]
struct Success {
    block: u64,
    at: Instant,
    preferred: Option<Instant>,
}

impl Default for Successes {
    fn default() -> Self {
        Self { places: vec![None; PLACES].into(), hasher: RandomState::new() }
    }
}

impl Successes {
    fn place(&mut self, network: Network) -> &mut Option<Success> {
        let hash = self.hasher.hash_one(network.block) as usize;
        &mut self.places[hash % PLACES]
    }

    /// Notes a success of a network.
    pub(crate) fn note(&mut self, network: Network, now: Instant) {
        let place = self.place(network);
        // Kept from another network too: losing the place and taking it again must not pay.
        let preferred = place.and_then(|earlier| earlier.preferred);
        *place = Some(Success { block: network.block, at: now, preferred });
    }

    /// Whether a network is preferred now. After that it is not, for a minute.
    pub(crate) fn claim(&mut self, network: Network, now: Instant) -> bool {
        let since = |at: Instant| now.saturating_duration_since(at);
        let Some(success) = self.place(network) else { return false };
        let recent = success.block == network.block && since(success.at) < RECENT;
        let preferred = recent && success.preferred.is_none_or(|at| since(at) >= ONCE_IN);
        if preferred {
            success.preferred = Some(now);
        }
        preferred
    }
}
