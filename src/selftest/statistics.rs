//! Whether two kinds of request can be told apart by the time they take.
//!
//! The times come in rounds: each round has one time of each kind, in an order drawn at random. If
//! the kind makes no difference, which of a round's two times belongs to which kind is the toss of
//! a coin. So the coins are tossed again, many times, and the p value is how often they give at
//! least the difference that was seen (Fisher, The Design of Experiments, 1935; the count as in
//! Phipson and Smyth, 2010). That assumes nothing about the noise: neither its form nor that it
//! stays the same during the run. Three differences are looked at:
//!
//! - the signed ranks of the differences within rounds (Wilcoxon, 1945): one takes longer;
//! - the greatest distance of the two distribution functions (Kolmogorov and Smirnov): their forms
//!   differ;
//! - the distance of a low percentile, which an attacker on a noisy network relies on, since
//!   noise only ever adds (Crosby, Wallach and Riedi, Opportunities and Limits of Remote Timing
//!   Attacks, 2009).
//!
//! Nothing here knows what was measured.

use rand::Rng;

/// How often the coins are tossed again: the smallest p value is one in ten thousand.
const TOSSES: usize = 9_999;

/// The percentile that counts as low, in parts of a hundred.
const LOW: usize = 5;

/// Standard deviations that a difference must have to be found nine times out of ten, after a
/// correction for twelve tests at a joint level of 1 %.
const FOUND: f64 = 3.342 + 1.282;

/// How two samples differ. The two times of one round have the same index in both samples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Difference {
    /// The median of the differences within rounds, first less second.
    pub(super) median: i64,
    /// How often one of the first takes longer than one of the second, ties counting half: the area
    /// under the ROC curve of an attacker who guesses by it. 0.5 is no better than blind guessing.
    pub(super) longer: f64,
    /// The p values of ranks, form and low percentile.
    pub(super) p: [f64; 3],
}

/// Compares two samples with the same number of rounds, which is not zero.
pub(super) fn compare(first: &[u64], second: &[u64], random: &mut impl Rng) -> Difference {
    let ranks = signed_ranks(&differences(first, second));
    let pool = Pool::new(first, second);
    let mut swapped = vec![false; ranks.len()];
    let seen = [rank_sum(&ranks, &swapped), pool.distance(&swapped), pool.low(&swapped)];
    let mut as_much = [1_u32; 3];
    for _ in 0..TOSSES {
        toss(&mut swapped, random);
        let chance = [rank_sum(&ranks, &swapped), pool.distance(&swapped), pool.low(&swapped)];
        for (count, (chance, seen)) in as_much.iter_mut().zip(chance.iter().zip(seen)) {
            *count += u32::from(*chance >= seen);
        }
    }
    let p = as_much.map(|count| f64::from(count) / (TOSSES + 1) as f64);
    Difference { median: median(differences(first, second)), longer: pool.longer(), p }
}

/// The smallest difference that would be found nine times out of ten in noise such as that between
/// these two samples of the same thing: larger and larger differences are planted in them.
pub(super) fn smallest_found(first: &[u64], second: &[u64]) -> u64 {
    let noise = differences(first, second);
    let none = deviations(&noise);
    let found = |planted: u64| {
        let planted = i64::try_from(planted).unwrap_or(i64::MAX);
        let shifted: Vec<i64> = noise.iter().map(|d| d.saturating_add(planted)).collect();
        deviations(&shifted) - none >= FOUND
    };
    // With the rounds that `Tries` asks for, a difference that is larger than all noise is always
    // found.
    let mut too_small = 0;
    let mut enough = noise.iter().map(|d| d.unsigned_abs()).max().unwrap_or(0) * 2 + 1;
    while enough - too_small > 1 {
        let middle = too_small + (enough - too_small) / 2;
        if found(middle) { enough = middle } else { too_small = middle }
    }
    enough
}

/// Raises p values so that each gives the chance of any false alarm among all of them (Holm, 1979).
pub(super) fn correct(p: &mut [f64]) {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut least = 0.0_f64;
    for (done, place) in order.into_iter().enumerate() {
        least = least.max(p[place] * (p.len() - done) as f64).min(1.0);
        p[place] = least;
    }
}

/// The percentile of values in ascending order.
pub(super) fn percentile(sorted: &[u64], hundredths: usize) -> u64 {
    let place = (sorted.len() * hundredths).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}

fn differences(first: &[u64], second: &[u64]) -> Vec<i64> {
    first.iter().zip(second).map(|(a, b)| a.cast_signed().saturating_sub(b.cast_signed())).collect()
}

