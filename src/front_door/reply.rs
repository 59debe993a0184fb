//! A reply of tiny_http: where it ends, and how it is written for the client.
//!
//! tiny_http is ours, so this is no defence but a check: anything that does not look like a reply
//! of tiny_http is refused, and the private connection is given up.

use super::chunked::Decoder;
use super::request_line::Version;

/// Bytes of a reply's head; beyond them the reply is refused.
const HEAD_BYTES: usize = 32 * 1024;
/// Fields of a reply.
const FIELDS: usize = 64;

/// Fields that are written anew for the client, and tiny_http's name, which clients need not know.
const NOT_PASSED_ON: [&str; 6] =
    ["connection", "content-length", "keep-alive", "server", "transfer-encoding", "upgrade"];

/// A reply that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

#[derive(Debug)]
enum State {
    Head(Vec<u8>),
    Known(usize),
    Chunked(Box<Decoder>),
    Done,
}

/// Reads one reply, piece by piece.
#[derive(Debug)]
pub(super) struct Reply {
    state: State,
    to_head_request: bool,
}

/// Fields of every answer. They cost 115 bytes, and keep a browser from doing anything with an answer
/// but handing it to the page that asked (OWASP REST Security Cheat Sheet, "Security Headers"): it
/// does not guess a type, shows no answer within another page, runs nothing in one that is opened,
/// and tells no other site where it came from. A page of our own has a policy of its own.
pub(super) const SECURITY_FIELDS: [(&str, &str); 3] = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
];

/// The head of a reply, without the fields that concern the private connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReplyHead {
    /// Status line and fields, without the final empty line.
    text: Vec<u8>,
    /// The length to announce, where one is known and may be announced.
    length: Option<usize>,
    /// The reply has no body whatever the length says.
    bodiless: bool,
}

/// The contents of a piece. Body bytes went to the buffer that was given.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) head: Option<ReplyHead>,
    pub(super) done: bool,
}

impl ReplyHead {
    /// Whether the status is one of success.
    pub(super) fn is_success(&self) -> bool {
        let class = self.text.iter().position(|byte| *byte == b' ').map(|at| at + 1);
        class.and_then(|at| self.text.get(at)) == Some(&b'2')
    }
}

impl Reply {
    pub(super) const fn new(to_head_request: bool) -> Self {
        Self { state: State::Head(Vec::new()), to_head_request }
    }

    /// Whether no byte of the reply has come yet.
    pub(super) fn is_untouched(&self) -> bool {
        matches!(&self.state, State::Head(bytes) if bytes.is_empty())
    }

    /// Reads a piece. Bytes after the end of the reply are an error, as nothing else was asked for.
    pub(super) fn feed(
        &mut self,
        mut input: &[u8],
        body: &mut Vec<u8>,
    ) -> Result<Piece, Malformed> {
        let mut head = None;
        if let State::Head(bytes) = &mut self.state {
            let before = bytes.len();
            bytes.extend_from_slice(input);
            let Some(end) = end_of_head(bytes, before) else {
                return if bytes.len() > HEAD_BYTES {
                    Err(Malformed)
                } else {
                    Ok(Piece { head: None, done: false })
                };
            };
            input = &input[end - before..];
            let (parsed, state) = parse_head(&bytes[..end], self.to_head_request)?;
            head = Some(parsed);
            self.state = state;
        }
        let rest = match &mut self.state {
            State::Head(_) | State::Done => input.len(),
            State::Known(left) => {
                let taken = input.len().min(*left);
                body.extend_from_slice(&input[..taken]);
                *left -= taken;
                if *left == 0 {
                    self.state = State::Done;
                }
                input.len() - taken
            }
            State::Chunked(decoder) => {
                let progress = decoder.feed(input, body).map_err(|_| Malformed)?;
                if progress.done {
                    self.state = State::Done;
                }
                input.len() - progress.consumed
            }
        };
        if rest > 0 {
            return Err(Malformed);
        }
        Ok(Piece { head, done: matches!(self.state, State::Done) })
    }
}

