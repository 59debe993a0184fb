//! Errors in the form of OAuth (RFC 6749, 5.2), for the calls that take forms.
//!
//! They are the problem documents of all other calls, with OAuth's members beside ours, as
//! `application/json`, the only media type that OAuth's clients expect.

use crate::error::Error;
use serde::Serialize;

/// The members that OAuth's clients read.
#[derive(Clone, Copy, Serialize)]
pub(super) struct OAuthMembers<'a> {
    pub(super) error: &'static str,
    pub(super) error_description: &'a str,
}

/// The word for an error: RFC 6749, 5.2; RFC 8707, 2; RFC 6750, 3.1 for a caller who shows a token.
/// For faults on our side, which section 5.2 has no words for, those of section 4.1.2.1.
pub(super) fn word(error: &Error) -> &'static str {
    match error {
        Error::InvalidGrant => "invalid_grant",
        Error::InvalidTarget(_) => "invalid_target",
        Error::UnsupportedTokenType => "unsupported_token_type",
        Error::InvalidScope(_) => "invalid_scope",
        Error::UnsupportedGrantType => "unsupported_grant_type",
        Error::ClientInvalid | Error::TokenMissing => "invalid_client",
        Error::TokenInvalid | Error::ApiKeyInvalid => "invalid_token",
        Error::Forbidden | Error::ApiKeyForbidden | Error::ScopeMissing(_) => "insufficient_scope",
        Error::TooManyAttempts(_)
        | Error::Overloaded(_)
        | Error::Unavailable(_)
        | Error::ConnectionLost(_)
        | Error::ReadOnly(_)
        | Error::Conflict(_)
        | Error::SchemaBehind(_) => "temporarily_unavailable",
        Error::Configuration(_) | Error::Startup(_) | Error::File(_) | Error::Internal(_) => {
            "server_error"
        }
        _ => "invalid_request",
    }
}
