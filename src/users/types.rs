//! The words of this slice, each parsed once.

use crate::error::{Error, Result};
use crate::moment::{self, Moment, Whose};
use crate::printable::is_invisible;
use caseless::Caseless;
use serde::{Serialize, Serializer};
use std::fmt;
use std::time::SystemTime;
use time::OffsetDateTime;
use unicode_normalization::UnicodeNormalization;

/// Most characters of a login.
const MAX_CHARS: usize = 128;

/// Most bytes of a login's canonical form. Compatibility forms can expand a character to eighteen;
/// a PostgreSQL index entry takes some 2,700 bytes.
const MAX_CANONICAL_BYTES: usize = 1024;

/// Braille without a dot: a symbol by its category, and as blank as a space.
const BLANK: char = '\u{2800}';

/// A user's number, 1 or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct UserId(i64);

impl UserId {
    /// Takes a number from outside.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for one below 1.
    pub fn parse(id: i64) -> Result<Self> {
        if id < 1 {
            return Err(Error::parameter("id", "must be 1 or more"));
        }
        Ok(Self(id))
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }

    /// Takes a number from the database, which made it.
    pub(crate) fn stored(id: i64) -> Self {
        Self(id)
    }
}

/// The name that a user logs in with.
///
/// It is shown as it was typed. What identifies it is its canonical form: Unicode's compatibility
/// normalisation and case folding, and without characters that nobody sees, so that `Alice`,
/// `ALICE` and `Ａｌｉｃｅ` are one login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    typed: String,
    canonical: String,
}

impl Login {
    /// Takes a login in.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when it is empty or over 128 characters, begins or ends with
    /// white space, holds a control, format, private-use or unassigned character or a line or
    /// paragraph separator, or when its canonical form is empty or over 1,024 bytes.
    pub fn parse(typed: &str) -> Result<Self> {
        let fault = |text: &str| Err(Error::parameter("login", text));
        if typed.is_empty() {
            return fault("must not be empty");
        }
        if typed.chars().nth(MAX_CHARS).is_some() {
            return fault("must have at most 128 characters");
        }
        let seen = typed.trim_matches(is_ignorable);
        if seen.starts_with(char::is_whitespace) || seen.ends_with(char::is_whitespace) {
            return fault("must not begin or end with a space");
        }
        if typed.chars().any(is_refused) {
            return fault("must not contain control, format, private-use or unassigned characters");
        }
        let canonical = canonical(typed);
        if canonical.is_empty() {
            return fault("must contain a visible character");
        }
        if canonical.len() > MAX_CANONICAL_BYTES {
            return fault("is too long once normalised");
        }
        Ok(Self { typed: typed.to_owned(), canonical })
    }

    /// As it was typed.
    pub fn as_str(&self) -> &str {
        &self.typed
    }

    /// The form that identifies it.
    pub(crate) fn canonical(&self) -> &str {
        &self.canonical
    }
}

/// What it looks like, or will be and how it will fold, nobody can say of what is invisible.
fn is_refused(c: char) -> bool {
    is_invisible(c) || c == BLANK
}

/// The form under which compatibility caseless matches are equal (The Unicode Standard, section
/// 3.13, D146), composed at the end, without default ignorable characters.
fn canonical(typed: &str) -> String {
    let visible = typed.chars().filter(|c| !is_ignorable(*c));
    visible.nfd().default_case_fold().nfkd().default_case_fold().nfkc().collect()
}

/// The default ignorable characters (DerivedCoreProperties) that are not refused as format
/// characters: combining grapheme joiner, Hangul fillers, Khmer inherent vowels, Mongolian and
/// other variation selectors.
fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{034f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180d}'
            | '\u{180f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{e0100}'..='\u{e01ef}'
    )
}

