//! Messages to people: what they say, and the ways by which they leave. Nothing here knows the database.

pub(crate) mod kind;
#[cfg(feature = "mail")]
pub(crate) mod smtp;
pub(crate) mod texts;
#[cfg(feature = "mail")]
pub(crate) mod webhook;

#[cfg(feature = "mail")]
use std::time::Duration;

/// Why a message did not leave.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "mail"), expect(dead_code, reason = "then none is handed to anybody"))]
pub(crate) enum NotSent {
    /// The other side is away, or takes nothing from us: no other message would leave either.
    Away(String),
    /// The other side does not take this message.
    Refused(String),
}

/// How long a delivery may take as a whole, from the name's lookup to the last answer. RFC 5321, 4.5.3.2 lets a
/// server take minutes for each of its answers; one that does would hold up all others here.
#[cfg(feature = "mail")]
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The certificates that this machine trusts.
#[cfg(feature = "mail")]
fn trusted() -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, NotSent> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let text = "this machine has no trusted certificates; install the package ca-certificates";
        return Err(NotSent::Away(text.to_owned()));
    }
    Ok(found.certs)
}
