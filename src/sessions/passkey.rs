//! Signing in with a passkey, in place of login and password.
//!
//! Nobody can guess one, so nothing is counted, and guesses at the password keep no passkey out.

use super::login::{Opening, count, open, refused};
use super::store;
use super::types::{Device, LoggedIn};
use crate::access::Actor;
use crate::app::App;
use crate::audit::{Action, AuditOutcome, Event, Writer};
use crate::domain::Login;
use crate::error::{Error, Result};
use crate::factors::{self, Assertion, ShownFactor, Use};
use crate::limits::{self, Admission, Attempt};
use crate::tokens::{Amr, Audience};

/// Signs the user of a passkey in: opens a session and issues its first tokens. The options are those of
/// [`factors::sign_in_options`].
///
/// # Errors
/// [`Error::InvalidProof`] when anything is wrong, used or over; [`Error::AccountLocked`],
/// [`Error::AccountExpired`]; [`Error::NoPasskeys`]; database errors.
pub fn log_in_with_passkey(
    app: &App,
    assertion: Assertion,
    device: &Device,
    audience: &Audience,
) -> Result<LoggedIn> {
    let outcome = attempt(app, assertion, device, audience);
    count(&outcome);
    outcome
}

fn attempt(
    app: &App,
    assertion: Assertion,
    device: &Device,
    audience: &Audience,
) -> Result<LoggedIn> {
    let (user, login) = factors::owner_of(app, &assertion)?;
    let login = Login::parse(&login)?;
    let counters = limits::of_login(app, &login)?;
    let uncounted = counters.clone().uncounted();
    let audit = Writer::new(app)?;
    let (_, credentials) = app
        .database()?
        .with_connection(|conn| store::credentials(conn, &login, &uncounted, app.nobody()))?;
    let attempt = Attempt::admitted(app, uncounted, Admission::uncounted())?;
    let event = Event::new(Action::LogIn, Some(user));
    let credentials = credentials.filter(|found| found.subject.user_id == user.get());
    let credentials = credentials.ok_or(Error::InvalidProof)?;
    let shown = ShownFactor::Passkey(Box::new(assertion));
    let opening = Opening {
        verified: &credentials,
        amr: Amr::default(),
        factor: Some((&shown, Use::SignIn)),
        device,
        audience,
    };
    // Only a passkey that is in order learns that its account is closed.
    if credentials.refusal().is_some() {
        factors::check(app, user, &shown, Use::SignIn)?;
    }
    refused(&audit, &attempt, &event, &credentials)?;
    let opened = open(app, &opening, |tx, user| {
        limits::registered(tx, &counters, user)?;
        audit.record(tx, Actor::Anonymous, &event)
    });
    match opened {
        Err(Error::InvalidProof | Error::InvalidCredentials) => {
            let wrong = event.with_outcome(AuditOutcome::WrongCode);
            audit.failure(&attempt, Actor::Anonymous, &wrong)?;
            Err(Error::InvalidProof)
        }
        opened => opened,
    }
}
