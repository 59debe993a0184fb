//! Sessions: log in, refresh, log out, list.
//!
//! A session is a row. It begins with a login and hands out access tokens, which name it, against
//! refresh tokens, of which exactly one is good at a time. When it ends, its access tokens are
//! refused by our own API at once; others learn it when the tokens run out.

pub(crate) mod api;
mod grace;
mod refresh;
mod store;
mod types;

use crate::app::App;
use crate::audit::{Action, Event, Outcome, Writer};
use crate::error::{Error, Result};
use crate::limits::{self, Attempt};
use crate::passwords::{Password, Verdict};
use crate::tokens::{SessionRef, Subject};
use crate::users::access::{Right, authorize_change, read_as};
use crate::users::{Caller, Login, Page, UserId};
use postgres::Transaction;
pub use refresh::refresh;
pub(crate) use refresh::{sign_of, ticket};
use std::time::Duration;
use store::Credentials;
pub use types::{Device, Session, SessionId};

/// What a login gives, and each refresh after it.
#[derive(Clone)]
pub struct LoggedIn {
    /// The user who logged in.
    pub user_id: UserId,
    /// The session.
    pub session_id: SessionId,
    /// The access token, a JWT.
    pub access_token: String,
    /// How long it is valid.
    pub expires_in: Duration,
    /// What the next access token is got with, once.
    pub refresh_token: String,
}

impl std::fmt::Debug for LoggedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LoggedIn(user {}, session {}, …)", self.user_id.get(), self.session_id.get())
    }
}

/// Checks a password, opens a session and issues its first tokens. Costs one password hash,
/// whether or not there is such a login; and a second one when the stored hash is weaker than
/// configured. Of more than `sessions.per_user` sessions of the user the oldest ends.
///
/// # Errors
/// [`Error::InvalidCredentials`], the same whether login or password was wrong; with the right
/// password [`Error::AccountLocked`], [`Error::AccountExpired`]; [`Error::TooManyAttempts`], before
/// anything is hashed; the faults of the database.
pub fn log_in(app: &App, login: &Login, password: &Password) -> Result<LoggedIn> {
    log_in_from(app, login, password, &Device::default())
}

/// As [`log_in`], and keeps what the user logged in from.
///
/// # Errors
/// As [`log_in`].
pub fn log_in_from(
    app: &App,
    login: &Login,
    password: &Password,
    device: &Device,
) -> Result<LoggedIn> {
    let database = app.database()?;
    let (counters, audit) = (limits::of_login(app, login)?, Writer::new(app, &Caller::Anonymous)?);
    let (outcome, credentials) =
        database.read(|conn| store::credentials(conn, login, &counters, app.nobody()))?;
    let attempt = Attempt::admitted(app, counters, outcome)?;
    let stored = credentials.as_ref().map(|credentials| &credentials.hash);
    let verdict = app.verify(password, stored)?;
    let user = credentials.as_ref().map(|found| UserId::stored(found.subject.user_id));
    let event = Event::new(Action::LogIn, user);
    let Some(credentials) = credentials.filter(|_| verdict != Verdict::Wrong) else {
        let event = event.with_outcome(Outcome::WrongPassword);
        let event = if user.is_some() { event } else { event.with_unknown(login) };
        audit.failure(&attempt, &event)?;
        return Err(Error::InvalidCredentials);
    };
    if let Some((outcome, error)) = credentials.refusal() {
        audit.failure(&attempt, &event.with_outcome(outcome))?;
        return Err(error);
    }
    if verdict == Verdict::RightButWeak {
        let new = app.hash(password)?.to_string();
        let replaced = database.with_transaction(|tx| store::replace_hash(tx, &credentials, &new));
        if let Err(error) = replaced {
            // The login is right all the same, and the next one will try again.
            log::warn!("a weak password hash was not made anew: {error}");
        }
    }
    let opened = open(app, &credentials, device, |tx, user| {
        attempt.succeeded(tx, Some(user))?;
        audit.record(tx, &event)
    });
    if let Err(Error::InvalidCredentials) = opened {
        audit.failure(&attempt, &event.with_outcome(Outcome::WrongPassword))?;
    }
    opened
}

