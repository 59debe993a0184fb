//! What the gate tells a program behind it in a signed token, beside the fields that only the proxy vouches
//! for.

use super::amr::Amr;
use super::claims::Claims;
use super::extra::ExtraClaims;
use serde::Serialize;

/// How long a token is good, in seconds. Each request gets one of its own; the rest is for clocks that
/// differ.
const LIFETIME: u64 = 60;

/// The media type, which is not that of access tokens (RFC 8725, 3.11).
pub(super) const TYPE: &str = "JWT";

/// Whom a token of the gate is about, and for.
pub(crate) struct GateClaims<'a> {
    /// The origin of the program.
    pub(crate) audience: &'a str,
    /// The login.
    pub(crate) username: &'a str,
    /// What is known of the session.
    pub(crate) of_session: &'a Claims,
    /// The claims of `tokens.claims`.
    pub(crate) extra: &'a ExtraClaims,
}

/// The claims (RFC 7519, 4.1; OpenID Connect Core 1.0, 2; RFC 7662, 2.2).
#[derive(Serialize)]
pub(super) struct Payload<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    auth_time: u64,
    amr: Amr,
    acr: &'static str,
    username: &'a str,
    #[serde(flatten)]
    extra: &'a ExtraClaims,
}

impl<'a> GateClaims<'a> {
    /// The claims of a token that is issued at this time.
    pub(super) fn issued(&self, iat: u64) -> Payload<'a> {
        let Claims { iss, sub, auth_time, amr, acr, .. } = self.of_session;
        Payload {
            iss,
            sub,
            aud: self.audience,
            iat,
            exp: iat.saturating_add(LIFETIME),
            auth_time: *auth_time,
            amr: *amr,
            acr,
            username: self.username,
            extra: self.extra,
        }
    }
}
