//! Logging in: from a password, and a second factor if the user has one, to a session and its first tokens.

use super::challenge::challenge;
use super::requirement::due;
use super::store::{self, Credentials};
use super::tokens::issue;
use super::types::{Device, LoggedIn};
use crate::access::Actor;
use crate::app::App;
use crate::audit::{Action, AuditOutcome, Event, Writer};
use crate::db::Transaction;
use crate::domain::{Login, UserId};
use crate::error::{Error, Result};
use crate::factors::{self, CheckedFactor, ShownFactor, Use};
use crate::limits::{self, Attempt};
use crate::metrics;
use crate::outbox::{self, MessageKind};
use crate::passwords::{Password, Verdict};
use crate::tokens::{Amr, Audience, Grant};

/// Checks a password, opens a session and issues its first tokens. It costs one password hash,
/// whether or not the login exists, and a second one when the stored hash is weaker than configured.
/// When the user has more than `sessions.per_user` sessions, the oldest ends.
///
/// # Errors
/// [`Error::InvalidCredentials`], the same whether login or password was wrong; with the right
/// password, [`Error::AccountLocked`], [`Error::AccountExpired`], [`Error::MfaRequired`];
/// [`Error::TooManyAttempts`], before anything is hashed; database errors.
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
    log_in_with(app, login, password, None, device, audience)
}

/// As [`log_in_from`], with a second factor, in one call.
///
/// # Errors
/// As [`log_in`], and, with the right password, [`Error::InvalidProof`] when what is shown of the factor is
/// wrong or was used, or the user has none.
pub fn log_in_with(
    app: &App,
    login: &Login,
    password: &Password,
    factor: Option<&ShownFactor>,
    device: &Device,
    audience: &Audience,
) -> Result<LoggedIn> {
    let outcome = attempt(app, login, password, factor, device, audience);
    count(&outcome);
    outcome
}

/// Counts what became of a login.
pub(super) fn count(outcome: &Result<LoggedIn>) {
    let counted = match outcome {
        Ok(_) => metrics::Login::Success,
        Err(Error::InvalidCredentials) => metrics::Login::WrongPassword,
        Err(Error::InvalidProof) => metrics::Login::WrongCode,
        Err(Error::MfaRequired(_)) => metrics::Login::MfaRequired,
        Err(Error::AccountLocked) => metrics::Login::Locked,
        Err(Error::AccountExpired) => metrics::Login::Expired,
        Err(Error::TooManyAttempts(_)) => {
            metrics::REFUSED_BY_LIMIT[metrics::Limited::Login as usize].add(1);
            metrics::Login::Limited
        }
        Err(_) => metrics::Login::Error,
    };
    metrics::count_login(counted);
}

fn attempt(
    app: &App,
    login: &Login,
    password: &Password,
    factor: Option<&ShownFactor>,
    device: &Device,
    audience: &Audience,
) -> Result<LoggedIn> {
    let database = app.database()?;
    let counters = limits::of_login(app, login)?;
    let audit = Writer::new(app)?;
    let (attempt, credentials) = Attempt::with_hash(app, counters, |counters| {
        database.with_connection(|conn| store::credentials(conn, login, counters, app.nobody()))
    })?;
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
    refused(&audit, &attempt, &event, &credentials)?;
    if verdict == Verdict::RightButWeak {
        let new = app.hash(password)?.to_string();
        let replaced = database.with_transaction(|tx| store::replace_hash(tx, &credentials, &new));
        if let Err(error) = replaced {
            // The login succeeds all the same, and the next one will try again.
            log::warn!("a weak password hash was not upgraded: {error}");
        }
    }
    let mfa_required = event.with_outcome(AuditOutcome::MfaRequired);
    if credentials.second_factor && factor.is_none() {
        let challenge = challenge(app, login, &credentials)?;
        audit.unfinished(&attempt, Actor::Anonymous, &mfa_required)?;
        return Err(Error::MfaRequired(Some(challenge)));
    }
    let due = match due(app, &credentials) {
        Err(error @ Error::MfaRequired(_)) => {
            audit.failure(&attempt, Actor::Anonymous, &mfa_required)?;
            return Err(error);
        }
        due => due?,
    };
    let whose = UserId::stored(credentials.subject.user_id);
    let checked = factor.map(|shown| factors::check(app, whose, shown, Use::SecondFactor));
    let opened = checked.transpose().and_then(|checked| {
        let (verified, factor) = (&credentials, checked.as_ref());
        let opening = Opening { verified, amr: Amr::PASSWORD, factor, device, audience };
        open(app, &opening, |tx, user| {
            let is_new = attempt.is_somewhere_new(tx, user)?;
            tell_of_new_place(tx, app, is_new, user)?;
            attempt.succeeded(tx, Some(user))?;
            audit.record(tx, Actor::Anonymous, &event)
        })
    });
    let outcome = match &opened {
        Err(Error::InvalidCredentials) => Some(AuditOutcome::WrongPassword),
        Err(Error::InvalidProof) => Some(AuditOutcome::WrongCode),
        _ => None,
    };
    if let Some(outcome) = outcome {
        audit.failure(&attempt, Actor::Anonymous, &event.with_outcome(outcome))?;
    }
    Ok(LoggedIn { mfa_due_at: due, ..opened? })
}