/// Opens a session for somebody whose password was right a moment ago. If it has been changed
/// since, the login was too late. What `also` writes is written if the session is.
fn open(
    app: &App,
    verified: &Credentials,
    device: &Device,
    also: impl Fn(&mut Transaction<'_>, UserId) -> Result<()>,
) -> Result<LoggedIn> {
    let settings = &app.config().sessions;
    let key = app.newest_refresh_key()?;
    let (subject, session) = app.database()?.with_transaction(|tx| {
        let opened = store::open(tx, verified, key.generation(), settings, device)?;
        let (subject, session) = opened.ok_or(Error::InvalidCredentials)?;
        store::end_oldest(tx, subject.user_id, settings.per_user, app.config().tokens.access_ttl)?;
        also(tx, UserId::stored(subject.user_id))?;
        Ok((subject, session))
    })?;
    let left = settings.idle_timeout.min(settings.lifetime);
    grant(app, subject, session, left, key.token(session, 0)?)
}

/// The tokens of a session that has so much time left.
fn grant(
    app: &App,
    subject: Subject,
    session: SessionRef,
    left: Duration,
    refresh_token: String,
) -> Result<LoggedIn> {
    let issued = app.keys()?.issue(subject, session, left)?;
    Ok(LoggedIn {
        user_id: UserId::stored(subject.user_id),
        session_id: SessionId::stored(session.id()),
        access_token: issued.access_token,
        expires_in: issued.lifetime,
        refresh_token,
    })
}

/// Ends the caller's session, or all sessions of the caller's user.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`]; [`Error::InvalidRequest`] for a caller who is
/// in no session; the faults of the database.
pub fn log_out(app: &App, caller: &Caller, all: bool) -> Result<()> {
    let Some(rows) = caller.rows()? else {
        return Err(Error::InvalidRequest("whose session it is, only a token tells".to_owned()));
    };
    let user = UserId::stored(rows.user);
    let audit = Writer::new(app, caller)?;
    let which =
        if all { "all sessions".to_owned() } else { format!("session {}", rows.session.id()) };
    app.database()?.with_transaction(|tx| {
        authorize_change(tx, caller, Right::Change(user))?;
        if all {
            end_all(tx, app, user, None)?;
        } else {
            end(tx, app, rows.session)?;
        }
        audit.record(tx, &Event::new(Action::LogOut, Some(user)).with_detail(&which))
    })
}

/// A page of a user's sessions that live, in the order of their ids, and whether there are more
/// behind it; without a user, of the caller's own.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`] for sessions of somebody
/// else unless the caller is an admin, [`Error::NoSuchUser`]; [`Error::InvalidRequest`] for a
/// caller without a user who names none; the faults of the database.
pub fn list_sessions(
    app: &App,
    caller: &Caller,
    user: Option<UserId>,
    page: Page,
) -> Result<(Vec<Session>, bool)> {
    let rows = caller.rows()?;
    let user = user
        .or(rows.map(|rows| UserId::stored(rows.user)))
        .ok_or_else(|| Error::parameter("user_id", "is needed where no token says it"))?;
    app.database()?.read(|conn| {
        let listed = read_as(conn, caller, Right::See(user), |conn, rows| {
            let listed = store::list(conn, rows, user, page)?;
            Ok((listed.standing, listed))
        })?;
        if listed.user_exists { Ok((listed.sessions, listed.more)) } else { Err(Error::NoSuchUser) }
    })
}

/// Ends one session and returns which it was.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`] for a session of somebody
/// else, whether or not there is one, unless the caller is an admin; [`Error::NoSuchSession`]; the
/// faults of the database.
pub fn end_session(app: &App, caller: &Caller, id: SessionId) -> Result<Session> {
    let audit = Writer::new(app, caller)?;
    app.database()?.with_transaction(|tx| {
        let owner = store::owner(tx, id)?;
        authorize_change(tx, caller, owner.map_or(Right::ChangeOthers, Right::Change))?;
        let ended = store::end(tx, id, None, app.config().tokens.access_ttl)?;
        let ended = ended.ok_or(Error::NoSuchSession)?;
        record_end(tx, &audit, ended.user_id, id.get())?;
        Ok(ended)
    })
}

/// Records that a session was ended.
///
/// # Errors
/// The faults of the database.
pub(crate) fn record_end(
    tx: &mut Transaction<'_>,
    audit: &Writer<'_>,
    user: UserId,
    session: i64,
) -> Result<()> {
    let detail = format!("session {session}");
    audit.record(tx, &Event::new(Action::EndSession, Some(user)).with_detail(&detail))
}

/// Ends the session that a token names, if it lives.
pub(crate) fn end(tx: &mut Transaction<'_>, app: &App, session: SessionRef) -> Result<()> {
    let (id, kept) = (SessionId::stored(session.id()), app.config().tokens.access_ttl);
    store::end(tx, id, Some(session.identity()), kept).map(drop)
}

/// How long after a refresh an access token of it may still be about: its life, the grace in which
/// it is handed out once more, and a minute for clocks that differ.
pub(crate) fn tokens_linger(app: &App) -> Duration {
    let settings = app.config();
    settings.tokens.access_ttl + settings.sessions.refresh_grace + Duration::from_secs(60)
}

/// Says that the access tokens handed out so far in the sessions of a user are worth less now than
/// they say, to those who read the list of revocations. The user's row must have been changed
/// before, in the same transaction: whoever issues a token holds it.
pub(crate) fn revoke_tokens(tx: &mut Transaction<'_>, user: UserId) -> Result<()> {
    store::revoke_tokens(tx, user, None)
}

/// Ends all sessions of a user but `keep`, whose access tokens so far are revoked.
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

/// Ends the sessions whose refresh tokens are derived from a key of before this generation, some
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

/// Removes the sessions that are over and returns how many there were. The service does this every
/// `sessions.tuning.sweep_interval`; a program that only embeds the operations may want to. Several may do
/// it together.
///
/// # Errors
/// The faults of the database. What was removed until then stays so.
pub fn sweep_sessions(app: &App) -> Result<u64> {
    let mut all = 0;
    loop {
        let (removed, more) = sweep_some(app)?;
        all += removed;
        if !more {
            return Ok(all);
        }
    }
}

/// Removes a few hundred of them. Returns how many, and whether there may be more.
pub(crate) fn sweep_some(app: &App) -> Result<(u64, bool)> {
    let removed = app.database()?.with_transaction(store::sweep)?;
    Ok((removed, removed == store::SWEPT_AT_ONCE))
}
