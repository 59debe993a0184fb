//! What must be done once the database has become an earlier one, by a backup that was restored or
//! by a standby that took over and lacked the last commits.
//!
//! Its numbers would be given out again, to others; sessions that were ended live again; tokens
//! that were retired are good again. What cannot be known is left to people: revoked API keys and
//! changed passwords are as they were then, and so are locks, admins and deleted users.

use crate::access::Caller;
use crate::api_keys::{self, ApiKey};
use crate::app::App;
use crate::audit::{Action, Event, head};
use crate::database::with_owner;
use crate::db::sequences;
use crate::error::Result;
use crate::signing_keys;
use std::time::{SystemTime, UNIX_EPOCH};

/// How far numbers are moved at least: farther than what was lost can have reached, and small
/// enough to be done as often as anybody may need it.
const STEP: i64 = 1_000_000;

/// Moves the numbers of users, sessions, API keys and rows of the audit log far beyond all that
/// was given out, replaces all keys, and ends all sessions. Returns the API keys, which somebody
/// should look through.
///
/// It can be run again at any time, after a crash in the middle too. The numbers come first, so
/// that nothing that begins from here on has one that somebody else knows. The row in the audit
/// log is committed with the new keys; the sessions then end by being of earlier ones.
///
/// A secret of HS256 is the operator's and stays: access tokens signed with it are refused here,
/// since their sessions are over, but not by who verifies them alone.
///
/// # Errors
/// `Error::Configuration` when `database.owner_url` is missing, `Error::Startup` when its database
/// cannot be reached or refuses; the faults of the database.
pub fn after_restore(app: &App) -> Result<Vec<ApiKey>> {
    // Who restores the same backup twice must not come to the same numbers twice. What follows a
    // random number, and the clock, is another each time.
    let beyond = STEP + rand::random_range(0..STEP);
    with_owner(app.config(), |owner| sequences::raise(owner, beyond))?;
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let generation = i64::try_from(clock.as_millis()).unwrap_or(0);
    signing_keys::replace_all(app, generation, &Event::new(Action::AfterRestore, None))?;
    head(app)?;
    api_keys::list(app, &Caller::Trusted)
}
