//! How many attempts are being made under a key right now, in this process.
//!
//! An attempt counts as failed when it has failed, and it takes a hash until then. So the number of
//! those that are under way says how many failures may still come. This counts them, and lets some
//! wait until others have ended.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The counts, of keys under which there is anything to count: as many as there are workers, times the
/// keys of an attempt.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    counts: Mutex<Counts>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Counts {
    of: HashMap<Vec<u8>, Count>,
    /// Failures so far.
    failures: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    under_way: usize,
    /// The number of the last failure.
    failed: u64,
}

/// What was known of some keys: the last failure of each, and nothing for one under which nobody was
/// under way.
#[derive(Debug)]
pub(crate) struct Seen(Vec<(Vec<u8>, Option<u64>)>);

/// Whether an attempt may begin.
#[derive(Debug)]
pub(crate) enum Entry {
    Begun(Flight),
    /// An attempt has failed, or the last one has ended, since the keys were looked at.
    Changed,
    /// As many as may be are under way.
    Full,
}

/// An attempt that is under way until this is dropped, by a panic too.
#[derive(Debug)]
pub(crate) struct Flight {
    among: Arc<InFlight>,
    keys: Vec<Vec<u8>>,
}

impl InFlight {
    /// What is known of these keys now. It is to be asked before the database says how many failures
    /// are left.
    pub(crate) fn see<'a>(&self, keys: impl Iterator<Item = &'a Vec<u8>>) -> Seen {
        let counts = self.lock();
        Seen(keys.map(|key| (key.clone(), counts.failed(key))).collect())
    }

    /// Begins an attempt, if nothing has changed since its keys were `seen`, and fewer others than
    /// `most` of each are under way.
    pub(crate) fn begin(self: &Arc<Self>, seen: &Seen, keys: &[(&Vec<u8>, usize)]) -> Entry {
        let mut counts = self.lock();
        let is_begun = |key: &Vec<u8>| keys.iter().any(|(begun, _)| *begun == key);
        let mut seen = seen.0.iter().filter(|(key, _)| is_begun(key));
        if seen.any(|(key, failed)| counts.failed(key) != *failed) {
            return Entry::Changed;
        }
        let under_way = |key: &Vec<u8>| counts.of.get(key).map_or(0, |count| count.under_way);
        if keys.iter().any(|(key, most)| under_way(key) >= *most) {
            return Entry::Full;
        }
        for (key, _) in keys {
            counts.of.entry((*key).clone()).or_default().under_way += 1;
        }
        let keys = keys.iter().map(|(key, _)| (*key).clone()).collect();
        Entry::Begun(Flight { among: Arc::clone(self), keys })
    }

    /// Waits until an attempt has ended, or for so long.
    pub(crate) fn wait(&self, at_most: Duration) {
        let waited = self.ended.wait_timeout(self.lock(), at_most);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn failed(&self, key: &Vec<u8>) -> Option<u64> {
        self.of.get(key).map(|count| count.failed)
    }
}

impl Flight {
    /// Notes that it has failed, which is in the database by now.
    pub(crate) fn failed(&self) {
        let mut counts = self.among.lock();
        counts.failures += 1;
        let number = counts.failures;
        for key in &self.keys {
            counts.of.entry(key.clone()).or_default().failed = number;
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut counts = self.among.lock();
        for key in &self.keys {
            if let Some(count) = counts.of.get_mut(key) {
                count.under_way -= 1;
                if count.under_way == 0 {
                    counts.of.remove(key);
                }
            }
        }
        drop(counts);
        self.among.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_may_be_are_under_way_until_one_ends() {
        let (among, a, b) = (Arc::new(InFlight::default()), vec![1], vec![2]);
        let begin = |keys: &[(&Vec<u8>, usize)]| {
            among.begin(&among.see(keys.iter().map(|(key, _)| *key)), keys)
        };
        let Entry::Begun(first) = begin(&[(&a, 2), (&b, 9)]) else { panic!() };
        let Entry::Begun(second) = begin(&[(&a, 2)]) else { panic!() };
        assert!(matches!(begin(&[(&b, 9), (&a, 2)]), Entry::Full));
        assert!(matches!(begin(&[(&b, 9)]), Entry::Begun(_)));
        drop(first);
        let Entry::Begun(third) = begin(&[(&b, 9), (&a, 2)]) else { panic!() };
        drop((second, third));
        assert!(among.lock().of.is_empty());
    }

    #[test]
    fn a_failure_since_the_keys_were_seen_is_noticed_and_a_success_is_not() {
        let (among, key, other) = (Arc::new(InFlight::default()), vec![1], vec![2]);
        let see = || among.see([&key, &other].into_iter());
        let begin = |seen: &Seen| among.begin(seen, &[(&key, 9)]);
        let nobody = see();
        let Entry::Begun(first) = begin(&nobody) else { panic!() };
        assert!(matches!(begin(&nobody), Entry::Changed));
        let seen = see();
        let Entry::Begun(second) = begin(&seen) else { panic!() };
        drop(second);
        let of_another = among.begin(&see(), &[(&other, 9)]);
        let Entry::Begun(second) = begin(&seen) else { panic!("a success changes nothing") };
        drop(of_another);
        second.failed();
        drop(second);
        assert!(matches!(begin(&seen), Entry::Changed));
        drop(first);
        assert!(matches!(begin(&seen), Entry::Changed), "the last has ended");
    }
}
