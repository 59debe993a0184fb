//! Stepping up: proving anew who one is, in a session that goes on (RFC 9470).

use super::refresh::counting;
use super::store;
use super::tokens::issue;
use super::types::LoggedIn;
use crate::access::{Actor, Caller, Right, authorize, user_of};
use crate::app::App;
use crate::audit::{Action, AuditOutcome, Event, Writer};
use crate::domain::{Login, UserId};
use crate::error::{Error, Result};
use crate::factors::{self, ShownFactor, Use};
use crate::limits::{self, Attempt, Counters};
use crate::metrics;
use crate::passwords::{Password, Verdict};
use crate::tokens::{Amr, Audience, Claims, ExtraClaims, Grant};
use store::{Credentials, Refreshed, Stepping};

/// What a user shows to prove anew who they are.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Shown<'a> {
    /// The password. A user without a second factor must give it.
    pub password: Option<&'a Password>,
    /// The second factor. A user who has one must show it.
    pub factor: Option<&'a ShownFactor>,
}

impl Shown<'_> {
    /// # Errors
    /// [`Error::InvalidRequest`] when what the user must show is missing.
    fn suffices(&self, second_factor: bool) -> Result<()> {
        if second_factor && self.factor.is_none() {
            let fault =
                "is needed, or recovery_code in its place: this account has a second factor";
            return Err(Error::parameter("code", fault));
        }
        if !second_factor && self.password.is_none() {
            let fault = "is needed: this account has no second factor";
            return Err(Error::parameter("password", fault));
        }
        Ok(())
    }
}

/// Proves anew who the caller is. The session goes on with new tokens, in which `auth_time` is now, and
/// `amr` holds what was shown at the login and since. Its earlier access tokens are refused from then on.
///
/// # Errors
/// [`Error::InvalidRequest`] when what the user must show is missing, and for a caller without a user;
/// [`Error::InvalidCredentials`] for a wrong password; [`Error::InvalidProof`] for a wrong or used code;
/// [`Error::TooManyAttempts`], also for a session that is refreshed too often; [`Error::TokenMissing`],
/// [`Error::TokenInvalid`], [`Error::ApiKeyForbidden`]; database errors.
pub fn step_up(
    app: &App,
    caller: &Caller,
    shown: &Shown<'_>,
    audience: &Audience,
) -> Result<LoggedIn> {
    let claims = user_of(app, caller)?;
    let user = UserId::stored(claims.user_id);
    let found = app.database()?.with_connection(|conn| {
        authorize(conn, caller, Right::Change(user))?;
        store::stepping(conn, claims.sid, user)
    })?;
    let stepping = found.ok_or(Error::TokenInvalid)?;
    // Before it counts as an attempt.
    shown.suffices(stepping.second_factor)?;
    let key = app.refresh_key(stepping.generation)?.ok_or(Error::TokenInvalid)?;
    let verified = verify(app, claims, &stepping, shown)?;
    let (renewed, counter, extra) = renew(app, claims, &verified, shown)?;
    let Refreshed { subject, left, authentication } = renewed;
    let session = claims.sid;
    let token = key.token(session, counter)?;
    issue(app, Grant { subject, session, authentication, left, audience, extra: &extra }, token)
}

/// What was found right so far, and the attempt that it was.
struct Verified<'a> {
    audit: Writer<'a>,
    attempt: Attempt,
    credentials: Credentials,
}

fn verify<'a>(
    app: &'a App,
    claims: &Claims,
    stepping: &Stepping,
    shown: &Shown<'_>,
) -> Result<Verified<'a>> {
    let login = Login::parse(&stepping.login)?;
    let counters = limits::of_login(app, &login)?;
    let audit = Writer::new(app)?;
    let database = app.database()?;
    let ask = |counters: &Counters| {
        database.with_connection(|conn| store::credentials(conn, &login, counters, app.nobody()))
    };
    let admitted = if shown.password.is_some() {
        Attempt::with_hash(app, counters, ask)
    } else {
        // It takes no hash, and an ordinary worker must not wait for those that do.
        let (outcome, credentials) = ask(&counters)?;
        Attempt::admitted(app, counters, outcome).map(|attempt| (attempt, credentials))
    };
    let (attempt, credentials) = admitted.inspect_err(|error| {
        if matches!(error, Error::TooManyAttempts(_)) {
            metrics::REFUSED_BY_LIMIT[metrics::Limited::Login as usize].add(1);
        }
    })?;
    let is_meant = |found: &Credentials| {
        let subject = found.subject;
        (subject.user_id, subject.token_version) == (claims.user_id, claims.token_version)
            && found.second_factor == stepping.second_factor
    };
    let credentials = credentials.filter(is_meant).ok_or(Error::TokenInvalid)?;
    if let Some(password) = shown.password
        && app.verify(password, Some(&credentials.hash))? == Verdict::Wrong
    {
        let event = Event::new(Action::StepUp, Some(UserId::stored(claims.user_id)));
        let event = event.with_outcome(AuditOutcome::WrongPassword);
        audit.failure(&attempt, Actor::User(claims.user_id), &event)?;
        return Err(Error::InvalidCredentials);
    }
    Ok(Verified { audit, attempt, credentials })
}

fn renew(
    app: &App,
    claims: &Claims,
    verified: &Verified<'_>,
    shown: &Shown<'_>,
) -> Result<(Refreshed, i64, ExtraClaims)> {
    let Verified { audit, attempt, credentials } = verified;
    let settings = &app.config().sessions;
    let user = UserId::stored(claims.user_id);
    let actor = Actor::User(claims.user_id);
    let event = Event::new(Action::StepUp, Some(user));
    let checked = shown.factor.map(|factor| factors::check(app, user, factor, Use::SignIn));
    let checked = checked.transpose();
    let renewed = checked.and_then(|checked| {
        app.database()?.with_transaction(|tx| {
            let held = store::hold(tx, claims.sid, credentials)?;
            let (mut held, amr) = held.ok_or(Error::TokenInvalid)?;
            if let Some(wait) = limits::refresh_wait(app, held.refreshes_last) {
                metrics::REFUSED_BY_LIMIT[metrics::Limited::Refresh as usize].add(1);
                return Err(limits::refuse(app, wait));
            }
            let amr = shown.password.map_or(amr, |_| amr.and(Amr::PASSWORD));
            let amr = checked.as_ref().map_or(amr, |checked| amr.and(checked.amr()));
            if let Some(checked) = &checked {
                checked.use_up(tx, app, user)?;
            }
            held.retired.add(held.now, settings.refresh_grace);
            // Of several at once, the first retires the token that all of them were made with.
            let retired = store::renew(tx, claims.sid.id(), claims.auth_time, amr)?;
            retired.then_some(()).ok_or(Error::TokenInvalid)?;
            let counting = counting(app);
            let id = claims.sid.id();
            let issued = store::advance(tx, id, &held.retired, settings, counting)?;
            let issued = issued.ok_or(Error::TokenInvalid)?;
            attempt.succeeded(tx, None)?;
            audit.record(tx, actor, &event)?;
            let extra = store::extra_claims(tx, &app.config().tokens.claims, claims.user_id)?;
            Ok((issued, held.counter + 1, extra))
        })
    });
    if let Err(Error::InvalidProof) = renewed {
        audit.failure(attempt, actor, &event.with_outcome(AuditOutcome::WrongCode))?;
    }
    renewed
}
