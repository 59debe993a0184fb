//! Warns once in a process when a hash takes much longer than it should.
//!
//! A debug build of a program that embeds Gatepost does not optimise it, and one registration then
//! takes seconds. Nothing else says why.
//!
//! The processor time of the thread is measured, so a busy machine does not matter. A release build
//! says nothing: there the machine is slow.

use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How many times its expected cost a hash must take. `cost` counts for a slow core already, and a
/// build without optimisation is far slower than that.
const SLOWER: u32 = 2;

/// The least processor time that is worth a warning.
const LEAST: Duration = Duration::from_millis(500);

static SAID: AtomicBool = AtomicBool::new(false);

/// What a thread has computed since it last had nothing to do, or since the last look.
#[derive(Debug, Default)]
pub(super) struct Watch {
    expected: Duration,
    spent: Duration,
}

impl Watch {
    /// Computes something, and warns when such things take much longer than the nanoseconds that
    /// they should take on a slow core.
    pub(super) fn over<T>(
        &mut self,
        compute: impl FnOnce() -> T,
        expected: impl FnOnce(&T) -> u64,
    ) -> T {
        if !cfg!(debug_assertions) {
            return compute();
        }
        let begin = processor_time();
        let computed = compute();
        self.spent += processor_time().saturating_sub(begin);
        self.expected += Duration::from_nanos(expected(&computed));
        let Self { expected, spent } = *self;
        if is_slow(expected, spent) && !SAID.swap(true, Ordering::Relaxed) {
            log::warn!(
                "hashing took {spent:.1?} of processor time, where a slow machine takes {expected:.1?}. \
                 This is a debug build, and Gatepost is probably not optimised in it. Put \
                 `[profile.dev.package.\"*\"]` and below it `opt-level = 2` into the Cargo.toml of \
                 your workspace"
            );
        }
        if spent > LEAST {
            *self = Self::default();
        }
        computed
    }
}

fn is_slow(expected: Duration, spent: Duration) -> bool {
    spent > LEAST.max(SLOWER * expected)
}

/// The processor time of this thread so far.
pub(super) fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_slow_at_twice_its_cost_and_never_under_half_a_second() {
        let ms = Duration::from_millis;
        for (expected, spent, slow) in [
            (480, 900, false),
            (480, 1_000, true),
            (1, 450, false),
            (1, 550, true),
            (1_440, 2_800, false),
            (1_440, 2_900, true),
        ] {
            assert_eq!(is_slow(ms(expected), ms(spent)), slow, "{spent} of {expected}");
        }
    }
}
