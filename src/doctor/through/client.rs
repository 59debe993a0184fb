//! Requests as they stand, to a proxy: with fields that no well-behaved client sends.

use crate::config::WebOrigin;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long an answer may take in all.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most bytes of an answer's head.
const HEAD_BYTES: usize = 64 * 1024;

/// A place to which requests are sent.
pub(super) struct Target {
    is_secure: bool,
    /// The host, without a port.
    host: String,
    /// `HOST[:PORT]`, as the field `Host` has it.
    pub(super) authority: String,
    address: SocketAddr,
}

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    fields: Vec<(String, String)>,
}

impl Target {
    /// The place of an origin, or this address in its stead.
    ///
    /// # Errors
    /// When the name is not known.
    pub(super) fn of(origin: &WebOrigin, connect: Option<SocketAddr>) -> io::Result<Self> {
        let (_, host) = origin.scheme_and_host();
        let is_secure = origin.is_secure();
        let authority = origin.as_str().split_once("://").map_or("", |(_, rest)| rest).to_owned();
        let port = authority[host.len()..].trim_start_matches(':').parse();
        let port = port.unwrap_or(if is_secure { 443 } else { 80 });
        let name = host.trim_matches(['[', ']']);
        let found = match connect {
            Some(address) => Some(address),
            // Names below `localhost` are of this machine (RFC 6761, 6.3), and resolvers do not all know.
            None if host.ends_with(".localhost") => Some(SocketAddr::from(([127, 0, 0, 1], port))),
            None => (name, port).to_socket_addrs()?.next(),
        };
        let address = found.ok_or_else(|| io::Error::other("the name has no address"))?;
        Ok(Self { is_secure, host: host.to_owned(), authority, address })
    }

    /// Sends a request with these lines for fields beside `Host`, and reads the head of the answer.
    ///
    /// # Errors
    /// When there is no answer in time.
    pub(super) fn ask(&self, target: &str, fields: &[&str]) -> io::Result<Reply> {
        let host = format!("Host: {}", self.authority);
        self.send("GET", target, &[&[host.as_str()], fields].concat(), "")
    }

    /// The same with a form.
    ///
    /// # Errors
    /// When there is no answer in time.
    pub(super) fn submit(&self, target: &str, fields: &[&str], form: &str) -> io::Result<Reply> {
        let host = format!("Host: {}", self.authority);
        let kind = "Content-Type: application/x-www-form-urlencoded";
        let length = format!("Content-Length: {}", form.len());
        let fields = [&[host.as_str(), kind, &length], fields].concat();
        self.send("POST", target, &fields, form)
    }

    /// Sends a request with these lines for all fields.
    ///
    /// # Errors
    /// When there is no answer in time.
    pub(super) fn send(
        &self,
        method: &str,
        target: &str,
        fields: &[&str],
        body: &str,
    ) -> io::Result<Reply> {
        let end = Instant::now() + PATIENCE;
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let lines: String = fields.iter().map(|line| format!("{line}\r\n")).collect();
        let request =
            format!("{method} {target} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n{body}");
        if self.is_secure {
            exchange(over_tls(stream, &self.host)?, &request, end)
        } else {
            exchange(stream, &request, end)
        }
    }
}

impl Reply {
    /// The values of a field, whose name is in lower case.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.iter().filter(move |(known, _)| known == name);
        fields.map(|(_, value)| value.as_str())
    }

    /// The first value of a field.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(known, _)| known == name)?;
        Some(&field.1)
    }

    /// A cookie that is set, by the beginning of its name: all of it, as the field has it.
    pub(super) fn cookie(&self, names: [&str; 2]) -> Option<&str> {
        self.all("set-cookie").find(|field| {
            let name = field.split('=').next().unwrap_or_default();
            names.contains(&name) && !field[name.len()..].starts_with("=;")
        })
    }

    fn parse(head: &str) -> io::Result<Self> {
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("the answer is not HTTP"))?;
        let fields = lines.filter_map(|line| line.split_once(':'));
        let fields = fields.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
        Ok(Self { status, fields: fields.collect() })
    }
}

fn exchange(mut stream: impl Read + Write, request: &str, end: Instant) -> io::Result<Reply> {
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    let ends = |answer: &[u8]| answer.windows(4).any(|four| four == b"\r\n\r\n");
    while answer.len() < HEAD_BYTES && !ends(&answer) {
        if Instant::now() > end {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match stream.read(&mut piece)? {
            0 => break,
            count => answer.extend_from_slice(&piece[..count]),
        }
    }
    let text = String::from_utf8_lossy(&answer);
    Reply::parse(text.split("\r\n\r\n").next().unwrap_or_default())
}

#[cfg(feature = "tls")]
fn over_tls(stream: TcpStream, host: &str) -> io::Result<impl Read + Write> {
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
    use std::sync::Arc;

    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, stream))
}

#[cfg(not(feature = "tls"))]
fn over_tls(_: TcpStream, _: &str) -> io::Result<TcpStream> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this binary was built without TLS"))
}
