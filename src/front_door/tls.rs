//! TLS 1.2 and 1.3 by rustls: the certificate, its renewal, and one client's session.
//!
//! New connections get a new certificate. Established ones keep theirs, so none is dropped. When
//! the new one does not load, that is reported and the old one stays.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};

use super::nonblocking::{Handshake, is_not_now};
use super::settings::TlsFiles;
use crate::pem_file;
use crate::secret::{file_named_by, path_to_show};

/// Bytes that rustls may hold for a client that does not read; we keep the rest.
const SESSION_BUFFER: usize = 16 * 1024;

/// Tells two states of a file apart.
type Stamp = Option<(SystemTime, u64)>;

/// The certificate in force.
#[derive(Debug)]
pub(super) struct Certificates {
    files: TlsFiles,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    stamps: (Stamp, Stamp),
}

impl Certificates {
    pub(super) fn load(files: TlsFiles) -> io::Result<Self> {
        let stamps = stamps(&files);
        let config = load(&files)?;
        Ok(Self { files, current: Mutex::new(Current { config, stamps }) })
    }

    pub(super) fn reload(&self) -> io::Result<()> {
        let stamps = stamps(&self.files);
        let loaded = load(&self.files);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // Remembered after a failure too, so that a broken file is reported once.
        current.stamps = stamps;
        current.config = loaded?;
        Ok(())
    }

    /// Reloads if the files have changed since they were last read.
    pub(super) fn reload_if_changed(&self) -> io::Result<bool> {
        let seen = self.current.lock().unwrap_or_else(PoisonError::into_inner).stamps;
        if seen == stamps(&self.files) {
            return Ok(false);
        }
        self.reload().map(|()| true)
    }

    pub(super) fn accept(&self, socket: TcpStream) -> io::Result<TlsStream> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let mut session =
            ServerConnection::new(Arc::clone(&current.config)).map_err(io::Error::other)?;
        session.set_buffer_limit(Some(SESSION_BUFFER));
        Ok(TlsStream { socket, session, begun: false, plaintext: false })
    }
}

fn stamps(files: &TlsFiles) -> (Stamp, Stamp) {
    let stamp = |path: &Path| {
        let metadata = path.metadata().ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    (stamp(&files.certificate), stamp(&files.key))
}

fn load(files: &TlsFiles) -> io::Result<Arc<ServerConfig>> {
    let fault = |name: &str, error: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{name}: {error}"))
    };
    let certificate = files.certificate.display().to_string();
    let chain = pem_file::certificates(&files.certificate, Some(&certificate))
        .map_err(|cause| fault(&certificate, &cause))?;
    let shown = path_to_show(&files.key).map(|name| name.to_string());
    let key = pem_file::key(&files.key, shown.as_deref())
        .map_err(|cause| fault(&file_named_by("server.tls_key", &files.key), &cause))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => fault(
                &certificate,
                &"its first certificate is not that of the key in server.tls_key; the server's own \
                  certificate stands first, and `openssl x509 -noout -subject -in FILE` shows it",
            ),
            error => fault(&certificate, &error),
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
    Ok(Arc::new(config))
}

/// One client's session.
pub(super) struct TlsStream {
    socket: TcpStream,
    session: ServerConnection,
    begun: bool,
    plaintext: bool,
}

impl TlsStream {
    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(super) fn handshake(&mut self) -> io::Result<Handshake> {
        if !self.begun {
            let mut first = [0];
            match self.socket.peek(&mut first) {
                // A handshake begins with 22, a method with a letter.
                Ok(1..) if first[0].is_ascii_alphabetic() => {
                    self.plaintext = true;
                    return Ok(Handshake::Plaintext);
                }
                Ok(_) => self.begun = true,
                Err(error) if is_not_now(&error) => return Ok(Handshake::Pending),
                Err(error) => return Err(error),
            }
        }
        while self.session.is_handshaking() {
            match self.receive() {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if is_not_now(&error) => return Ok(Handshake::Pending),
                Err(error) => return Err(error),
            }
        }
        Ok(Handshake::Done)
    }

    /// Takes what the socket has, and sends the session's reply to it.
    fn receive(&mut self) -> io::Result<usize> {
        let count = self.session.read_tls(&mut self.socket)?;
        let state = self.session.process_new_packets();
        // After an error too: the client should get the alert.
        let sent = self.flush();
        state.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        match sent {
            Err(error) if !is_not_now(&error) => Err(error),
            _ => Ok(count),
        }
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        if !self.plaintext {
            self.session.send_close_notify();
            let _ = self.flush();
        }
        self.socket.shutdown(Shutdown::Write)
    }
}

impl Read for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.plaintext {
            return self.socket.read(buffer);
        }
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if is_not_now(&error) => self.receive()?,
                // Requests carry their length, so a missing close_notify cuts off nothing.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                other => return other,
            };
        }
    }
}

impl Write for TlsStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.plaintext {
            return self.socket.write(buffer);
        }
        match self.flush() {
            Err(error) if !is_not_now(&error) => return Err(error),
            _ => {}
        }
        match self.session.writer().write(buffer)? {
            0 if !buffer.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            taken => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.plaintext && self.session.wants_write() {
            self.session.write_tls(&mut self.socket)?;
        }
        Ok(())
    }
}
