//! API keys over HTTP, for admins.

use super::{ApiKey, ApiKeyName, ApiKeyRef, Scopes};
use crate::access::Caller;
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::paging::{page, with_next};
use crate::http::{Request, Response};
use serde::Serialize;

/// A page of keys.
#[derive(Serialize)]
struct ApiKeysPage<'a> {
    api_keys: &'a [ApiKey],
    page_num: i64,
    page_size: i64,
}

/// `GET /api-keys`
pub(crate) fn list(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let page = page(&mut parameters)?;
    parameters.end()?;
    let (keys, more) = super::page(app, &caller, page)?;
    let last = keys.last().filter(|_| more).map(|key| key.id);
    let body = ApiKeysPage { api_keys: &keys, page_num: page.number(), page_size: page.size() };
    Ok(with_next(Response::json(200, &body), "", page, last))
}

/// A new key, with the key itself.
#[derive(Serialize)]
struct NewApiKey<'a> {
    #[serde(flatten)]
    about: &'a ApiKey,
    key: &'a str,
}

/// `POST /api-keys`
pub(crate) fn create(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let name = ApiKeyName::parse(&parameters.text("name")?)?;
    let scopes = parameters.optional_texts("scopes")?;
    let scopes =
        scopes.ok_or_else(|| Error::parameter("scopes", "is missing: an array of strings"))?;
    let scopes = Scopes::of(scopes.iter().map(String::as_str))?;
    parameters.end()?;
    let (about, secret) = super::create(app, &caller, &name, &scopes)?;
    Ok(Response::json(201, &NewApiKey { about: &about, key: secret.expose() }))
}

/// `DELETE /api-key`
pub(crate) fn revoke(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let name = parameters.optional_text("name")?;
    let id = parameters.optional_number("id", 1)?;
    parameters.end()?;
    let which = match (id, name) {
        (Some(id), None) => ApiKeyRef::Id(id),
        (None, Some(name)) => ApiKeyRef::Name(ApiKeyName::parse(&name)?),
        _ => {
            caller.shows_something()?;
            return Err(Error::parameter("id", "is needed, or name in its place"));
        }
    };
    Ok(Response::json(200, &super::revoke(app, &caller, &which)?))
}
