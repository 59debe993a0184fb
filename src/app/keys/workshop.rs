//! Where private halves of signing keys are made. For RSA that takes up to some seconds, which a
//! service does not wait for: a thread makes it, and whoever comes by later takes it.

use crate::config::Algorithm;
use crate::error::Result;
use crate::threads;
use crate::tokens::key::generate;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// Makes private halves.
pub(crate) struct Workshop {
    /// Whether others wait while one is made.
    waits: bool,
    bench: Arc<Mutex<Bench>>,
}

enum Bench {
    Empty,
    /// A thread is making one.
    Busy,
    Done(Algorithm, Zeroizing<Vec<u8>>),
}

impl Workshop {
    /// One that makes them at once, or one that has RSA keys made meanwhile.
    pub(crate) fn new(waits: bool) -> Self {
        Self { waits, bench: Arc::new(Mutex::new(Bench::Empty)) }
    }

    /// A new private half of this algorithm; `None` while it is being made.
    ///
    /// # Errors
    /// Those of [`generate`]; [`Error::Startup`](crate::Error::Startup) when the system refuses a
    /// thread.
    pub(crate) fn private_half(&self, algorithm: Algorithm) -> Result<Option<Zeroizing<Vec<u8>>>> {
        if self.waits || algorithm.rsa_bits().is_none() {
            return generate(algorithm).map(Some);
        }
        let mut bench = self.bench.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *bench, Bench::Busy) {
            Bench::Done(of, private) if of == algorithm => {
                *bench = Bench::Empty;
                return Ok(Some(private));
            }
            Bench::Busy => return Ok(None),
            Bench::Empty | Bench::Done(..) => (),
        }
        log::info!("a signing key for {} is being made", algorithm.name());
        let at_work = AtWork(Arc::clone(&self.bench));
        let work = move || match generate(algorithm) {
            Ok(private) => at_work.leave(Bench::Done(algorithm, private)),
            Err(error) => log::error!("{error}"),
        };
        // Not under the lock: if there is no thread, what was to run on it is dropped here.
        drop(bench);
        threads::start("signing key", work)?;
        Ok(None)
    }
}

/// A thread that is making a key. If it ends without one, another may begin.
struct AtWork(Arc<Mutex<Bench>>);

impl AtWork {
    fn leave(&self, with: Bench) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = with;
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let mut bench = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*bench, Bench::Busy) {
            *bench = Bench::Empty;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn an_rsa_key_is_made_meanwhile_and_taken_once() {
        let workshop = Workshop::new(false);
        assert!(workshop.private_half(Algorithm::Rs256).unwrap().is_none());
        let begin = Instant::now();
        let private = loop {
            if let Some(private) = workshop.private_half(Algorithm::Rs256).unwrap() {
                break private;
            }
            assert!(begin.elapsed() < Duration::from_secs(120), "no key is made");
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(private.len() > 1_000);
        // The next one is another.
        assert!(workshop.private_half(Algorithm::Rs256).unwrap().is_none());
        // One that takes no time is there at once.
        assert!(workshop.private_half(Algorithm::EdDsa).unwrap().is_some());
    }

    #[test]
    fn a_thread_that_dies_does_not_keep_others_from_trying() {
        let workshop = Workshop::new(false);
        *workshop.bench.lock().unwrap() = Bench::Busy;
        assert!(workshop.private_half(Algorithm::Rs256).unwrap().is_none());
        let bench = Arc::clone(&workshop.bench);
        let died = std::thread::spawn(move || {
            let _at_work = AtWork(bench);
            panic!("on purpose");
        });
        assert!(died.join().is_err());
        assert!(matches!(*workshop.bench.lock().unwrap(), Bench::Empty));
    }

    #[test]
    fn whoever_has_time_waits() {
        assert!(Workshop::new(true).private_half(Algorithm::Rs256).unwrap().is_some());
    }
}
