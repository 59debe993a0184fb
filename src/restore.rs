//! What must be done after the database was set back, by restoring a backup or by a standby that
//! took over without the last commits.
//!
//! Ids would be given out again, to others; sessions that were ended are live again; tokens that
//! were retired are valid again. What cannot be known is left to people: revoked API keys and
//! changed passwords are as they were then, and so are locks, admins and deleted users.

use crate::access::Caller;
use crate::api_keys::{self, ApiKey};
use crate::app::App;
use crate::audit::{Action, Event, head};
use crate::database::with_owner;
use crate::db::sequences;
use crate::error::Result;
use crate::recovery;
use crate::signing_keys;
use std::time::{SystemTime, UNIX_EPOCH};

/// How far ids are moved at least: farther than the lost ones can have reached, and little enough
/// to repeat as often as anyone may need.
const STEP: i64 = 1_000_000;

/// Moves the ids of users, sessions, API keys and rows of the audit log far beyond all that were
/// given out, replaces all keys, and ends all sessions, ways back and invitations. Messages that wait are dropped. Returns the API keys, which an operator
/// should review.
///
/// It can be run again at any time, even after a crash halfway. The ids come first, so that nothing
/// created from here on has an id that someone else knows. The row in the audit log is committed
/// with the new keys. The sessions then end because they belong to earlier keys.
///
/// An HS256 secret is the operator's and stays. Access tokens signed with it are refused here,
/// since their sessions have ended, but not by services that verify them by themselves.
///
/// # Errors
/// `Error::Configuration` when `database.owner_url` is missing, `Error::Startup` when its database
/// cannot be reached or refuses; database errors.
pub fn after_restore(app: &App) -> Result<Vec<ApiKey>> {
    // Restoring the same backup twice must not lead to the same ids twice. A random number and the
    // clock make them differ each time.
    let beyond = STEP + rand::random_range(0..STEP);
    with_owner(app.config(), |owner| sequences::raise(owner, beyond))?;
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let generation = i64::try_from(clock.as_millis()).unwrap_or(0);
    recovery::end_all(app)?;
    signing_keys::replace_all(app, generation, &Event::new(Action::AfterRestore, None))?;
    head(app)?;
    api_keys::list(app, &Caller::Trusted)
}
