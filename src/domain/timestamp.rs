//! A moment as the API reads and shows it.

use crate::error::{Error, Result};
use crate::moment::{self, Moment, Whose};
use serde::{Serialize, Serializer};
use std::fmt;
use std::time::SystemTime;
use time::OffsetDateTime;

/// A moment, shown as RFC 3339 writes it, in UTC and to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// A moment as milliseconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// [`Error::Internal`] for one outside the calendar.
    pub(crate) fn from_millis(millis: i64) -> Result<Self> {
        OffsetDateTime::from_unix_timestamp(millis.div_euclid(1_000))
            .map(Self)
            .map_err(|_| Error::Internal(format!("{millis} is not a time")))
    }

    /// Reads what RFC 3339 calls a date-time, such as `2027-01-31T18:00:00Z`, of the years 1 to
    /// 9999 in UTC. A fraction of a second is dropped, since it would not be shown.
    ///
    /// # Errors
    /// A text that says what was expected.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let fault = || moment::EXPECTED.to_owned();
        let time = moment::parse(text).ok_or_else(fault)?;
        time.replace_nanosecond(0).map(Self).map_err(|_| fault())
    }

    /// Whether it has passed, by the clock of this machine.
    #[must_use]
    pub fn is_past(self) -> bool {
        self.parameter() < SystemTime::now()
    }

    /// The moment itself.
    pub(crate) fn time(self) -> OffsetDateTime {
        self.0
    }

    /// The moment for the database.
    pub(crate) fn parameter(self) -> SystemTime {
        moment::parameter(self.0)
    }

    /// A moment from the database.
    pub(crate) fn stored(moment: Moment, whose: Whose) -> Self {
        Self(moment.time(whose))
    }

    /// A moment at which something ends. Infinity means that it never does.
    pub(crate) fn stored_end(moment: Option<Moment>, whose: Whose) -> Option<Self> {
        moment.and_then(|moment| moment.end(whose)).map(Self)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&moment::write_seconds(self.0))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_rfc_3339_writes_it_and_shown_in_utc() {
        for (text, shown) in [
            ("2027-01-31T18:00:00Z", "2027-01-31T18:00:00Z"),
            ("2027-01-31t18:00:00.999z", "2027-01-31T18:00:00Z"),
            ("2027-01-31T18:00:00+05:30", "2027-01-31T12:30:00Z"),
            ("2028-02-29T00:00:00-00:00", "2028-02-29T00:00:00Z"),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), shown);
        }
        for text in [
            "",
            "never",
            "2027-01-31",
            "2027-01-31T18:00:00",
            "2027-02-29T18:00:00Z",
            "2027-01-31T25:00:00Z",
            "10000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
            "0000-12-31T23:59:59Z",
            "0001-01-01T00:00:00+01:00",
            "1800000000",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }
}
