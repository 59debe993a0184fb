//! The audit log: who did what to whom, from where, when, with which outcome.
//!
//! A row is written together with what it records: in the same transaction, if there is one. It
//! carries a keyed hash of its content, so nobody without the key can change or invent one. About
//! once a second, a sealer in every service then chains the new rows: a seal is a keyed hash of the
//! previous seal and of its rows. So logins never wait for a place in the chain.
//!
//! A superuser of the database can do two things unseen: remove rows in the second or so before
//! they are sealed, and cut off the end of the log, rows and seals together, unless [`head`] was
//! kept elsewhere for comparison. Anyone who also has the key can do everything.
//!
//! In a flood only a limited number of failed logins a minute get a row of their own, whatever the
//! cause, or they would fill the disk. The others, and attempts that were refused untried (429),
//! are counted, and one row a minute says how many there were. Refreshes that succeed leave no row.

pub(crate) mod api;
mod chain;
mod event;
mod head;
mod prune;
mod sealing;
pub(crate) mod set_back;
mod store;
mod verify;
mod writer;

use crate::access::{Caller, Right, authorize};
use crate::app::App;
use crate::db::Database;
use crate::domain::UserId;
use crate::error::Result;
pub(crate) use event::{Action, AuditOutcome, Event};
pub use head::Head;
pub(crate) use prune::keep_to_age;
pub use prune::prune;
pub(crate) use sealing::Sealer;
pub use sealing::head;
pub use store::AuditEntry;
pub use verify::{Verification, verify};
pub(crate) use writer::Writer;

/// Up to `size` entries before the one with the id `before`, the newest first, and whether there
/// are more.
///
/// # Errors
/// `Error::TokenMissing`, `Error::TokenInvalid`, `Error::Forbidden`; database errors.
pub fn entries(
    app: &App,
    caller: &Caller,
    before: Option<i64>,
    size: i64,
) -> Result<(Vec<AuditEntry>, bool)> {
    app.database()?.with_connection(|conn| authorize(conn, caller, Right::Admin))?;
    let before = before.unwrap_or(i64::MAX);
    app.database()?.with_connection(|conn| store::page(conn, None, before, size))
}

/// As [`entries`], those about a user. The caller's right is the business of whoever calls this.
///
/// # Errors
/// Database errors.
pub(crate) fn entries_about(
    app: &App,
    user: UserId,
    before: Option<i64>,
    size: i64,
) -> Result<(Vec<AuditEntry>, bool)> {
    let before = before.unwrap_or(i64::MAX);
    app.database()?.with_connection(|conn| store::page(conn, Some(user), before, size))
}

/// As [`verify`], for an admin.
///
/// # Errors
/// `Error::TokenMissing`, `Error::TokenInvalid`, `Error::Forbidden`; database errors.
#[cfg(feature = "pages")]
pub(crate) fn verify_as(app: &App, caller: &Caller) -> Result<Verification> {
    app.database()?.with_connection(|conn| authorize(conn, caller, Right::Admin))?;
    verify(app, None)
}

/// Rows that no seal covers yet, up to 10,000: a sealer that stands still is noticed long before.
///
/// # Errors
/// Database errors.
pub(crate) fn unsealed(database: &Database) -> Result<i64> {
    database.with_connection(|conn| store::unsealed(conn, 10_000))
}
