//! The claims of an access token, and how the two JSON objects of a token are read: by the names of
//! their fields, which have no order.

use super::amr::Amr;
use super::audience::Audience;
use super::extra::ExtraClaims;
use super::session_ref::SessionRef;
use super::status::Status;
use crate::by_name::by_name;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// The claims of an access token (RFC 9068, 2.2, and those of our own).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Claims {
    /// The user's id.
    pub user_id: i64,
    /// When the token expires, in seconds since 1970-01-01 UTC (RFC 7519, 4.1.4).
    pub exp: u64,
    /// Who issued it: `tokens.issuer`.
    pub iss: String,
    /// The user's id again, as the text that RFC 7519, 4.1.2 asks for.
    pub sub: String,
    /// Whom it is for. Our API takes only a token that names the issuer.
    pub aud: Audience,
    /// The client that it was issued to (RFC 8693, 4.3): `tokens.client_id`.
    pub client_id: String,
    /// When it was issued, in seconds since 1970-01-01 UTC.
    pub iat: u64,
    /// When the user last proved who they are, in seconds since 1970-01-01 UTC: at the login, or in a
    /// step-up since. A refresh does not change it.
    pub auth_time: u64,
    /// How (RFC 8176).
    pub amr: Amr,
    /// How strong that was: the profile of REFEDS that it meets.
    pub acr: &'static str,
    /// A random name of this one token.
    pub jti: String,
    /// The session that it belongs to. An ended session's tokens are refused.
    pub sid: SessionRef,
    /// Whether the user was an admin when it was issued. For others; our API asks the row.
    pub admin: bool,
    /// The user's token version when it was issued. A password change raises the row's version, and
    /// tokens of earlier versions are refused.
    pub token_version: i64,
}

/// The claims of a token with those that settings add, which have other names.
#[derive(Serialize)]
pub(super) struct WithExtra<'a> {
    #[serde(flatten)]
    pub(super) claims: &'a Claims,
    #[serde(flatten)]
    pub(super) extra: &'a ExtraClaims,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<Status>,
}

/// The claims of an access token that was issued for an API key (RFC 6749, 4.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ClientClaims {
    /// Who issued it: `tokens.issuer`.
    pub iss: String,
    /// The name of the key.
    pub sub: String,
    /// Whom it is for. Our API takes only a token that names the issuer.
    pub aud: Audience,
    /// The name of the key again.
    pub client_id: String,
    /// When it was issued, in seconds since 1970-01-01 UTC.
    pub iat: u64,
    /// When it expires.
    pub exp: u64,
    /// What identifies the key, a dot, and a random name of this one token.
    pub jti: String,
    /// What it allows here, separated by spaces (RFC 8693, 4.2).
    pub scope: String,
}

impl ClientClaims {
    /// What identifies the key.
    pub(crate) fn fingerprint(&self) -> &str {
        self.jti.split('.').next().unwrap_or_default()
    }
}

/// The claims of an access token of either kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AccessClaims {
    User(Claims),
    Client(ClientClaims),
}

impl AccessClaims {
    pub(crate) fn exp(&self) -> u64 {
        match self {
            Self::User(claims) => claims.exp,
            Self::Client(claims) => claims.exp,
        }
    }

    pub(crate) fn aud(&self) -> &Audience {
        match self {
            Self::User(claims) => &claims.aud,
            Self::Client(claims) => &claims.aud,
        }
    }
}

/// The claims as they stand in a token of either kind. The types of both are not read themselves,
/// since their derived code would be public.
#[derive(Deserialize)]
#[serde(remote = "Self")]
pub(super) struct Payload {
    iss: String,
    sub: String,
    aud: Audience,
    client_id: String,
    iat: u64,
    exp: u64,
    jti: String,
    scope: Option<String>,
    user_id: Option<i64>,
    auth_time: Option<u64>,
    amr: Option<Amr>,
    sid: Option<SessionRef>,
    admin: Option<bool>,
    token_version: Option<i64>,
}
by_name!(Payload);

impl Payload {
    /// The claims, if they are all of one kind or all of the other.
    pub(super) fn parse(self) -> Option<AccessClaims> {
        let Self { iss, sub, aud, client_id, iat, exp, jti, .. } = self;
        let authentication = (self.auth_time, self.amr);
        let of_user =
            (self.user_id, authentication, self.sid, self.admin, self.token_version, self.scope);
        Some(match of_user {
            (
                Some(user_id),
                (Some(auth_time), Some(amr)),
                Some(sid),
                Some(admin),
                Some(token_version),
                None,
            ) => AccessClaims::User(Claims {
                user_id,
                exp,
                iss,
                sub,
                aud,
                client_id,
                iat,
                auth_time,
                amr,
                acr: amr.acr(),
                jti,
                sid,
                admin,
                token_version,
            }),
            (None, (None, None), None, None, None, Some(scope)) => {
                AccessClaims::Client(ClientClaims {
                    iss,
                    sub,
                    aud,
                    client_id,
                    iat,
                    exp,
                    jti,
                    scope,
                })
            }
            _ => return None,
        })
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

/// Whether header and payload are UTF-8, as they must be (RFC 7515, 5.2; RFC 7519, 7.2). The JSON
/// parser does not check: in a name or a string that is not used it only looks for the end.
pub(super) fn is_utf8(token: &str) -> bool {
    let is_utf8 =
        |part| URL_SAFE_NO_PAD.decode(part).is_ok_and(|part| str::from_utf8(&part).is_ok());
    token.split('.').take(2).all(is_utf8)
}
