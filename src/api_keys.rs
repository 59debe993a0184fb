//! API keys: what a program shows that is no user.
//!
//! A key does what its scopes say and nothing beyond: it is never an admin, and nobody becomes one
//! by it. They are made on the command line or by a program that embeds us; there is no call of
//! the HTTP API for it.

mod store;
mod types;

pub use crate::access::key::PresentedApiKey;
use crate::access::{Caller, Right, authorize, authorize_change, key};
pub use crate::access::{Scope, Scopes};
use crate::app::App;
use crate::audit::{Action, Event, Writer};
use crate::error::{Error, Result};
use crate::secret::Secret;
pub use types::{ApiKey, ApiKeyName, ApiKeyRef};

/// Makes a key. It is returned here and never again: only its hash is kept.
///
/// # Errors
/// [`Error::ApiKeyNameTaken`], [`Error::TokenMissing`], [`Error::TokenInvalid`],
/// [`Error::Forbidden`]; the faults of the database.
pub fn create(
    app: &App,
    caller: &Caller,
    name: &ApiKeyName,
    scopes: &Scopes,
) -> Result<(ApiKey, Secret)> {
    let secret = key::generate();
    let presented = PresentedApiKey::parse(secret.expose())?;
    let audit = Writer::new(app)?;
    let stored = app.database()?.with_transaction(|tx| {
        let actor = authorize_change(tx, caller, Right::Admin)?;
        let stored = store::insert(tx, name, presented, scopes)?;
        let detail = format!("key {} ({scopes})", stored.id);
        audit.record(tx, actor, &Event::new(Action::CreateApiKey, None).with_detail(&detail))?;
        Ok(stored)
    })?;
    Ok((stored, secret))
}

/// All keys, the revoked ones too, in the order in which they were made.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`]; the faults of the
/// database.
pub fn list(app: &App, caller: &Caller) -> Result<Vec<ApiKey>> {
    app.database()?.read(|conn| {
        authorize(conn, caller, Right::Admin)?;
        store::list(conn)
    })
}

/// Revokes a key. From then on it is refused, and no change is under way that it allowed.
///
/// # Errors
/// [`Error::NoSuchApiKey`] when there is none, or it is revoked already; [`Error::TokenMissing`],
/// [`Error::TokenInvalid`], [`Error::Forbidden`]; the faults of the database.
pub fn revoke(app: &App, caller: &Caller, which: &ApiKeyRef) -> Result<ApiKey> {
    let (audit, database) = (Writer::new(app)?, app.database()?);
    database.read(|conn| authorize(conn, caller, Right::Admin))?;
    database.with_transaction(|tx| {
        // The key before the user, as changes that are made with a key take them.
        let revoked = store::revoke(tx, which)?.ok_or(Error::NoSuchApiKey)?;
        let actor = authorize_change(tx, caller, Right::Admin)?;
        let detail = format!("key {}", revoked.id);
        audit.record(tx, actor, &Event::new(Action::RevokeApiKey, None).with_detail(&detail))?;
        Ok(revoked)
    })
}
