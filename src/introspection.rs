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

use crate::access::key::{self, PresentedApiKey};
use crate::access::standing::takes;
use crate::access::{Actor, Caller, Right, Scopes, authorize};
use crate::app::App;
use crate::audit::{Writer, set_back};
use crate::config::Tokens;
use crate::domain::UserId;
use crate::error::{Error, Result};
use crate::sessions;
use crate::tokens::refresh::RefreshTicket;
use crate::tokens::{AccessClaims, Amr, Audience, Claims, ClientClaims, ExtraClaims, SessionRef};
use serde::Serialize;
use store::TokenRow;

/// What is known of a token that is valid at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Introspection {
    /// The user's id, as text; the name of an API key for a token that was issued to one.
    pub sub: String,
    /// What only tokens of users have.
    #[serde(flatten)]
    pub user: Option<TokenUser>,
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
    /// Whom an access token is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<Audience>,
    /// What a token of an API key allows now, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The client that an access token was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// How the user of an access token has proved who they are, and when.
    #[serde(flatten)]
    pub authentication: Option<TokenAuthentication>,
}

/// The claims of an access token about how its user has proved who they are (RFC 9470, 6.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TokenAuthentication {
    /// When, in seconds since 1970-01-01 UTC.
    pub auth_time: u64,
    /// The methods (RFC 8176).
    pub amr: Amr,
    /// How strong that was.
    pub acr: &'static str,
}

/// The user and the session of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TokenUser {
    /// The user's id.
    pub user_id: UserId,
    /// The user's login as it was typed at registration.
    pub username: String,
    /// Whether the user is an admin now, whatever the token says.
    pub admin: bool,
    /// The session, as the claim has it.
    pub sid: SessionRef,
    /// The claims of `tokens.claims` as a token would have them now.
    #[serde(flatten)]
    pub claims: ExtraClaims,
}

/// A token of a session, that is ours by its signature. The database knows whether it is still
/// valid.
enum OfSession {
    Access(Claims),
    Refresh(RefreshTicket),
}

/// A token that is ours by its signature.
enum Genuine {
    Session(OfSession),
    /// An access token of an API key.
    Client(ClientClaims),
}

/// Checks a token of any kind. No hint is needed: an access token has dots, a refresh token has
/// none.
fn verify(app: &App, token: &str) -> Result<Option<Genuine>> {
    let verified = if token.contains('.') {
        app.verify_any_token(token).map(|claims| match claims {
            AccessClaims::User(claims) => Genuine::Session(OfSession::Access(claims)),
            AccessClaims::Client(claims) => Genuine::Client(claims),
        })
    } else {
        sessions::ticket(app, token).map(|ticket| Genuine::Session(OfSession::Refresh(ticket)))
    };
    match verified {
        Ok(token) => Ok(Some(token)),
        Err(Error::TokenInvalid | Error::InvalidGrant) => Ok(None),
        Err(error) => Err(error),
    }
}

impl OfSession {
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
                claims.user_id == row.user_id.get()
                    && claims.token_version == row.token_version
                    && takes(row.stepped_up, claims.auth_time)
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

    fn describe(self, row: TokenRow, claims: ExtraClaims, issuer: &str) -> Introspection {
        let (iat, exp, token_type, access) = match self {
            Self::Access(claims) => (claims.iat, claims.exp, "Bearer", Some(claims)),
            Self::Refresh(_) => (row.last_used_at, row.expires_at, "refresh_token", None),
        };
        let authentication = access.as_ref().map(|claims| TokenAuthentication {
            auth_time: claims.auth_time,
            amr: claims.amr,
            acr: claims.acr,
        });
        let (jti, aud, client_id) = access.map_or((None, None, None), |claims| {
            (Some(claims.jti), Some(claims.aud), Some(claims.client_id))
        });
        let user = TokenUser {
            user_id: row.user_id,
            username: row.login,
            admin: row.admin,
            sid: row.session,
            claims,
        };
        Introspection {
            sub: row.user_id.get().to_string(),
            user: Some(user),
            iss: issuer.to_owned(),
            iat,
            exp,
            token_type,
            jti,
            aud,
            client_id,
            authentication,
            scope: None,
        }
    }
}

fn describe_client(claims: ClientClaims, scopes: &Scopes) -> Introspection {
    Introspection {
        sub: claims.sub,
        user: None,
        iss: claims.iss,
        iat: claims.iat,
        exp: claims.exp,
        token_type: "Bearer",
        jti: Some(claims.jti),
        aud: Some(claims.aud),
        client_id: Some(claims.client_id),
        authentication: None,
        scope: Some(scopes.to_string()),
    }
}

/// What is known of a token; `None` if it is unknown, malformed, foreign, retired, revoked or
/// expired, or its account is locked or expired, or its API key is revoked. Asking about a refresh
/// token does not use it.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`],
/// [`Error::ScopeMissing`], all about the caller; database errors.
pub fn introspect(app: &App, caller: &Caller, token: &str) -> Result<Option<Introspection>> {
    // Before the connection is taken: this may have to load keys.
    match verify(app, token)? {
        Some(Genuine::Session(token)) => of_session(app, caller, token),
        Some(Genuine::Client(claims)) => {
            let shown = PresentedApiKey::of_token(claims.clone());
            let scopes = app.database()?.with_connection(|conn| {
                authorize(conn, caller, Right::Introspect)?;
                key::allowed(conn, &shown)
            })?;
            Ok(scopes.map(|scopes| describe_client(claims, &scopes)))
        }
        None => app
            .database()?
            .with_connection(|conn| authorize(conn, caller, Right::Introspect).map(|_| None)),
    }
}

fn of_session(app: &App, caller: &Caller, token: OfSession) -> Result<Option<Introspection>> {
    let row = app.database()?.with_connection(|conn| {
        authorize(conn, caller, Right::Introspect)?;
        store::find(conn, token.session())
    })?;
    if let Some(sign) = row.as_ref().and_then(|row| token.sign(row)) {
        set_back::notice(app, &sign);
    }
    let good = row.filter(|row| row.active && token.is_good(row));
    let Some(row) = good else { return Ok(None) };
    let Tokens { claims, issuer, .. } = &app.config().tokens;
    let id = row.user_id.get();
    let claims =
        app.database()?.with_connection(|conn| sessions::extra_claims(conn, claims, id))?;
    Ok(Some(token.describe(row, claims, issuer)))
}

/// Revokes a token by ending its session. For an invalid one, nothing is left to do.
///
/// # Errors
/// [`Error::UnsupportedTokenType`] for a valid token of an API key, which is revoked by revoking the
/// key; database errors.
pub fn revoke(app: &App, token: &str) -> Result<()> {
    let token = match verify(app, token)? {
        Some(Genuine::Session(token)) => token,
        Some(Genuine::Client(_)) => return Err(Error::UnsupportedTokenType),
        None => return Ok(()),
    };
    let audit = Writer::new(app)?;
    let sign = app.database()?.with_transaction(|tx| {
        let Some(row) = store::lock(tx, token.session())? else { return Ok(None) };
        // A retired refresh token ends its session wherever it turns up. An access token from
        // before a password change must not end the session that went on.
        if matches!(token, OfSession::Refresh(_)) || token.is_good(&row) {
            sessions::end_in(tx, app, row.session)?;
            sessions::record_end(tx, &audit, Actor::Anonymous, row.user_id, row.session.id())?;
        }
        Ok(token.sign(&row))
    })?;
    if let Some(sign) = sign {
        set_back::notice(app, &sign);
    }
    Ok(())
}
