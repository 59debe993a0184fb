//! Who may do what. A token proves who asks; what that user may do, the user's row says, now.

use super::store::{self, Standing};
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
        app.keys()?.verify(token).map(Self::Bearer)
    }

    /// The row that says what the caller may do; none for a caller who may do everything. It is
    /// read together with what was asked for, in one round trip.
    ///
    /// # Errors
    /// [`Error::TokenMissing`].
    pub(super) fn row(&self) -> Result<Option<i64>> {
        match self {
            Self::Trusted => Ok(None),
            Self::Anonymous => Err(Error::TokenMissing),
            Self::Bearer(claims) => Ok(Some(claims.user_id)),
        }
    }

    /// Who sent a request. In open mode no token is asked for, and none is looked at.
    pub(crate) fn of(app: &App, request: &Request) -> Result<Self> {
        match app.config().access.mode {
            AccessMode::Open => Ok(Self::Trusted),
            AccessMode::Protected => match request.bearer_token()? {
                Some(token) => Self::bearer(app, token),
                None => Ok(Self::Anonymous),
            },
        }
    }
}

/// What an operation asks of its caller.
#[derive(Clone, Copy, Debug)]
pub(super) enum Right {
    /// To be an admin.
    Admin,
    /// To be this user, or an admin.
    SelfOrAdmin(UserId),
}

/// Asks the caller's row whether the caller has the right.
pub(super) fn authorize(conn: &mut Client, caller: &Caller, right: Right) -> Result<()> {
    let row = caller.row()?;
    let standing = row.map(|id| store::standing(conn, id)).transpose()?.flatten();
    judge(caller, right, standing)
}

/// The same in a transaction that changes something. The row is locked: of two changes that the
/// same token asks for at once, the second sees what the first has made of the token.
pub(super) fn authorize_change(
    tx: &mut Transaction<'_>,
    caller: &Caller,
    right: Right,
) -> Result<()> {
    let row = caller.row()?;
    let standing = row.map(|id| store::lock_standing(tx, id)).transpose()?.flatten();
    judge(caller, right, standing)
}

/// Whether the caller has the right, by what the caller's row says.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`].
pub(super) fn judge(caller: &Caller, right: Right, standing: Option<Standing>) -> Result<()> {
    let claims = match caller {
        Caller::Trusted => return Ok(()),
        Caller::Anonymous => return Err(Error::TokenMissing),
        Caller::Bearer(claims) => claims,
    };
    let standing = standing
        .filter(|standing| standing.token_version == claims.token_version)
        .ok_or(Error::TokenInvalid)?;
    match right {
        _ if standing.admin => Ok(()),
        Right::SelfOrAdmin(id) if id.get() == claims.user_id => Ok(()),
        Right::SelfOrAdmin(_) | Right::Admin => Err(Error::Forbidden),
    }
}
