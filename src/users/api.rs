//! Users over HTTP: JSON in, operation, JSON out.

use super::{Change, User};
use crate::access::Caller;
use crate::app::App;
use crate::config::Registration;
use crate::domain::{Login, Timestamp, UserId};
use crate::error::{Error, Result};
use crate::http::paging::{page, with_next};
use crate::http::{Request, Response};
use crate::passwords::Password;
use serde::Serialize;
use zeroize::Zeroizing;

/// `POST /user`
pub(crate) fn register(app: &App, request: &Request) -> Result<Response> {
    let caller = match app.config().access.registration {
        Registration::Anyone => Caller::Anonymous,
        Registration::Admin => Caller::of(app, request)?,
    };
    let mut parameters = request.parameters()?;
    let login = Login::parse(&parameters.text("login")?)?;
    let password = Password::parse(&Zeroizing::new(parameters.text("password")?))?;
    parameters.end()?;
    let user = super::register(app, &caller, &login, &password)?;
    let location = format!("?id={}", user.id.get());
    Ok(Response::json(201, &user).header("Location", location))
}

/// A page of users.
#[derive(Serialize)]
struct UsersPage<'a> {
    users: &'a [User],
    page_num: i64,
    page_size: i64,
}

/// `GET /users`
pub(crate) fn list(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let page = page(&mut parameters)?;
    parameters.end()?;
    let (users, more) = super::list(app, &caller, page)?;
    let last = users.last().filter(|_| more).map(|user| user.id.get());
    let body = UsersPage { users: &users, page_num: page.number(), page_size: page.size() };
    Ok(with_next(Response::json(200, &body), "", page, last))
}

/// `GET /user`
pub(crate) fn show(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let user = match parameters.optional_text("login")? {
        None => {
            let id = UserId::parse(parameters.number("id", 1)?)?;
            parameters.end()?;
            super::show(app, &caller, id)?
        }
        Some(login) => {
            let id = parameters.optional_number("id", 1)?;
            parameters.end()?;
            let user = super::find(app, &caller, &Login::parse(&login)?)?;
            // Only now: a caller without a token is told that first, as everywhere.
            if id.is_some() {
                return Err(Error::parameter("login", "stands in place of id, not beside it"));
            }
            user
        }
    };
    Ok(Response::json(200, &user))
}

/// `PATCH /user`
pub(crate) fn change(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let id = UserId::parse(parameters.number("id", 1)?)?;
    let mut password = |name| -> Result<Option<Password>> {
        let text = parameters.optional_text(name)?.map(Zeroizing::new);
        text.map(|text| Password::parse(&text)).transpose()
    };
    let new = password("password")?;
    let current = password("current_password")?;
    let locked = parameters.optional_flag("locked")?;
    let expires_at = match parameters.nullable_text("expires_at")? {
        Some(Some(text)) => {
            let time = Timestamp::parse(&text);
            Some(Some(time.map_err(|fault| Error::parameter("expires_at", fault))?))
        }
        other => other.map(|_| None),
    };
    parameters.end()?;
    if new.is_none() && locked.is_none() && expires_at.is_none() {
        let text = "is missing, as are locked and expires_at: there is nothing to change";
        return Err(Error::parameter("password", text));
    }
    let password = new.as_ref();
    let current_password = current.as_ref();
    let change = Change { password, current_password, locked, expires_at };
    Ok(Response::json(200, &super::change(app, &caller, id, &change)?))
}

/// `DELETE /user`
pub(crate) fn delete(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let id = UserId::parse(parameters.number("id", 1)?)?;
    parameters.end()?;
    Ok(Response::json(200, &super::delete(app, &caller, id)?))
}
