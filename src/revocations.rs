//! The list of revocations, for services that verify access tokens alone.
//!
//! Whoever checks a signature offline cannot know that a session has ended since. This list says
//! so: the sessions some of whose access tokens were revoked before their time. It is short, for
//! what is older than an access token can live has fallen out, and needs no secrecy: it names
//! sessions and nobody. It is signed like a token, so it may come through any cache; its type, its
//! issuer and its audience are its own, so that it passes for none.
//!
//! **What a service does with it.** Begin with `/revocations`. Fetch [`List::next`], joined with
//! the URL that was asked, again and again: at once while [`List::more`], else after an interval of its choice. Keep each entry for
//! [`List::keep`] seconds. A token whose `sid` is listed is refused if the entry says that it is
//! over, or the token's `token_version` is below the entry's, or it claims `admin` and the entry
//! does not. After [`List::exp`] a list is stale: somebody may be holding back a newer one.
//!
//! **Nothing is missed.** Transactions become visible in another order than their timestamps.
//! So a cursor never points to the last [`SETTLED_AFTER`], which no transaction outlives; entries
//! younger than that are sent again, and taking one in twice changes nothing.

pub(crate) mod api;
mod pages;
mod store;

use crate::app::App;
use crate::app::board::Position;
use crate::error::{Error, Result};
use crate::tokens::SessionRef;
use crate::{sessions, tokens};
use serde::Serialize;
use std::time::Duration;

/// Longer than a statement and a pause in a transaction may take (`statement_timeout` 5 s and
/// `idle_in_transaction_session_timeout` 10 s of the service's role), so that whatever has an
/// older timestamp is visible or will never be.
const SETTLED_AFTER: Duration = Duration::from_secs(20);

/// Most entries of one answer: some 50 KiB, and 100 KiB where all the sessions go on.
const MOST: usize = 1000;

/// How often a list is dated anew. Until then an unchanged one has the same entity tag.
const DATED: u64 = 30;

/// How long after its date a list may be used.
const VALID: u64 = 120;

/// Where a list begins: behind a moment, in microseconds since 1970-01-01 UTC, and a session that
/// was revoked in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub(crate) since: i64,
    pub(crate) after: i64,
}

impl Cursor {
    /// The farthest moment that a database can express in these units without overflow.
    const LAST: i64 = 1 << 53;

    /// Takes a position in from outside. Only one that a list named is of use.
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
pub struct Entry {
    /// The session, as in the claim `sid` of its access tokens.
    pub sid: SessionRef,
    /// What tokens of a session that goes on may say; absent when none is good any more.
    #[serde(flatten)]
    pub still: Option<Still>,
}

/// What an access token of a session that goes on must say to be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Still {
    /// At least this.
    pub token_version: i64,
    /// No more than this.
    pub admin: bool,
}

/// A list, before it is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct List {
    /// `tokens.issuer` and `/revocations`: who takes tokens of the issuer alone does not take this
    /// for one.
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
    pub revoked: Vec<Entry>,
    /// Where the list goes on: a reference to the URL that was asked (RFC 3986, 5.2).
    pub next: String,
    /// Whether there is more to be had there at once.
    pub more: bool,
}

/// What was revoked behind this position and still matters. It is read anew each time; a program
/// that lets anyone ask had better keep it for a second, as `GET /revocations` does.
///
/// # Errors
/// The faults of the database.
pub fn revocations(app: &App, from: Cursor) -> Result<List> {
    read(app, from, None).map(|(list, _)| list)
}

/// Reads the list between two positions. Says at which one it was cut off, if it was.
fn read(app: &App, from: Cursor, until: Option<Cursor>) -> Result<(List, Option<Cursor>)> {
    let keep = sessions::tokens_linger(app);
    let end = until.unwrap_or(Cursor { since: Cursor::LAST, after: 0 });
    let mut rows = app.database()?.read(|conn| store::list(conn, from, end, keep, MOST + 1))?;
    let cut = rows.entries.len() > MOST;
    rows.entries.truncate(MOST);
    let next = until.filter(|_| !cut).unwrap_or_else(|| next(from, &rows, cut));
    let iat = tokens::now() / DATED * DATED;
    let list = List {
        iss: format!("{}/revocations", app.config().tokens.issuer),
        aud: "revocations",
        iat,
        exp: iat + VALID,
        keep: keep.as_secs(),
        revoked: rows.entries.into_iter().map(|(_, entry)| entry).collect(),
        next: format!("?since={}&after={}", next.since, next.after),
        more: cut || until.is_some(),
    };
    Ok((list, cut.then_some(next)))
}

/// Where to go on: behind the last entry if more follow, else no later than what has settled.
fn next(from: Cursor, rows: &store::Rows, more: bool) -> Cursor {
    let mut cursors = rows.entries.iter().map(|(cursor, _)| *cursor);
    if more {
        return cursors.next_back().unwrap_or(from);
    }
    let settled = Cursor { since: rows.settled, after: 0 };
    let known = std::iter::once(from).chain(cursors).rfind(|cursor| *cursor <= settled);
    known.unwrap_or(settled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(id: i64) -> SessionRef {
        SessionRef::new(id, [0; 16])
    }

    fn next_of(from: i64, times: &[i64], more: bool) -> i64 {
        let entry =
            |since: &i64| (Cursor { since: *since, after: 7 }, Entry { sid: sid(7), still: None });
        let rows = store::Rows { entries: times.iter().map(entry).collect(), settled: 100 };
        next(Cursor { since: from, after: 3 }, &rows, more).since
    }

    #[test]
    fn the_next_list_begins_behind_what_has_settled_and_moves_only_with_entries() {
        assert_eq!(next_of(50, &[], false), 50);
        assert_eq!(next_of(50, &[60, 70], false), 70);
        assert_eq!(next_of(50, &[60, 99, 101, 110], false), 99);
        assert_eq!(next_of(50, &[101, 110], false), 50);
    }

    #[test]
    fn who_has_read_ahead_over_many_entries_comes_back_to_what_has_settled() {
        assert_eq!(next_of(50, &[101, 110], true), 110);
        assert_eq!(next_of(110, &[], false), 100);
        assert_eq!(next_of(110, &[120], false), 100);
    }

    #[test]
    fn an_entry_of_a_session_that_is_over_says_nothing_but_which() {
        let text = |entry: &Entry| serde_json::to_string(entry).unwrap();
        let expected = r#"{"sid":"5.AAAAAAAAAAAAAAAAAAAAAA"}"#;
        assert_eq!(text(&Entry { sid: sid(5), still: None }), expected);
        let still = Some(Still { token_version: 3, admin: false });
        let expected = r#"{"sid":"6.AAAAAAAAAAAAAAAAAAAAAA","token_version":3,"admin":false}"#;
        assert_eq!(text(&Entry { sid: sid(6), still }), expected);
    }

    #[test]
    fn a_cursor_has_bounds() {
        for (since, after) in [(-1, 0), (0, -1), (1 << 53, 0), (i64::MAX, i64::MAX)] {
            assert!(Cursor::parse(since, after).is_err());
        }
        assert!(Cursor::parse((1 << 53) - 1, i64::MAX).is_ok());
    }
}
