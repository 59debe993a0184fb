//! What an instance remembers of the audit log between requests: whether rows wait to be sealed,
//! and what was counted instead of written.
//!
//! A flood of failures must not fill the disk, so only a limited number a minute get a row each.
//! The number of the others gets one row.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time for which failures are counted together.
const MINUTE: Duration = Duration::from_secs(60);

/// How long after a row was begun it may turn up: far longer than its transaction takes.
const TURNS_UP: Duration = Duration::from_secs(5);

/// What is counted. Failures share one quota of rows: with two, once one was used up, the time of a
/// failure would tell whether the login exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// A wrong password of a user.
    OfUser,
    /// An unknown login.
    OfNobody,
    /// The right password of a user who is locked.
    OfLocked,
    /// The right password of a user whose account has expired.
    OfExpired,
    /// The right password of a user who must show a second factor too.
    Unfinished,
    /// A wrong code.
    OfCode,
    /// An attempt that was refused untried.
    Refused,
}

impl Counted {
    /// All of them, in the order in which they are written.
    pub(crate) const ALL: [Self; 7] = [
        Self::OfUser,
        Self::OfNobody,
        Self::OfLocked,
        Self::OfExpired,
        Self::Unfinished,
        Self::OfCode,
        Self::Refused,
    ];
}

/// How many of each kind were counted and not written, in the order of [`Counted::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unwritten([u64; Counted::ALL.len()]);

impl Unwritten {
    /// The kinds of which there are some.
    pub(crate) fn counts(self) -> impl Iterator<Item = (Counted, u64)> {
        Counted::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

/// See the module.
pub(crate) struct Journal(Mutex<State>);

struct State {
    /// When the minute that is being counted began, if anything was counted.
    began: Option<Instant>,
    written: u32,
    unwritten: Unwritten,
    /// When the last row was begun.
    row_at: Option<Instant>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        let unwritten = Unwritten::default();
        Self(Mutex::new(State { began: None, written: 0, unwritten, row_at: None }))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this one gets a row of its own: the first `most` failures in a minute do.
    pub(crate) fn is_written(&self, what: Counted, most: u32) -> bool {
        let mut state = self.state();
        state.began.get_or_insert_with(Instant::now);
        if what != Counted::Refused && state.written < most {
            state.written += 1;
            return true;
        }
        state.unwritten.0[what as usize] += 1;
        false
    }

    /// What was counted in the last minute, if anything, once it has ended or `now` is set.
    pub(crate) fn take(&self, now: bool) -> Option<Unwritten> {
        let mut state = self.state();
        state.began.filter(|began| now || began.elapsed() >= MINUTE)?;
        state.began = None;
        state.written = 0;
        let taken = std::mem::take(&mut state.unwritten);
        (taken != Unwritten::default()).then_some(taken)
    }

    /// Puts back what could not be written.
    pub(crate) fn put_back(&self, unwritten: Unwritten) {
        let mut state = self.state();
        state.began.get_or_insert_with(Instant::now);
        for (kind, count) in unwritten.counts() {
            state.unwritten.0[kind as usize] += count;
        }
    }

    /// Says that a row is about to be written.
    pub(crate) fn row_begins(&self) {
        self.state().row_at = Some(Instant::now());
    }

    /// Whether a row of this instance may wait to be sealed.
    pub(crate) fn may_wait(&self) -> bool {
        self.state().row_at.is_some_and(|at| at.elapsed() < TURNS_UP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_minute_are_written_and_the_others_counted() {
        let journal = Journal::new();
        assert_eq!(journal.take(true), None);
        let written = |what| (0..10).filter(|_| journal.is_written(what, 3)).count();
        assert_eq!(written(Counted::OfNobody), 3);
        for what in Counted::ALL.into_iter().filter(|what| *what != Counted::OfNobody) {
            assert_eq!(written(what), 0);
        }
        assert_eq!(journal.take(false), None);
        let expected = Unwritten([10, 7, 10, 10, 10, 10, 10]);
        assert_eq!(journal.take(true), Some(expected));
        assert_eq!(journal.take(true), None);
        journal.put_back(expected);
        assert_eq!(written(Counted::OfUser), 3);
        let seventeen = Unwritten([17, 7, 10, 10, 10, 10, 10]);
        assert_eq!(journal.take(true), Some(seventeen));
        assert_eq!(seventeen.counts().next(), Some((Counted::OfUser, 17)));
    }
}
