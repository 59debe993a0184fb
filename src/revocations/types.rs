//! The list of revocations, its entries, and positions in it.

use crate::app::board::Position;
use crate::error::{Error, Result};
use crate::tokens::SessionRef;
use serde::Serialize;

/// Where a list begins: after a moment, in microseconds since 1970-01-01 UTC, and after a session
/// that was revoked in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub(crate) since: i64,
    pub(crate) after: i64,
}

impl Cursor {
    /// The farthest moment that a database can express in these units without overflow.
    pub(super) const LAST: i64 = 1 << 53;

    /// Parses a position from outside. Only one that a list has named is of use.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`].
    pub fn parse(since: i64, after: i64) -> Result<Self> {
        if !(0..Self::LAST).contains(&since) || after < 0 {
            return Err(Error::parameter("since", "must be taken from `next` of an earlier list"));
        }
        Ok(Self { since, after })
    }
}

impl From<Position> for Cursor {
    fn from((since, after): Position) -> Self {
        Self { since, after }
    }
}

impl From<Cursor> for Position {
    fn from(cursor: Cursor) -> Self {
        (cursor.since, cursor.after)
    }
}

/// One session in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Revocation {
    /// The session, as in the claim `sid` of its access tokens.
    pub sid: SessionRef,
    /// What tokens of a session that goes on may claim; absent when none of them is valid any more.
    #[serde(flatten)]
    pub still: Option<StillGood>,
}

/// What an access token of a session that goes on must claim to be valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StillGood {
    /// At least this.
    pub token_version: i64,
    /// No more than this.
    pub admin: bool,
    /// This, if the session was stepped up: that retires the tokens of before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
}

/// A list, before it is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RevocationList {
    /// `tokens.issuer` and `/revocations`: a service that accepts only the issuer's tokens does not
    /// accept this as one.
    pub iss: String,
    /// `revocations`.
    pub aud: &'static str,
    /// Its date, in seconds since 1970-01-01 UTC.
    pub iat: u64,
    /// When it is stale.
    pub exp: u64,
    /// For how many seconds an entry matters, from when it was received.
    pub keep: u64,
    /// What was revoked, the oldest first.
    pub revoked: Vec<Revocation>,
    /// What the `jti` of tokens begins with that were issued to an API key which was revoked since.
    /// Every part of the list has all of them.
    pub jti_prefixes: Vec<String>,
    /// Where the list continues: a reference relative to the URL that was asked (RFC 3986, 5.2).
    pub next: String,
    /// Whether more can be fetched there at once.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(id: i64) -> SessionRef {
        SessionRef::new(id, [0; 16])
    }

    #[test]
    fn an_entry_of_a_session_that_is_over_says_nothing_but_which() {
        let text = |entry: &Revocation| serde_json::to_string(entry).unwrap();
        let expected = r#"{"sid":"5.AAAAAAAAAAAAAAAAAAAAAA"}"#;
        assert_eq!(text(&Revocation { sid: sid(5), still: None }), expected);
        let still = Some(StillGood { token_version: 3, admin: false, auth_time: Some(9) });
        let expected =
            r#"{"sid":"6.AAAAAAAAAAAAAAAAAAAAAA","token_version":3,"admin":false,"auth_time":9}"#;
        assert_eq!(text(&Revocation { sid: sid(6), still }), expected);
    }

    #[test]
    fn a_cursor_has_bounds() {
        for (since, after) in [(-1, 0), (0, -1), (1 << 53, 0), (i64::MAX, i64::MAX)] {
            assert!(Cursor::parse(since, after).is_err());
        }
        assert!(Cursor::parse((1 << 53) - 1, i64::MAX).is_ok());
    }
}
