//! Whether quick requests are being answered right now: the hashing threads check it, and leave the
//! cores to them.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};

thread_local! {
    static HERE: Cell<usize> = const { Cell::new(0) };
}

/// A count of the quick requests being answered.
#[derive(Debug, Default)]
pub(crate) struct Activity(AtomicUsize);

impl Activity {
    /// Counts one more until the guard is dropped, by a panic too.
    pub(crate) fn begin(&self) -> Answering<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        HERE.set(HERE.get() + 1);
        Answering(self, PhantomData)
    }

    /// Whether any is being answered.
    pub(crate) fn is_answering(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// Whether this thread is answering one: then it must not wait for a hash.
pub(crate) fn is_answering_here() -> bool {
    HERE.get() > 0
}

/// A request being answered by the thread that began it.
#[derive(Debug)]
pub(crate) struct Answering<'a>(&'a Activity, PhantomData<*const ()>);

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
        HERE.set(HERE.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activity_lasts_as_long_as_anything_is_being_answered() {
        let activity = Activity::default();
        let (first, second) = (activity.begin(), activity.begin());
        drop(first);
        assert!(activity.is_answering());
        assert!(is_answering_here());
        assert!(!std::thread::spawn(is_answering_here).join().unwrap(), "another thread");
        drop(second);
        assert!(!activity.is_answering() && !is_answering_here());
    }
}
