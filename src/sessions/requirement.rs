//! `access.require_mfa`: users of whom a second factor is required have some time to set one up.

use super::store::{self, Credentials};
use crate::app::App;
use crate::db::Line;
use crate::domain::{Timestamp, UserId};
use crate::error::{Error, Result};

/// Decides whether a user without a second factor may sign in all the same. Returns until when, if one is
/// required of the user. The time begins with the first sign-in that is told of it.
///
/// # Errors
/// [`Error::MfaRequired`] when that time is over; database errors.
pub(super) fn due(app: &App, verified: &Credentials) -> Result<Option<Timestamp>> {
    let settings = &app.config().access;
    if !settings.require_mfa.is_anybodys() || verified.second_factor {
        return Ok(None);
    }
    let user = UserId::stored(verified.subject.user_id);
    let within = settings.mfa_enrolment;
    let database = app.database()?;
    let found = database.with_connection(|conn| store::asked(conn, user, within))?;
    match found.filter(|found| settings.require_mfa.of(found.admin, &found.roles)) {
        None => Ok(None),
        Some(store::Asked { due: Some(due), .. }) if due.is_over => Err(Error::MfaRequired(None)),
        Some(store::Asked { due: Some(due), .. }) => Ok(Some(due.at)),
        Some(_) => {
            let due = database.with_transaction(|tx| store::ask(tx, user, within))?;
            Ok(due.map(|due| due.at))
        }
    }
}

/// Whether a session without a second factor must not go on, since one is required of its user and the
/// time is over. Users who were not told at a sign-in yet still have it before them.
///
/// # Errors
/// Database errors.
pub(super) fn is_overdue(conn: &mut Line, app: &App, user: UserId) -> Result<bool> {
    let settings = &app.config().access;
    if !settings.require_mfa.is_anybodys() {
        return Ok(false);
    }
    let found = store::asked(conn, user, settings.mfa_enrolment)?;
    let found = found.filter(|found| found.due.is_some_and(|due| due.is_over));
    Ok(found.is_some_and(|found| settings.require_mfa.of(found.admin, &found.roles)))
}
