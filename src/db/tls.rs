//! TLS to PostgreSQL, by rustls, with libpq's meaning of `sslmode`, `sslrootcert`, `sslcert` and
//! `sslkey`.
//!
//! The files are read for each connection, as libpq does: a renewed certificate needs no restart.
//! Two kinds of certificates that OpenSSL accepts are refused: those whose name is in CN only, and
//! those of version 1.

#[cfg(feature = "tls")]
mod binding;
#[cfg(feature = "tls")]
mod connector;
#[cfg(feature = "tls")]
mod verifier;

#[cfg(feature = "tls")]
pub(super) use connector::{Stream, connector};

#[cfg(not(feature = "tls"))]
pub(super) use tokio_postgres::tls::NoTlsStream as Stream;

/// What makes connections encrypted: nothing, in a program that was built without TLS.
///
/// # Errors
/// None. A connection string that asks for TLS was refused when it was read.
#[cfg(not(feature = "tls"))]
#[expect(clippy::unnecessary_wraps, reason = "as with TLS")]
pub(super) fn connector(
    _: &crate::config::conninfo::TlsOptions,
) -> Result<tokio_postgres::NoTls, String> {
    Ok(tokio_postgres::NoTls)
}

/// Whether an error comes from the server's certificate, or from a server without TLS. Neither goes
/// away by waiting.
pub(super) fn is_lasting(error: &(dyn std::error::Error + 'static)) -> bool {
    #[cfg(feature = "tls")]
    if error.downcast_ref::<connector::Fault>().is_some_and(connector::Fault::is_lasting) {
        return true;
    }
    error.to_string() == "server does not support TLS"
}
