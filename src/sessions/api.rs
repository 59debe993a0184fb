//! Logging in over HTTP.

use crate::app::App;
use crate::error::Result;
use crate::http::{Request, Response};
use crate::passwords::Password;
use crate::users::{Login, UserId};
use serde::Serialize;
use zeroize::Zeroizing;

/// The answer to a login (RFC 6749, 5.1).
#[derive(Serialize)]
struct Token<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    user_id: UserId,
}

/// `POST /`
pub(crate) fn log_in(app: &App, request: &Request) -> Result<Response> {
    let mut parameters = request.parameters()?;
    let login = Login::parse(&parameters.text("login")?)?;
    let password = Password::parse(&Zeroizing::new(parameters.text("password")?))?;
    parameters.end()?;
    let logged_in = super::log_in(app, &login, &password)?;
    let body = Token {
        access_token: &logged_in.access_token,
        token_type: "Bearer",
        expires_in: logged_in.expires_in.as_secs(),
        user_id: logged_in.user_id,
    };
    Ok(Response::json(200, &body))
}