fn end_of_head(bytes: &[u8], before: usize) -> Option<usize> {
    let from = before.saturating_sub(3);
    let at = bytes[from..].windows(4).position(|window| window == b"\r\n\r\n")?;
    Some(from + at + 4)
}

fn parse_head(bytes: &[u8], to_head_request: bool) -> Result<(ReplyHead, State), Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut headers);
    if !response.parse(bytes).is_ok_and(|status| status.is_complete()) {
        return Err(Malformed);
    }
    let status = response.code.ok_or(Malformed)?;
    if !(200..=599).contains(&status) {
        return Err(Malformed);
    }
    let mut text = format!("HTTP/1.1 {status} {}\r\n", response.reason.unwrap_or("")).into_bytes();
    let (mut length, mut chunked) = (None, false);
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let value = std::str::from_utf8(header.value).map_err(|_| Malformed)?;
            length = Some(value.parse::<usize>().map_err(|_| Malformed)?);
        }
        chunked |= header.name.eq_ignore_ascii_case("transfer-encoding");
        if !NOT_PASSED_ON.iter().any(|name| name.eq_ignore_ascii_case(header.name)) {
            text.extend_from_slice(header.name.as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(header.value);
            text.extend_from_slice(b"\r\n");
        }
    }
    let without_length = matches!(status, 204 | 304);
    let bodiless = without_length || to_head_request;
    let state = match length {
        _ if bodiless => State::Done,
        _ if chunked => State::Chunked(Box::new(Decoder::new(usize::MAX))),
        Some(0) => State::Done,
        Some(length) => State::Known(length),
        None => return Err(Malformed),
    };
    let has_own =
        |name: &str| response.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name));
    for (name, value) in SECURITY_FIELDS.iter().filter(|(name, _)| !has_own(name)) {
        for piece in [name, ": ", value, "\r\n"] {
            text.extend_from_slice(piece.as_bytes());
        }
    }
    // A length on 204 is forbidden (RFC 9110, section 8.6), and with chunks it would be a lie.
    let length = length.filter(|_| !without_length && !chunked);
    Ok((ReplyHead { text, length, bodiless }, state))
}

/// How the body is written for this client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// As it is; the end is known from the length, or is the end of the connection.
    Plain,
    /// In chunks, one for each piece that arrives.
    Chunked,
}

impl ReplyHead {
    /// Writes the head for a client, with these lines more. Says how the body must follow, and
    /// whether the connection can be kept.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        more: &str,
        version: Version,
        keep_alive: bool,
    ) -> (Coding, bool) {
        out.extend_from_slice(&self.text);
        out.extend_from_slice(more.as_bytes());
        let unknown = self.length.is_none() && !self.bodiless;
        let coding = match version {
            Version::Http11 if unknown => Coding::Chunked,
            _ => Coding::Plain,
        };
        // An HTTP/1.0 client recognises the end of such a body only by the end of the connection.
        let keep_alive = keep_alive && !(unknown && version == Version::Http10);
        if let Some(length) = self.length {
            out.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
        }
        if coding == Coding::Chunked {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        if let Some(line) = connection_line(version, keep_alive) {
            out.extend_from_slice(line);
        }
        out.extend_from_slice(b"\r\n");
        (coding, keep_alive)
    }
}

/// The Connection field, where one is needed (RFC 9112, section 9.3).
pub(super) const fn connection_line(version: Version, keep_alive: bool) -> Option<&'static [u8]> {
    match (version, keep_alive) {
        (_, false) => Some(b"Connection: close\r\n"),
        (Version::Http10, true) => Some(b"Connection: keep-alive\r\n"),
        (Version::Http11, true) => None,
    }
}

/// Writes a piece of the body, and its end.
pub(super) fn write_body(out: &mut Vec<u8>, coding: Coding, piece: &[u8], done: bool) {
    if coding == Coding::Plain {
        out.extend_from_slice(piece);
        return;
    }
    if !piece.is_empty() {
        out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    if done {
        out.extend_from_slice(b"0\r\n\r\n");
    }
}

#[cfg(test)]
mod tests;
