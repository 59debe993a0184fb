//! What the proxy is asked about, and how.

use super::client::{Reply, Target};
use crate::config::WebOrigin;
use crate::error::{Error, Result};
use crate::gate::Asked;
use percent_encoding::percent_decode_str;

/// What the proxy is asked about.
pub(super) struct Visit<'a> {
    pub(super) program: Target,
    pub(super) pages: Target,
    pub(super) login: &'a WebOrigin,
    pub(super) asked: &'a Asked,
    /// Whether the rule for it lets everybody through.
    pub(super) is_public: bool,
}

impl Visit<'_> {
    /// The address with a mark by which the request can be found.
    pub(super) fn marked(&self, mark: &str) -> String {
        let target = self.asked.target();
        let joint = if target.contains('?') { '&' } else { '?' };
        format!("{target}{joint}{}", marker(mark))
    }

    pub(super) fn ask(&self, mark: &str, fields: &[&str]) -> Result<Reply> {
        let reply = self.program.ask(&self.marked(mark), fields);
        reply.map_err(|error| away(&self.asked.origin, &error))
    }

    /// Where the gate sends a browser to sign in, without what differs from one to the next.
    pub(super) fn destination(&self, reply: &Reply) -> Option<String> {
        let location = reply.field("location")?;
        let rest = location.strip_prefix(self.login.as_str())?.strip_prefix("/sign-in?return=")?;
        let text = rest.split('&').next().unwrap_or_default();
        Some(percent_decode_str(text).decode_utf8_lossy().into_owned())
    }
}

pub(super) fn away(origin: &WebOrigin, error: &std::io::Error) -> Error {
    Error::startup(format!("{origin} cannot be asked: {error}"))
}

/// By which a request can be found again.
pub(super) fn marker(mark: &str) -> String {
    format!("gatepost-doctor={mark}")
}
