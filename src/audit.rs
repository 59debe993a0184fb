//! The audit log: who did what to whom, from where, when, with which outcome.
//!
//! A row is written with what it records: in the same transaction where there is one. It carries a
//! keyed hash of its content, so nobody without the key can change or invent one. A sealer, in
//! every service about once a second, then chains the rows that are new: a seal is a keyed hash of
//! the seal before and of its rows. So logins never wait for each other's place in the chain.
//!
//! What a superuser of the database can do unseen: remove rows in the second or so before they are
//! sealed; and cut off the end of the log, rows and seals together, unless [`head`] was kept
//! somewhere else, to be compared. Who also has the key can do everything.
//!
//! Under a flood only so many failed logins a minute get a row of their own, whatever they failed
//! for, or it would fill the disk: the others, and attempts that were refused untried (429), are
//! counted, and a row a minute says how many there were. Refreshes that succeed leave none.

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
/// `Error::TokenMissing`, `Error::TokenInvalid`, `Error::Forbidden`; the faults of the database.
pub fn entries(
    app: &App,
    caller: &Caller,
    before: Option<i64>,
    size: i64,
) -> Result<(Vec<AuditEntry>, bool)> {
    app.database()?.with_connection(|conn| authorize(conn, caller, Right::Admin))?;
    app.database()?.with_connection(|conn| store::page(conn, before.unwrap_or(i64::MAX), size))
}
