//! What an instance remembers of the list of revocations: where its parts begin, and the parts made
//! a moment ago. Anyone may ask for the list, and this keeps the cost the same however many ask.
//!
//! **Parts.** The list is divided at starts, one after every thousandth entry. A position is
//! answered with the part that it lies in, from the part's start on, so inventing positions yields
//! no more different answers than there are parts. Only the last part, which clients that follow
//! the list read, is given out in pieces too: as many of its last entries as were asked for, or up
//! to a quarter more. That makes some forty pieces. An entry that is sent twice changes nothing.
//!
//! **Once a second.** Each part is read, ordered and signed at most once in [`FRESH`], by one
//! thread. Others who ask meanwhile get the previous one, if it is not older than [`STALE`], or
//! wait for that thread. If it fails, they fail with it.
//!
//! **Bounds.** At most [`MADE`] parts besides the last are made a second; anyone who asks for one
//! more must come back later. So nobody is refused while fewer than 64,000 sessions were revoked in
//! the time that the list looks back, and clients that follow the list are never refused at all. At
//! 40 to 110 kB each, the parts fill 7 MB then, and some 100 kB as a rule.

use crate::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// After a moment, and after a session that was revoked in it.
pub(crate) type Position = (i64, i64);

const BEGINNING: Position = (0, 0);

/// How long a part is given out.
const FRESH: Duration = Duration::from_secs(1);

/// How long it is given out while the next one is being made.
const STALE: Duration = Duration::from_secs(2);

/// Parts made a second, besides the last one: some 100 ms of a core.
const MADE: usize = 64;

/// Bytes in all beyond which a part is forgotten as soon as it is not fresh.
const ROOM: usize = 4 << 20;

/// A part as it is sent.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) body: String,
    pub(crate) etag: String,
    /// The key that has signed it.
    pub(crate) kid: String,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Board {
    state: Mutex<State>,
    /// Locked by the thread that makes a part.
    making: Mutex<()>,
}

#[derive(Default)]
struct State {
    starts: BTreeSet<Position>,
    /// The entries of the last part, and when they were read.
    last: Vec<Position>,
    surveyed: Option<Instant>,
    made: BTreeMap<Position, (Instant, Arc<Part>)>,
    failed: Option<(Instant, Error)>,
}

impl State {
    fn last_start(&self) -> Position {
        self.starts.last().copied().unwrap_or(BEGINNING)
    }

    /// Where the answer to a position begins.
    fn start(&self, from: Position) -> Position {
        let part = self.starts.range(..=from).next_back().copied().unwrap_or(BEGINNING);
        if part != self.last_start() {
            return part;
        }
        let behind = self.last.len() - self.last.partition_point(|entry| *entry <= from);
        let step = (behind.next_power_of_two() / 8).max(1);
        let before = self.last.len().checked_sub(behind.next_multiple_of(step) + 1);
        // The entries may be those from before the part was divided.
        before.map_or(part, |index| self.last[index].max(part))
    }

    fn find(&self, from: Position, age: Duration, kid: &str) -> Option<Arc<Part>> {
        let (at, part) = self.made.get(&self.start(from))?;
        (at.elapsed() < age && part.kid == kid).then(|| Arc::clone(part))
    }
}

impl Board {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The part that answers a position, signed by this key; `make` makes it if it is not there,
    /// on one thread at a time.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn part(
        &self,
        from: Position,
        kid: &str,
        make: impl FnOnce() -> Result<Arc<Part>>,
    ) -> Result<Arc<Part>> {
        let asked = Instant::now();
        if let Some(part) = self.fresh(from, kid) {
            return Ok(part);
        }
        let _turn = match self.making.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                if let Some(part) = self.state().find(from, STALE, kid) {
                    return Ok(part);
                }
                self.making.lock().unwrap_or_else(PoisonError::into_inner)
            }
        };
        {
            let state = self.state();
            if let Some(part) = state.find(from, FRESH, kid) {
                return Ok(part);
            }
            if let Some((_, error)) = state.failed.as_ref().filter(|(at, _)| *at > asked) {
                return Err(error.clone());
            }
        }
        let made = make();
        if let Err(error) = &made
            && !matches!(error, Error::TooManyAttempts(_))
        {
            self.state().failed = Some((Instant::now(), error.clone()));
        }
        made
    }

    /// The part that answers a position, if it is there.
    pub(crate) fn fresh(&self, from: Position, kid: &str) -> Option<Arc<Part>> {
        self.state().find(from, FRESH, kid)
    }

    /// Where the last part begins, if its entries are due to be read again.
    pub(crate) fn survey_is_due(&self) -> Option<Position> {
        let state = self.state();
        let recent = state.surveyed.is_some_and(|at| at.elapsed() < FRESH);
        (!recent).then(|| state.last_start())
    }

    /// Takes the entries after the start of the last part, and where the list begins by now.
    /// Returns where to continue if there are more than a part holds.
    pub(crate) fn survey(
        &self,
        mut entries: Vec<Position>,
        most: usize,
        oldest: i64,
    ) -> Option<Position> {
        let mut state = self.state();
        state.starts = state.starts.split_off(&(oldest, 0));
        state.surveyed = Some(Instant::now());
        let more = (entries.len() > most).then(|| entries[most - 1]);
        if let Some(start) = more {
            state.starts.insert(start);
            entries.clear();
        }
        state.last = entries;
        more
    }

    /// Where the answer to a position begins, and where it must end.
    pub(crate) fn bounds(&self, from: Position) -> (Position, Option<Position>) {
        let state = self.state();
        let start = state.start(from);
        (start, state.starts.range((Excluded(start), Unbounded)).next().copied())
    }

    /// Records that a part was too long and ends here.
    pub(crate) fn divide(&self, at: Position) {
        self.state().starts.insert(at);
    }

    /// Asks whether one more part may be made now.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`].
    pub(crate) fn admit(&self, start: Position) -> Result<()> {
        let state = self.state();
        let last = state.last_start();
        let fresh = |(at, _): &(Instant, _)| at.elapsed() < FRESH;
        let others = state.made.range(..last).filter(|(_, made)| fresh(made)).count();
        if start < last && others >= MADE { Err(Error::TooManyAttempts(FRESH)) } else { Ok(()) }
    }

    /// Keeps a part whose reading began at this time.
    pub(crate) fn keep(&self, start: Position, at: Instant, part: &Arc<Part>) {
        let mut state = self.state();
        state.made.insert(start, (at, Arc::clone(part)));
        let bytes: usize = state.made.values().map(|(_, part)| part.body.len()).sum();
        let age = if bytes > ROOM { FRESH } else { STALE };
        state.made.retain(|_, (at, _)| at.elapsed() < age);
    }
}

#[cfg(test)]
mod tests;
