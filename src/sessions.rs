//! Logging in.

pub(crate) mod api;
mod store;

use crate::app::App;
use crate::error::{Error, Result};
use crate::passwords::{Password, Verdict};
use crate::users::{Login, UserId};
use std::time::Duration;

/// What a login gives.
#[derive(Clone)]
pub struct LoggedIn {
    /// The user who logged in.
    pub user_id: UserId,
    /// The access token, a JWT.
    pub access_token: String,
    /// How long it is valid.
    pub expires_in: Duration,
}

impl std::fmt::Debug for LoggedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LoggedIn(user {}, …)", self.user_id.get())
    }
}

/// Checks a password and issues an access token. Costs one password hash, whether or not there is
/// such a login; and a second one when the stored hash is weaker than configured.
///
/// # Errors
/// [`Error::InvalidCredentials`], the same whether login or password was wrong; the faults of the
/// database.
pub fn log_in(app: &App, login: &Login, password: &Password) -> Result<LoggedIn> {
    let database = app.database()?;
    let credentials = database.read(|conn| store::credentials(conn, login))?;
    let stored = credentials.as_ref().map(|credentials| &credentials.hash);
    let verdict = app.verify(password, stored)?;
    let Some(credentials) = credentials.filter(|_| verdict != Verdict::Wrong) else {
        return Err(Error::InvalidCredentials);
    };
    if verdict == Verdict::RightButWeak {
        let new = app.hash(password)?.to_string();
        let replaced = database.with_transaction(|tx| store::replace_hash(tx, &credentials, &new));
        if let Err(error) = replaced {
            // The login is right all the same, and the next one will try again.
            log::warn!("a weak password hash was not made anew: {error}");
        }
    }
    let keys = app.keys()?;
    Ok(LoggedIn {
        user_id: UserId::parse(credentials.subject.user_id)?,
        access_token: keys.issue(credentials.subject)?,
        expires_in: keys.lifetime(),
    })
}
