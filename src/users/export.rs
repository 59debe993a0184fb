//! All that is kept about a user, for that user and for admins.
//!
//! Not in it: the password's hash, secrets of factors, and keyed hashes of networks and counters, which say nothing to
//! anybody. The private attributes are in it for those who see them elsewhere too.

use super::read::show;
use super::types::User;
use crate::access::Caller;
use crate::app::App;
use crate::audit::{self, AuditEntry};
use crate::domain::{Page, UserId};
use crate::error::Result;
use crate::factors::{self, Factors};
use crate::sessions::{self, Session};
use serde::Serialize;

/// A page of what is kept about a user.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct UserExport {
    /// The user.
    pub user: User,
    /// The second factors, and how many recovery codes are left.
    #[serde(flatten)]
    pub factors: Factors,
    /// Live sessions, in the order in which they were opened.
    pub sessions: Vec<Session>,
    /// What the audit log says happened to the user, the newest first.
    pub audit: Vec<AuditEntry>,
}

/// Where a further page begins: after this session, and before this entry of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportPosition {
    /// The last session so far; 0 before the first, and the largest number behind the last.
    pub after: i64,
    /// The last entry so far; the largest number before the first, and 1 behind the last.
    pub before: i64,
}

impl ExportPosition {
    /// The beginning.
    pub const START: Self = Self { after: 0, before: i64::MAX };

    /// This place.
    pub fn new(after: i64, before: i64) -> Self {
        Self { after, before }
    }
}

/// What is kept about a user, up to `size` sessions and as many entries of the audit log, and where
/// the next page begins, if there is more. For that user, admins, and keys that may see users.
///
/// In the log, that user sees the addresses that the user and strangers came from, and not those of
/// admins.
///
/// # Errors
/// As [`show`]; [`Error::InvalidRequest`](crate::Error::InvalidRequest) for a size outside 1 to 100.
pub fn export(
    app: &App,
    caller: &Caller,
    id: UserId,
    from: ExportPosition,
    size: i64,
) -> Result<(UserExport, Option<ExportPosition>)> {
    let page = Page::parse(1, size, Some(from.after))?;
    let user = show(app, caller, id)?;
    let (sessions, more_sessions) = sessions::list(app, caller, Some(id), page)?;
    let (mut audit, more_entries) = audit::entries_about(app, id, Some(from.before), size)?;
    let next = (more_sessions || more_entries).then(|| ExportPosition {
        after: sessions.last().filter(|_| more_sessions).map_or(i64::MAX, |it| it.id.get()),
        before: audit.last().filter(|_| more_entries).map_or(1, |it| it.id),
    });
    if user.is_seen_by_itself(caller) {
        for entry in &mut audit {
            let other = matches!(entry.actor.as_str(), "user" | "key" | "operator")
                && entry.actor_id != Some(id.get());
            if other {
                entry.address = None;
            }
        }
    }
    let factors = factors::of(app, id)?;
    Ok((UserExport { user, factors, sessions, audit }, next))
}
