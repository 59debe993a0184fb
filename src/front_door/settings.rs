//! Values that the door derives from its settings.

use std::path::PathBuf;

pub use crate::config::Server as Settings;
use crate::room::FEWEST_CLIENTS;

/// Descriptors left to the rest of the process: database, log, files, listeners, refused
/// connections. The private connections come on top.
const DESCRIPTOR_RESERVE: usize = 128;

/// Connections beyond the limit that are open just long enough to be told 503.
pub(super) const REFUSED_AT_ONCE: usize = 32;

/// The bound where descriptors have none.
const MOST_CONNECTIONS: usize = 65_536;

/// Where the certificate and the key are, both in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TlsFiles {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Settings {
    /// The connection limit in force: as set, but never more than the descriptors allow.
    pub(super) fn connection_limit(&self) -> usize {
        // For each, our socket, tiny_http's, and the duplicate that tiny_http makes of its own.
        let upstreams = 3 * (self.ordinary_upstreams() + self.hashing_upstreams());
        let reserve = DESCRIPTOR_RESERVE + REFUSED_AT_ONCE + upstreams;
        let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile)
            .current
            .map_or(usize::MAX, |soft| usize::try_from(soft).unwrap_or(usize::MAX));
        // Even with a tiny limit the process serves some clients.
        let room = descriptors.saturating_sub(reserve).max(FEWEST_CLIENTS);
        match self.max_connections {
            0 => room.min(MOST_CONNECTIONS),
            wanted => wanted.min(room),
        }
    }

    /// The limit for one address.
    pub(super) fn connection_limit_per_address(&self) -> usize {
        match self.max_connections_per_address {
            0 => (self.connection_limit() / 2).max(1),
            wanted => wanted,
        }
    }

    pub(super) fn framing(&self) -> super::framing::Limits {
        super::framing::Limits {
            head_bytes: self.tuning.head_bytes,
            line_bytes: self.tuning.request_line_bytes,
            fields: self.tuning.head_fields,
            body_bytes: self.tuning.body_bytes,
        }
    }

    /// The certificate and the key, when TLS is wanted.
    pub(super) fn tls_files(&self) -> Option<TlsFiles> {
        let (certificate, key) = (self.tls_certificate.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { certificate, key })
    }
}
