//! How the two JSON objects of a token are read: by name. Their fields have no order.

use super::{Claims, SessionRef};
use crate::by_name::by_name;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// The claims as they stand in a token. Not [`Claims`] itself, whose derived code would be there
/// for everybody.
#[derive(Deserialize)]
#[serde(remote = "Self")]
pub(super) struct Payload {
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
struct Head {
    kid: Option<String>,
}
by_name!(Head);

/// The name of the key that a token says it is signed with.
pub(super) fn key_named_in(token: &str) -> Option<String> {
    let head = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
    serde_json::from_slice::<Head>(&head).ok()?.kid
}
