//! One client on one connection, as fast as possible: it measures what an attacker on the same
//! machine could. It knows only as much HTTP as our own front door writes.

use crate::error::{Error, Result};
use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Maximum bytes of an answer: the answer to a login is far smaller.
const ANSWER_BYTES: usize = 16 * 1024;

/// Where the logins come from, as a trusted proxy would say: an address for documentation (RFC
/// 5737).
const FROM: &str = "192.0.2.1";

/// What a refused login was answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// All of its bytes.
    pub(super) length: usize,
    /// Without the request's own id.
    pub(super) body: Value,
    closing: bool,
}

pub(super) struct Client {
    connection: Option<UnixStream>,
    /// Requests for a way back so far. Each is from another of 256 networks for measurements (RFC 2544).
    asked: u8,
}

impl Client {
    /// Connects, with `patience` as the timeout for answers, and removes the socket's name, so that
    /// nobody else can connect.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) fn connect(socket: &Path, patience: Duration) -> Result<Self> {
        let connected = UnixStream::connect(socket).and_then(|stream| {
            std::fs::remove_file(socket)?;
            stream.set_read_timeout(Some(patience))?;
            stream.set_write_timeout(Some(patience))?;
            Ok(stream)
        });
        connected.map(|stream| Self { connection: Some(stream), asked: 0 }).map_err(|e| fault(&e))
    }

    /// Asks for a way back. As [`log_in`](Self::log_in), without the number of the request in the answer.
    pub(super) fn ask(&mut self, login: &str) -> Result<(u64, Answer)> {
        // So many come from no network: the limit could not be raised out of reach of them.
        self.asked = self.asked.wrapping_add(1);
        let from = format!("198.18.{}.1", self.asked);
        let (time, mut answer) = self.post("/recovery", &from, &json!({ "login": login }))?;
        if let Some(body) = answer.body.as_object_mut() {
            body.remove("request");
        }
        Ok((time, answer))
    }

    /// Tries to log in. Returns the time from before the request's first byte was sent until after
    /// the answer's last one had arrived, in nanoseconds, and the answer.
    pub(super) fn log_in(&mut self, login: &str, password: &str) -> Result<(u64, Answer)> {
        self.post("/", FROM, &json!({"login": login, "password": password}))
    }

    fn post(&mut self, path: &str, from: &str, body: &Value) -> Result<(u64, Answer)> {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {from}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let closed = || fault(&io::ErrorKind::ConnectionReset.into());
        let mut stream = self.connection.take().ok_or_else(closed)?;
        let begin = Instant::now();
        stream.write_all(request.as_bytes()).map_err(|e| fault(&e))?;
        let answer = read(&mut stream).map_err(|e| fault(&e))?;
        let nanoseconds = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let answer = parse(&answer)
            .ok_or_else(|| Error::Internal("an answer could not be parsed".to_owned()))?;
        if !answer.closing {
            self.connection = Some(stream);
        }
        Ok((nanoseconds, answer))
    }
}

fn fault(error: &io::Error) -> Error {
    Error::Unavailable(format!("the measured service: {error}"))
}

fn read(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut answer = Vec::with_capacity(ANSWER_BYTES);
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => answer.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
        if is_complete(&answer) {
            return Ok(answer);
        }
        if answer.len() > ANSWER_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

fn is_complete(answer: &[u8]) -> bool {
    let Some((head, body)) = split(answer) else { return false };
    field(head, "content-length").and_then(|text| text.parse().ok()) == Some(body.len())
}

fn parse(answer: &[u8]) -> Option<Answer> {
    let (head, body) = split(answer)?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let closing = field(head, "connection").is_some_and(|word| word.eq_ignore_ascii_case("close"));
    let mut body: Value = serde_json::from_slice(body).ok()?;
    body.as_object_mut()?.remove("request_id");
    Some(Answer { status, length: answer.len(), body, closing })
}

fn split(answer: &[u8]) -> Option<(&str, &[u8])> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    Some((std::str::from_utf8(&answer[..end]).ok()?, &answer[end + 4..]))
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_with_its_last_byte() {
        let text = "HTTP/1.1 400 Bad Request\r\nContent-Length: 29\r\nConnection: close\r\n\r\n\
                    {\"code\":\"x\",\"request_id\":\"1\"}";
        for end in 0..text.len() {
            assert!(!is_complete(&text.as_bytes()[..end]), "{end}");
        }
        assert!(is_complete(text.as_bytes()));
        let answer = parse(text.as_bytes()).unwrap();
        assert_eq!(answer.body, json!({"code": "x"}));
        assert_eq!((answer.status, answer.closing), (400, true));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for text in [
            "",
            "HTTP/1.1 400",
            "HTTP/1.1\r\n\r\n{}",
            "HTTP/1.1 x y\r\n\r\n{}",
            "HTTP/1.1 400 x\r\n\r\n[]",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
