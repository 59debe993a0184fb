//! The range of times, and times as rows hold them.
//!
//! PostgreSQL keeps times from 4714 BC to 294276 AD and two infinities, and RFC 3339 writes four
//! digits of a year. A time is accepted only where both agree, and the schema's constraints say the
//! same, so that stored times can be shown, exported and imported again. If the constraint was
//! dropped, a row may hold another time. It is read as the nearest time in the range, and the log
//! names the row, so that it takes no other row down. The types of the `time` crate would fail
//! there, so the driver knows none of them: a column of times is read as [`Moment`].

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use tokio_postgres::types::{FromSql, Type, accepts};

/// 0001-01-01T00:00:00Z, in seconds since 1970.
const FIRST: i64 = -62_135_596_800;

/// 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799;

/// The text of an error about a time that is not accepted.
pub(crate) const EXPECTED: &str = "must be a time as in RFC 3339, such as 2027-01-31T18:00:00Z, \
                                   from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z";

/// Reads a date-time of RFC 3339 within the range, in UTC and to the microsecond, which is
/// PostgreSQL's precision.
pub(crate) fn parse(text: &str) -> Option<OffsetDateTime> {
    // Near the edges of the calendar, an offset can lead to a time that cannot be represented.
    let utc = OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)?;
    let time = utc.replace_nanosecond(utc.microsecond() * 1_000).ok()?;
    let range = i128::from(FIRST) * 1_000_000_000..=i128::from(LAST) * 1_000_000_000;
    range.contains(&time.unix_timestamp_nanos()).then_some(time)
}

/// A time as a statement takes it.
pub(crate) fn parameter(time: OffsetDateTime) -> SystemTime {
    let nanos = time.unix_timestamp_nanos();
    let micros = u64::try_from(nanos.unsigned_abs() / 1_000).unwrap_or(u64::MAX);
    let distance = Duration::from_micros(micros);
    if nanos < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}

/// A time as microseconds since 1970-01-01 UTC.
pub(crate) fn micros(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000)).unwrap_or(i64::MAX)
}

/// The time so many microseconds after 1970-01-01 UTC, if it is in the range.
pub(crate) fn from_micros(micros: i64) -> Option<OffsetDateTime> {
    let in_range = (FIRST * 1_000_000..=LAST * 1_000_000).contains(&micros);
    let nanos = i128::from(micros) * 1_000;
    in_range.then(|| OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()).flatten()
}

/// A duration in milliseconds, as statements take one.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Writes a UTC time in RFC 3339, to the second.
pub(crate) fn write_seconds(time: OffsetDateTime) -> String {
    let (date, clock) = (time.date(), time.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second()
    )
}

/// The same, to the microsecond.
pub(crate) fn write_micros(time: OffsetDateTime) -> String {
    let seconds = write_seconds(time);
    format!("{}.{:06}Z", seconds.trim_end_matches('Z'), time.microsecond())
}

/// What a time belongs to, for the log: the kind of row, and its number.
pub(crate) type Whose = (&'static str, i64);

/// Any time in a row: microseconds since 2000, and the extremes for the infinities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(i64);

/// 2000-01-01T00:00:00Z, in microseconds since 1970.
const YEAR_2000: i64 = 946_684_800_000_000;

/// 1970-01-01T00:00:00Z, where a row has none though it should.
impl Default for Moment {
    fn default() -> Self {
        Self(-YEAR_2000)
    }
}

impl Moment {
    /// Microseconds since 1970-01-01 UTC.
    pub(crate) fn micros(self, whose: Whose) -> i64 {
        let micros = self.0.saturating_add(YEAR_2000);
        let nearest = micros.clamp(FIRST * 1_000_000, LAST * 1_000_000);
        if nearest != micros {
            let (kind, id) = whose;
            log::warn!(
                "{kind} {id}: it has a time outside of the years 1 to 9999, which is taken for the \
                 nearest; the schema's constraint is gone"
            );
        }
        nearest
    }

    /// The same without a guess: `None` for a time that is out of range.
    pub(crate) fn micros_in_range(self) -> Option<i64> {
        let micros = self.0.saturating_add(YEAR_2000);
        (FIRST * 1_000_000..=LAST * 1_000_000).contains(&micros).then_some(micros)
    }

    /// The time itself.
    pub(crate) fn time(self, whose: Whose) -> OffsetDateTime {
        let nanos = i128::from(self.micros(whose)) * 1_000;
        OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// The same for a time at which something ends; the positive infinity is no end.
    pub(crate) fn end(self, whose: Whose) -> Option<OffsetDateTime> {
        let time = self.time(whose);
        (self.0 != i64::MAX).then_some(time)
    }
}

impl<'a> FromSql<'a> for Moment {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        postgres_protocol::types::timestamp_from_sql(raw).map(Self)
    }

    accepts!(TIMESTAMPTZ);
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOSE: Whose = ("row", 1);

    #[test]
    fn the_range_ends_at_its_ends() {
        for text in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T01:00:00+01:00"] {
            assert!(parse(text).is_some(), "{text}");
        }
        for text in [
            "0000-12-31T23:59:59.999999Z",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59.000001Z",
            "9999-12-31T23:59:59-01:00",
            "infinity",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_time_out_of_range_is_the_nearest_that_is_in_it() {
        let shown = |raw: i64| Moment(raw).time(WHOSE).unix_timestamp();
        assert_eq!((shown(i64::MIN), shown(i64::MAX)), (FIRST, LAST));
        assert_eq!((shown(i64::MIN + 1), shown(i64::MAX - 1)), (FIRST, LAST));
        assert_eq!(shown(0), 946_684_800);
        for raw in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
            assert_eq!(Moment(raw).micros_in_range(), None);
        }
        assert_eq!(Moment(1).micros_in_range(), Some(946_684_800_000_001));
        let end = |raw: i64| Moment(raw).end(WHOSE).map(OffsetDateTime::unix_timestamp);
        assert_eq!(
            (end(i64::MAX), end(i64::MAX - 1), end(i64::MIN)),
            (None, Some(LAST), Some(FIRST))
        );
    }

    #[test]
    fn a_parameter_is_the_same_time() {
        for text in ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59Z"]
        {
            let time = parse(text).unwrap();
            assert_eq!(OffsetDateTime::from(parameter(time)), time, "{text}");
        }
    }
}
