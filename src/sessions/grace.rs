//! What a refresh token deserves, judging by its session's row. Nothing here has side effects.

use std::time::Duration;

/// Maximum retirements that a session remembers. To be taken for a thief, a client would have to
/// refresh this often within the grace and then come back with its first token.
const REMEMBERED: usize = 32;

/// What to do about a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deserves {
    /// It is the valid one: its successor takes its place.
    Successor,
    /// It was retired a moment ago. The client lost the answer, or asked twice at once, so it gets
    /// the same successor again.
    SameSuccessor,
    /// It was retired before that. Two clients hold tokens of this session, and one of them stole
    /// its token.
    TheEnd,
    /// Its number is still to come. The token is ours, so the row is from before it was made.
    OfTheFuture,
}

/// When a session's tokens were retired: milliseconds since 1970-01-01 UTC by the database's
/// clock, which all instances share; the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Retired(Vec<i64>);

impl Retired {
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.as_chunks().0.iter().map(|chunk| i64::from_be_bytes(*chunk)).collect())
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|moment| moment.to_be_bytes()).collect()
    }

    /// Records that the valid token is retired now, and forgets what no longer matters.
    pub(super) fn add(&mut self, now: i64, grace: Duration) {
        self.0.insert(0, now);
        // The index of a moment says which token it belongs to, so nothing is kept after a gap. If
        // the clock was set back, an older moment may matter although a newer one does not.
        let matter = self.0.iter().take_while(|moment| is_within(**moment, now, grace)).count();
        self.0.truncate(matter.min(REMEMBERED));
    }
}

/// Judges the token numbered `shown`, when `good` is the number of the valid one.
pub(super) fn judge(
    shown: i64,
    good: i64,
    retired: &Retired,
    now: i64,
    grace: Duration,
) -> Deserves {
    if shown == good {
        return Deserves::Successor;
    }
    if shown > good {
        return Deserves::OfTheFuture;
    }
    let behind = good.checked_sub(shown).and_then(|behind| usize::try_from(behind - 1).ok());
    let moment = behind.and_then(|behind| retired.0.get(behind));
    match moment {
        Some(moment) if is_within(*moment, now, grace) => Deserves::SameSuccessor,
        _ => Deserves::TheEnd,
    }
}

/// Whether a retirement is still within its grace. One in the future was stored before the clock
/// was set back, and is judged by its distance like one in the past. Otherwise its grace would last
/// until the clock has caught up.
fn is_within(moment: i64, now: i64, grace: Duration) -> bool {
    u128::from(now.abs_diff(moment)) <= grace.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(10);

    fn judged(shown: i64, good: i64, moments: &[i64], now: i64) -> Deserves {
        let retired = Retired::from_bytes(&Retired(moments.to_vec()).to_bytes());
        judge(shown, good, &retired, now, GRACE)
    }

    #[test]
    fn the_good_token_gets_a_successor() {
        assert_eq!(judged(3, 3, &[1_000, 900, 800], 2_000), Deserves::Successor);
        assert_eq!(judged(0, 0, &[], 2_000), Deserves::Successor);
    }

    #[test]
    fn each_token_has_a_grace_of_its_own() {
        let moments = [20_000, 15_000, 9_000];
        assert_eq!(judged(2, 3, &moments, 20_000), Deserves::SameSuccessor);
        assert_eq!(judged(1, 3, &moments, 20_000), Deserves::SameSuccessor);
        assert_eq!(judged(0, 3, &moments, 19_000), Deserves::SameSuccessor);
        assert_eq!(judged(0, 3, &moments, 19_001), Deserves::TheEnd);
        assert_eq!(judged(1, 3, &moments, 25_001), Deserves::TheEnd);
        assert_eq!(judged(2, 3, &moments, 30_001), Deserves::TheEnd);
        assert_eq!(judged(-1, 3, &moments, 9_000), Deserves::TheEnd);
    }

    #[test]
    fn a_retirement_a_moment_ahead_is_within_the_grace() {
        assert_eq!(judged(2, 3, &[20_000], 19_000), Deserves::SameSuccessor);
    }

    #[test]
    fn a_retirement_that_a_clock_set_back_left_in_the_future_has_no_longer_grace_than_others() {
        let now = 20_000;
        assert_eq!(judged(2, 3, &[now + 10_000], now), Deserves::SameSuccessor);
        for ahead in [10_001, 3_600_000, i64::MAX - now] {
            assert_eq!(judged(2, 3, &[now + ahead], now), Deserves::TheEnd);
            let mut retired = Retired(vec![now + ahead]);
            retired.add(now, GRACE);
            assert_eq!(retired.0, [now]);
        }
        // The oldest of these three would take the index of another token's.
        let mut retired = Retired(vec![now + 20_000, now + 15_000, now + 5_000]);
        retired.add(now, GRACE);
        assert_eq!(retired.0, [now]);
    }

    #[test]
    fn a_token_ahead_of_the_row_is_no_retired_one() {
        assert_eq!(judged(4, 3, &[20_000], 20_000), Deserves::OfTheFuture);
        assert_eq!(judged(i64::MAX, i64::MIN, &[20_000], 20_000), Deserves::OfTheFuture);
        assert_eq!(judged(i64::MIN, i64::MAX, &[20_000], 20_000), Deserves::TheEnd);
    }

    #[test]
    fn what_is_past_its_grace_is_forgotten_and_32_retirements_are_remembered() {
        let mut retired = Retired(vec![9_999, 5_000]);
        retired.add(19_999, GRACE);
        assert_eq!(retired.0, [19_999, 9_999]);
        for now in 20_000..20_100 {
            retired.add(now, GRACE);
        }
        assert_eq!((retired.0.len(), retired.0[0], retired.0[31]), (32, 20_099, 20_068));
    }
}
