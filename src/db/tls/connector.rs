//! The driver's TLS: a stream for each connection, from rustls.

use super::{binding, verifier};
use crate::config::conninfo::{ClientCertificate, Roots, TlsOptions};
use crate::pem_file;
use crate::secret::{file_named_by, path_to_show};
use crate::server_certificate::judged_by;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

/// The name of the protocol, which a server of PostgreSQL 17 asks for where TLS begins at once
/// (`sslnegotiation=direct`). Older ones ignore it.
const PROTOCOL: &[u8] = b"postgresql";

/// Why there is no encrypted connection.
#[derive(Debug)]
pub(crate) struct Fault(io::Error);

impl Fault {
    fn cause(&self) -> Option<&rustls::Error> {
        self.0.get_ref().and_then(|cause| cause.downcast_ref())
    }

    /// Whether waiting does not help: the server's certificate is not as asked for.
    pub(super) fn is_lasting(&self) -> bool {
        matches!(self.cause(), Some(rustls::Error::InvalidCertificate(_)))
    }
}

impl std::error::Error for Fault {}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.cause().and_then(verifier::describe) {
            Some(text) => f.write_str(&text),
            None => self.0.fmt(f),
        }
    }
}

/// What makes connections encrypted.
#[derive(Clone)]
pub(crate) struct Connector(Arc<ClientConfig>);

/// The same for one server.
pub(crate) struct Connect {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// An encrypted connection.
pub(crate) struct Stream(tokio_rustls::client::TlsStream<Socket>);

/// Reads the files that the options name.
///
/// # Errors
/// What is wrong with one, with the name of its option.
pub(crate) fn connector(options: &TlsOptions) -> Result<Connector, String> {
    let mut roots = RootCertStore::empty();
    let trusted = match &options.roots {
        None => Vec::new(),
        Some(Roots::System) => system_roots()?,
        Some(Roots::File(path)) => of_file("sslrootcert", path, pem_file::certificates)?,
    };
    let (added, _) = roots.add_parsable_certificates(trusted.iter().cloned());
    if added == 0 && options.roots.is_some() {
        return Err("sslrootcert: holds no certificate that can be used".to_owned());
    }
    // Those of the machine are authorities, and no server's own.
    let trusted = if options.roots == Some(Roots::System) { Vec::new() } else { trusted };
    let verifier = verifier::Verifier { mode: options.mode, roots, trusted };
    let builder =
        judged_by(move |shown| verifier.check(shown)).map_err(|error| error.to_string())?;
    let mut config = match &options.client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let (chain, key) = own_certificate(client)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => {
                    "sslkey: is not the key of the first certificate in sslcert".to_owned()
                }
                error => format!("sslcert: {error}"),
            })?
        }
    };
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Connector(Arc::new(config)))
}

fn system_roots() -> Result<Vec<CertificateDer<'static>>, String> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        return Err("sslrootcert=system: this machine has no trusted certificates; install the \
                    package ca-certificates, or name a file"
            .to_owned());
    }
    Ok(found.certs)
}

fn own_certificate(
    client: &ClientCertificate,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let chain = of_file("sslcert", &client.certificate, pem_file::certificates)?;
    if let Ok(meta) = client.key.metadata() {
        // As libpq has it: a key of root may be lent to a group.
        let closed = if meta.uid() == 0 { 0o037 } else { 0o077 };
        if meta.mode() & closed != 0 {
            return Err(format!(
                "sslkey: the file can be read by others (mode {:o}); close it with chmod 600",
                meta.mode() & 0o777
            ));
        }
    }
    Ok((chain, of_file("sslkey", &client.key, pem_file::key)?))
}

fn of_file<T>(
    option: &str,
    path: &Path,
    read: impl Fn(&Path, Option<&str>) -> Result<T, String>,
) -> Result<T, String> {
    let shown = path_to_show(path).map(|name| name.to_string());
    read(path, shown.as_deref())
        .map_err(|cause| format!("{}: {cause}", file_named_by(option, path)))
}

impl MakeTlsConnect<Socket> for Connector {
    type Stream = Stream;
    type TlsConnect = Connect;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Connect> {
        // A name that no certificate can have is told to nobody, and fits no certificate.
        let nobody = ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let name = ServerName::try_from(host.to_owned()).unwrap_or(nobody);
        Ok(Connect { config: Arc::clone(&self.0), name })
    }
}

impl TlsConnect<Socket> for Connect {
    type Stream = Stream;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Fault>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        let handshake = TlsConnector::from(self.config).connect(self.name, socket);
        Box::pin(async { handshake.await.map(Stream).map_err(Fault) })
    }
}

impl TlsStream for Stream {
    fn channel_binding(&self) -> ChannelBinding {
        let (_, session) = self.0.get_ref();
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        certificate
            .and_then(|certificate| binding::server_end_point(certificate))
            .map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
