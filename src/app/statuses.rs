//! The Token Status Lists that an instance made a moment ago. Anyone may ask for them, and this keeps
//! the cost bounded however many ask.
//!
//! Each list is made once in [`FRESH`] at most, by one thread at a time, and at most [`MADE`] lists a
//! second: a million sessions have 61. Whoever asks while one is made gets the one before, if that is
//! not too old, or is told to come again in a second.

use super::board::Part;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// How long a list is given out.
const FRESH: Duration = Duration::from_secs(1);

/// How long it is given out while the next one is being made.
const STALE: Duration = Duration::from_secs(2);

/// Lists made a second, of at most 22 kB each.
const MADE: usize = 64;

/// See the module.
#[derive(Default)]
pub(crate) struct Statuses {
    kept: Mutex<BTreeMap<i64, (Instant, Arc<Part>)>>,
    /// Locked by the thread that makes a list.
    making: Mutex<()>,
}

impl Statuses {
    /// A list that is signed with this key, made by `make` if it is due. `None` if there is none with
    /// this number.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`]; those of `make`.
    pub(crate) fn part(
        &self,
        list: i64,
        kid: &str,
        make: impl FnOnce() -> Result<Option<Part>>,
    ) -> Result<Option<Arc<Part>>> {
        let known = |age: Duration| {
            let kept = lock(&self.kept);
            let known = kept.get(&list).filter(|(at, part)| at.elapsed() < age && part.kid == kid);
            known.map(|(_, part)| Arc::clone(part))
        };
        if let Some(part) = known(FRESH) {
            return Ok(Some(part));
        }
        let _making = match self.making.try_lock() {
            Ok(making) => making,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return known(STALE).map(Some).ok_or(Error::TooManyAttempts(FRESH));
            }
        };
        let begun = Instant::now();
        {
            let mut kept = lock(&self.kept);
            kept.retain(|_, (at, _)| at.elapsed() < STALE);
            let of_this_second = kept.values().filter(|(at, _)| at.elapsed() < FRESH);
            if of_this_second.count() >= MADE {
                return Err(Error::TooManyAttempts(FRESH));
            }
        }
        let Some(part) = make()? else { return Ok(None) };
        let part = Arc::new(part);
        lock(&self.kept).insert(list, (begun, Arc::clone(&part)));
        Ok(Some(part))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(kid: &str) -> Option<Part> {
        Some(Part { body: "list".to_owned(), etag: String::new(), kid: kid.to_owned() })
    }

    #[test]
    fn a_list_is_made_once_a_second_and_anew_for_another_key() {
        let statuses = Statuses::default();
        let mut made = 0;
        for kid in ["a", "a", "a", "b", "b"] {
            let make = || {
                made += 1;
                Ok(part(kid))
            };
            assert_eq!(statuses.part(1, kid, make).unwrap().unwrap().kid, kid);
        }
        assert_eq!(made, 2);
        assert!(statuses.part(9, "b", || Ok(None)).unwrap().is_none());
    }

    #[test]
    fn no_more_lists_are_made_a_second_than_the_bound() {
        let statuses = Statuses::default();
        let begun = Instant::now();
        let refused = (0..200).filter(|list| {
            let part = statuses.part(*list, "a", || Ok(part("a")));
            matches!(part, Err(Error::TooManyAttempts(_)))
        });
        let refused = refused.count();
        if begun.elapsed() < FRESH {
            assert_eq!(refused, 200 - MADE);
        }
    }

    #[test]
    fn whoever_asks_while_one_is_made_does_not_wait() {
        let statuses = Statuses::default();
        let inside = statuses.part(1, "a", || {
            // The same thread asks again, as another would.
            assert!(matches!(
                statuses.part(2, "a", || Ok(part("a"))),
                Err(Error::TooManyAttempts(_))
            ));
            Ok(part("a"))
        });
        assert!(inside.unwrap().is_some());
    }
}
