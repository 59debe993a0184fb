//! What the door reads out of its settings.

use std::path::PathBuf;

pub use crate::config::Server as Settings;
use crate::room::FEWEST_CLIENTS;

/// Descriptors left to the rest of the process: database, log, files, listeners, refused
/// connections. What the private connections need is added to this.
const DESCRIPTOR_RESERVE: usize = 128;

/// Connections beyond the limit that are open just long enough to hear 503.
pub(super) const REFUSED_AT_ONCE: usize = 32;

/// Without any limit on descriptors something else has to be the bound.
const MOST_CONNECTIONS: usize = 65_536;

/// Where certificate and key are, both in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TlsFiles {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Settings {
    /// The connection limit in force: as set, but never more than the descriptors allow.
    pub(super) fn connection_limit(&self) -> usize {
        // Ours, tiny_http's, and the duplicate that it makes of it.
        let upstreams = 3 * (self.ordinary_upstreams() + self.hashing_upstreams());
        let reserve = DESCRIPTOR_RESERVE + REFUSED_AT_ONCE + upstreams;
        let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile)
            .current
            .map_or(usize::MAX, |soft| usize::try_from(soft).unwrap_or(usize::MAX));
        // A process with a tiny limit still serves somebody.
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

    /// Certificate and key, when TLS is wanted.
    pub(super) fn tls_files(&self) -> Option<TlsFiles> {
        let (certificate, key) = (self.tls_certificate.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { certificate, key })
    }
}
