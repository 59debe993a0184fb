//! The audit log over HTTP.

use super::AuditEntry;
use crate::access::Caller;
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Request, Response};
use serde::Serialize;

/// Maximum entries on a page.
const MOST: i64 = 100;

/// A page of the log.
#[derive(Serialize)]
struct AuditPage<'a> {
    entries: &'a [AuditEntry],
    page_size: i64,
}

/// `GET /audit`
pub(crate) fn list(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let size = parameters.optional_number("page_size", 1)?.unwrap_or(20);
    let before = parameters.optional_number("before", 1)?;
    parameters.end()?;
    if size > MOST {
        return Err(Error::parameter("page_size", "must be from 1 to 100"));
    }
    let (entries, more) = super::entries(app, &caller, before, size)?;
    let response = Response::json(200, &AuditPage { entries: &entries, page_size: size });
    Ok(match entries.last().filter(|_| more) {
        Some(last) => response.next(&format!("page_size={size}&before={}", last.id)),
        None => response,
    })
}
