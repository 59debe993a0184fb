//! Everything that can go wrong, in the words of the domain.
//!
//! Nothing here knows of HTTP; `http::response` holds the one table that turns a variant into a
//! status. The texts inside [`Error::Unavailable`] and [`Error::Internal`] are for the log alone:
//! they may name hosts and SQL, and no client ever sees them.

use std::fmt;
use std::time::Duration;

/// Why an operation did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A parameter is missing, malformed or unknown. The text names it.
    InvalidRequest(String),
    /// The body is not of the media type that this call takes, which is named.
    UnsupportedMediaType(&'static str),
    /// The login, in its canonical form, belongs to somebody already.
    LoginTaken,
    /// The new password is refused. The text says why.
    WeakPassword(String),
    /// Wrong login or wrong password; which of the two is not said.
    InvalidCredentials,
    /// An admin has locked the account. Said only to who knows its password.
    AccountLocked,
    /// The account has passed its `expires_at`. Said only to who knows its password.
    AccountExpired,
    /// A refresh token that is malformed, foreign or retired, or whose session is over.
    InvalidGrant,
    /// Too many failures, registrations or refreshes: nothing was tried, and nothing will be before
    /// this time has passed.
    TooManyAttempts(Duration),
    /// Neither a token nor a key where one is needed.
    TokenMissing,
    /// A token that is malformed, foreign, expired, or older than its user's last change.
    TokenInvalid,
    /// An API key that is malformed, unknown or revoked.
    ApiKeyInvalid,
    /// The same where it was shown as OAuth's clients do, as the secret of a client (RFC 6749,
    /// 2.3.1).
    ClientInvalid,
    /// A valid token without the right to do this.
    Forbidden,
    /// A valid API key, and something that no key may do.
    ApiKeyForbidden,
    /// It would leave no admin who is active, and only the program itself may do that.
    LastAdmin,
    /// A valid API key without this scope.
    ScopeMissing(&'static str),
    /// In open mode: a request for, or from a page under, a name that strangers can point here.
    ForbiddenOrigin,
    /// No user has this id or login.
    NoSuchUser,
    /// No session that lives has this id.
    NoSuchSession,
    /// Another API key, which is not revoked, has this name.
    ApiKeyNameTaken,
    /// No API key that is not revoked has this name or id.
    NoSuchApiKey,
    /// The database cannot be reached, or did not answer in its time. Nothing was changed; the
    /// same call may succeed later.
    Unavailable(String),
    /// The connection to the database was lost while it was used. During a commit that means that
    /// the outcome is not known.
    ConnectionLost(String),
    /// The database takes no changes: it is a standby, or was made read-only.
    ReadOnly(String),
    /// Another transaction was in the way (SQLSTATE 40001 or 40P01) and all attempts are used up.
    Conflict(String),
    /// Too many others wait for the same. Nothing was tried; the same call may succeed later. The
    /// text says for what.
    Overloaded(&'static str),
    /// The database's schema is older than this program, or not there at all.
    SchemaBehind(String),
    /// The configuration has these faults, one text each.
    Configuration(Vec<String>),
    /// The service, or the private PostgreSQL, could not be started. The text says why and what
    /// to do.
    Startup(String),
    /// A file that an operator gave cannot be read or written, or is not what it should be. The
    /// text names it, and the line where that helps.
    File(String),
    /// A fault of ours. The text is for the log.
    Internal(String),
}

/// The result of every operation of this crate.
pub type Result<T> = std::result::Result<T, Error>;

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

/// Whole seconds that are enough.
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
            Self::InvalidCredentials => f.write_str("wrong login or password"),
            Self::AccountLocked => f.write_str("this account is locked"),
            Self::AccountExpired => f.write_str("this account has expired"),
            Self::InvalidGrant => f.write_str("the refresh token is not valid, or no longer"),
            Self::TooManyAttempts(wait) => {
                write!(f, "too many attempts; the next one is in {} s", seconds(*wait))
            }
            Self::TokenMissing => f.write_str("an access token is needed"),
            Self::TokenInvalid => f.write_str("the access token is not valid, or no longer"),
            Self::ApiKeyInvalid | Self::ClientInvalid => {
                f.write_str("the API key is not valid, or no longer")
            }
            Self::ApiKeyForbidden => f.write_str("no API key gives the right to do this"),
            Self::Forbidden => f.write_str("this access token does not give the right to do this"),
            Self::LastAdmin => f.write_str("this would leave no admin who is active"),
            Self::ScopeMissing(scope) => write!(f, "this API key lacks the scope {scope}"),
            Self::ForbiddenOrigin => f.write_str(
                "in open mode only requests for an IP address, localhost or a name in \
                 access.open_hosts are answered, and from pages under one; see Host and Origin",
            ),
            Self::NoSuchUser => f.write_str("no such user"),
            Self::NoSuchSession => f.write_str("no such session"),
            Self::ApiKeyNameTaken => f.write_str("another API key has this name; revoke it first"),
            Self::NoSuchApiKey => f.write_str("no such API key, or it is revoked already"),
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

/// All faults in one line, since a failure is told in one.
fn write_faults(f: &mut fmt::Formatter<'_>, faults: &[String]) -> fmt::Result {
    if let [fault] = faults {
        return f.write_str(fault);
    }
    write!(f, "{} faults of the configuration:", faults.len())?;
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
        assert_eq!(text(&["a", "b"]), "2 faults of the configuration: (1) a; (2) b");
    }
}
