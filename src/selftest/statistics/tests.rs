//! The statistics against those of SciPy and statsmodels, and against noise.

use super::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Times with ties among them. The expected results were computed by SciPy 1.17.1.
const FIRST: [u64; 12] = [812, 640, 655, 701, 640, 990, 688, 725, 650, 673, 702, 681];
const SECOND: [u64; 12] = [830, 671, 655, 735, 668, 979, 720, 751, 640, 699, 745, 700];

fn near(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance
}

/// This many times with a long upper tail and a drift, as a busy machine gives them.
fn noise(rounds: u64, shift: u64, random: &mut StdRng) -> Vec<u64> {
    let mut time = |round: u64| {
        let uniform: f64 = random.random();
        600_000 + round * 20 + shift + (-40_000.0 * (1.0 - uniform).ln()) as u64
    };
    (0..rounds).map(&mut time).collect()
}

#[test]
fn the_statistics_are_those_of_scipy() {
    // wilcoxon(zero_method="wilcox", correction=False, method="approx").zstatistic
    assert!(near(deviations(&differences(&FIRST, &SECOND)), -2.668_644_172_8, 1e-9));
    // The sum of the signed ranks is 60; ours are doubled.
    let none = [false; 12];
    assert_eq!(rank_sum(&signed_ranks(&differences(&FIRST, &SECOND)), &none), 120);
    // ks_2samp().statistic * 12, and mannwhitneyu().statistic / 144.
    let pool = Pool::new(&FIRST, &SECOND);
    assert_eq!(pool.distance(&none), 3);
    assert!(near(pool.longer(), 0.392_361_111_1, 1e-9));
    assert_eq!(median(differences(&FIRST, &SECOND)), -26);
}

#[test]
fn the_p_values_are_those_of_all_tosses_there_are() {
    let mut random = StdRng::seed_from_u64(1);
    let [ranks, form, _] = compare(&FIRST, &SECOND, &mut random).p;
    // permutation_test(permutation_type="samples"), exact over all 4,096.
    assert!(near(ranks, 0.004_882_8, 0.002), "{ranks}");
    assert!(near(form, 0.648_437_5, 0.02), "{form}");
}

#[test]
fn the_low_percentile_is_compared_whichever_sample_is_lower() {
    let (low, high): (Vec<u64>, Vec<u64>) = ((0..100).collect(), (1_000..1_100).collect());
    for (a, b) in [(&low, &high), (&high, &low)] {
        assert_eq!(Pool::new(a, b).low(&[false; 100]), 1_000);
    }
    assert_eq!(percentile(&low, LOW), 4);
    assert_eq!((percentile(&low, 50), percentile(&low, 100), percentile(&[], 5)), (49, 99, 0));
}

#[test]
fn the_same_is_not_told_from_itself_and_the_shifted_is() {
    let mut random = StdRng::seed_from_u64(2);
    let (one, other) = (noise(2_000, 0, &mut random), noise(2_000, 0, &mut random));
    let same = compare(&one, &other, &mut random);
    assert!(same.p.iter().all(|p| *p > 0.01), "{same:?}");
    assert!(near(same.longer, 0.5, 0.03), "{same:?}");

    let smallest = smallest_found(&one, &other);
    let shifted = noise(2_000, smallest, &mut random);
    let different = compare(&shifted, &one, &mut random);
    assert!(different.p[0] < 0.01 / 12.0, "{smallest} {different:?}");
    // A tenth of the noise: the tests find more than the obvious.
    assert!(smallest < 10_000, "{smallest}");
}

#[test]
fn at_most_one_run_in_a_hundred_is_a_false_alarm() {
    let mut random = StdRng::seed_from_u64(3);
    let alarms = (0..200).filter(|_| {
        let (one, other) = (noise(50, 0, &mut random), noise(50, 0, &mut random));
        let mut p = compare(&one, &other, &mut random).p;
        correct(&mut p);
        p.iter().any(|p| *p < 0.01)
    });
    // More than eight of 200 would have a chance of one in 4,000; the seed is fixed.
    assert!(alarms.count() <= 8);
}

#[test]
fn a_difference_of_form_alone_is_found() {
    let mut random = StdRng::seed_from_u64(4);
    let middle = |random: &mut StdRng| random.random_range(450..550_u64);
    let wide = |random: &mut StdRng| random.random_range(0..1_000_u64);
    let one: Vec<u64> = (0..500).map(|_| middle(&mut random)).collect();
    let other: Vec<u64> = (0..500).map(|_| wide(&mut random)).collect();
    let [ranks, form, low] = compare(&one, &other, &mut random).p;
    assert!(ranks > 0.01 && form < 0.001 && low < 0.001, "{ranks} {form} {low}");
}

#[test]
fn p_values_are_corrected_for_their_number() {
    // As statsmodels' multipletests(method="holm") gives it.
    let mut p = [0.01, 0.04, 0.03, 0.005];
    correct(&mut p);
    for (p, expected) in p.into_iter().zip([0.03, 0.06, 0.06, 0.02]) {
        assert!(near(p, expected, 1e-12), "{p} {expected}");
    }
}

#[test]
fn samples_that_are_equal_throughout_are_no_fault() {
    let same = compare(&[7; 60], &[7; 60], &mut StdRng::seed_from_u64(5));
    assert_eq!((same.median, same.longer, same.p), (0, 0.5, [1.0; 3]));
    assert_eq!(smallest_found(&[7; 60], &[7; 60]), 1);
}
