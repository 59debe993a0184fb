//! What is due for the keys, judging by their rows. Nothing here has side effects.

use crate::config::{Algorithm, Config};
use crate::moment::millis;
use std::collections::BTreeSet;
use std::time::Duration;

/// The rows that count, and when they were read.
#[derive(Debug, Default)]
pub(crate) struct KeyRows {
    pub(crate) now: i64,
    pub(crate) signing: Vec<SigningRow>,
    pub(crate) refresh: Vec<RefreshRow>,
    /// The lowest generations that are accepted, of signing and of refresh keys.
    pub(crate) floor: (i64, i64),
    /// The generations of all rows, including those that do not count.
    pub(crate) occupied: (BTreeSet<i64>, BTreeSet<i64>),
}

#[derive(Debug)]
pub(crate) struct SigningRow {
    /// Its place among the rows that were found.
    pub(crate) at: usize,
    pub(crate) generation: i64,
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    /// Whether its private half is there.
    pub(crate) signs: bool,
    pub(crate) public: Vec<u8>,
    pub(crate) signs_from: i64,
}

#[derive(Debug)]
pub(crate) struct RefreshRow {
    /// Its place among the rows that were found.
    pub(crate) at: usize,
    pub(crate) generation: i64,
    pub(crate) used_from: i64,
}

impl KeyRows {
    pub(crate) fn next_signing_generation(&self) -> i64 {
        let own = self.signing.iter().map(|row| row.generation);
        next_generation(own.max(), self.floor.0, &self.occupied.0)
    }

    /// When a key stops signing because the turn of a later one of its algorithm comes. If the
    /// clock was ahead when the key was made, its turn may lie further ahead than keys are ever
    /// published. It then gives way as soon as the turn of one made after it comes.
    pub(crate) fn followed(&self, row: &SigningRow, config: &Config) -> Option<i64> {
        let far = self.is_far_ahead(row, config);
        let is_later = |other: &&SigningRow| {
            other.algorithm == row.algorithm
                && ((other.signs_from, other.generation) > (row.signs_from, row.generation)
                    || far && other.generation > row.generation)
        };
        self.signing.iter().filter(is_later).map(|other| other.signs_from).min()
    }

    /// Whether the turn of a key lies further ahead than keys are ever published.
    pub(crate) fn is_far_ahead(&self, row: &SigningRow, config: &Config) -> bool {
        let published = config.tokens.key_publication + MARGIN;
        row.signs_from > self.now.saturating_add(millis(published))
    }

    /// Whether a key signs before its turn because no other can. Only the oldest does.
    pub(crate) fn stands_in(&self, row: &SigningRow) -> bool {
        let able = || self.signing.iter().filter(|row| row.signs);
        able().all(|row| row.signs_from > self.now)
            && able().min_by_key(|row| row.generation).is_some_and(|first| first.at == row.at)
    }

    pub(crate) fn next_refresh_generation(&self) -> i64 {
        let own = self.refresh.iter().map(|row| row.generation);
        next_generation(own.max(), self.floor.1, &self.occupied.1)
    }
}

/// The one after the latest that is accepted, or the next that no row has.
fn next_generation(latest: Option<i64>, floor: i64, occupied: &BTreeSet<i64>) -> i64 {
    let first = latest.unwrap_or(0).saturating_add(1).max(floor);
    (first..).find(|number| !occupied.contains(number)).unwrap_or(first)
}

/// How long a key is kept after its last token has expired, since clocks differ a little.
const MARGIN: Duration = Duration::from_secs(60);

/// How long a refresh key is kept after its last session has ended.
const REFRESH_MARGIN: Duration = Duration::from_secs(86_400);

/// A key to be made: its generation, and from when it is used, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) generation: i64,
    pub(crate) from: i64,
}

/// What is due.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) signing: Option<Turn>,
    pub(crate) refresh: Option<Turn>,
    /// Generations of signing keys that no longer sign, and whose private half is erased.
    pub(crate) erased: Vec<i64>,
    /// Generations of signing keys whose tokens have expired.
    pub(crate) removed: Vec<i64>,
    /// Generations of refresh keys whose sessions have ended.
    pub(crate) removed_refresh: Vec<i64>,
}

