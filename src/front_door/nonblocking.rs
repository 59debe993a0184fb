//! What a call on a socket that never blocks returns instead of waiting.

use std::io;

/// How far a handshake has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only TLS has a handshake"))]
pub(super) enum Handshake {
    Pending,
    Done,
    /// The client speaks plain HTTP to a TLS port; from now on it gets plain HTTP back.
    Plaintext,
}

/// Whether the error only means "not now".
pub(super) fn is_not_now(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
