//! Sessions: log in, refresh, log out, list.
//!
//! A session is a row. It begins with a login and issues access tokens, which name it, in exchange
//! for refresh tokens, of which exactly one is valid at a time. When it ends, our own API refuses
//! its access tokens at once. Services that verify tokens by themselves learn of it from the list
//! of revocations, or when the tokens expire.

pub(crate) mod api;
mod challenge;
mod ending;
mod grace;
mod login;
mod mfa;
mod passkey;
mod refresh;
mod requirement;
#[cfg(feature = "pages")]
mod resume;
mod step_up;
mod store;
mod sweep;
mod tokens;
mod types;

use crate::access::{Caller, Right, read_as};
use crate::app::App;
use crate::domain::{Page, UserId};
use crate::error::{Error, Result};
pub use ending::{end, log_out};
pub(crate) use ending::{end_all, end_in, end_of_earlier_keys, record_end, revoke_tokens};
pub use login::{log_in, log_in_from, log_in_with};
pub use mfa::{finish_mfa, mfa_options};
pub use passkey::log_in_with_passkey;
pub use refresh::{refresh, refresh_for};
pub(crate) use refresh::{sign_of, ticket};
#[cfg(feature = "pages")]
pub(crate) use resume::resume;
pub use step_up::{Shown, step_up};
pub(crate) use store::extra_claims;
pub use sweep::sweep;
pub(crate) use sweep::sweep_some;
pub(crate) use tokens::tokens_linger;
pub use types::{Device, LoggedIn, Session};

/// A page of a user's live sessions in the order of their ids, and whether more follow it. Without a
/// user, the sessions are the caller's own.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`] for someone else's
/// sessions unless the caller is an admin, [`Error::NoSuchUser`]; [`Error::InvalidRequest`] for a
/// caller without a user who names none; database errors.
pub fn list(
    app: &App,
    caller: &Caller,
    user: Option<UserId>,
    page: Page,
) -> Result<(Vec<Session>, bool)> {
    let rows = caller.rows()?;
    let user = user
        .or(rows.map(|rows| UserId::stored(rows.user)))
        .ok_or_else(|| Error::parameter("user_id", "is needed when there is no access token"))?;
    app.database()?.with_connection(|conn| {
        let listed = read_as(conn, caller, Right::See(user), |conn, rows| {
            let listed = store::list(conn, rows, user, page)?;
            Ok((listed.standing, listed))
        })?;
        if listed.user_exists { Ok((listed.sessions, listed.more)) } else { Err(Error::NoSuchUser) }
    })
}
