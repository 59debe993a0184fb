//! Everything that can go wrong, in the words of the domain.
//!
//! Nothing here knows of HTTP; `http::told` holds the one table that turns a variant into a
//! status. The texts inside [`Error::Unavailable`] and [`Error::Internal`] are for the log alone:
//! they may name hosts and SQL, and no client ever sees them.

use std::fmt;
use std::time::Duration;

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A parameter is missing, malformed or unknown. The text names it.
    InvalidRequest(String),
    /// The body is not of the media type that this call takes. The text names that type.
    UnsupportedMediaType(&'static str),
    /// Another user has this login, compared in its canonical form.
    LoginTaken,
    /// Another user has this address and has proved it.
    EmailTaken,
    /// The new password is refused. The text says why.
    WeakPassword(String),
    /// Wrong login or wrong password. The error does not tell which.
    InvalidCredentials,
    /// An admin has locked the account. Only a caller with the right password learns this.
    AccountLocked,
    /// The account has expired (`expires_at`). Only a caller with the right password learns this.
    AccountExpired,
    /// The password was right, and the account asks for a second factor. Nothing is in it if the user
    /// has none and the time to set one up is over.
    MfaRequired(Option<MfaChallenge>),
    /// A code, or the token that goes with it, is wrong, used, too old or someone else's. The error does
    /// not tell which.
    InvalidProof,
    /// The caller must prove anew who they are, no longer ago than this and, if so, with a second
    /// factor (RFC 9470, 3). Then the same call succeeds.
    InsufficientAuthentication {
        /// `access.fresh_for`.
        max_age: Duration,
        /// Whether the user has a second factor, which must have been used.
        mfa: bool,
    },
    /// The refresh token is malformed, foreign or retired, or its session has ended.
    InvalidGrant,
    /// The token endpoint does not know this `grant_type` (RFC 6749, 5.2).
    UnsupportedGrantType,
    /// A token of an API key cannot be revoked by itself (RFC 7009, 2.2.1): it ends with the key.
    UnsupportedTokenType,
    /// An API key's token was asked with a scope that the key lacks (RFC 6749, 5.2). The text is the
    /// key's own scopes.
    InvalidScope(String),
    /// The token was asked for a service that is not in `tokens.audience` (RFC 8707, 2). The text is
    /// its name.
    InvalidTarget(String),
    /// Too many failures, registrations or refreshes. Nothing was tried; try again after this time.
    TooManyAttempts(Duration),
    /// The call needs an access token or an API key, and there is none.
    TokenMissing,
    /// A browser that is not signed in asks for what only people who are signed in may have.
    NotSignedIn,
    /// No rule of the gate lets the request through, or its user lacks what the rule asks.
    NotLetThrough,
    /// The access token is malformed, foreign, expired or revoked.
    TokenInvalid,
    /// The API key is malformed, unknown or revoked.
    ApiKeyInvalid,
    /// As [`Error::ApiKeyInvalid`], for a key that was sent as a client secret in HTTP Basic (RFC 6749,
    /// 2.3.1).
    ClientInvalid,
    /// The token is valid, but its user may not do this.
    Forbidden,
    /// The API key is valid, but no API key may do this.
    ApiKeyForbidden,
    /// The change would leave no active admin. Only a trusted caller may do that.
    LastAdmin,
    /// The API key is valid but lacks this scope.
    ScopeMissing(&'static str),
    /// In open mode: the `Host` or the `Origin` is a name that a stranger could point at this machine.
    ForbiddenOrigin,
    /// A browser asks under a host that is not that of the pages, or for a page of another origin. The
    /// text says which.
    CrossOrigin(&'static str),
    /// No user has this id or login.
    NoSuchUser,
    /// No active session has this id.
    NoSuchSession,
    /// No second factor has this id.
    NoSuchFactor,
    /// Passkeys are not set up (`passkeys.rp_id`).
    NoPasskeys,
    /// No session has ever had a number in the Token Status List that was asked for.
    NoSuchStatusList,
    /// Another API key has this name and is not revoked.
    ApiKeyNameTaken,
    /// No API key has this name or id, or it is revoked.
    NoSuchApiKey,
    /// The database cannot be reached or did not answer in time. Nothing was changed; try again later.
    Unavailable(String),
    /// The connection to the database was lost in use. If that was during a commit, the outcome is
    /// unknown.
    ConnectionLost(String),
    /// The database accepts no writes: it is a standby, or was made read-only.
    ReadOnly(String),
    /// Other transactions were in the way (SQLSTATE 40001 or 40P01), and all attempts are used up.
    Conflict(String),
    /// Too many callers are waiting. Nothing was tried; try again later. The text says what they are
    /// waiting for.
    Overloaded(&'static str),
    /// The database's schema is older than this program, or missing.
    SchemaBehind(String),
    /// The configuration has these faults, one text for each.
    Configuration(Vec<String>),
    /// The service, or the private PostgreSQL, could not be started. The text says why and what
    /// to do.
    Startup(String),
    /// A file that an operator named cannot be read or written, or its content is wrong. The text
    /// names the file, and the line where that helps.
    File(String),
    /// A bug in Gatepost. The text is for the log.
    Internal(String),
}

/// What a login asks for that needs a second factor.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MfaChallenge {
    /// Says that the password was right. It goes with the code, and is a secret.
    pub mfa_token: String,
    /// How long it is good.
    pub expires_in: Duration,
    /// What the user can show: `totp`, `passkey`, `recovery_code`.
    pub methods: Vec<&'static str>,
}

impl fmt::Debug for MfaChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MfaChallenge({}, …)", self.methods.join(", "))
    }
}

