//! Registering.

use super::answer::{Alert, answer, done, frame};
use super::form::Form;
use super::views::Register;
use crate::access::Caller;
use crate::app::App;
use crate::browser::OwnOrigin;
use crate::config::Registration;
use crate::domain::{Email, Login};
use crate::error::{Error, Result};
use crate::http::{Request, Response};
use crate::passwords::Password;
use crate::users;

/// Whether people may register themselves.
pub(super) fn is_open(app: &App) -> bool {
    app.config().access.registration == Registration::Anyone
}

fn form(
    app: &App,
    request: &Request,
    [login, email]: [&str; 2],
    alert: Option<Alert>,
) -> Result<Response> {
    answer(alert, |alert| Register { frame: frame(app, request, alert), login, email })
}

/// `GET /register`
pub(super) fn show(app: &App, request: &Request) -> Result<Response> {
    OwnOrigin::of(app, request)?;
    if is_open(app) { form(app, request, ["", ""], None) } else { Err(Error::TokenMissing) }
}

/// `POST /register`
pub(super) fn send(app: &App, request: &Request) -> Result<Response> {
    let mut sent = Form::of(app, request)?;
    let (login, email) = (sent.text("login")?, sent.text("email")?);
    let password = sent.text("password")?;
    let outcome = Login::parse(&login).and_then(|login| {
        let password = Password::parse(&password)?;
        let email = (!email.is_empty()).then(|| Email::parse(&email)).transpose()?;
        users::register_with(app, &Caller::Anonymous, &login, &password, email.as_ref())
    });
    match outcome {
        Ok(_) => done(app, request, 201, |texts| texts.registered),
        Err(error) => form(app, request, [&login, &email], Some(Alert::of(request, &error))),
    }
}
