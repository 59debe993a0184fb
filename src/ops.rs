//! What the machine's operator and its supervisor ask.

use crate::app::App;
use crate::error::Result;
use crate::http::{Request, Response};
use serde_json::json;

/// `GET /livez`: the process answers. It says nothing of the database: restarting us would not
/// bring that back.
pub(crate) fn live(_: &App, request: &Request) -> Result<Response> {
    request.parameters()?.end()?;
    Ok(Response::json(200, &json!({"status": "live"})).polled())
}

/// `GET /readyz`: the database answered just now, its schema is one we know, and it takes changes.
/// One that is read-only could still show users, but nobody could log in.
pub(crate) fn ready(app: &App, request: &Request) -> Result<Response> {
    request.parameters()?.end()?;
    app.check_ready()?;
    Ok(Response::json(200, &json!({"status": "ready"})).polled())
}
