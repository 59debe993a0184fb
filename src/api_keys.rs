//! API keys, for programs that act by themselves and not for a user.
//!
//! A key may do what its scopes say and nothing else. It is never an admin, and nobody becomes an
//! admin through it. Keys are created on the command line or by a program that embeds us; the HTTP
//! API has no call for it.

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

/// Creates a key. The key itself is returned here and never again: only its hash is kept.
///
/// # Errors
/// [`Error::ApiKeyNameTaken`], [`Error::TokenMissing`], [`Error::TokenInvalid`],
/// [`Error::Forbidden`]; database errors.
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

/// All keys, including revoked ones, in the order in which they were created.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`]; database errors.
pub fn list(app: &App, caller: &Caller) -> Result<Vec<ApiKey>> {
    app.database()?.with_connection(|conn| {
        authorize(conn, caller, Right::Admin)?;
        store::list(conn)
    })
}

/// Revokes a key. It is refused from then on, and no change that it allowed is still under way.
///
/// # Errors
/// [`Error::NoSuchApiKey`] when there is none, or it is revoked already; [`Error::TokenMissing`],
/// [`Error::TokenInvalid`], [`Error::Forbidden`]; database errors.
pub fn revoke(app: &App, caller: &Caller, which: &ApiKeyRef) -> Result<ApiKey> {
    let audit = Writer::new(app)?;
    let database = app.database()?;
    database.with_connection(|conn| authorize(conn, caller, Right::Admin))?;
    database.with_transaction(|tx| {
        // The key is locked before the user, as in changes that are made with a key.
        let revoked = store::revoke(tx, which)?.ok_or(Error::NoSuchApiKey)?;
        let actor = authorize_change(tx, caller, Right::Admin)?;
        let detail = format!("key {}", revoked.id);
        audit.record(tx, actor, &Event::new(Action::RevokeApiKey, None).with_detail(&detail))?;
        Ok(revoked)
    })
}
