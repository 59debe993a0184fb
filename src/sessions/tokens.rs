//! The tokens of a session: issuing them, and how long they stay in use.

use super::types::LoggedIn;
use crate::app::App;
use crate::domain::{SessionId, UserId};
use crate::error::Result;
use crate::tokens::Grant;
use std::time::Duration;

/// Issues the tokens of a session.
pub(super) fn issue(app: &App, grant: Grant<'_>, refresh_token: String) -> Result<LoggedIn> {
    let Grant { subject, session, .. } = grant;
    let issued = app.keys()?.issue(grant)?;
    Ok(LoggedIn {
        user_id: UserId::stored(subject.user_id),
        session_id: SessionId::stored(session.id()),
        access_token: issued.access_token,
        expires_in: issued.lifetime,
        refresh_token,
        mfa_due_at: None,
    })
}

/// How long after a refresh its access token may still be in use: the token's lifetime, the grace
/// in which it is handed out once more, and a minute for clocks that differ.
pub(crate) fn tokens_linger(app: &App) -> Duration {
    let settings = app.config();
    settings.tokens.access_ttl + settings.sessions.refresh_grace + Duration::from_secs(60)
}
