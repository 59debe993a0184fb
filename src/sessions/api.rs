//! Sessions over HTTP.

use super::{Device, LoggedIn, Session, Shown};
use crate::access::Caller;
use crate::app::App;
use crate::domain::{Login, SessionId, Timestamp, UserId};
use crate::error::{Error, Result};
use crate::factors::{self, Assertion};
use crate::http::paging::{page, with_next};
use crate::http::{Request, Response};
use crate::passwords::Password;
use crate::tokens::Audience;
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

/// The answer to a login and to a refresh (RFC 6749, 5.1).
#[derive(Serialize)]
struct TokensAnswer<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    refresh_token: &'a str,
    user_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa_due_at: Option<Timestamp>,
}

pub(crate) fn tokens(logged_in: &LoggedIn) -> Response {
    let body = TokensAnswer {
        access_token: &logged_in.access_token,
        token_type: "Bearer",
        expires_in: logged_in.expires_in.as_secs(),
        refresh_token: &logged_in.refresh_token,
        user_id: logged_in.user_id,
        mfa_due_at: logged_in.mfa_due_at,
    };
    Response::json(200, &body)
}

/// `POST /`
pub(crate) fn log_in(app: &App, request: &Request) -> Result<Response> {
    let mut parameters = request.parameters()?;
    let login = Login::parse(&parameters.text("login")?)?;
    let password = Password::parse(&Zeroizing::new(parameters.text("password")?))?;
    let factor = factors::api::shown(&mut parameters)?;
    let audience = Audience::narrowed(&app.config().tokens, &parameters.texts("resource")?)?;
    parameters.end()?;
    let device = Device::new(&request.client, request.user_agent.as_deref());
    let factor = factor.as_ref();
    Ok(tokens(&super::log_in_with(app, &login, &password, factor, &device, &audience)?))
}

/// `POST /mfa`
pub(crate) fn finish_mfa(app: &App, request: &Request) -> Result<Response> {
    let mut parameters = request.parameters()?;
    let mfa_token = Zeroizing::new(parameters.text("mfa_token")?);
    let factor = factors::api::shown_or_passkey(&mut parameters)?;
    let audience = Audience::narrowed(&app.config().tokens, &parameters.texts("resource")?)?;
    parameters.end()?;
    let factor = factor.ok_or_else(|| {
        Error::parameter("code", "is missing, as are recovery_code and credential")
    })?;
    let device = Device::new(&request.client, request.user_agent.as_deref());
    Ok(tokens(&super::finish_mfa(app, &mfa_token, &factor, &device, &audience)?))
}

/// `POST /mfa/options`
pub(crate) fn mfa_options(app: &App, request: &Request) -> Result<Response> {
    let mut parameters = request.parameters()?;
    let mfa_token = Zeroizing::new(parameters.text("mfa_token")?);
    parameters.end()?;
    Ok(Response::json(200, &super::mfa_options(app, &mfa_token)?))
}

/// `POST /passkey`
pub(crate) fn log_in_with_passkey(app: &App, request: &Request) -> Result<Response> {
    let mut parameters = request.parameters()?;
    let audience = Audience::narrowed(&app.config().tokens, &parameters.texts("resource")?)?;
    let assertion = Assertion::parse(&factors::api::credential(&mut parameters))?;
    let device = Device::new(&request.client, request.user_agent.as_deref());
    Ok(tokens(&super::log_in_with_passkey(app, &assertion, &device, &audience)?))
}

/// `POST /step-up`. The token says which session it is about, so it is required in open mode too.
pub(crate) fn step_up(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::with_token(app, request)?;
    caller.shows_something()?;
    let mut parameters = request.parameters()?;
    let password = parameters.optional_text("password")?.map(Zeroizing::new);
    let password = password.map(|text| Password::parse(&text)).transpose()?;
    let factor = factors::api::shown_or_passkey(&mut parameters)?;
    let audience = Audience::narrowed(&app.config().tokens, &parameters.texts("resource")?)?;
    parameters.end()?;
    let shown = Shown { password: password.as_ref(), factor: factor.as_ref() };
    Ok(tokens(&super::step_up(app, &caller, &shown, &audience)?))
}

/// `POST /logout`. The token says which session it is about, so it is required in open mode too.
pub(crate) fn log_out(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::with_token(app, request)?;
    let mut parameters = request.parameters()?;
    let all = parameters.optional_flag("all")?.unwrap_or(false);
    parameters.end()?;
    super::log_out(app, &caller, all)?;
    Ok(Response::json(200, &json!({})))
}

/// A page of sessions.
#[derive(Serialize)]
struct SessionsPage<'a> {
    sessions: &'a [Session],
    page_num: i64,
    page_size: i64,
}

/// `GET /sessions`
pub(crate) fn list(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let user = parameters.optional_number("user_id", 1)?.map(UserId::parse).transpose()?;
    let page = page(&mut parameters)?;
    parameters.end()?;
    let (sessions, more) = super::list(app, &caller, user, page)?;
    let last = sessions.last().filter(|_| more).map(|session| session.id.get());
    let body =
        SessionsPage { sessions: &sessions, page_num: page.number(), page_size: page.size() };
    let whose = user.map_or(String::new(), |id| format!("user_id={}&", id.get()));
    Ok(with_next(Response::json(200, &body), &whose, page, last))
}

/// `DELETE /session`
pub(crate) fn end(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let id = SessionId::parse(parameters.number("id", 1)?)?;
    parameters.end()?;
    Ok(Response::json(200, &super::end(app, &caller, id)?))
}
