//! Who may do what. A token proves who asks; what that user may do, the user's row says, now, and
//! whether the token is still good, its session's row.

use super::store;
use super::types::UserId;
use crate::app::App;
use crate::config::AccessMode;
use crate::error::{Error, Result};
use crate::http::Request;
use crate::tokens::Claims;
use postgres::{Client, Transaction};

/// On whose behalf an operation is done.
#[derive(Clone, Debug)]
pub enum Caller {
    /// The program itself, or somebody it has authorized by its own means: everything is allowed.
    Trusted,
    /// Somebody who showed no token.
    Anonymous,
    /// The bearer of an access token.
    Bearer(Claims),
}

impl Caller {
    /// The bearer of an access token.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`]; the faults of the database while the keys are not loaded yet.
    pub fn bearer(app: &App, token: &str) -> Result<Self> {
        app.verify_token(token).map(Self::Bearer)
    }

    /// The rows that say what the caller may do; none for a caller who may do everything. They
    /// are read together with what was asked for, in one round trip.
    ///
    /// # Errors
    /// [`Error::TokenMissing`].
    pub(crate) fn rows(&self) -> Result<Option<Rows>> {
        match self {
            Self::Trusted => Ok(None),
            Self::Anonymous => Err(Error::TokenMissing),
            Self::Bearer(claims) => Ok(Some(Rows { user: claims.user_id, session: claims.sid })),
        }
    }

    /// The session in which the caller acts as this very user.
    pub(crate) fn session_as(&self, user: UserId) -> Option<i64> {
        match self {
            Self::Bearer(claims) if claims.user_id == user.get() => Some(claims.sid),
            _ => None,
        }
    }

    /// Who sent a request. In open mode no token is asked for, and none is looked at.
    pub(crate) fn of(app: &App, request: &Request) -> Result<Self> {
        match app.config().access.mode {
            AccessMode::Open => Ok(Self::Trusted),
            AccessMode::Protected => Self::with_token(app, request),
        }
    }

    /// Who sent a request that is about its own token, in open mode too.
    pub(crate) fn with_token(app: &App, request: &Request) -> Result<Self> {
        match request.bearer_token()? {
            Some(token) => Self::bearer(app, token),
            None => Ok(Self::Anonymous),
        }
    }
}

/// The rows that a token points to: a user's, and a session's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    pub(crate) user: i64,
    pub(crate) session: i64,
}

/// What those rows say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) admin: bool,
    pub(crate) token_version: i64,
    /// Whether the session is this user's, and not over.
    pub(crate) session_lives: bool,
}

/// What an operation asks of its caller.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Right {
    /// To be an admin.
    Admin,
    /// To be this user, or an admin.
    SelfOrAdmin(UserId),
}

/// Asks the caller's row whether the caller has the right.
pub(crate) fn authorize(conn: &mut Client, caller: &Caller, right: Right) -> Result<()> {
    let rows = caller.rows()?;
    let standing = rows.map(|rows| store::standing(conn, rows)).transpose()?.flatten();
    judge(caller, right, standing)
}

/// The same in a transaction that changes something. The row is locked: of two changes that the
/// same token asks for at once, the second sees what the first has made of the token.
pub(crate) fn authorize_change(
    tx: &mut Transaction<'_>,
    caller: &Caller,
    right: Right,
) -> Result<()> {
    let rows = caller.rows()?;
    let standing = rows.map(|rows| store::lock_standing(tx, rows)).transpose()?.flatten();
    judge(caller, right, standing)
}

/// Whether the caller has the right, by what the caller's row says.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`].
pub(crate) fn judge(caller: &Caller, right: Right, standing: Option<Standing>) -> Result<()> {
    let claims = match caller {
        Caller::Trusted => return Ok(()),
        Caller::Anonymous => return Err(Error::TokenMissing),
        Caller::Bearer(claims) => claims,
    };
    let standing = standing
        .filter(|it| it.session_lives && it.token_version == claims.token_version)
        .ok_or(Error::TokenInvalid)?;
    match right {
        _ if standing.admin => Ok(()),
        Right::SelfOrAdmin(id) if id.get() == claims.user_id => Ok(()),
        Right::SelfOrAdmin(_) | Right::Admin => Err(Error::Forbidden),
    }
}
