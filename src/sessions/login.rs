//! Logging in: from a password to a session and its first tokens.

use super::store::{self, Credentials};
use super::tokens::issue;
use super::types::{Device, LoggedIn};
use crate::access::Actor;
use crate::app::App;
use crate::audit::{Action, AuditOutcome, Event, Writer};
use crate::db::Transaction;
use crate::domain::{Login, UserId};
use crate::error::{Error, Result};
use crate::limits::{self, Attempt};
use crate::metrics;
use crate::passwords::{Password, Verdict};
use crate::tokens::{Audience, Grant};

/// Checks a password, opens a session and issues its first tokens. It costs one password hash,
/// whether or not the login exists, and a second one when the stored hash is weaker than configured.
/// When the user has more than `sessions.per_user` sessions, the oldest ends.
///
/// # Errors
/// [`Error::InvalidCredentials`], the same whether login or password was wrong; with the right
/// password, [`Error::AccountLocked`], [`Error::AccountExpired`]; [`Error::TooManyAttempts`],
/// before anything is hashed; database errors.
pub fn log_in(app: &App, login: &Login, password: &Password) -> Result<LoggedIn> {
    let audience = Audience::whole(&app.config().tokens);
    log_in_from(app, login, password, &Device::default(), &audience)
}

/// As [`log_in`], records what the user logged in from, and issues an access token for this
/// audience. Refreshing the session is not bound to it.
///
/// # Errors
/// As [`log_in`].
pub fn log_in_from(
    app: &App,
    login: &Login,
    password: &Password,
    device: &Device,
    audience: &Audience,
) -> Result<LoggedIn> {
    let outcome = attempt(app, login, password, device, audience);
    let counted = match &outcome {
        Ok(_) => metrics::Login::Success,
        Err(Error::InvalidCredentials) => metrics::Login::WrongPassword,
        Err(Error::AccountLocked) => metrics::Login::Locked,
        Err(Error::AccountExpired) => metrics::Login::Expired,
        Err(Error::TooManyAttempts(_)) => {
            metrics::REFUSED_BY_LIMIT[metrics::Limited::Login as usize].add(1);
            metrics::Login::Limited
        }
        Err(_) => metrics::Login::Error,
    };
    metrics::LOGGED_IN[counted as usize].add(1);
    outcome
}

fn attempt(
    app: &App,
    login: &Login,
    password: &Password,
    device: &Device,
    audience: &Audience,
) -> Result<LoggedIn> {
    let database = app.database()?;
    let counters = limits::of_login(app, login)?;
    let audit = Writer::new(app)?;
    let (outcome, credentials) = database
        .with_connection(|conn| store::credentials(conn, login, &counters, app.nobody()))?;
    let attempt = Attempt::admitted(app, counters, outcome)?;
    let stored = credentials.as_ref().map(|credentials| &credentials.hash);
    let verdict = app.verify(password, stored)?;
    let user = credentials.as_ref().map(|found| UserId::stored(found.subject.user_id));
    let event = Event::new(Action::LogIn, user);
    let Some(credentials) = credentials.filter(|_| verdict != Verdict::Wrong) else {
        let event = event.with_outcome(AuditOutcome::WrongPassword);
        let event = if user.is_some() { event } else { event.with_unknown(login) };
        audit.failure(&attempt, Actor::Anonymous, &event)?;
        return Err(Error::InvalidCredentials);
    };
    if let Some((outcome, error)) = credentials.refusal() {
        audit.failure(&attempt, Actor::Anonymous, &event.with_outcome(outcome))?;
        return Err(error);
    }
    if verdict == Verdict::RightButWeak {
        let new = app.hash(password)?.to_string();
        let replaced = database.with_transaction(|tx| store::replace_hash(tx, &credentials, &new));
        if let Err(error) = replaced {
            // The login succeeds all the same, and the next one will try again.
            log::warn!("a weak password hash was not upgraded: {error}");
        }
    }
    let opened = open(app, &credentials, device, audience, |tx, user| {
        attempt.succeeded(tx, Some(user))?;
        audit.record(tx, Actor::Anonymous, &event)
    });
    if let Err(Error::InvalidCredentials) = opened {
        audit.failure(
            &attempt,
            Actor::Anonymous,
            &event.with_outcome(AuditOutcome::WrongPassword),
        )?;
    }
    opened
}

/// Opens a session for a user whose password was right a moment ago. If the password has been
/// changed since, the login came too late. `also` writes in the same transaction.
fn open(
    app: &App,
    verified: &Credentials,
    device: &Device,
    audience: &Audience,
    also: impl Fn(&mut Transaction<'_>, UserId) -> Result<()>,
) -> Result<LoggedIn> {
    let settings = &app.config().sessions;
    let key = app.newest_refresh_key()?;
    let opened = app.database()?.with_transaction(|tx| {
        let opened = store::open(tx, verified, key.generation(), settings, device)?;
        let opened = opened.ok_or(Error::InvalidCredentials)?;
        let user = opened.subject.user_id;
        store::end_oldest(tx, user, settings.per_user, app.config().tokens.access_ttl)?;
        also(tx, UserId::stored(user))?;
        let extra = store::extra_claims(tx, &app.config().tokens.claims, user)?;
        Ok((opened, extra))
    })?;
    metrics::SESSIONS_OPENED.add(1);
    let left = settings.idle_timeout.min(settings.lifetime);
    let (store::Opened { subject, session, auth_time }, extra) = opened;
    let grant = Grant { subject, session, auth_time, left, audience, extra: &extra };
    issue(app, grant, key.token(session, 0)?)
}
