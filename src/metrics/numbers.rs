//! A number that grows, one that goes up and down, and how often a time fell into each range.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A number that only grows.
#[derive(Debug)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug)]
pub(crate) struct Gauge(AtomicI64);

impl Gauge {
    pub(crate) const fn new() -> Self {
        Self(AtomicI64::new(0))
    }

    pub(crate) fn set(&self, number: usize) {
        self.0.store(i64::try_from(number).unwrap_or(i64::MAX), Relaxed);
    }

    pub(crate) fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// Upper bounds of the ranges, in microseconds: from half a millisecond, which is an ordinary call, to
/// ten seconds, after which a client has given up. A password hash of some 100 ms falls in the middle.
pub(crate) const BOUNDS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// How often a time fell into each range, and the sum of all times.
#[derive(Debug)]
pub(crate) struct Histogram {
    /// The last is what is beyond all bounds.
    ranges: [Counter; BOUNDS.len() + 1],
    micros: Counter,
}

impl Histogram {
    pub(crate) const fn new() -> Self {
        Self { ranges: [const { Counter::new() }; BOUNDS.len() + 1], micros: Counter::new() }
    }

    pub(crate) fn observe(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.ranges[BOUNDS.partition_point(|bound| *bound < micros)].add(1);
        self.micros.add(micros);
    }

    /// Whether nothing was observed yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.iter().all(|count| count.get() == 0)
    }

    /// The sum in seconds, and how many times fell into each range.
    pub(crate) fn read(&self) -> (f64, Vec<u64>) {
        let micros = self.micros.get() as f64;
        (micros / 1e6, self.ranges.iter().map(Counter::get).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_falls_into_the_range_whose_bound_it_reaches() {
        let histogram = Histogram::new();
        for micros in [0, 500, 501, 10_000_000, 10_000_001, u64::MAX / 4] {
            histogram.observe(Duration::from_micros(micros));
        }
        let (_, ranges) = histogram.read();
        let mut expected = vec![0; BOUNDS.len() + 1];
        (expected[0], expected[1], expected[13], expected[14]) = (2, 1, 1, 2);
        assert_eq!(ranges, expected);
    }
}
