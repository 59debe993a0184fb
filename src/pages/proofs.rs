//! What the links and codes of messages lead to: a new password, a first one, a proved address.
//!
//! A page with a token in its address hands it to no other (`Referrer-Policy: no-referrer`), and only puts
//! it into a form: programs that look at links in mail before people do use nothing up.

use super::answer::{Alert, answer, done, frame, page};
use super::form::Form;
use super::views::{NewPassword, Recover, RecoverCode, Verify};
use crate::app::App;
use crate::browser::OwnOrigin;
use crate::domain::{Email, Login};
use crate::error::{Error, Result};
use crate::http::{Request, Response};
use crate::passwords::Password;
use crate::recovery::{self, ShownProof, Whom};
use crate::secret::Secret;

/// A page whose address has a token.
fn with_token(page: Response) -> Response {
    page.instead("Referrer-Policy", "no-referrer")
}

/// The token in the address of a page.
fn token(app: &App, request: &Request) -> Result<Option<String>> {
    OwnOrigin::of(app, request)?;
    request.parameters()?.optional_text("token")
}

/// The form for a new password, which `action` takes.
fn new_password(
    app: &App,
    request: &Request,
    action: &'static str,
    token: &str,
    alert: Option<Alert>,
) -> Result<Response> {
    let answer = answer(alert, |alert| {
        let frame = frame(app, request, alert);
        let heading = if action == "accept" { frame.texts.accept } else { frame.texts.recover };
        NewPassword { frame, heading, action, token }
    });
    answer.map(with_token)
}

/// `GET /recover`
pub(super) fn show_recovery(app: &App, request: &Request) -> Result<Response> {
    match token(app, request)? {
        Some(token) => new_password(app, request, "recover", &token, None),
        None => page(200, &Recover { frame: frame(app, request, None), login: "", email: "" }),
    }
}

/// `POST /recover`
pub(super) fn recover(app: &App, request: &Request) -> Result<Response> {
    let mut sent = Form::of(app, request)?;
    let (token, number) = (sent.text("token")?, sent.text("request")?);
    if token.is_empty() && number.is_empty() {
        let (login, email) = (sent.text("login")?, sent.text("email")?);
        return ask(app, request, &login, &email);
    }
    let (code, password) = (sent.text("code")?, sent.text("password")?);
    let shown = if number.is_empty() {
        ShownProof::Token(Secret::new(token.to_string()))
    } else {
        ShownProof::Code { request: number.to_string(), code: Secret::new(code.to_string()) }
    };
    let outcome =
        Password::parse(&password).and_then(|password| recovery::confirm(app, &shown, &password));
    match outcome {
        Ok(()) => done(app, request, 200, |texts| texts.password_set),
        Err(error) => {
            let alert = Some(Alert::of(request, &error));
            if number.is_empty() {
                return new_password(app, request, "recover", &token, alert);
            }
            code_form(app, request, &number, &code, alert)
        }
    }
}

/// Asks for a way back. Whether there is such an account cannot be told from the answer.
fn ask(app: &App, request: &Request, login: &str, email: &str) -> Result<Response> {
    let whom = match (login, email) {
        (login, "") => Login::parse(login).map(Whom::Login),
        ("", email) => Email::parse(email).map(Whom::Email),
        _ => Err(Error::parameter("email", "stands in place of login, not beside it")),
    };
    match whom.and_then(|whom| recovery::ask(app, &whom)) {
        Ok(number) => code_form(app, request, &number, "", None),
        Err(error) => answer(Some(Alert::of(request, &error)), |alert| Recover {
            frame: frame(app, request, alert),
            login,
            email,
        }),
    }
}

fn code_form(
    app: &App,
    request: &Request,
    number: &str,
    code: &str,
    alert: Option<Alert>,
) -> Result<Response> {
    answer(alert, |alert| RecoverCode { frame: frame(app, request, alert), number, code })
}

/// `GET /accept`
pub(super) fn show_invitation(app: &App, request: &Request) -> Result<Response> {
    let token = token(app, request)?.ok_or(Error::InvalidProof)?;
    new_password(app, request, "accept", &token, None)
}

/// `POST /accept`
pub(super) fn accept(app: &App, request: &Request) -> Result<Response> {
    let mut sent = Form::of(app, request)?;
    let (token, password) = (sent.text("token")?, sent.text("password")?);
    let outcome =
        Password::parse(&password).and_then(|password| recovery::accept(app, &token, &password));
    match outcome {
        Ok(_) => done(app, request, 200, |texts| texts.password_set),
        Err(error) => {
            new_password(app, request, "accept", &token, Some(Alert::of(request, &error)))
        }
    }
}

/// `GET /verify`
pub(super) fn show_verification(app: &App, request: &Request) -> Result<Response> {
    let token = token(app, request)?.ok_or(Error::InvalidProof)?;
    page(200, &Verify { frame: frame(app, request, None), token: &token }).map(with_token)
}

/// `POST /verify`
pub(super) fn verify(app: &App, request: &Request) -> Result<Response> {
    let mut sent = Form::of(app, request)?;
    let token = sent.text("token")?;
    recovery::confirm_verification(app, &token)?;
    done(app, request, 200, |texts| texts.verified)
}
