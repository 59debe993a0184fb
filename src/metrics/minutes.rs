//! What happened in each of the last sixty minutes, without a thread that looks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many minutes are kept.
pub(crate) const MINUTES: usize = 60;

/// A counter for each minute, under its number modulo sixty: the upper half says which minute it is of.
pub(crate) struct Minutes([AtomicU64; MINUTES]);

impl Minutes {
    pub(crate) const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; MINUTES])
    }

    /// Counts one now.
    pub(crate) fn count(&self) {
        self.count_in(this_minute());
    }

    fn count_in(&self, minute: u32) {
        let place = &self.0[minute as usize % MINUTES];
        let more = |held: u64| {
            let of_now = (held >> 32) as u32 == minute;
            let count = if of_now { held as u32 } else { 0 };
            Some(u64::from(minute) << 32 | u64::from(count.saturating_add(1)))
        };
        // The closure never declines.
        let _ = place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// What was counted in each minute, the oldest first and this one last.
    pub(crate) fn read(&self) -> [u32; MINUTES] {
        self.read_at(this_minute())
    }

    fn read_at(&self, minute: u32) -> [u32; MINUTES] {
        std::array::from_fn(|at| {
            let of = minute.wrapping_sub((MINUTES - 1 - at) as u32);
            let held = self.0[of as usize % MINUTES].load(Ordering::Relaxed);
            if (held >> 32) as u32 == of { held as u32 } else { 0 }
        })
    }
}

/// The minute since 1970-01-01 UTC.
fn this_minute() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    u32::try_from(since / 60).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_and_what_was_before_is_forgotten() {
        let minutes = Minutes::new();
        for minute in [100, 100, 101, 159] {
            minutes.count_in(minute);
        }
        let read = minutes.read_at(159);
        assert_eq!((read[0], read[1], read[59], read.iter().sum::<u32>()), (2, 1, 1, 4));
        let read = minutes.read_at(160);
        assert_eq!((read[0], read[58], read.iter().sum::<u32>()), (1, 1, 2));
        minutes.count_in(160);
        assert_eq!(minutes.read_at(160)[59], 1);
        assert_eq!(minutes.read_at(1_000).iter().sum::<u32>(), 0);
        // A clock that is set back finds what was of then.
        assert_eq!(minutes.read_at(159).iter().sum::<u32>(), 2);
    }
}