/// Tells a user of a sign-in in a network that is new.
pub(super) fn tell_of_new_place(
    tx: &mut Transaction<'_>,
    app: &App,
    is_new: bool,
    user: UserId,
) -> Result<()> {
    if is_new { outbox::notify(tx, app, user, MessageKind::NewSignIn, None) } else { Ok(()) }
}

/// Refuses a user with the right password whose account is locked or expired.
pub(super) fn refused(
    audit: &Writer<'_>,
    attempt: &Attempt,
    event: &Event<'_>,
    credentials: &Credentials,
) -> Result<()> {
    let Some((outcome, error)) = credentials.refusal() else { return Ok(()) };
    audit.failure(attempt, Actor::Anonymous, &event.with_outcome(outcome))?;
    Err(error)
}

/// Records a login that had no password to be wrong, unless it opened a session. Whether it came too late or
/// what was shown is not in order makes no difference.
pub(super) fn settled(
    audit: &Writer<'_>,
    attempt: &Attempt,
    event: &Event<'_>,
    opened: Result<LoggedIn>,
) -> Result<LoggedIn> {
    if let Err(Error::InvalidProof | Error::InvalidCredentials) = opened {
        let wrong = event.with_outcome(AuditOutcome::WrongCode);
        audit.failure(attempt, Actor::Anonymous, &wrong)?;
        return Err(Error::InvalidProof);
    }
    opened
}

/// What a session is opened with.
pub(super) struct Opening<'a> {
    /// The credentials, with which the password was right a moment ago.
    pub(super) verified: &'a Credentials,
    /// What the user has shown.
    pub(super) amr: Amr,
    /// What is in order and still to be used up.
    pub(super) factor: Option<&'a CheckedFactor<'a>>,
    pub(super) device: &'a Device,
    pub(super) audience: &'a Audience,
}

/// Opens a session. If the password or the factors have been changed since they were verified, the login
/// came too late. `also` writes in the same transaction.
///
/// # Errors
/// [`Error::InvalidCredentials`] for one that came too late; [`Error::InvalidProof`]; database errors.
pub(super) fn open(
    app: &App,
    opening: &Opening<'_>,
    also: impl Fn(&mut Transaction<'_>, UserId) -> Result<()>,
) -> Result<LoggedIn> {
    let Opening { verified, factor, device, audience, .. } = *opening;
    let settings = &app.config().sessions;
    let key = app.newest_refresh_key()?;
    let amr = factor.map_or(opening.amr, |factor| opening.amr.and(factor.amr()));
    let opened = app.database()?.with_transaction(|tx| {
        let opened = store::open(tx, verified, key.generation(), settings, device, amr)?;
        let opened = opened.ok_or(Error::InvalidCredentials)?;
        let user = opened.subject.user_id;
        store::end_oldest(tx, user, settings.per_user, app.config().tokens.access_ttl)?;
        if let Some(factor) = factor {
            factor.use_up(tx, app, UserId::stored(user))?;
        }
        also(tx, UserId::stored(user))?;
        let extra = store::extra_claims(tx, &app.config().tokens.claims, user)?;
        Ok((opened, extra))
    })?;
    metrics::SESSIONS_OPENED.add(1);
    let left = settings.idle_timeout.min(settings.lifetime);
    let (store::Opened { subject, session, authentication }, extra) = opened;
    let grant = Grant { subject, session, authentication, left, audience, extra: &extra };
    issue(app, grant, key.token(session, 0)?)
}
