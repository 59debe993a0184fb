//! What operators and supervisors ask.

use crate::app::App;
use crate::error::Result;
use crate::http::{Request, Response};
use serde_json::json;

/// `GET /livez`: the process answers. It says nothing about the database: restarting us would not
/// bring that back.
pub(crate) fn live(_: &App, request: &Request) -> Result<Response> {
    request.parameters()?.end()?;
    Ok(Response::json(200, &json!({"status": "live"})).polled())
}

/// `GET /readyz`: the database answered just now, its schema is supported, and it takes changes. A
/// read-only one could still show users, but nobody could log in.
pub(crate) fn ready(app: &App, request: &Request) -> Result<Response> {
    request.parameters()?.end()?;
    app.check_ready()?;
    Ok(Response::json(200, &json!({"status": "ready"})).polled())
}
