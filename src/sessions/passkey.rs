//! Signing in with a passkey, in place of login and password.
//!
//! Nobody can guess one, so nothing is counted, and guesses at the password keep no passkey out.

use super::login::{Opening, count, open, refused, settled, tell_of_new_place};
use super::store;
use super::types::{Device, LoggedIn};
use crate::access::Actor;
use crate::app::App;
use crate::audit::{Action, Event, Writer};
use crate::domain::Login;
use crate::error::{Error, Result};
use crate::factors::{Assertion, CheckedFactor, Use, UsedPasskey};
use crate::limits::{self, Admission, Attempt};
use crate::tokens::{Amr, Audience};

/// Signs the user of a passkey in: opens a session and issues its first tokens. The options are those of
/// [`factors::sign_in_options`](crate::factors::sign_in_options).
///
/// # Errors
/// [`Error::InvalidProof`] when anything is wrong, used or over; [`Error::AccountLocked`],
/// [`Error::AccountExpired`]; [`Error::NoPasskeys`]; database errors.
pub fn log_in_with_passkey(
    app: &App,
    assertion: &Assertion,
    device: &Device,
    audience: &Audience,
) -> Result<LoggedIn> {
    let outcome = attempt(app, assertion, device, audience);
    count(&outcome);
    outcome
}

fn attempt(
    app: &App,
    assertion: &Assertion,
    device: &Device,
    audience: &Audience,
) -> Result<LoggedIn> {
    let used = UsedPasskey::find(app, assertion, Use::SignIn)?;
    let (user, login) = used.owner();
    let login = Login::parse(login)?;
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
    // Only a passkey that is in order learns that its account is closed.
    let opened = used.check(app, user).and_then(|checked| {
        refused(&audit, &attempt, &event, &credentials)?;
        let checked = CheckedFactor::Passkey(checked);
        let (verified, factor) = (&credentials, Some(&checked));
        let opening = Opening { verified, amr: Amr::default(), factor, device, audience };
        open(app, &opening, |tx, user| {
            let is_new = limits::is_somewhere_new(tx, &counters, user)?;
            tell_of_new_place(tx, app, is_new, user)?;
            limits::registered(tx, &counters, user)?;
            audit.record(tx, Actor::Anonymous, &event)
        })
    });
    settled(&audit, &attempt, &event, opened)
}
