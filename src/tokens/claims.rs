//! The claims of an access token, and how the two JSON objects of a token are read: by the names of
//! their fields, which have no order.

use super::session_ref::SessionRef;
use crate::by_name::by_name;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// The claims of an access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Payload")]
#[non_exhaustive]
pub struct Claims {
    /// The user's id.
    pub user_id: i64,
    /// When the token ends, in seconds since 1970-01-01 UTC (RFC 7519, 4.1.4).
    pub exp: u64,
    /// Who issued it: `tokens.issuer`.
    pub iss: String,
    /// The user's id again, as the text that RFC 7519, 4.1.2 asks for.
    pub sub: String,
    /// When it was issued, in seconds since 1970-01-01 UTC.
    pub iat: u64,
    /// A random name of this one token.
    pub jti: String,
    /// The session that it belongs to. An ended session's tokens are refused.
    pub sid: SessionRef,
    /// Whether the user was an admin when it was issued. For others; our API asks the row.
    pub admin: bool,
    /// The user's token version when it was issued. A password change raises that of the row,
    /// and tokens of earlier versions are refused.
    pub token_version: i64,
}

/// The claims as they stand in a token. Not [`Claims`] itself, whose derived code would be there
/// for everybody.
#[derive(Deserialize)]
#[serde(remote = "Self")]
struct Payload {
    user_id: i64,
    exp: u64,
    iss: String,
    sub: String,
    iat: u64,
    jti: String,
    sid: SessionRef,
    admin: bool,
    token_version: i64,
}
by_name!(Payload);

impl From<Payload> for Claims {
    fn from(payload: Payload) -> Self {
        let Payload { user_id, exp, iss, sub, iat, jti, sid, admin, token_version } = payload;
        Self { user_id, exp, iss, sub, iat, jti, sid, admin, token_version }
    }
}

/// What is read of a token's header before its key is known.
#[derive(Deserialize)]
#[serde(remote = "Self")]
struct TokenHeader {
    kid: Option<String>,
}
by_name!(TokenHeader);

/// The name of the key that a token says it is signed with.
pub(super) fn key_named_in(token: &str) -> Option<String> {
    let head = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
    serde_json::from_str::<TokenHeader>(str::from_utf8(&head).ok()?).ok()?.kid
}

/// Whether header and payload are UTF-8, as they must be (RFC 7515, 5.2; RFC 7519, 7.2). The parser
/// of JSON does not ask: of a name or a text that nobody wants it only looks for the end.
pub(super) fn is_utf8(token: &str) -> bool {
    let is_utf8 =
        |part| URL_SAFE_NO_PAD.decode(part).is_ok_and(|part| str::from_utf8(&part).is_ok());
    token.split('.').take(2).all(is_utf8)
}
