//! The list of revocations over HTTP, in both its forms.

use super::{Cursor, pages, status_list};
use crate::app::App;
use crate::app::board::Part;
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
    Ok(answer(request, "application/statuslist+jwt", &part))
}

/// `GET /revocations`
pub(crate) fn list(app: &App, request: &Request) -> Result<Response> {
    let mut parameters = request.parameters()?;
    let since = parameters.optional_number("since", 0)?.unwrap_or(0);
    let after = parameters.optional_number("after", 0)?.unwrap_or(0);
    parameters.end()?;
    let part = pages::part(app, Cursor::parse(since, after)?)?;
    Ok(answer(request, "application/jwt", &part))
}

/// Services that verify tokens by themselves ask every second or so.
fn answer(request: &Request, kind: &'static str, part: &Part) -> Response {
    let response = if request.has_already(&part.etag) {
        Response::not_modified()
    } else {
        Response::text(kind, part.body.clone())
    };
    response.header("ETag", part.etag.clone()).header("Cache-Control", CACHE_CONTROL).polled()
}
