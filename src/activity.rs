//! Whether requests that are quick to answer are being answered right now: the hashing threads look
//! at it, and leave the cores to them.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A count of what is being answered.
#[derive(Debug, Default)]
pub(crate) struct Activity(AtomicUsize);

impl Activity {
    /// Counts one more until the guard is dropped, by a panic too.
    pub(crate) fn begin(&self) -> Answering<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Answering(self)
    }

    /// Whether there is any.
    pub(crate) fn is_answering(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// One that is being answered.
#[derive(Debug)]
pub(crate) struct Answering<'a>(&'a Activity);

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
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
        drop(second);
        assert!(!activity.is_answering());
    }
}
