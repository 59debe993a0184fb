//! A session that goes on without tokens: that of a browser, which is known by a cookie.

use super::store::{self, Refreshed};
use crate::app::App;
use crate::client;
use crate::error::{Error, Result};
use crate::tokens::Claims;

/// Lets a session go on for as long as it may since its last use, and says what its tokens would claim now.
///
/// Whoever comes with it may have been issued it before roles or a password of theirs were changed. Where that
/// ends sessions, this one has ended too, unless it is the one in which it was done.
///
/// # Errors
/// [`Error::TokenInvalid`] when the session is over, or was stepped up since; database errors.
pub(crate) fn resume(app: &App, claims: &Claims) -> Result<Claims> {
    let settings = &app.config().sessions;
    let Claims { user_id, sid, auth_time, .. } = *claims;
    let address = client::address().map(|address| address.to_string());
    let resumed = app.database()?.with_transaction(|tx| {
        store::resume(tx, user_id, sid, auth_time, address.as_deref(), settings)
    })?;
    let Refreshed { subject, authentication, .. } = resumed.ok_or(Error::TokenInvalid)?;
    let mut claims = claims.clone();
    (claims.admin, claims.token_version) = (subject.admin, subject.token_version);
    (claims.auth_time, claims.amr) = (authentication.at, authentication.amr);
    Ok(claims)
}
