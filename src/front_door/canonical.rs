//! The one form in which the door writes a request for tiny_http.
//!
//! However the client spelled it, tiny_http gets HTTP/1.1, the target in origin-form, one Host, a
//! plain length, and only end-to-end fields. Fields that begin with `x-gatepost-` come from the
//! door or not at all.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;

use super::framing::{BodyLength, Field, Head, connection_options};

/// The field that carries the client's address.
pub const CLIENT_FIELD: &str = "x-gatepost-client";
/// The field that carries the request's id.
pub const REQUEST_ID_FIELD: &str = "x-gatepost-request-id";
/// The field that is there if a trusted proxy has sent the request.
pub const PROXY_FIELD: &str = "x-gatepost-proxy";
/// Names that only the door may use.
const PRIVATE_PREFIX: &str = "x-gatepost-";

/// Fields that end at the door: they concern one connection (RFC 9110, section 7.6.1), or the
/// door writes them itself, or the door has met them already (`Expect`).
const NOT_PASSED_ON: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Who has sent a request.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    /// The client, as far as it is known behind proxies.
    pub client: IpAddr,
    /// Whether a trusted proxy has passed it on.
    pub is_proxy: bool,
}

/// The request's head up to where the length belongs; `finish` completes it.
#[must_use]
pub fn begin(head: &Head<'_>, sender: Sender, request_id: &str) -> Vec<u8> {
    let mut text = String::with_capacity(head.length + 96);
    let _ = write!(text, "{} {} HTTP/1.1\r\nhost: {}\r\n", head.method, head.target, head.host);
    for field in &head.fields {
        if is_passed_on(field.name, head)
            && let Some(value) = in_ascii(field)
        {
            let _ = write!(text, "{}: {value}\r\n", field.name);
        }
    }
    let client = sender.client;
    let _ = write!(text, "{CLIENT_FIELD}: {client}\r\n{REQUEST_ID_FIELD}: {request_id}\r\n");
    if sender.is_proxy {
        let _ = write!(text, "{PROXY_FIELD}: trusted\r\n");
    }
    text.into_bytes()
}

/// Fields that are passed on even when they hold bytes outside ASCII, each written as `?`: one is
/// shown to people, one decides about requests in open mode, where a `?` is refused, and beside one of our
/// cookies there may be those of other programs.
const MASKED: [&str; 3] = ["user-agent", "origin", "cookie"];

/// Fields in which a proxy says what was asked of it. With bytes outside ASCII they are passed on empty,
/// since without them another one of the name, from whoever asked the proxy, would be believed.
const EMPTIED: [&str; 6] = [
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-proto",
    "x-forwarded-uri",
    "x-original-method",
    "x-original-url",
];

/// A field's value as tiny_http can hold it: in ASCII alone.
fn in_ascii<'a>(field: &Field<'a>) -> Option<Cow<'a, str>> {
    let masked = || {
        let bytes = field.value.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '?' });
        bytes.collect::<String>()
    };
    let is_one_of = |names: &[&str]| names.iter().any(|it| it.eq_ignore_ascii_case(field.name));
    let instead = || {
        if is_one_of(&MASKED) {
            return Some(Cow::Owned(masked()));
        }
        is_one_of(&EMPTIED).then_some(Cow::Borrowed(""))
    };
    field.ascii().map(Cow::Borrowed).or_else(instead)
}

fn is_passed_on(name: &str, head: &Head<'_>) -> bool {
    let private = name
        .get(..PRIVATE_PREFIX.len())
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case(PRIVATE_PREFIX));
    !private
        && !NOT_PASSED_ON.iter().any(|other| other.eq_ignore_ascii_case(name))
        && !connection_options(&head.fields).any(|option| option.eq_ignore_ascii_case(name))
}

/// Method and path of a request that `begin` has begun.
#[must_use]
pub(super) fn method_and_path(request: &[u8]) -> (&str, &str) {
    let end = request.iter().position(|byte| *byte == b'\r').unwrap_or(request.len());
    let mut words = std::str::from_utf8(&request[..end]).unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    (method, target.split('?').next().unwrap_or_default())
}

/// Adds length and body.
pub fn finish(request: &mut Vec<u8>, framing: BodyLength, body: &[u8]) {
    if framing != BodyLength::None {
        request.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(body);
}

/// Whether a method may be sent again without doing anything twice (RFC 9110, section 9.2.1).
#[must_use]
pub fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS")
}

#[cfg(test)]
mod tests {
    use super::super::framing::{Decision, Limits, parse};
    use super::*;

    const LIMITS: Limits =
        Limits { head_bytes: 4096, line_bytes: 1024, fields: 32, body_bytes: 1000 };

    fn canonical(input: &str) -> String {
        let Decision::Complete(head) = parse(input.as_bytes(), 0, &LIMITS) else {
            panic!("refused: {input}");
        };
        let sender = Sender { client: [192, 0, 2, 1].into(), is_proxy: false };
        let mut request = begin(&head, sender, "0123456789abcdef");
        finish(&mut request, head.body, b"");
        String::from_utf8(request).unwrap()
    }

    #[test]
    fn private_fields_of_a_client_are_replaced() {
        let text = canonical(
            "GET / HTTP/1.1\r\nHost: a\r\nX-Gatepost-Client: 1.1.1.1\r\n\
             x-gatepost-anything: 1\r\nX-Gatepost-Proxy: trusted\r\nX-GATEPOST-REQUEST-ID: 5\r\nx-gatepost: kept\r\n\r\n",
        );
        assert_eq!(
            text,
            "GET / HTTP/1.1\r\nhost: a\r\nx-gatepost: kept\r\nx-gatepost-client: 192.0.2.1\r\n\
             x-gatepost-request-id: 0123456789abcdef\r\n\r\n"
        );
    }

    #[test]
    fn fields_of_the_connection_end_here() {
        let text = canonical(
            "POST /a?b HTTP/1.1\r\nHost: a\r\nConnection: upgrade, X-Hop\r\nX-Hop: 1\r\nTE: gzip\r\n\
             Upgrade: h2c\r\nHTTP2-Settings: x\r\nKeep-Alive: 5\r\nExpect: 100-continue\r\n\
             Content-Length: 0\r\nAccept: */*\r\n\r\n",
        );
        assert_eq!(
            text,
            "POST /a?b HTTP/1.1\r\nhost: a\r\nAccept: */*\r\nx-gatepost-client: 192.0.2.1\r\n\
             x-gatepost-request-id: 0123456789abcdef\r\ncontent-length: 0\r\n\r\n"
        );
    }

    #[test]
    fn naming_a_private_field_in_connection_does_not_remove_it() {
        let text = canonical(
            "GET / HTTP/1.0\r\nConnection: x-gatepost-client, host, content-length\r\n\r\n",
        );
        assert!(text.contains("x-gatepost-client: 192.0.2.1\r\n"));
        assert!(text.starts_with("GET / HTTP/1.1\r\nhost: \r\n"));
    }
}
