//! The list of revocations over HTTP.

use super::{Cursor, pages, status_list};
use crate::app::App;
use crate::error::Result;
use crate::http::{Request, Response};

/// Each second in a cache delays the news of a logout by a second.
const CACHE_CONTROL: &str = "public, max-age=1";

/// `GET /status-list`
pub(crate) fn status_list(app: &App, request: &Request) -> Result<Response> {
    let mut parameters = request.parameters()?;
    let list = parameters.number("id", 0)?;
    parameters.end()?;
    let part = status_list::part(app, list)?;
    let response = if request.has_already(&part.etag) {
        Response::not_modified()
    } else {
        Response::text("application/statuslist+jwt", part.body.clone())
    };
    Ok(response.header("ETag", part.etag.clone()).header("Cache-Control", CACHE_CONTROL).polled())
}

/// `GET /revocations`
pub(crate) fn list(app: &App, request: &Request) -> Result<Response> {
    let mut parameters = request.parameters()?;
    let since = parameters.optional_number("since", 0)?.unwrap_or(0);
    let after = parameters.optional_number("after", 0)?.unwrap_or(0);
    parameters.end()?;
    let part = pages::part(app, Cursor::parse(since, after)?)?;
    // Services that verify tokens by themselves ask every second or so.
    let response = if request.has_already(&part.etag) {
        Response::not_modified()
    } else {
        Response::text("application/jwt", part.body.clone())
    };
    Ok(response.header("ETag", part.etag.clone()).header("Cache-Control", CACHE_CONTROL).polled())
}
