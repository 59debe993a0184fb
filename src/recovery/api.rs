//! Recovery, verification and invitation over HTTP.

use super::{ShownProof, Whom};
use crate::access::Caller;
use crate::app::App;
use crate::domain::{Email, Login};
use crate::error::{Error, Result};
use crate::http::parameters::Parameters;
use crate::http::{Request, Response};
use crate::passwords::Password;
use crate::secret::Secret;
use crate::users::api::Managed;
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

#[derive(Serialize)]
struct RequestNumber {
    request: String,
}

fn password(parameters: &mut Parameters) -> Result<Password> {
    Password::parse(&Zeroizing::new(parameters.text("password")?))
}

/// `POST /recovery`
pub(crate) fn ask(app: &App, request: &Request) -> Result<Response> {
    let mut parameters = request.parameters()?;
    let login = parameters.optional_text("login")?;
    let email = parameters.optional_text("email")?;
    parameters.end()?;
    let whom = match (login, email) {
        (Some(login), None) => Whom::Login(Login::parse(&login)?),
        (None, Some(email)) => Whom::Email(Email::parse(&email)?),
        (None, None) => return Err(Error::parameter("login", "is needed, or email in its place")),
        (Some(_), Some(_)) => {
            return Err(Error::parameter("email", "stands in place of login, not beside it"));
        }
    };
    let answer = RequestNumber { request: super::ask(app, &whom)? };
    Ok(Response::json(202, &answer))
}

/// `POST /recovery/confirm`
pub(crate) fn confirm(app: &App, request: &Request) -> Result<Response> {
    let mut parameters = request.parameters()?;
    let mut secret = |name| -> Result<Option<String>> { parameters.optional_text(name) };
    let (token, number, code) = (secret("token")?, secret("request")?, secret("code")?);
    let password = password(&mut parameters)?;
    parameters.end()?;
    let shown = match (token, number, code) {
        (Some(token), None, None) => ShownProof::Token(Secret::new(token)),
        (None, Some(request), Some(code)) => ShownProof::Code { request, code: Secret::new(code) },
        (None, None, None) => {
            return Err(Error::parameter("token", "is needed, or request and code in its place"));
        }
        (None, None, Some(_)) => return Err(Error::parameter("request", "is needed beside code")),
        (None, Some(_), None) => return Err(Error::parameter("code", "is needed beside request")),
        (Some(_), _, _) => {
            return Err(Error::parameter(
                "token",
                "stands in place of request and code, not beside them",
            ));
        }
    };
    super::confirm(app, &shown, &password)?;
    Ok(Response::json(200, &json!({})))
}

/// `POST /verification`
pub(crate) fn verify(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    caller.shows_something()?;
    let mut parameters = request.parameters()?;
    let email = Email::parse(&parameters.text("email")?)?;
    parameters.end()?;
    super::verify(app, &caller, &email)?;
    Ok(Response::json(202, &json!({})))
}

/// `POST /verification/confirm`
pub(crate) fn confirm_verification(app: &App, request: &Request) -> Result<Response> {
    let mut parameters = request.parameters()?;
    let token = Zeroizing::new(parameters.text("token")?);
    parameters.end()?;
    Ok(Response::json(200, &super::confirm_verification(app, &token)?))
}

/// `POST /invitation`
pub(crate) fn invite(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    caller.shows_something()?;
    let mut parameters = request.parameters()?;
    let login = Login::parse(&parameters.text("login")?)?;
    let email = Email::parse(&parameters.text("email")?)?;
    let managed = Managed::of(&mut parameters)?;
    parameters.end()?;
    let user = super::invite(app, &caller, &login, &email, &managed.new_user(None)?)?;
    let location = format!("?id={}", user.id.get());
    Ok(Response::json(201, &user).header("Location", location))
}

/// `POST /invitation/confirm`
pub(crate) fn accept(app: &App, request: &Request) -> Result<Response> {
    let mut parameters = request.parameters()?;
    let token = Zeroizing::new(parameters.text("token")?);
    let password = password(&mut parameters)?;
    parameters.end()?;
    Ok(Response::json(200, &super::accept(app, &token, &password)?))
}
