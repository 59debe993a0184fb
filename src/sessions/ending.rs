//! Ending sessions: by their user, by an admin, and by what makes their tokens worthless.

use super::store;
use super::types::Session;
use crate::access::{Actor, Caller, Right, authorize_change, authorize_fresh_change};
use crate::app::App;
use crate::audit::{Action, Event, Writer};
use crate::db::Transaction;
use crate::domain::{SessionId, UserId};
use crate::error::{Error, Result};
use crate::tokens::SessionRef;

/// Ends the caller's session, or all sessions of the caller's user.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`]; [`Error::InvalidRequest`] for a caller who is
/// in no session; database errors.
pub fn log_out(app: &App, caller: &Caller, all: bool) -> Result<()> {
    let Some(rows) = caller.rows()? else {
        return Err(Error::InvalidRequest(
            "an access token is needed; it says which session to end".to_owned(),
        ));
    };
    let user = UserId::stored(rows.user);
    let audit = Writer::new(app)?;
    let which =
        if all { "all sessions".to_owned() } else { format!("session {}", rows.session.id()) };
    app.database()?.with_transaction(|tx| {
        let actor = authorize_change(tx, caller, Right::Change(user))?;
        if all {
            end_all(tx, app, user, None)?;
        } else {
            end_in(tx, app, rows.session)?;
        }
        audit.record(tx, actor, &Event::new(Action::LogOut, Some(user)).with_detail(&which))
    })
}

/// Ends one session and returns it.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`] for someone else's
/// session, whether or not it exists, unless the caller is an admin;
/// [`Error::InsufficientAuthentication`] for someone else's; [`Error::NoSuchSession`]; database errors.
pub fn end(app: &App, caller: &Caller, id: SessionId) -> Result<Session> {
    let audit = Writer::new(app)?;
    app.database()?.with_transaction(|tx| {
        let owner = store::owner(tx, id)?;
        let right = owner.map_or(Right::ChangeOthers, Right::Change);
        let is_own = owner.is_some_and(|owner| caller.session_as(owner).is_some());
        let actor = match is_own {
            true => authorize_change(tx, caller, right)?,
            false => authorize_fresh_change(tx, caller, right, &app.config().access)?,
        };
        let ended = store::end(tx, id, None, app.config().tokens.access_ttl)?;
        let ended = ended.ok_or(Error::NoSuchSession)?;
        record_end(tx, &audit, actor, ended.user_id, id.get())?;
        Ok(ended)
    })
}

/// Records that a session was ended.
///
/// # Errors
/// Database errors.
pub(crate) fn record_end(
    tx: &mut Transaction<'_>,
    audit: &Writer<'_>,
    actor: Actor,
    user: UserId,
    session: i64,
) -> Result<()> {
    let detail = format!("session {session}");
    audit.record(tx, actor, &Event::new(Action::EndSession, Some(user)).with_detail(&detail))
}

/// Ends the session that a token names, if it is live.
pub(crate) fn end_in(tx: &mut Transaction<'_>, app: &App, session: SessionRef) -> Result<()> {
    let id = SessionId::stored(session.id());
    let kept = app.config().tokens.access_ttl;
    store::end(tx, id, Some(session.identity()), kept).map(drop)
}

/// Revokes the access tokens handed out so far in the sessions of a user, which go on: the tokens
/// claim more than is true now. The user's row must have been changed earlier in the same
/// transaction.
pub(crate) fn revoke_tokens(tx: &mut Transaction<'_>, user: UserId) -> Result<()> {
    store::revoke_tokens(tx, user, None)
}

/// Ends all sessions of a user except `keep`, whose access tokens so far are revoked.
pub(crate) fn end_all(
    tx: &mut Transaction<'_>,
    app: &App,
    user: UserId,
    keep: Option<SessionRef>,
) -> Result<()> {
    store::end_all(tx, user, keep, app.config().tokens.access_ttl)?;
    match keep {
        Some(_) => store::revoke_tokens(tx, user, keep),
        None => Ok(()),
    }
}

/// Ends the sessions whose refresh tokens are derived from a key before this generation, a few
/// hundred at a time.
pub(crate) fn end_of_earlier_keys(app: &App, generation: i64) -> Result<()> {
    let kept = app.config().tokens.access_ttl;
    let mut after = Some(0);
    while let Some(last) = after {
        let work = |tx: &mut Transaction<'_>| store::end_some(tx, generation, last, kept);
        after = app.database()?.with_transaction(work)?;
    }
    Ok(())
}