impl Plan {
    pub(crate) fn of(rows: &KeyRows, config: &Config) -> Self {
        let now = rows.now;
        let tokens = &config.tokens;
        let is = |row: &SigningRow, after: Duration| {
            superseded(row, rows, config).is_some_and(|at| at.saturating_add(millis(after)) <= now)
        };
        let generations = |is_due: &dyn Fn(&SigningRow) -> bool| -> Vec<i64> {
            let due = rows.signing.iter().filter(|row| is_due(row));
            due.map(|row| row.generation).collect()
        };
        let kept = tokens.access_ttl + MARGIN;
        Self {
            signing: next_signing_key(rows, config),
            refresh: next_refresh_key(rows, config),
            erased: generations(&|row| row.signs && is(row, Duration::ZERO) && !is(row, kept)),
            removed: generations(&|row| is(row, kept)),
            removed_refresh: ended_refresh_keys(rows, config),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// When a key stops signing. A key of an algorithm other than the configured one fades out: an
/// instance that is still configured for it would have made the next one in time.
fn superseded(row: &SigningRow, rows: &KeyRows, config: &Config) -> Option<i64> {
    let interval = config.tokens.key_rotation;
    let fades = row.algorithm != config.tokens.algorithm && !interval.is_zero();
    rows.followed(row, config).or(fades.then(|| row.signs_from.saturating_add(millis(interval))))
}

fn next_signing_key(rows: &KeyRows, config: &Config) -> Option<Turn> {
    let algorithm = config.tokens.algorithm;
    if algorithm == Algorithm::Hs256 {
        return None;
    }
    let own = rows.signing.iter().filter(|row| row.algorithm == algorithm && row.signs);
    let generation = rows.next_signing_generation();
    match own.map(|row| row.signs_from).max() {
        Some(latest) => next(latest, rows.now, config).map(|from| Turn { generation, from }),
        // While it is being published, keys of other algorithms go on signing.
        None if rows.signing.iter().any(|row| row.signs) => {
            Some(Turn { generation, from: rows.now + millis(config.tokens.key_publication) })
        }
        None => Some(Turn { generation, from: rows.now }),
    }
}

fn next_refresh_key(rows: &KeyRows, config: &Config) -> Option<Turn> {
    let generation = rows.next_refresh_generation();
    match rows.refresh.iter().map(|row| row.used_from).max() {
        Some(latest) => next(latest, rows.now, config).map(|from| Turn { generation, from }),
        None => Some(Turn { generation, from: rows.now }),
    }
}

/// The turn of the key that follows one whose turn came at `latest`, once it is time to publish.
fn next(latest: i64, now: i64, config: &Config) -> Option<i64> {
    let interval = config.tokens.key_rotation;
    if interval.is_zero() {
        return None;
    }
    let due = latest.saturating_add(millis(interval));
    let soonest = now.saturating_add(millis(config.tokens.key_publication));
    (due <= soonest).then_some(soonest)
}

fn ended_refresh_keys(rows: &KeyRows, config: &Config) -> Vec<i64> {
    let kept = millis(config.sessions.lifetime + REFRESH_MARGIN);
    let is_over = |generation: i64| {
        let later = rows.refresh.iter().filter(|other| other.generation > generation);
        let next = later.map(|other| other.used_from).min();
        next.is_some_and(|used_from| used_from.saturating_add(kept) <= rows.now)
    };
    rows.refresh.iter().map(|row| row.generation).filter(|it| is_over(*it)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Profile;

    const DAY: i64 = 86_400_000;
    const HOUR: i64 = 3_600_000;

    fn config(algorithm: Algorithm) -> Config {
        let mut config = Config::new(Profile::Testing);
        config.tokens.algorithm = algorithm;
        config
    }

    fn row(generation: i64, algorithm: Algorithm, signs_from: i64, signs: bool) -> SigningRow {
        let kid = generation.to_string();
        let public = Vec::new();
        SigningRow { at: 0, generation, kid, algorithm, signs, public, signs_from }
    }

    fn rows(now: i64, signing: Vec<SigningRow>, refresh: Vec<RefreshRow>) -> KeyRows {
        KeyRows { now, signing, refresh, ..KeyRows::default() }
    }

    /// What is due at this time, with refresh keys that need nothing.
    fn due(now: i64, signing: Vec<SigningRow>, algorithm: Algorithm) -> Plan {
        let refresh = vec![RefreshRow { at: 0, generation: 1, used_from: now }];
        Plan::of(&rows(now, signing, refresh), &config(algorithm))
    }

    use Algorithm::{EdDsa, Es256, Hs256};

    #[test]
    fn the_first_key_signs_at_once() {
        let plan = due(5, Vec::new(), EdDsa);
        assert_eq!(
            plan,
            Plan { signing: Some(Turn { generation: 1, from: 5 }), ..Plan::default() }
        );
        assert!(due(5, Vec::new(), Hs256).is_empty());
    }

    #[test]
    fn the_next_key_is_published_an_hour_before_the_90_days_are_over_and_signs_then() {
        let keys = || vec![row(1, EdDsa, 0, true)];
        assert!(due(90 * DAY - HOUR - 1, keys(), EdDsa).is_empty());
        let turn = |now| due(now, keys(), EdDsa).signing.unwrap();
        assert_eq!(turn(90 * DAY - HOUR), Turn { generation: 2, from: 90 * DAY });
        // No instance was running in time: it is published first all the same.
        assert_eq!(turn(100 * DAY), Turn { generation: 2, from: 100 * DAY + HOUR });
        let published = vec![row(1, EdDsa, 0, true), row(2, EdDsa, 90 * DAY, true)];
        assert!(due(90 * DAY - 1, published, EdDsa).is_empty());
    }

    #[test]
    fn an_old_key_loses_its_private_half_and_goes_when_its_tokens_are_over() {
        let at = |now, private| {
            let keys = vec![row(1, EdDsa, 0, private), row(2, EdDsa, DAY, true)];
            let plan = due(now, keys, EdDsa);
            (plan.erased, plan.removed)
        };
        assert_eq!(at(DAY - 1, true), (vec![], vec![]));
        assert_eq!(at(DAY, true), (vec![1], vec![]));
        let last = DAY + 15 * 60_000 + 60_000;
        assert_eq!(at(last - 1, false), (vec![], vec![]));
        assert_eq!(at(last, false), (vec![], vec![1]));
    }

    #[test]
    fn a_first_key_of_another_algorithm_is_published_before_it_signs() {
        let plan = due(DAY, vec![row(1, EdDsa, 0, true)], Es256);
        assert_eq!(plan.signing, Some(Turn { generation: 2, from: DAY + HOUR }));
        // An instance that is still configured for the old one has a key all the while.
        let both = || vec![row(1, EdDsa, 0, true), row(2, Es256, DAY, true)];
        assert!(due(80 * DAY, both(), Es256).is_empty());
        assert!(due(80 * DAY, both(), EdDsa).is_empty());
        assert_eq!(due(90 * DAY, both(), Es256).erased, [1]);
    }

    #[test]
    fn without_a_rotation_no_key_follows_and_none_goes() {
        let mut config = config(EdDsa);
        config.tokens.key_rotation = Duration::ZERO;
        let signing = vec![row(1, Es256, 0, true), row(2, EdDsa, 0, true)];
        let plan = Plan::of(&rows(1_000 * DAY, signing, vec![]), &config);
        assert_eq!((plan.signing, plan.erased), (None, vec![]));
    }

    #[test]
    fn a_refresh_key_is_kept_until_the_last_session_under_it_is_over() {
        let keys = [(1, 0), (2, 90 * DAY)];
        let keys =
            || keys.map(|(generation, used_from)| RefreshRow { at: 0, generation, used_from });
        let rows = |now| rows(now, vec![row(1, EdDsa, now, true)], keys().into());
        let removed = |now| Plan::of(&rows(now), &config(EdDsa)).removed_refresh;
        assert_eq!(removed(121 * DAY - 1), Vec::<i64>::new());
        assert_eq!(removed(121 * DAY), [1]);
        let next = Plan::of(&rows(180 * DAY), &config(EdDsa)).refresh;
        assert_eq!(next, Some(Turn { generation: 3, from: 180 * DAY + HOUR }));
    }

    #[test]
    fn the_next_generation_is_one_that_no_row_has_and_that_is_accepted() {
        let mut rows = rows(0, vec![row(3, EdDsa, 0, true)], vec![]);
        assert_eq!((rows.next_signing_generation(), rows.next_refresh_generation()), (4, 1));
        rows.occupied = ([3, 4, 6, i64::MAX, i64::MIN].into(), [1].into());
        assert_eq!((rows.next_signing_generation(), rows.next_refresh_generation()), (5, 2));
        rows.floor = (6, 9);
        assert_eq!((rows.next_signing_generation(), rows.next_refresh_generation()), (7, 9));
    }
}
