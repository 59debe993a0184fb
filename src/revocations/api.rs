//! The list of revocations over HTTP.

use super::{Cursor, pages};
use crate::app::App;
use crate::error::Result;
use crate::http::{Request, Response};

/// A second in a cache is one that a logout takes longer to be known.
const CACHE_CONTROL: &str = "public, max-age=1";

/// `GET /revocations`
pub(crate) fn list(app: &App, request: &Request) -> Result<Response> {
    let mut parameters = request.parameters()?;
    let since = parameters.optional_number("since", 0)?.unwrap_or(0);
    let after = parameters.optional_number("after", 0)?.unwrap_or(0);
    parameters.end()?;
    let part = pages::part(app, Cursor::parse(since, after)?)?;
    // Who verifies tokens alone asks every second or so.
    let response = if request.has_already(&part.etag) {
        Response::not_modified()
    } else {
        Response::text("application/jwt", part.body.clone())
    };
    Ok(response.header("ETag", part.etag.clone()).header("Cache-Control", CACHE_CONTROL).polled())
}
