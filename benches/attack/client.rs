//! A client that logs in over one connection, as behind a trusted proxy.

use crate::site::PASSWORD;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A connection that stays open.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    /// Logs in with the right password of all users.
    pub(crate) fn log_in(&mut self, from: &str, login: &str) -> u16 {
        self.try_login(from, login, PASSWORD)
    }

    /// Tries to log in; the status of the answer.
    pub(crate) fn try_login(&mut self, from: &str, login: &str, password: &str) -> u16 {
        let body = format!("{{\"login\":\"{login}\",\"password\":\"{password}\"}}");
        self.send("POST /", from, "", &body)
    }

    /// Locks a user, or unlocks it; the status of the answer.
    pub(crate) fn lock(&mut self, from: &str, token: &str, id: u64, locked: bool) -> u16 {
        let body = format!("{{\"id\":{id},\"locked\":{locked}}}");
        self.send("PATCH /user", from, &format!("Authorization: Bearer {token}\r\n"), &body)
    }

    fn send(&mut self, call: &str, from: &str, fields: &str, body: &str) -> u16 {
        let request = format!(
            "{call} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {from}\r\n{fields}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap();
            } else if let Some(rest) = line.strip_prefix("content-length:") {
                length = rest.trim().parse().unwrap();
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        status
    }
}