/// The result of every operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An [`Error::InvalidRequest`] about one parameter: `parameter: what is wrong with it`.
    pub(crate) fn parameter(name: &str, fault: impl fmt::Display) -> Self {
        Self::InvalidRequest(format!("{name}: {fault}"))
    }

    /// An [`Error::Startup`].
    pub(crate) fn startup(text: impl Into<String>) -> Self {
        Self::Startup(text.into())
    }
}

/// A wait in whole seconds, rounded up, at least 1.
pub(crate) fn seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidRequest(text)
            | Self::WeakPassword(text)
            | Self::SchemaBehind(text)
            | Self::Startup(text)
            | Self::File(text) => f.write_str(text),
            Self::UnsupportedMediaType(expected) => {
                write!(f, "send the body with the header Content-Type: {expected}")
            }
            Self::LoginTaken => f.write_str("this login is taken"),
            Self::EmailTaken => f.write_str("this address is another user's"),
            Self::InvalidCredentials => f.write_str("wrong login or password"),
            Self::AccountLocked => f.write_str("this account is locked"),
            Self::AccountExpired => f.write_str("this account has expired"),
            Self::MfaRequired(Some(_)) => f.write_str(
                "the password is right and this account needs a second factor: send it to POST /mfa with \
                 the mfa_token",
            ),
            Self::MfaRequired(None) => f.write_str(
                "this account needs a second factor, and the time to set one up is over; ask an admin",
            ),
            Self::InvalidProof => f.write_str("the code or token is wrong, used or expired"),
            Self::InsufficientAuthentication { max_age, mfa } => write!(
                f,
                "this needs a sign-in{} within the last {} s; POST /step-up renews this one",
                if *mfa { " with a second factor" } else { "" },
                seconds(*max_age)
            ),
            Self::InvalidGrant => f.write_str("the refresh token is invalid, expired or already used"),
            Self::UnsupportedGrantType => {
                f.write_str("grant_type: must be refresh_token or client_credentials")
            }
            Self::UnsupportedTokenType => f.write_str(
                "this token belongs to an API key; revoke the key, and the token is refused at once",
            ),
            Self::InvalidScope(scopes) => {
                write!(f, "scope: must be among those of the API key, which are {scopes}")
            }
            Self::InvalidTarget(name) => {
                write!(f, "resource: tokens for {name:?} are not issued here")
            }
            Self::TooManyAttempts(wait) => {
                write!(f, "too many attempts; try again in {} s", seconds(*wait))
            }
            Self::TokenMissing => f.write_str("an access token is needed"),
            Self::NotSignedIn => f.write_str("sign in first, at the address in Location"),
            Self::NotLetThrough => f.write_str("the gate does not let this through"),
            Self::TokenInvalid => f.write_str("the access token is invalid, expired or revoked"),
            Self::ApiKeyInvalid => f.write_str("the API key is invalid or revoked"),
            Self::ClientInvalid => f.write_str(
                "client_id is not known here, or client_secret is not the API key of that name",
            ),
            Self::ApiKeyForbidden => f.write_str("no API key gives the right to do this"),
            Self::Forbidden => f.write_str("this access token does not give the right to do this"),
            Self::LastAdmin => f.write_str("this would leave no active admin"),
            Self::ScopeMissing(scope) => write!(f, "this API key lacks the scope {scope}"),
            Self::ForbiddenOrigin => f.write_str(
                "in open mode the Host and the Origin of a request must be an IP address, localhost or a \
                 name in access.open_hosts",
            ),
            Self::CrossOrigin(text) => f.write_str(text),
            Self::NoSuchUser => f.write_str("no such user"),
            Self::NoSuchSession => f.write_str("no such session"),
            Self::NoPasskeys => {
                f.write_str("passkeys are not set up here: passkeys.rp_id is not set")
            }
            Self::NoSuchFactor => f.write_str("no such factor"),
            Self::NoSuchStatusList => f.write_str("no such status list"),
            Self::ApiKeyNameTaken => f.write_str("another API key has this name; revoke it first"),
            Self::NoSuchApiKey => f.write_str("no such API key, or it has been revoked"),
            Self::Unavailable(cause) => write!(f, "the database is not available: {cause}"),
            Self::ConnectionLost(cause) => write!(f, "the database connection was lost: {cause}"),
            Self::ReadOnly(cause) => write!(f, "the database is read-only: {cause}"),
            Self::Overloaded(text) => f.write_str(text),
            Self::Conflict(cause) => write!(f, "too many conflicting transactions: {cause}"),
            Self::Configuration(faults) => write_faults(f, faults),
            Self::Internal(cause) => write!(f, "internal error: {cause}"),
        }
    }
}

/// All faults on one line, since a failure is reported on one.
fn write_faults(f: &mut fmt::Formatter<'_>, faults: &[String]) -> fmt::Result {
    if let [fault] = faults {
        return f.write_str(fault);
    }
    write!(f, "{} faults in the configuration:", faults.len())?;
    for (number, fault) in (1..).zip(faults) {
        write!(f, "{} ({number}) {fault}", if number == 1 { "" } else { ";" })?;
    }
    Ok(())
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_the_configuration_are_one_line_however_many_they_are() {
        let text = |faults: &[&str]| {
            Error::Configuration(faults.iter().map(ToString::to_string).collect()).to_string()
        };
        assert_eq!(text(&["a: b"]), "a: b");
        assert_eq!(text(&["a", "b"]), "2 faults in the configuration: (1) a; (2) b");
    }
}
