//! What each way costs on this processor, and what follows from it.
//!
//! Processors differ in what they have and in how fast it is, so nothing is assumed: each way is
//! timed at the start, for each number of chains that makes a difference.

use super::chain::Chain;
use super::job::Job;
use super::way::Way;
use std::time::{Duration, Instant};

/// The most chains that any way advances at once.
pub(super) const MOST: usize = 16;

/// Iterations of one measurement: a tenth of a millisecond or so.
const SAMPLE: u32 = 200;

/// Measurements of each. The least counts, since everything that disturbs one makes it longer.
const SAMPLES: usize = 8;

/// How long a stretch takes, between two looks at what else there is to do. The longer it is, the longer
/// a read that has just come waits beside a flood; the shorter, the more the looks cost. With 30 µs
/// 3 % fewer hashes were computed.
const STRETCH: Duration = Duration::from_micros(50);

/// Iterations of a stretch at most, whatever was measured.
const LONGEST: u32 = 20_000;

/// The best way for a number of chains at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Best {
    /// Which of the ways.
    pub(super) way: usize,
    /// Nanoseconds that an iteration of all of them takes.
    pub(crate) nanoseconds: f64,
}

/// What was measured, and how many chains of so many should be advanced at once.
#[derive(Debug)]
pub(super) struct Table {
    /// For one chain, for two, and so on.
    pub(super) best: Vec<Best>,
    at_once: [usize; MOST + 1],
}

impl Table {
    pub(super) fn measure(ways: &[Way]) -> Self {
        Self::new(ways, measure)
    }

    /// A table from what `cost` says an iteration of this many chains takes, in nanoseconds.
    pub(super) fn new(ways: &[Way], cost: impl Fn(&Way, usize) -> f64) -> Self {
        let mut best: Vec<Best> = Vec::new();
        for (number, way) in ways.iter().enumerate() {
            let lanes = way.lanes.min(MOST);
            let all = cost(way, lanes);
            for chains in 1..=lanes {
                let nanoseconds =
                    if way.fewer_are_quicker && chains < lanes { cost(way, chains) } else { all };
                let this = Best { way: number, nanoseconds };
                match best.get_mut(chains - 1) {
                    Some(known) if known.nanoseconds <= nanoseconds => (),
                    Some(known) => *known = this,
                    None => best.push(this),
                }
            }
        }
        let at_once = soonest(&best);
        Self { best, at_once }
    }

    /// How many of so many chains should be advanced at once.
    pub(super) fn at_once(&self, chains: usize) -> usize {
        self.at_once[chains.min(MOST)]
    }

    /// Iterations that take this many chains about as long as a stretch.
    pub(super) fn stretch(&self, chains: usize) -> u32 {
        let nanoseconds = self.best.get(chains.max(1) - 1).map_or(1.0, |best| best.nanoseconds);
        ((STRETCH.as_nanos() as f64 / nanoseconds) as u32).clamp(1, LONGEST)
    }
}

/// For each number of equal chains, how many to advance at once so that all of them end soonest.
/// The rest is then a smaller number of chains, for which that is known already.
fn soonest(best: &[Best]) -> [usize; MOST + 1] {
    let mut at_once = [0; MOST + 1];
    let mut whole = [0.0; MOST + 1];
    for chains in 1..=MOST {
        let of = |first: usize| best[first - 1].nanoseconds + whole[chains - first];
        let choices = 1..=chains.min(best.len());
        let choice = choices.min_by(|a, b| of(*a).total_cmp(&of(*b)).then(b.cmp(a))).unwrap_or(1);
        (at_once[chains], whole[chains]) = (choice, of(choice));
    }
    at_once
}

/// Nanoseconds of an iteration.
fn measure(way: &Way, chains: usize) -> f64 {
    let job = Job { password: b"password", salt: b"salt", iterations: SAMPLE };
    let mut chains: Vec<_> = (0..chains).map(|_| Chain::start(&job)).collect();
    let mut chains: Vec<&mut Chain> = chains.iter_mut().map(|chain| &mut **chain).collect();
    let samples = (0..SAMPLES).map(|_| {
        let begin = Instant::now();
        way.advance(&mut chains, SAMPLE);
        begin.elapsed()
    });
    let least = samples.min().unwrap_or_default();
    (least.as_nanos() as f64 / f64::from(SAMPLE)).max(0.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(lanes: usize, fewer_are_quicker: bool) -> Way {
        Way::new("a way", lanes, fewer_are_quicker, |_, _| ())
    }

    /// A table of ways, each with its lanes and what one chain, two, and so on cost.
    fn table(ways: &[(usize, &'static [f64])]) -> Table {
        let costs = ways.to_vec();
        let ways: Vec<_> = ways.iter().map(|(lanes, costs)| way(*lanes, costs.len() > 1)).collect();
        Table::new(&ways, |way, chains| {
            let (_, costs) = costs.iter().find(|(lanes, _)| *lanes == way.lanes).unwrap();
            *costs.get(chains - 1).unwrap_or(&costs[0])
        })
    }

    #[test]
    fn a_few_are_interleaved_and_a_crowd_takes_the_wide_way() {
        // What a Sapphire Rapids Xeon was seen to take, in milliseconds of 600,000 iterations.
        let table = table(&[(3, &[49.4, 67.2, 97.8]), (16, &[280.0])]);
        let at_once = |chains| table.at_once(chains);
        assert_eq!([1, 2, 3, 4, 5, 6].map(at_once), [1, 2, 3, 2, 3, 3]);
        assert_eq!([8, 9, 12, 16, 17, 400].map(at_once), [3, 9, 12, 16, 16, 16]);
        assert_eq!(at_once(0), 0);
    }

    #[test]
    fn a_way_that_is_slower_for_two_than_one_after_the_other_is_not_taken_for_two() {
        let at_once = |chains| table(&[(2, &[10.0, 30.0])]).at_once(chains);
        assert_eq!([1, 2, 16].map(at_once), [1, 1, 1]);
        // Two at once in less time than one alone: then a second lane is free.
        let table = table(&[(2, &[40.0, 30.0])]);
        assert_eq!([1, 2].map(|chains| table.at_once(chains)), [1, 2]);
    }

    #[test]
    fn without_any_other_way_one_is_advanced_at_a_time() {
        let table = table(&[(1, &[300.0])]);
        assert_eq!([1, 5, 99].map(|chains| table.at_once(chains)), [1, 1, 1]);
        assert_eq!(table.stretch(1), 166);
    }

    #[test]
    fn a_wide_way_serves_one_where_nothing_else_is_faster() {
        let table = table(&[(1, &[300.0]), (8, &[200.0])]);
        assert_eq!(table.best[0], Best { way: 1, nanoseconds: 200.0 });
        assert_eq!(table.best.len(), 8);
    }
}
