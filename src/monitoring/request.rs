//! The one request that is understood here. Nothing of it but its first line is used.

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::Instant;

/// Most bytes of a request's head. Prometheus sends some 300.
const HEAD_BYTES: usize = 4096;

/// What a client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Metrics,
    HeadOfMetrics,
    AnotherMethod,
    AnotherPath,
    Nonsense,
}

/// Reads a request's head.
///
/// # Errors
/// When it does not arrive in time, or the client has left.
pub(super) fn read(client: &mut TcpStream, end: Instant) -> io::Result<Asked> {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if head.len() >= HEAD_BYTES {
            return Ok(Asked::Nonsense);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        client.set_read_timeout(Some(left))?;
        match client.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => head.extend_from_slice(&piece[..count]),
        }
    }
    Ok(parse(&head))
}

fn parse(head: &[u8]) -> Asked {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line) else { return Asked::Nonsense };
    let words: Vec<&str> = line.split(' ').collect();
    let [method, target, version] = words.as_slice() else { return Asked::Nonsense };
    if !version.starts_with("HTTP/1.") {
        return Asked::Nonsense;
    }
    match (*method, target.split('?').next()) {
        ("GET", Some("/metrics")) => Asked::Metrics,
        ("HEAD", Some("/metrics")) => Asked::HeadOfMetrics,
        (_, Some("/metrics")) => Asked::AnotherMethod,
        _ => Asked::AnotherPath,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_path_and_two_methods_are_understood() {
        for (line, expected) in [
            ("GET /metrics HTTP/1.1", Asked::Metrics),
            ("GET /metrics?x=1 HTTP/1.0", Asked::Metrics),
            ("HEAD /metrics HTTP/1.1", Asked::HeadOfMetrics),
            ("POST /metrics HTTP/1.1", Asked::AnotherMethod),
            ("GET /metrics/ HTTP/1.1", Asked::AnotherPath),
            ("GET / HTTP/1.1", Asked::AnotherPath),
            ("GET /metrics", Asked::Nonsense),
            ("GET /metrics HTTP/2.0", Asked::Nonsense),
            ("GET  /metrics HTTP/1.1", Asked::Nonsense),
            ("", Asked::Nonsense),
        ] {
            assert_eq!(parse(format!("{line}\r\n\r\n").as_bytes()), expected, "{line}");
        }
        assert_eq!(parse(b"GET /\xff HTTP/1.1\r\n\r\n"), Asked::Nonsense);
    }
}
