//! What browsers ask before and after a request of a page from elsewhere (the Fetch standard, "CORS
//! protocol"), and OPTIONS (RFC 9110, section 9.3.7).
//!
//! The door answers both by itself, since nothing depends on who asks. A page of a listed origin may
//! send a request and read the answer. Only pages of the first origins, which `pages.cookie_api` lists, may
//! send cookies: a page of any other has to show a token itself.

use super::framing::{Field, Head};
use crate::config::WebOrigin;
use std::fmt::Write as _;

/// Fields that a page may send: what our calls read, beyond those that any page may.
const ALLOWED: &str = "Authorization, Content-Type, If-None-Match, Traceparent, X-Request-Id";

/// Fields of an answer that a page may read, beyond those that any page may.
const EXPOSED: &str =
    "ETag, Link, Location, Retry-After, WWW-Authenticate, X-Request-Id, Allow, Date";

/// Seconds for which a browser need not ask again. Chromium keeps no answer for longer.
const MAX_AGE: u32 = 7200;

/// What a request says about where it comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// The position of its origin in the list.
    pub(super) origin: Option<usize>,
    /// It only asks what may be done.
    pub(super) options: bool,
    /// A browser asks on behalf of a page, before that page's own request.
    pub(super) preflight: bool,
}

impl Asked {
    /// Reads it. Of two fields `Origin`, neither counts: no browser sends two.
    pub(super) fn of(head: &Head<'_>, listed: &[WebOrigin]) -> Self {
        let named = |name: &'static str| {
            head.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name))
        };
        let origins: Vec<&Field<'_>> = named("origin").collect();
        let origin = match origins.as_slice() {
            [one] => listed.iter().position(|known| known.as_str().as_bytes() == one.value),
            _ => None,
        };
        let options = head.method == "OPTIONS";
        let preflight = options && named("access-control-request-method").next().is_some();
        Self { origin, options, preflight }
    }
}

/// The lines that every answer to such a request has; none where no origin is listed. The first origins
/// may send cookies.
pub(super) fn lines(listed: &[WebOrigin], with_cookies: usize, asked: Asked) -> String {
    let mut lines = String::new();
    if listed.is_empty() {
        return lines;
    }
    // Caches must not give one page the answer to another.
    lines.push_str("Vary: Origin\r\n");
    if let Some(origin) = asked.origin.and_then(|at| listed.get(at)) {
        let _ = write!(lines, "Access-Control-Allow-Origin: {origin}\r\n");
        if asked.origin < Some(with_cookies) {
            lines.push_str("Access-Control-Allow-Credentials: true\r\n");
        }
        if !asked.preflight {
            let _ = write!(lines, "Access-Control-Expose-Headers: {EXPOSED}\r\n");
        }
    }
    lines
}

/// The further lines of the answer to OPTIONS, where `allow` lists the methods of the path.
pub(super) fn options_lines(asked: Asked, allow: &str) -> String {
    let mut lines = format!("Allow: {allow}\r\n");
    if asked.preflight && asked.origin.is_some() {
        let _ = write!(
            lines,
            "Access-Control-Allow-Methods: {allow}\r\nAccess-Control-Allow-Headers: {ALLOWED}\r\n\
             Access-Control-Max-Age: {MAX_AGE}\r\n"
        );
    }
    lines
}
