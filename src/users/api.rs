//! Users over HTTP: JSON in, operation, JSON out.

use super::{Caller, Login, Page, User, UserId};
use crate::app::App;
use crate::config::Registration;
use crate::error::Result;
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
    let location = format!("/user?id={}", user.id.get());
    Ok(Response::json(201, &user).header("Location", location))
}

/// A page of users.
#[derive(Serialize)]
struct Listed<'a> {
    users: &'a [User],
    page_num: i64,
    page_size: i64,
}

/// `GET /users`
pub(crate) fn list(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let number = parameters.optional_number("page_num", 1)?.unwrap_or(1);
    let size = parameters.optional_number("page_size", 1)?.unwrap_or(20);
    let after = parameters.optional_number("after", 0)?;
    parameters.end()?;
    let page = Page::parse(number, size, after)?;
    let (users, more) = super::list(app, &caller, page)?;
    let last = users.last().filter(|_| more).map(|user| user.id.get());
    let body = Listed { users: &users, page_num: page.number(), page_size: page.size() };
    let response = Response::json(200, &body);
    Ok(match last {
        Some(id) => {
            let next = page.number().saturating_add(1);
            let size = page.size();
            let target = format!("/users?page_num={next}&page_size={size}&after={id}");
            response.header("Link", format!("<{target}>; rel=\"next\""))
        }
        None => response,
    })
}

/// `GET /user`
pub(crate) fn show(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let id = UserId::parse(parameters.number("id", 1)?)?;
    parameters.end()?;
    Ok(Response::json(200, &super::show(app, &caller, id)?))
}

/// `PATCH /user`
pub(crate) fn change_password(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let id = UserId::parse(parameters.number("id", 1)?)?;
    let password = Password::parse(&Zeroizing::new(parameters.text("password")?))?;
    parameters.end()?;
    Ok(Response::json(200, &super::change_password(app, &caller, id, &password)?))
}

/// `DELETE /user`
pub(crate) fn delete(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let id = UserId::parse(parameters.number("id", 1)?)?;
    parameters.end()?;
    Ok(Response::json(200, &super::delete(app, &caller, id)?))
}
