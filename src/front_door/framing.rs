//! Where a request begins and ends: bytes in, decision out, nothing else (RFC 9112).
//!
//! Two parsers that disagree about the end of a request can be made to see different requests. So
//! this one takes only what every conforming parser reads the same way, and refuses the rest. The
//! decision depends on the bytes alone, never on how they were split into packets. Bytes are
//! checked before `httparse` sees them, because it lets bare LF and non-ASCII targets through.
//! Values of fields may hold bytes outside ASCII (RFC 9110, 5.5), except in the fields that
//! Gatepost acts on. What fields *mean* is not looked at here, unless they frame the message.

use std::borrow::Cow;

use super::problem::{Cause, Refusal};
use super::request_line::{Version, is_authority, request_line, target_forms};

/// The sizes beyond which a request is refused.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the whole head, with its final empty line.
    pub head_bytes: usize,
    /// Bytes of the request line, with its CRLF.
    pub line_bytes: usize,
    /// Number of header fields.
    pub fields: usize,
    /// Bytes of the body after decoding.
    pub body_bytes: usize,
}

/// How the end of the body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// Neither length nor coding was given: no body.
    None,
    /// This many bytes follow.
    Known(usize),
    /// A chunked body follows.
    Chunked,
}

/// One header field, the value without the white space around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Name as sent.
    pub name: &'a str,
    /// Value. It may hold bytes outside ASCII, whatever their encoding.
    pub value: &'a [u8],
}

impl<'a> Field<'a> {
    /// The value, if it is ASCII.
    #[must_use]
    pub fn ascii(&self) -> Option<&'a str> {
        std::str::from_utf8(self.value).ok().filter(|value| value.is_ascii())
    }
}

/// Fields that must be ASCII, besides all that begin with `content-`: the door or a worker acts on
/// them, so they must not be open to a second reading.
const ASCII_ONLY: [&str; 5] =
    ["authorization", "connection", "expect", "host", "transfer-encoding"];

/// The head of an acceptable request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// Method, case sensitive.
    pub method: &'a str,
    /// Target in origin-form, or `*`.
    pub target: Cow<'a, str>,
    /// Authority: of an absolute-form target, otherwise of the Host field, otherwise empty.
    pub host: &'a str,
    /// Protocol version.
    pub version: Version,
    /// All fields in order, including those that will not be passed on.
    pub fields: Vec<Field<'a>>,
    /// Framing of the body.
    pub body: BodyLength,
    /// The client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// The client is willing to send another request on this connection.
    pub keep_alive: bool,
    /// Number of input bytes that the head takes up.
    pub length: usize,
}

/// What is known about the input so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Nothing is wrong so far; this many bytes need not be looked at again.
    Incomplete(usize),
    /// A head is complete.
    Complete(Head<'a>),
    /// Refuse and close: where the next request would start is not certain.
    Refused(Refusal),
}

/// Decides about `input`. An earlier call returned `Incomplete(scanned)` for its beginning.
#[must_use]
pub fn parse<'a>(input: &'a [u8], scanned: usize, limits: &Limits) -> Decision<'a> {
    match scan(input, scanned, limits) {
        Ok(None) => Decision::Incomplete(input.len()),
        Ok(Some(length)) => match parse_head(&input[..length], limits) {
            Ok(head) => Decision::Complete(head),
            Err(refusal) => Decision::Refused(refusal),
        },
        Err(refusal) => Decision::Refused(refusal),
    }
}

/// Some clients send one CRLF too much after a body; RFC 9112, section 2.2, asks to skip it.
fn start_of_line(input: &[u8]) -> usize {
    if input.starts_with(b"\r\n") { 2 } else { 0 }
}

/// Finds the end of the head. It goes byte by byte and stops at the first thing to report, which is
/// what makes the decision independent of packets.
fn scan(input: &[u8], scanned: usize, limits: &Limits) -> Result<Option<usize>, Refusal> {
    let window = &input[..input.len().min(limits.head_bytes)];
    let start = start_of_line(window);
    let first_line = window[start..].iter().position(|b| *b == b'\n').map(|at| start + at);
    for (at, &byte) in window.iter().enumerate().skip(scanned) {
        let after_cr = at > 0 && window[at - 1] == b'\r';
        match byte {
            b'\n' if !after_cr => {
                return Err(Refusal::invalid("line feed without carriage return"));
            }
            b'\n' if window[..=at].ends_with(b"\r\n\r\n") => return Ok(Some(at + 1)),
            b'\n' => {}
            _ if after_cr => return Err(Refusal::invalid("carriage return without line feed")),
            b'\t' | b'\r' | b' '..=b'~' => {}
            // Once the head is complete it is known whether this stands in a name or in a value.
            0x80.. if first_line.is_some_and(|end| end < at) => {}
            0x80.. => return Err(Refusal::invalid("byte outside ASCII in the request line")),
            _ => return Err(Refusal::invalid("control character in the head")),
        }
        let line = &window[start_of_line(&window[..=at])..=at];
        if line.len() == limits.line_bytes && !line.contains(&b'\n') {
            return Err(Refusal::new(Cause::TargetTooLong, "the request line is too long"));
        }
    }
    if input.len() >= limits.head_bytes {
        return Err(Refusal::new(Cause::HeadersTooLarge, "the request head is too large"));
    }
    Ok(None)
}

