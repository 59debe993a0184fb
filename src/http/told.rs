//! The one table that turns an error into a status, a code and a text.

use crate::db;
use crate::error::{self, Error};
use crate::front_door::Cause;
use crate::tokens::{MFA, SFA};
use std::borrow::Cow;

/// What a client is told of an error, whether as JSON or as a page.
pub(crate) struct Told {
    /// With the status's own phrase.
    pub(crate) status: (u16, &'static str),
    /// Our stable word for the cause.
    pub(crate) code: &'static str,
    pub(crate) detail: Cow<'static, str>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// The target of log lines about faults. Operators filter by it, so it stays, wherever the code is.
const TARGET: &str = "gatepost::http::response";

/// What is told of a fault of ours.
pub(super) const FAULT: &str = "internal error; the log has the details under this request_id";

/// The claim `acr` that a sign-in must give.
pub(super) fn acr_values(mfa: bool) -> &'static str {
    if mfa { MFA } else { SFA }
}

impl Told {
    /// What to tell of an operation that failed. Our own faults and the database's are logged here,
    /// once, and not shown to the client.
    pub(crate) fn of(error: &Error, request_id: &str) -> Self {
        let (status, code) = match error {
            Error::InvalidRequest(_) => (BAD_REQUEST, "invalid_request"),
            Error::UnsupportedMediaType(_) => (MEDIA_TYPE, "unsupported_media_type"),
            Error::LoginTaken => (BAD_REQUEST, "login_taken"),
            Error::EmailTaken => (BAD_REQUEST, "email_taken"),
            Error::WeakPassword(_) => (BAD_REQUEST, "weak_password"),
            Error::InvalidCredentials => (BAD_REQUEST, "invalid_credentials"),
            Error::TooManyAttempts(_) => (TOO_MANY_REQUESTS, "too_many_attempts"),
            Error::AccountLocked => (FORBIDDEN, "account_locked"),
            Error::AccountExpired => (FORBIDDEN, "account_expired"),
            Error::MfaRequired(_) => (FORBIDDEN, "mfa_required"),
            Error::InvalidProof => (BAD_REQUEST, "invalid_proof"),
            Error::InsufficientAuthentication { .. } => {
                (UNAUTHORIZED, "insufficient_user_authentication")
            }
            Error::InvalidGrant => (BAD_REQUEST, "invalid_grant"),
            Error::InvalidTarget(_) => (BAD_REQUEST, "invalid_target"),
            Error::UnsupportedTokenType => (BAD_REQUEST, "unsupported_token_type"),
            Error::InvalidScope(_) => (BAD_REQUEST, "invalid_scope"),
            Error::UnsupportedGrantType => (BAD_REQUEST, "unsupported_grant_type"),
            Error::TokenMissing
            | Error::NotSignedIn
            | Error::TokenInvalid
            | Error::ApiKeyInvalid
            | Error::ClientInvalid => (UNAUTHORIZED, "unauthenticated"),
            Error::Forbidden
            | Error::NotLetThrough
            | Error::ApiKeyForbidden
            | Error::ScopeMissing(_) => (FORBIDDEN, "forbidden"),
            Error::ForbiddenOrigin | Error::CrossOrigin(_) => (FORBIDDEN, "forbidden_origin"),
            Error::LastAdmin => (FORBIDDEN, "last_admin"),
            Error::NoSuchUser
            | Error::NoSuchSession
            | Error::NoSuchApiKey
            | Error::NoSuchFactor
            | Error::NoPasskeys
            | Error::NoSuchStatusList => (NOT_FOUND, "not_found"),
            Error::ApiKeyNameTaken => (BAD_REQUEST, "name_taken"),
            Error::Overloaded(_) => (OVERLOADED, "overloaded"),
            Error::Unavailable(_)
            | Error::ConnectionLost(_)
            | Error::ReadOnly(_)
            | Error::Conflict(_) => {
                log::log!(target: TARGET, db::level(error), request_id = request_id; "{request_id} {error}");
                return Self::unavailable();
            }
            Error::SchemaBehind(_) => {
                log::error!(target: TARGET, request_id = request_id; "{request_id} {error}");
                return Self::unavailable();
            }
            Error::Configuration(_) | Error::Startup(_) | Error::File(_) | Error::Internal(_) => {
                log::error!(target: TARGET, request_id = request_id; "{request_id} {error}");
                return Self {
                    status: INTERNAL,
                    code: "internal",
                    detail: FAULT.into(),
                    headers: Vec::new(),
                };
            }
        };
        let headers = field(error).into_iter().collect();
        Self { status, code, detail: error.to_string().into(), headers }
    }

    fn unavailable() -> Self {
        let detail = "the service cannot use its database at the moment".into();
        let headers = retry_after(Cause::Unavailable).into_iter().collect();
        Self { status: OVERLOADED, code: "unavailable", detail, headers }
    }
}

/// Says when to try again, as the front door's own answers for this cause do.
fn retry_after(cause: Cause) -> Option<(&'static str, String)> {
    cause.retry_after().map(|seconds| ("Retry-After", seconds.to_string()))
}

/// The field that belongs to an error.
fn field(error: &Error) -> Option<(&'static str, String)> {
    let challenge = |text: &str| Some(("WWW-Authenticate", text.to_owned()));
    match error {
        Error::TooManyAttempts(wait) => Some(("Retry-After", error::seconds(*wait).to_string())),
        Error::Overloaded(_) => retry_after(Cause::Overloaded),
        // RFC 6750, section 3: no error code when no token was presented.
        Error::TokenMissing => challenge("Bearer"),
        // Browsers ask nobody for a password because of a scheme that they do not know.
        Error::NotSignedIn => challenge("Cookie"),
        Error::TokenInvalid | Error::ApiKeyInvalid => challenge("Bearer error=\"invalid_token\""),
        // RFC 6749, 5.2: the challenge is for the scheme that the client tried.
        Error::ClientInvalid => challenge("Basic realm=\"gatepost\""),
        Error::InsufficientAuthentication { max_age, mfa } => challenge(&format!(
            "Bearer error=\"insufficient_user_authentication\", max_age=\"{}\", acr_values=\"{}\"",
            error::seconds(*max_age),
            acr_values(*mfa)
        )),
        Error::ScopeMissing(scope) => {
            challenge(&format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\""))
        }
        _ => None,
    }
}

const BAD_REQUEST: (u16, &str) = (400, "Bad Request");
const UNAUTHORIZED: (u16, &str) = (401, "Unauthorized");
const FORBIDDEN: (u16, &str) = (403, "Forbidden");
const TOO_MANY_REQUESTS: (u16, &str) = (429, "Too Many Requests");
pub(super) const NOT_FOUND: (u16, &str) = (404, "Not Found");
pub(super) const INTERNAL: (u16, &str) = (500, "Internal Server Error");
const OVERLOADED: (u16, &str) = (503, "Service Unavailable");
const MEDIA_TYPE: (u16, &str) = (415, "Unsupported Media Type");
