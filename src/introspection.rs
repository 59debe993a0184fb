//! For other services: introspecting a token (RFC 7662), and revoking one (RFC 7009).
//!
//! Introspection needs an API key or an admin's token. Revocation needs the token and nothing else,
//! as for the public clients of RFC 7009 (section 2.1). Anyone who holds a refresh token can end
//! its session anyway, by using it twice, and anyone who holds an access token can log out with it.
//! Asking for more would only keep out clients that do well to clean up, such as one whose access
//! token has expired. A token is revoked by ending its session, and with it the other tokens of
//! that login.

pub(crate) mod api;
mod store;

use crate::access::{Actor, Caller, Right, authorize};
use crate::app::App;
use crate::audit::{Writer, set_back};
use crate::domain::UserId;
use crate::error::{Error, Result};
use crate::sessions;
use crate::tokens::refresh::RefreshTicket;
use crate::tokens::{Claims, SessionRef};
use serde::Serialize;
use store::TokenRow;

/// What is known of a token that is valid at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Introspection {
    /// The user's id, as text.
    pub sub: String,
    /// The user's id.
    pub user_id: UserId,
    /// The user's login as it was typed at registration.
    pub username: String,
    /// Whether the user is an admin now, whatever the token says.
    pub admin: bool,
    /// The session, as the claim has it.
    pub sid: SessionRef,
    /// Who issued it.
    pub iss: String,
    /// When it was issued, in seconds since 1970-01-01 UTC.
    pub iat: u64,
    /// When it expires.
    pub exp: u64,
    /// `Bearer` for an access token, `refresh_token` for a refresh token, which gives access to
    /// nothing.
    pub token_type: &'static str,
    /// The name of an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
}

/// A token that is ours by its signature. The database knows whether it is still valid.
enum Genuine {
    Access(Claims),
    Refresh(RefreshTicket),
}

/// Checks a token of either kind. No hint is needed: an access token has dots, a refresh token has
/// none.
fn verify(app: &App, token: &str) -> Result<Option<Genuine>> {
    let verified = if token.contains('.') {
        app.verify_token(token).map(Genuine::Access)
    } else {
        sessions::ticket(app, token).map(Genuine::Refresh)
    };
    match verified {
        Ok(token) => Ok(Some(token)),
        Err(Error::TokenInvalid | Error::InvalidGrant) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Genuine {
    fn session(&self) -> SessionRef {
        match self {
            Self::Access(claims) => claims.sid,
            Self::Refresh(ticket) => ticket.session,
        }
    }

    /// Whether it is valid, given the row of its live session.
    fn is_good(&self, row: &TokenRow) -> bool {
        match self {
            Self::Access(claims) => {
                claims.user_id == row.user_id.get() && claims.token_version == row.token_version
            }
            Self::Refresh(ticket) => {
                ticket.generation == row.key_generation && ticket.counter == row.counter
            }
        }
    }

    /// The sign that the database was set back, if this token is one: a counter that the session's
    /// row has not reached.
    fn sign(&self, row: &TokenRow) -> Option<String> {
        let Self::Refresh(ticket) = self else { return None };
        let ahead = ticket.generation == row.key_generation && ticket.counter > row.counter;
        ahead.then(|| sessions::sign_of(row.session, ticket.counter, row.counter))
    }

    fn describe(self, row: TokenRow, issuer: &str) -> Introspection {
        let (iat, exp, token_type, jti) = match self {
            Self::Access(claims) => (claims.iat, claims.exp, "Bearer", Some(claims.jti)),
            Self::Refresh(_) => (row.last_used_at, row.expires_at, "refresh_token", None),
        };
        Introspection {
            sub: row.user_id.get().to_string(),
            user_id: row.user_id,
            username: row.login,
            admin: row.admin,
            sid: row.session,
            iss: issuer.to_owned(),
            iat,
            exp,
            token_type,
            jti,
        }
    }
}

/// What is known of a token; `None` if it is unknown, malformed, foreign, retired, revoked or
/// expired, or its account is locked or expired. Asking about a refresh token does not use it.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`],
/// [`Error::ScopeMissing`], all about the caller; database errors.
pub fn introspect(app: &App, caller: &Caller, token: &str) -> Result<Option<Introspection>> {
    // Before the connection is taken: this may have to load keys.
    let genuine = verify(app, token)?;
    let session = genuine.as_ref().map(Genuine::session);
    let row = app.database()?.with_connection(|conn| {
        authorize(conn, caller, Right::Introspect)?;
        session.map_or(Ok(None), |session| store::find(&mut **conn, session))
    })?;
    if let (Some(token), Some(row)) = (&genuine, &row)
        && let Some(sign) = token.sign(row)
    {
        set_back::notice(app, &sign);
    }
    let good = genuine.zip(row).filter(|(token, row)| row.active && token.is_good(row));
    let issuer = &app.config().tokens.issuer;
    Ok(good.map(|(token, row)| token.describe(row, issuer)))
}

/// Revokes a token by ending its session. For an invalid one, nothing is left to do.
///
/// # Errors
/// Database errors.
pub fn revoke(app: &App, token: &str) -> Result<()> {
    let Some(genuine) = verify(app, token)? else { return Ok(()) };
    let audit = Writer::new(app)?;
    let sign = app.database()?.with_transaction(|tx| {
        let Some(row) = store::lock(tx, genuine.session())? else { return Ok(None) };
        // A retired refresh token ends its session wherever it turns up. An access token from
        // before a password change must not end the session that went on.
        if matches!(genuine, Genuine::Refresh(_)) || genuine.is_good(&row) {
            sessions::end_in(tx, app, row.session)?;
            sessions::record_end(tx, &audit, Actor::Anonymous, row.user_id, row.session.id())?;
        }
        Ok(genuine.sign(&row))
    })?;
    if let Some(sign) = sign {
        set_back::notice(app, &sign);
    }
    Ok(())
}
