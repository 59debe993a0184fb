//! The outbox over HTTP, for programs that send messages themselves.

use super::OutboxMessage;
use crate::access::Caller;
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Request, Response};
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct OutboxPage<'a> {
    messages: &'a [OutboxMessage],
}

#[derive(Serialize)]
struct Acknowledged {
    acknowledged: u64,
}

/// `GET /outbox`
pub(crate) fn pull(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let size = parameters.optional_number("page_size", 1)?.unwrap_or(20);
    parameters.end()?;
    let messages = super::pull(app, &caller, size)?;
    Ok(Response::json(200, &OutboxPage { messages: &messages }))
}

/// `DELETE /outbox`
pub(crate) fn acknowledge(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let fault = || Error::parameter("ids", "must be an array of the numbers of messages");
    let ids = match parameters.optional_value("ids") {
        Some(Value::Array(ids)) => ids,
        Some(_) => return Err(fault()),
        None => {
            return Err(Error::parameter("ids", "is missing: an array of the numbers of messages"));
        }
    };
    let ids: Option<Vec<i64>> = ids.iter().map(Value::as_i64).collect();
    parameters.end()?;
    let acknowledged = super::acknowledge(app, &caller, &ids.ok_or_else(fault)?)?;
    Ok(Response::json(200, &Acknowledged { acknowledged }))
}