/// A user as the API shows one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// The user's number.
    pub id: UserId,
    /// The login as it was typed at registration.
    pub login: String,
    /// Whether the user may see and change others.
    pub admin: bool,
    /// When the user was registered.
    pub created_at: Timestamp,
    /// Whether an admin has locked the account. Shown when it is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// When the account ends. Shown when there is such a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A moment, shown as RFC 3339 writes it, in UTC and to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// A moment as milliseconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// [`Error::Internal`] for one that no calendar has.
    pub(crate) fn from_millis(millis: i64) -> Result<Self> {
        OffsetDateTime::from_unix_timestamp(millis.div_euclid(1_000))
            .map(Self)
            .map_err(|_| Error::Internal(format!("{millis} is not a time")))
    }

    /// Reads what RFC 3339 calls a date-time, such as `2027-01-31T18:00:00Z`, of the years 1 to
    /// 9999 in UTC. A fraction of a second is dropped, since it would not be shown.
    ///
    /// # Errors
    /// A text that says what would have been right.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let fault = || moment::EXPECTED.to_owned();
        let time = moment::parse(text).ok_or_else(fault)?;
        time.replace_nanosecond(0).map(Self).map_err(|_| fault())
    }

    /// Whether it is over, by the clock of this machine.
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

    /// One at which something ends; infinity is none.
    pub(crate) fn stored_end(moment: Option<Moment>, whose: Whose) -> Option<Self> {
        moment.and_then(|moment| moment.end(whose)).map(Self)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = (self.0.date(), self.0.time());
        write!(f, "{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())?;
        write!(f, "T{:02}:{:02}:{:02}Z", time.hour(), time.minute(), time.second())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Which users of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    number: i64,
    size: i64,
    after: Option<i64>,
}

impl Page {
    /// Most users on a page.
    pub const MAX_SIZE: i64 = 100;

    /// The page of this number, counted from 1, with so many users; or, if `after` is given, the
    /// users behind that id, which costs the same however far behind it is.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a number below 1, a size outside 1 to 100, `after` below 0.
    pub fn parse(number: i64, size: i64, after: Option<i64>) -> Result<Self> {
        if number < 1 {
            return Err(Error::parameter("page_num", "must be 1 or more"));
        }
        if !(1..=Self::MAX_SIZE).contains(&size) {
            return Err(Error::parameter("page_size", "must be from 1 to 100"));
        }
        if after.is_some_and(|id| id < 0) {
            return Err(Error::parameter("after", "must be 0 or more"));
        }
        Ok(Self { number, size, after })
    }

    /// Its number, counted from 1.
    pub fn number(self) -> i64 {
        self.number
    }

    /// The most users it holds.
    pub fn size(self) -> i64 {
        self.size
    }

    /// The id behind which it begins, and how many users to pass over from there.
    pub(crate) fn start(self) -> (i64, i64) {
        match self.after {
            Some(id) => (id, 0),
            None => (0, (self.number - 1).saturating_mul(self.size)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical_of(text: &str) -> String {
        Login::parse(text).unwrap().canonical
    }

    #[test]
    fn spellings_of_one_login_have_one_canonical_form() {
        for (a, b) in [
            ("Alice", "ALICE"),
            ("Ａｌｉｃｅ", "alice"),
            ("straße", "STRASSE"),
            ("Å", "a\u{30a}"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("admin\u{fe0f}", "admin"),
            ("ad\u{034f}min", "admin"),
            ("ﬁ", "FI"),
            ("\u{1fc3}", "\u{3b7}\u{345}"),
        ] {
            assert_eq!(canonical_of(a), canonical_of(b), "{a} and {b}");
        }
    }

    #[test]
    fn different_logins_stay_different() {
        for (a, b) in [("alice", "alıce"), ("a.b", "ab"), ("a b", "ab"), ("é", "e")] {
            assert_ne!(canonical_of(a), canonical_of(b), "{a} and {b}");
        }
    }

    #[test]
    fn the_canonical_form_is_its_own_canonical_form() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            if let Ok(login) = Login::parse(&c.to_string()) {
                assert_eq!(canonical(&login.canonical), login.canonical, "U+{:04X}", c as u32);
            }
        }
    }

    #[test]
    fn a_login_has_1_to_128_characters() {
        assert!(Login::parse("").is_err());
        assert!(Login::parse(&"é".repeat(128)).is_ok());
        assert!(Login::parse(&"é".repeat(129)).is_err());
        assert!(Login::parse(&"\u{fdfa}".repeat(128)).is_err());
    }

    #[test]
    fn spaces_at_the_ends_and_invisible_characters_are_refused() {
        for text in [
            " a",
            "a ",
            "\u{a0}a",
            "a\u{3000}",
            "a\tb",
            "a\nb",
            "a\0b",
            "a\u{200b}b",
            "\u{feff}a",
            "a\u{202e}b",
            "\u{fe0f} a",
            "a \u{fe0f}",
            "\u{fe0f} \u{fe0f}",
            "a\u{2800}",
            "a\u{e000}",
            "a\u{2028}b",
            "a\u{7f}",
            "a\u{ad}b",
            "\u{fe0f}",
            "a\u{378}",
        ] {
            assert!(Login::parse(text).is_err(), "{text:?}");
        }
        assert!(Login::parse("two words").is_ok());
        assert!(Login::parse("日本語 ❤\u{fe0f}").is_ok());
    }

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

    #[test]
    fn a_page_has_bounds() {
        assert!(Page::parse(0, 20, None).is_err());
        assert!(Page::parse(1, 0, None).is_err());
        assert!(Page::parse(1, 101, None).is_err());
        assert!(Page::parse(1, 20, Some(-1)).is_err());
        assert_eq!(Page::parse(3, 100, None).unwrap().start(), (0, 200));
        assert_eq!(Page::parse(3, 100, Some(7)).unwrap().start(), (7, 0));
        assert_eq!(Page::parse(i64::MAX, 100, None).unwrap().start(), (0, i64::MAX));
    }
}
