//! What the measurement found, in figures and in words.

use super::kind::{Call, Kind, Times};
use super::statistics::{Difference, correct, percentile};
use std::fmt;

/// The chance of a false alarm that is accepted, for all comparisons together.
const LEVEL: f64 = 0.01;

/// The percentiles that are shown. 0 is the least time, 100 the greatest.
const SHOWN: [(usize, &str); 6] =
    [(0, "least"), (5, "5 %"), (25, "25 %"), (50, "median"), (75, "75 %"), (95, "95 %")];

/// The distributions of a call's times, and how they compare. It is displayed as tables.
#[derive(Clone, Debug)]
pub struct Timing {
    call: Call,
    tries: usize,
    percentiles: [[u64; SHOWN.len()]; 4],
    differences: [Difference; 4],
    smallest: u64,
}

impl Timing {
    /// `differences` are those of [`Kind::PAIRS`]; their p values are not corrected yet.
    pub(super) fn new(
        call: Call,
        times: &Times,
        mut differences: [Difference; 4],
        smallest: u64,
    ) -> Self {
        let mut all = differences.map(|difference| difference.p).concat();
        correct(&mut all);
        for (difference, corrected) in differences.iter_mut().zip(all.chunks(3)) {
            difference.p.copy_from_slice(corrected);
        }
        let percentiles = std::array::from_fn(|kind| {
            let mut sorted = times[kind].clone();
            sorted.sort_unstable();
            SHOWN.map(|(hundredths, _)| percentile(&sorted, hundredths))
        });
        Self { call, tries: times[0].len(), percentiles, differences, smallest }
    }

    /// What can be told apart, in words; `None` if nothing can. The chance of a false alarm is 1 %.
    pub fn told_apart(&self) -> Option<String> {
        let [control, ..] = self.differences.map(|difference| is_apart(&difference));
        if control {
            let text = format!(
                "{} could be told apart from itself, so something else disturbed the measurement; run \
                 it again when the machine is quiet",
                self.call.one()
            );
            return Some(text);
        }
        let apart = Kind::PAIRS.iter().zip(&self.differences).filter(|(_, found)| is_apart(found));
        let pairs: Vec<String> = apart
            .map(|((first, second), _)| format!("{} from {}", first.name(), second.name()))
            .collect();
        (!pairs.is_empty()).then(|| {
            format!(
                "the time of {} tells {}; if a second run on a quiet machine finds \
                 the same, an attacker can find it too: please report it with these tables",
                self.call.one(),
                pairs.join(" and ")
            )
        })
    }
}

fn is_apart(difference: &Difference) -> bool {
    difference.p.iter().any(|p| *p < LEVEL)
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {} tries each, microseconds\n", self.call.name(), self.tries)?;
        write!(f, "{:14}", "")?;
        for (_, name) in SHOWN {
            write!(f, "{name:>11}")?;
        }
        writeln!(f)?;
        for (kind, shown) in Kind::ALL.iter().zip(&self.percentiles) {
            write!(f, "{:14}", kind.name())?;
            for value in shown {
                write!(f, "{:11.1}", *value as f64 / 1_000.0)?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            "\n{:22}{:>11}{:>11}   p of ranks  of form  of the low 5 %",
            "", "takes more", "in"
        )?;
        for ((first, second), difference) in Kind::PAIRS.iter().zip(&self.differences) {
            let pair = format!("{} / {}", first.name(), second.name());
            let [ranks, form, low] = difference.p;
            writeln!(
                f,
                "{pair:22}{:+11.1}{:9.1} %{ranks:13.4}{form:9.4}{low:16.4}",
                difference.median as f64 / 1_000.0,
                difference.longer * 100.0,
            )?;
        }
        let smallest = self.smallest as f64 / 1_000.0;
        writeln!(
            f,
            "\nThe first pair is a control, one login twice. p values below {LEVEL} count; they are\n\
             corrected for twelve tests. A difference of {smallest:.1} microseconds would have been\n\
             found nine times out of ten.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(p: [f64; 4]) -> Timing {
        let difference = |p| Difference { median: 1_234, longer: 0.512, p: [p, 1.0, 1.0] };
        let times = [10, 20, 30, 40].map(|time| vec![time * 1_000; 50]);
        Timing::new(Call::LogIn, &times, p.map(difference), 3_210)
    }

    #[test]
    fn the_verdict_names_the_pairs_that_can_be_told_apart() {
        assert_eq!(with([0.5, 0.02, 0.01, 1.0]).told_apart(), None);
        let one = with([0.5, 0.0001, 0.5, 0.5]).told_apart().unwrap();
        assert!(one.contains("tells unknown from known;"), "{one}");
        let two = with([0.5, 0.0001, 0.5, 0.0001]).told_apart().unwrap();
        assert!(two.contains("unknown from known and locked from unknown"), "{two}");
    }

    #[test]
    fn a_control_that_differs_says_that_nothing_was_measured() {
        let text = with([0.0001, 0.0001, 0.5, 0.5]).told_apart().unwrap();
        assert!(text.starts_with("a refused login could be told apart from itself"), "{text}");
    }

    #[test]
    fn the_tables_show_microseconds_and_corrected_p_values() {
        let text = with([0.5, 0.0005, 1.0, 1.0]).to_string();
        for part in [
            "50 tries each",
            "known again ",
            "unknown / known",
            "+1.2",
            "51.2 %",
            "0.0060",
            "of 3.2 micro",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
