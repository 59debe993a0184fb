//! API keys, for programs that act by themselves and not for a user.
//!
//! A key may do what its scopes say and nothing else. It is never an admin, and nobody becomes an
//! admin through it. Keys are created by admins, on the command line, or by a program that embeds
//! us, and never with another key.

pub(crate) mod api;
mod store;
mod types;

pub use crate::access::key::PresentedApiKey;
use crate::access::{Caller, Right, authorize, authorize_fresh, authorize_fresh_change, key};
pub use crate::access::{Scope, Scopes};
use crate::app::App;
use crate::audit::{Action, Event, Writer};
use crate::domain::Page;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::tokens::Audience;
use std::time::Duration;
pub use types::{ApiKey, ApiKeyName, ApiKeyRef};

/// Creates a key. The key itself is returned here and never again: only its hash is kept.
///
/// # Errors
/// [`Error::ApiKeyNameTaken`]; [`Error::InvalidRequest`] for the name in `tokens.client_id`;
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`],
/// [`Error::InsufficientAuthentication`]; database errors.
pub fn create(
    app: &App,
    caller: &Caller,
    name: &ApiKeyName,
    scopes: &Scopes,
) -> Result<(ApiKey, Secret)> {
    if name.as_str() == app.config().tokens.client_id {
        return Err(Error::parameter("name", "is that of tokens.client_id; choose another"));
    }
    let secret = key::generate();
    let hash = key::hash(secret.expose())?;
    let audit = Writer::new(app)?;
    let stored = app.database()?.with_transaction(|tx| {
        let access = &app.config().access;
        let actor = authorize_fresh_change(tx, caller, Right::Admin, access)?;
        let stored = store::insert(tx, name, &hash, scopes)?;
        let detail = format!("key {} ({scopes})", stored.id);
        audit.record(tx, actor, &Event::new(Action::CreateApiKey, None).with_detail(&detail))?;
        Ok(stored)
    })?;
    Ok((stored, secret))
}

/// An access token that was issued for a key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IssuedToken {
    /// The token, which is a secret.
    pub access_token: String,
    /// How long it is valid.
    pub expires_in: Duration,
    /// What it allows here.
    pub scopes: Scopes,
}

/// Issues an access token to the program that shows a key (RFC 6749, 4.4), so that services can
/// verify offline what it may do. It allows what `scope` names, or all that the key does. Here each
/// request with it reads the key's row, so it ends with the key.
///
/// # Errors
/// [`Error::ApiKeyInvalid`], [`Error::ClientInvalid`]; [`Error::InvalidScope`]; database errors.
pub fn issue_token(
    app: &App,
    key: &PresentedApiKey,
    scope: &str,
    audience: &Audience,
) -> Result<IssuedToken> {
    let key = app.database()?.with_connection(|conn| key::read(conn, key))?;
    let scopes = key.scopes.narrowed(scope)?;
    let issued =
        app.keys()?.issue_to_client(&key.name, &key.fingerprint, scopes.to_string(), audience)?;
    Ok(IssuedToken { access_token: issued.access_token, expires_in: issued.lifetime, scopes })
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

/// A page of all keys, in the order in which they were created, and whether more follow.
///
/// # Errors
/// As [`list`].
pub fn page(app: &App, caller: &Caller, page: Page) -> Result<(Vec<ApiKey>, bool)> {
    app.database()?.with_connection(|conn| {
        authorize(conn, caller, Right::Admin)?;
        store::page(conn, page)
    })
}

/// Revokes a key. It is refused from then on, and no change that it allowed is still under way.
///
/// # Errors
/// [`Error::NoSuchApiKey`] when there is none, or it is revoked already; [`Error::TokenMissing`],
/// [`Error::TokenInvalid`], [`Error::Forbidden`], [`Error::InsufficientAuthentication`]; database errors.
pub fn revoke(app: &App, caller: &Caller, which: &ApiKeyRef) -> Result<ApiKey> {
    let audit = Writer::new(app)?;
    let access = &app.config().access;
    let database = app.database()?;
    database.with_connection(|conn| authorize_fresh(conn, caller, Right::Admin, access))?;
    database.with_transaction(|tx| {
        // The key is locked before the user, as in changes that are made with a key.
        let revoked = store::revoke(tx, which)?.ok_or(Error::NoSuchApiKey)?;
        let actor = authorize_fresh_change(tx, caller, Right::Admin, access)?;
        let detail = format!("key {}", revoked.id);
        audit.record(tx, actor, &Event::new(Action::RevokeApiKey, None).with_detail(&detail))?;
        Ok(revoked)
    })
}
