//! What the machine's operator and its supervisor ask.

use crate::app::App;
use crate::error::Result;
use crate::http::{Request, Response};
use serde_json::json;

/// `GET /livez`: the process answers. It says nothing of the database: restarting us would not
/// bring that back.
pub(crate) fn live(_: &App, request: &Request) -> Result<Response> {
    request.parameters()?.end()?;
    Ok(Response::json(200, &json!({"status": "live"})))
}

/// `GET /readyz`: the database answered just now, and its schema is one we know.
pub(crate) fn ready(app: &App, request: &Request) -> Result<Response> {
    request.parameters()?.end()?;
    app.check_schema()?;
    Ok(Response::json(200, &json!({"status": "ready"})))
}
