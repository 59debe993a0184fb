//! The list of revocations, for services that verify access tokens by themselves.
//!
//! A service that checks a signature offline cannot know that the session has ended since. This
//! list says so: it names the sessions whose access tokens, or some of them, were revoked before
//! they expired. It is short, since entries older than an access token can live drop out. It needs
//! no secrecy, since it names sessions and no people. It is signed like a token, so it may come
//! through any cache; its type, its issuer and its audience are its own, so that it cannot pass for
//! a token.
//!
//! **What a service does with it.** It begins with `/revocations`. It fetches
//! [`RevocationList::next`], resolved against the URL that it asked, again and again: at once while
//! [`RevocationList::more`] is set, and otherwise after an interval of its choice. It keeps each
//! entry for [`RevocationList::keep`] seconds. It refuses a token whose `sid` is listed if the
//! entry has no [`Revocation::still`], if the token's `token_version` is below the entry's, or if
//! the token claims `admin` and the entry does not. It refuses a token whose `jti` begins with one
//! of [`RevocationList::jti_prefixes`]. After [`RevocationList::exp`] a list is stale:
//! someone may be holding back a newer one.
//!
//! **Nothing is missed.** Transactions do not become visible in the order of their timestamps. So a
//! cursor never points into the last 20 seconds, which is longer than any transaction lasts.
//! Younger entries are sent again, and receiving one twice changes nothing.

pub(crate) mod api;
mod pages;
mod status_list;
mod store;
mod types;

use crate::access::key;
use crate::app::App;
use crate::error::Result;
use crate::{sessions, tokens};
use store::ListedRevocations;
pub use types::{Cursor, Revocation, RevocationList, StillGood};

/// Maximum entries in one answer: some 50 KiB, or 100 KiB if all the sessions go on.
const MOST: usize = 1000;

/// How often a list gets a new date. Until then an unchanged one keeps its entity tag.
const DATED: u64 = 30;

/// How long after its date a list may be used.
const VALID: u64 = 120;

/// What was revoked after this position and still matters. It is read anew each time. A program
/// that lets anyone ask should keep it for a second, as `GET /revocations` does.
///
/// # Errors
/// Database errors.
pub fn list(app: &App, from: Cursor) -> Result<RevocationList> {
    read(app, from, None).map(|(list, _)| list)
}

/// Reads the list between two positions. Also returns where it was cut off, if it was.
fn read(
    app: &App,
    from: Cursor,
    until: Option<Cursor>,
) -> Result<(RevocationList, Option<Cursor>)> {
    let keep = sessions::tokens_linger(app);
    let end = until.unwrap_or(Cursor { since: Cursor::LAST, after: 0 });
    let (mut rows, keys) = app.database()?.with_connection(|conn| {
        Ok((store::list(conn, from, end, keep, MOST + 1)?, store::keys(conn, keep)?))
    })?;
    let cut = rows.entries.len() > MOST;
    rows.entries.truncate(MOST);
    let next = until.filter(|_| !cut).unwrap_or_else(|| next(from, &rows, cut));
    let iat = tokens::now() / DATED * DATED;
    let list = RevocationList {
        iss: format!("{}/revocations", app.config().tokens.issuer),
        aud: "revocations",
        iat,
        exp: iat + VALID,
        keep: keep.as_secs(),
        revoked: rows.entries.into_iter().map(|(_, entry)| entry).collect(),
        jti_prefixes: keys.iter().map(|hash| format!("{}.", key::fingerprint(hash))).collect(),
        next: format!("?since={}&after={}", next.since, next.after),
        more: cut || until.is_some(),
    };
    Ok((list, cut.then_some(next)))
}

/// Where to continue: after the last entry if more follow, and otherwise no later than what has
/// settled.
fn next(from: Cursor, rows: &ListedRevocations, more: bool) -> Cursor {
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
    use crate::tokens::SessionRef;

    fn sid(id: i64) -> SessionRef {
        SessionRef::new(id, [0; 16])
    }

    fn next_of(from: i64, times: &[i64], more: bool) -> i64 {
        let entry = |since: &i64| {
            (Cursor { since: *since, after: 7 }, Revocation { sid: sid(7), still: None })
        };
        let rows = ListedRevocations { entries: times.iter().map(entry).collect(), settled: 100 };
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
}
