//! Whether the database was set back: restored from a backup, or taken over by a standby that
//! lacked the last commits.
//!
//! What was given out or seen before is then ahead of the rows: a refresh token with a counter that
//! its session has not reached, a seal of the audit log that is missing. A session number that was
//! never given out is such a sign too. None of these can be forged without a key. An instance
//! reports it once, however many signs there are, until `gatepost database after-restore` has run.
//! That command takes the generation of the keys from the clock, in milliseconds, far ahead of any
//! rotation.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The least distance between generations if `database after-restore` has run between them: a
/// second of the clock. Rotations count by one.
const APART: u64 = 1_000;

/// The end of the audit log's chain, as it was seen, and the generation of the refresh keys then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChainEnd {
    pub(crate) number: i64,
    pub(crate) mac: Vec<u8>,
    pub(crate) generation: i64,
}

/// What an instance remembers about it.
#[derive(Default)]
pub(crate) struct SetBack {
    /// The generation of the refresh keys when it was reported.
    said: Mutex<Option<i64>>,
    end: Mutex<Option<ChainEnd>>,
}

impl SetBack {
    /// Whether it has not been reported yet, with keys of this generation or one that a rotation
    /// leads to or from. It then counts as reported.
    pub(crate) fn is_news(&self, generation: i64) -> bool {
        let mut said = lock(&self.said);
        let is_news = !was_said(*said, generation);
        if is_news {
            *said = Some(generation);
        }
        is_news
    }

    /// Whether it has been reported, with keys of this generation.
    pub(crate) fn is_said(&self, generation: i64) -> bool {
        was_said(*lock(&self.said), generation)
    }

    /// Where the chain ended when it was last read. The lock is held while it is read again, so
    /// that no thread compares an older reading with a newer one.
    pub(crate) fn end(&self) -> MutexGuard<'_, Option<ChainEnd>> {
        lock(&self.end)
    }
}

/// Whether `database after-restore` has run between two generations.
pub(crate) fn is_repaired(before: i64, now: i64) -> bool {
    now > before && now.abs_diff(before) >= APART
}

fn was_said(said: Option<i64>, generation: i64) -> bool {
    said.is_some_and(|before| before.abs_diff(generation) < APART)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_news_once_and_again_after_the_command_has_moved_the_generation() {
        let set_back = SetBack::default();
        let news = |generation| set_back.is_news(generation);
        assert_eq!([news(5), news(5), news(3), news(6)], [true, false, false, false]);
        let repaired = 1_795_000_000_000;
        assert_eq!([news(repaired), news(repaired), news(repaired + 1)], [true, false, false]);
        // The same backup once more, and the command once more.
        assert_eq!([news(5), news(5), news(repaired + 60_000)], [true, false, true]);
        assert!(is_repaired(5, repaired) && !is_repaired(repaired, 5) && !is_repaired(5, 6));
    }
}
