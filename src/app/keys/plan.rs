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
mod tests;
