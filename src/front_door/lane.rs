//! The two classes of requests, which workers answer each, and what the door asks the layers above.

use std::path::PathBuf;

use super::problem::Problem;

/// Which workers answer a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Everything that takes well under a millisecond of CPU.
    Ordinary,
    /// Anything that hashes a password.
    Hashing,
}

/// The private Unix sockets. One `tiny_http::Server` listens on each. Their directory must be
/// closed to other users.
#[derive(Clone, Debug)]
pub struct Upstreams {
    /// For `Lane::Ordinary`.
    pub ordinary: PathBuf,
    /// For `Lane::Hashing`.
    pub hashing: PathBuf,
}

/// What the door asks the layers above it. The functions are called in the event loop and must be
/// quick; a panic in them ends the door.
#[derive(Clone, Copy, Debug)]
pub struct Hooks {
    /// The lane for a method, a path (without the query) and a complete body.
    pub lane: fn(method: &str, path: &str, body: &[u8]) -> Lane,
    /// The JSON of a problem document.
    pub problem: fn(&Problem) -> Vec<u8>,
    /// The methods of a path as the field `Allow` lists them, or of the whole server for `*`; empty
    /// for a path that does not exist.
    pub allow: fn(path: &str) -> String,
    /// How many of the first of `cors_origins` may send cookies.
    pub cookie_origins: usize,
    /// Whether browsers shall come back with TLS alone (RFC 6797).
    pub strict_transport: bool,
}
