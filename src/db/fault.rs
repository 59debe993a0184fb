//! What PostgreSQL's errors mean to us.

use crate::error::Error;
use tokio_postgres::error::SqlState;

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let text = describe(&error);
        match error.code() {
            Some(code)
                if *code == SqlState::T_R_SERIALIZATION_FAILURE
                    || *code == SqlState::T_R_DEADLOCK_DETECTED =>
            {
                Self::Conflict(text)
            }
            // The server has become a standby, and a new connection may find its successor; or
            // changes were forbidden.
            Some(code) if *code == SqlState::READ_ONLY_SQL_TRANSACTION => Self::ReadOnly(text),
            Some(code) if is_over(code.code()) => Self::ConnectionLost(text),
            Some(code) if is_passing(code.code()) => Self::Unavailable(text),
            Some(code)
                if *code == SqlState::UNDEFINED_TABLE
                    || *code == SqlState::UNDEFINED_COLUMN
                    || *code == SqlState::UNDEFINED_FUNCTION
                    || *code == SqlState::INVALID_SCHEMA_NAME =>
            {
                Self::SchemaBehind(text)
            }
            Some(_) => Self::Internal(text),
            // Without a code it did not come from the server: the connection is lost, could not be
            // opened, or ran into a time limit. Anything else is a fault of ours.
            None if is_lost(&error) => Self::ConnectionLost(text),
            None if is_connect(&error) => Self::Unavailable(text),
            None => Self::Internal(text),
        }
    }
}

/// Conditions after which this connection is of no more use: 57P, the server shuts down; 08, the
/// connection itself; 25P03, it idled too long in a transaction; 25P04, its transaction took too
/// long (`transaction_timeout` of PostgreSQL 17, which ends the connection).
fn is_over(code: &str) -> bool {
    code.starts_with("57P") || code.starts_with("08") || matches!(code, "25P03" | "25P04")
}

/// Conditions that pass without any change by us. By class (appendix A of PostgreSQL's manual): 28
/// authorization, 53 resources, 57 operator, such as a statement timeout. Singly: no such database,
/// lock timeout.
fn is_passing(code: &str) -> bool {
    matches!(code.get(..2), Some("28" | "53" | "57")) || matches!(code, "3D000" | "55P03")
}

// The driver gives no error kinds, only these texts.

fn is_refusal(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    text.starts_with("authentication error") || text.starts_with("invalid configuration")
}

fn is_lost(error: &tokio_postgres::Error) -> bool {
    error.is_closed() || error.to_string().starts_with("error communicating with the server")
}

fn is_connect(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    text.starts_with("error connecting to server")
        || text.starts_with("error performing TLS handshake")
}

/// What to do where TLS is asked for and not had.
const TLS: &str = "mend that on the server, or sslmode and sslrootcert in the connection string";

/// What to do where channel binding is asked for and not had.
const BINDING: &str = "it needs a password that the server keeps as scram-sha-256, asked for by that \
                       method in pg_hba.conf, and a certificate signed with RSA or ECDSA";

/// What to do about a refused connection that waiting cannot heal. `None` for refusals that pass:
/// nothing listens, the server is starting, or it has too many clients.
pub(super) fn advice(error: &tokio_postgres::Error) -> Option<&'static str> {
    match error.code().map(SqlState::code) {
        Some("28P01") => Some("the password in the connection string is wrong"),
        Some("28000") => Some(
            "the role must be there and be allowed to log in, which `gatepost database create` \
             sees to, and the server's pg_hba.conf must let it in from here",
        ),
        Some("3D000") => {
            Some("the connection string names another, or `gatepost database create` makes it")
        }
        Some("42501") => Some("`gatepost database create` grants what is missing"),
        Some(_) => None,
        None if asks_for_password(error) => {
            Some("the server asks for a password, and the connection string has none")
        }
        None if std::error::Error::source(error).is_some_and(super::tls::is_lasting) => Some(TLS),
        None if describe(error).ends_with("server did not use channel binding") => Some(BINDING),
        None => is_refusal(error).then_some("the server's pg_hba.conf asks for an authentication method that Gatepost does not support"),
    }
}

/// Whether the server wants a password and none was given.
pub(crate) fn asks_for_password(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.to_string() == "password missing")
}

/// The error with its causes, for the log. Of a server's error only the code and the message are
/// used: its detail repeats values of rows, such as logins.
pub(crate) fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(server) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", server.message(), server.code().code());
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// Whether the error is a violation of the constraint with this name.
pub(crate) fn violates(error: &tokio_postgres::Error, constraint: &str) -> bool {
    error.as_db_error().is_some_and(|server| server.constraint() == Some(constraint))
}