fn median(mut values: Vec<i64>) -> i64 {
    values.sort_unstable();
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => low.midpoint(*high),
        _ => 0,
    }
}

/// The rank of each difference by its size, with its sign, and doubled, so that the mean rank of
/// equal ones is a whole number. A difference of zero has no rank.
fn signed_ranks(differences: &[i64]) -> Vec<i64> {
    let mut order: Vec<usize> = (0..differences.len()).filter(|n| differences[*n] != 0).collect();
    order.sort_unstable_by_key(|n| differences[*n].unsigned_abs());
    let mut ranks = vec![0; differences.len()];
    let mut below = 0;
    for equal in
        order.chunk_by(|a, b| differences[*a].unsigned_abs() == differences[*b].unsigned_abs())
    {
        let doubled = i64::try_from(2 * below + equal.len() + 1).unwrap_or(i64::MAX);
        for n in equal {
            ranks[*n] = doubled * differences[*n].signum();
        }
        below += equal.len();
    }
    ranks
}

fn rank_sum(ranks: &[i64], swapped: &[bool]) -> u64 {
    let signed = ranks.iter().zip(swapped).map(|(rank, swap)| if *swap { -rank } else { *rank });
    signed.sum::<i64>().unsigned_abs()
}

/// How many standard deviations of the tosses the sum of the signed ranks is from zero.
fn deviations(differences: &[i64]) -> f64 {
    let ranks = signed_ranks(differences);
    let (sum, squares) = ranks
        .iter()
        .map(|rank| *rank as f64)
        .fold((0.0, 0.0), |(sum, squares), rank| (sum + rank, squares + rank * rank));
    if squares == 0.0 { 0.0 } else { sum / squares.sqrt() }
}

/// One toss for each round.
fn toss(swapped: &mut [bool], random: &mut impl Rng) {
    for some in swapped.chunks_mut(64) {
        let mut bits = random.next_u64();
        for swap in some {
            *swap = bits & 1 == 1;
            bits >>= 1;
        }
    }
}

/// Both samples in ascending order.
struct Pool(Vec<Time>);

struct Time {
    value: u64,
    round: usize,
    first: bool,
    /// No equal value comes after it.
    last: bool,
}

impl Pool {
    fn new(first: &[u64], second: &[u64]) -> Self {
        let of = |sample: &[u64], first: bool| -> Vec<Time> {
            let time =
                |(round, value): (usize, &u64)| Time { value: *value, round, first, last: true };
            sample.iter().enumerate().map(time).collect()
        };
        let mut times = of(first, true);
        times.append(&mut of(second, false));
        times.sort_by_key(|time| time.value);
        for n in 1..times.len() {
            times[n - 1].last = times[n - 1].value != times[n].value;
        }
        Self(times)
    }

    /// The greatest distance of the distribution functions, in times.
    fn distance(&self, swapped: &[bool]) -> u64 {
        let mut ahead = 0_i64;
        let mut greatest = 0;
        for time in &self.0 {
            ahead += if time.first == swapped[time.round] { -1 } else { 1 };
            if time.last {
                greatest = greatest.max(ahead.unsigned_abs());
            }
        }
        greatest
    }

    /// The distance of the low percentiles.
    fn low(&self, swapped: &[bool]) -> u64 {
        let place = (self.0.len() / 2 * LOW).div_ceil(100);
        let mut passed = [0, 0];
        let mut found = [None, None];
        for time in &self.0 {
            let side = usize::from(time.first == swapped[time.round]);
            passed[side] += 1;
            if passed[side] == place {
                found[side] = Some(time.value);
                if let [Some(one), Some(other)] = found {
                    return one.abs_diff(other);
                }
            }
        }
        0
    }

    /// See [`Difference::longer`]: the statistic of Mann and Whitney, as a part of all pairs.
    fn longer(&self) -> f64 {
        let mut second_below = 0_u64;
        let mut doubled = 0_u64;
        for equal in self.0.chunk_by(|a, b| a.value == b.value) {
            let first = equal.iter().filter(|time| time.first).count() as u64;
            let second = equal.len() as u64 - first;
            doubled += first * (2 * second_below + second);
            second_below += second;
        }
        let pairs = second_below * (self.0.len() as u64 - second_below);
        if pairs == 0 { 0.5 } else { doubled as f64 / (2 * pairs) as f64 }
    }
}

#[cfg(test)]
mod tests;
