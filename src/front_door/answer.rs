//! Answers that the door gives by itself, as bytes.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::SystemTime;

use super::cors::{self, Asked};
use super::lane::Hooks;
use super::problem::{Problem, Refusal};
use super::reply::{SECURITY_FIELDS, connection_line};
use super::request_line::Version;
use super::settings::Settings;

/// What a client that sent `Expect: 100-continue` waits for.
pub(super) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Ids for requests: a random prefix for each process, then a counter.
#[derive(Debug)]
pub(super) struct RequestIds {
    prefix: u32,
    counter: u32,
}

impl RequestIds {
    pub(super) fn new() -> Self {
        // The standard library's hash keys come from the system's random numbers.
        let random = RandomState::new().build_hasher().finish();
        Self { prefix: (random >> 32) as u32, counter: 0 }
    }

    pub(super) fn next(&mut self) -> String {
        self.counter = self.counter.wrapping_add(1);
        format!("{:08x}{:08x}", self.prefix, self.counter)
    }
}

/// Who the answer goes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipient {
    pub(super) version: Version,
    pub(super) keep_alive: bool,
    pub(super) head_request: bool,
}

impl Recipient {
    /// A client whose request could not be understood, so the connection must end.
    pub(super) const UNKNOWN: Self =
        Self { version: Version::Http11, keep_alive: false, head_request: false };
}

/// What browsers are told to remember: two years, as the list that is built into them asks for. Only
/// this host is meant, since we do not know what else its operator runs.
const STRICT_TRANSPORT: &str = "Strict-Transport-Security: max-age=63072000\r\n";

/// Lines that depend on the settings and on where the request comes from.
pub(super) fn everywhere(settings: &Settings, hooks: &Hooks, asked: Asked) -> String {
    let mut lines = cors::lines(&settings.cors_origins, hooks.cookie_origins, asked);
    if hooks.strict_transport {
        lines.push_str(STRICT_TRANSPORT);
    }
    lines
}

/// Writes the answer to OPTIONS, which has no content.
pub(super) fn write_options(
    out: &mut Vec<u8>,
    lines: &str,
    version: Version,
    keep_alive: bool,
    request_id: &str,
) {
    let date = httpdate::fmt_http_date(SystemTime::now());
    let head = format!(
        "HTTP/1.1 204 No Content\r\nDate: {date}\r\nServer: gatepost\r\n\
         X-Request-Id: {request_id}\r\n{lines}"
    );
    out.extend_from_slice(head.as_bytes());
    if let Some(line) = connection_line(version, keep_alive) {
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes a problem document as a complete response.
pub(super) fn write(
    out: &mut Vec<u8>,
    refusal: Refusal,
    recipient: Recipient,
    request_id: String,
    more: &str,
    body_of: fn(&Problem) -> Vec<u8>,
) {
    let cause = refusal.cause;
    let date = httpdate::fmt_http_date(SystemTime::now());
    let mut head = format!(
        "HTTP/1.1 {} {}\r\nDate: {date}\r\nServer: gatepost\r\nX-Request-Id: {request_id}\r\n",
        cause.status(),
        cause.title(),
    );
    let body = body_of(&Problem {
        status: cause.status(),
        code: cause.code(),
        title: cause.title(),
        detail: refusal.detail,
        request_id,
    });
    head.push_str(&format!(
        "Content-Type: application/problem+json\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\n",
        body.len(),
    ));
    for (name, value) in SECURITY_FIELDS {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(more);
    if let Some(seconds) = cause.retry_after() {
        head.push_str(&format!("Retry-After: {seconds}\r\n"));
    }
    out.extend_from_slice(head.as_bytes());
    if let Some(line) = connection_line(recipient.version, recipient.keep_alive) {
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b"\r\n");
    if !recipient.head_request {
        out.extend_from_slice(&body);
    }
}