/// Parses a complete head of known-good bytes.
fn parse_head<'a>(head: &'a [u8], limits: &Limits) -> Result<Head<'a>, Refusal> {
    let body = &head[start_of_line(head)..];
    let (method, target, version) = request_line(body)?;
    let fields = fields(body, limits)?;
    let (target, authority) = target_forms(method, target)?;
    let host = host(&fields, version)?;
    let expectation = single(&fields, "expect", "more than one Expect field")?;
    // Of two values, this parser and the next may take different ones.
    single(&fields, "authorization", "more than one Authorization field")?;
    single(&fields, "content-type", "more than one Content-Type field")?;
    Ok(Head {
        method,
        target,
        host: authority.or(host).unwrap_or_default(),
        version,
        body: body_length(&fields, version, limits)?,
        expects_continue: expects_continue(expectation, version)?,
        keep_alive: keep_alive(&fields, version),
        fields,
        length: head.len(),
    })
}

/// The header fields, split by `httparse`. It refuses white space around names, and folding.
fn fields<'a>(head: &'a [u8], limits: &Limits) -> Result<Vec<Field<'a>>, Refusal> {
    let mut headers = vec![httparse::EMPTY_HEADER; limits.fields];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(Refusal::invalid("malformed request head")),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Refusal::new(Cause::HeadersTooLarge, "too many header fields"));
        }
        Err(httparse::Error::HeaderName) => {
            return Err(Refusal::invalid("malformed header field name"));
        }
        Err(httparse::Error::HeaderValue) => {
            return Err(Refusal::invalid("malformed header field value"));
        }
        Err(_) => return Err(Refusal::invalid("malformed request head")),
    }
    let field = |header: &httparse::Header<'a>| {
        let field = Field { name: header.name, value: trimmed(header.value) };
        if field.ascii().is_none() && must_be_ascii(field.name) {
            return Err(Refusal::invalid(
                "byte outside ASCII in a header field that must have none",
            ));
        }
        Ok(field)
    };
    request.headers.iter().map(field).collect()
}

/// A value without the white space around it.
pub(super) fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

fn must_be_ascii(name: &str) -> bool {
    let content = name.get(..8).is_some_and(|begin| begin.eq_ignore_ascii_case("content-"));
    content || ASCII_ONLY.iter().any(|other| other.eq_ignore_ascii_case(name))
}

/// The value of a field that may be given only once, and is ASCII.
fn single<'a>(
    fields: &[Field<'a>],
    name: &str,
    twice: &'static str,
) -> Result<Option<&'a str>, Refusal> {
    let mut found = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(Refusal::invalid(twice)),
        (first, None) => Ok(first.and_then(Field::ascii)),
    }
}

/// Exactly one Host in HTTP/1.1, at most one in HTTP/1.0 (RFC 9112, section 3.2).
fn host<'a>(fields: &[Field<'a>], version: Version) -> Result<Option<&'a str>, Refusal> {
    match single(fields, "host", "more than one Host field")? {
        None if version == Version::Http11 => Err(Refusal::invalid("no Host field")),
        Some(host) if !is_authority(host) => Err(Refusal::invalid("malformed Host field")),
        host => Ok(host),
    }
}

/// RFC 9112, section 6.3, without the parts that leave a choice.
fn body_length(
    fields: &[Field<'_>],
    version: Version,
    limits: &Limits,
) -> Result<BodyLength, Refusal> {
    let coding = single(fields, "transfer-encoding", "more than one Transfer-Encoding field")?;
    let length = single(fields, "content-length", "more than one Content-Length field")?;
    match (coding, length) {
        (None, None) => Ok(BodyLength::None),
        (Some(_), Some(_)) => {
            Err(Refusal::invalid("Content-Length together with Transfer-Encoding"))
        }
        (Some(_), None) if version == Version::Http10 => {
            Err(Refusal::invalid("Transfer-Encoding in HTTP/1.0"))
        }
        (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Ok(BodyLength::Chunked),
        (Some(_), None) => Err(Refusal::new(
            Cause::NotImplemented,
            "the only supported transfer coding is chunked",
        )),
        (None, Some(length)) => known_length(length, limits).map(BodyLength::Known),
    }
}

/// Digits only. `005` is within the grammar, but some parsers read it as octal and no client writes
/// it, so it is refused with the other oddities.
fn known_length(text: &str, limits: &Limits) -> Result<usize, Refusal> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return Err(Refusal::invalid("malformed Content-Length"));
    }
    // A number that does not fit is still a number, and too large.
    match text.parse::<usize>() {
        Ok(length) if length <= limits.body_bytes => Ok(length),
        _ => Err(Refusal::new(Cause::PayloadTooLarge, "the request body is too large")),
    }
}

/// RFC 9110, section 10.1.1; an HTTP/1.0 client cannot understand an interim answer.
fn expects_continue(expectation: Option<&str>, version: Version) -> Result<bool, Refusal> {
    match expectation {
        None => Ok(false),
        Some(_) if version == Version::Http10 => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("100-continue") => Ok(true),
        Some(_) => Err(Refusal::new(
            Cause::ExpectationFailed,
            "the only supported expectation is 100-continue",
        )),
    }
}

/// The options of all Connection fields, in the case they were sent in.
pub fn connection_options<'a>(fields: &[Field<'a>]) -> impl Iterator<Item = &'a str> {
    fields
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case("connection"))
        .flat_map(|field| field.ascii().unwrap_or_default().split(','))
        .map(|option| option.trim_matches([' ', '\t']))
}

/// RFC 9112, section 9.3.
fn keep_alive(fields: &[Field<'_>], version: Version) -> bool {
    let has = |wanted: &str| connection_options(fields).any(|o| o.eq_ignore_ascii_case(wanted));
    !has("close") && (version == Version::Http11 || has("keep-alive"))
}

#[cfg(test)]
mod tests;
