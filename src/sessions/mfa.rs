//! Finishing a login with a second factor. The first call has checked the password.

use super::challenge::ticket;
use super::login::{Opening, count, open, refused, settled, tell_of_new_place};
use super::store::{self, Credentials};
use super::types::{Device, LoggedIn};
use crate::access::Actor;
use crate::app::App;
use crate::audit::{Action, Event, Writer};
use crate::domain::UserId;
use crate::error::{Error, Result};
use crate::factors::{self, ShownFactor, Use};
use crate::limits::{self, Attempt};
use crate::tokens::{Amr, Audience};
use serde_json::Value;

/// The options for a passkey as the second factor, as browsers take them
/// (`PublicKeyCredential.parseRequestOptionsFromJSON`).
///
/// # Errors
/// [`Error::InvalidProof`] for a token that is not one of ours, or over; [`Error::NoPasskeys`]; database
/// errors.
pub fn mfa_options(app: &App, mfa_token: &str) -> Result<Value> {
    let ticket = ticket(app, mfa_token)?;
    factors::second_factor_options(app, UserId::stored(ticket.user))
}

/// Finishes a login that asked for a second factor: opens the session and issues its first tokens.
///
/// # Errors
/// [`Error::InvalidProof`] when the code is wrong or was used, when the token is not one of ours or is
/// over, and after a change of the password or the factors; [`Error::AccountLocked`],
/// [`Error::AccountExpired`]; [`Error::TooManyAttempts`]; database errors.
pub fn finish_mfa(
    app: &App,
    mfa_token: &str,
    shown: &ShownFactor,
    device: &Device,
    audience: &Audience,
) -> Result<LoggedIn> {
    let outcome = attempt(app, mfa_token, shown, device, audience);
    count(&outcome);
    outcome
}

fn attempt(
    app: &App,
    mfa_token: &str,
    shown: &ShownFactor,
    device: &Device,
    audience: &Audience,
) -> Result<LoggedIn> {
    let ticket = ticket(app, mfa_token)?;
    let counters = limits::of_login(app, &ticket.login)?;
    let audit = Writer::new(app)?;
    let (outcome, credentials) = app
        .database()?
        .with_connection(|conn| store::credentials(conn, &ticket.login, &counters, app.nobody()))?;
    let attempt = Attempt::admitted(app, counters, outcome)?;
    let is_meant = |found: &Credentials| {
        found.subject.user_id == ticket.user && found.subject.token_version == ticket.token_version
    };
    let event = Event::new(Action::LogIn, Some(UserId::stored(ticket.user)));
    let Some(credentials) = credentials.filter(is_meant) else {
        return settled(&audit, &attempt, &event, Err(Error::InvalidProof));
    };
    refused(&audit, &attempt, &event, &credentials)?;
    let user = UserId::stored(ticket.user);
    let opened = factors::check(app, user, shown, Use::SecondFactor).and_then(|checked| {
        let (verified, factor) = (&credentials, Some(&checked));
        let opening = Opening { verified, amr: Amr::PASSWORD, factor, device, audience };
        open(app, &opening, |tx, user| {
            let is_new = attempt.is_somewhere_new(tx, user)?;
            tell_of_new_place(tx, app, is_new, user)?;
            attempt.succeeded(tx, Some(user))?;
            audit.record(tx, Actor::Anonymous, &event)
        })
    });
    settled(&audit, &attempt, &event, opened)
}
