//! Asking a running service whether it is well, as a client would: through its front door.
//!
//! Nothing secret is sent, and only the status of the answer is used.

#[cfg(feature = "tls")]
mod tls;

use crate::config::{Config, Listen};
use crate::error::{Error, Result};
use crate::front_door::Address;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};
#[cfg(feature = "tls")]
use tls::over_tls;

/// How long an answer may take in all. `/readyz` gives up on its database sooner.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Most bytes that are read to find the status.
const STATUS_LINE: usize = 64;

/// What to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether the process answers: `GET /livez`.
    Live,
    /// Whether the database answers too, and takes changes: `GET /readyz`.
    Ready,
}

impl Question {
    fn path(self) -> &'static str {
        match self {
            Self::Live => "/livez",
            Self::Ready => "/readyz",
        }
    }
}

/// Asks the service that listens where these settings say, on this machine.
///
/// # Errors
/// [`Error::Startup`] when it does not answer within [`PATIENCE`] or answers anything but 200, and
/// when the settings do not say where it listens.
pub fn ask(config: &Config, question: Question) -> Result<()> {
    let address = address(config)?;
    let path = question.path();
    match status(&address, config.server.tls_certificate.is_some(), question) {
        Ok(200) => Ok(()),
        Ok(status) => Err(Error::startup(format!("{address} answers {path} with {status}"))),
        Err(error) => Err(Error::startup(format!("{address} does not answer {path}: {error}"))),
    }
}

/// Where a service with these settings can be asked.
///
/// # Errors
/// [`Error::Startup`] when the settings do not say that.
pub(crate) fn address(config: &Config) -> Result<Address> {
    let unknown = |why: &str| Err(Error::startup(format!("server.listen: {why}")));
    match &config.server.listen {
        Listen::Systemd => {
            unknown("is systemd; only the socket unit knows the address, so ask there")
        }
        Listen::Tcp(address) if address.port() == 0 => {
            unknown("has port 0, so only the service knows its port")
        }
        Listen::Tcp(address) => Ok(Address::Tcp(*address)),
        Listen::Unix(path) => Ok(Address::Unix(path.clone())),
    }
}

/// The status with which the service at this address answers. With `tls` a TCP address is spoken to
/// in TLS; its certificate may be any, since it is our own address and we send nothing secret.
///
/// # Errors
/// When there is no answer within [`PATIENCE`], or it is not HTTP.
pub fn status(address: &Address, tls: bool, question: Question) -> io::Result<u16> {
    let end = Instant::now() + PATIENCE;
    match address {
        Address::Tcp(address) => {
            let stream = TcpStream::connect_timeout(&reachable(*address), PATIENCE)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            if tls {
                exchange(over_tls(stream)?, question, end)
            } else {
                exchange(stream, question, end)
            }
        }
        Address::Unix(path) if path == Path::new("") => {
            Err(io::Error::new(io::ErrorKind::NotFound, "the socket has no file"))
        }
        Address::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            exchange(stream, question, end)
        }
    }
}

/// Where a service that listens on all addresses can be reached.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => (),
    }
    address
}

fn exchange(mut stream: impl Read + Write, question: Question, end: Instant) -> io::Result<u16> {
    let path = question.path();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    stream.flush()?;
    let mut answer = Vec::new();
    let mut piece = [0; STATUS_LINE];
    while answer.len() < STATUS_LINE && !answer.contains(&b'\n') {
        if Instant::now() > end {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match stream.read(&mut piece)? {
            0 => break,
            count => answer.extend_from_slice(&piece[..count]),
        }
    }
    let status = answer.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let status = status.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

#[cfg(not(feature = "tls"))]
fn over_tls(_: TcpStream) -> io::Result<TcpStream> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this binary was built without TLS"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_on_all_addresses_is_asked_on_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.1:80", "10.0.0.1:80"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
