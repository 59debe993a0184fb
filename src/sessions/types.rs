//! The types of this slice.

use crate::domain::{SessionId, Timestamp, UserId};
use serde::Serialize;
use std::time::Duration;

/// Maximum characters kept of what a client calls itself.
const MAX_USER_AGENT: usize = 200;

/// What a login returns, and each refresh after it.
#[derive(Clone)]
#[non_exhaustive]
pub struct LoggedIn {
    /// The user who logged in.
    pub user_id: UserId,
    /// The session.
    pub session_id: SessionId,
    /// The access token, a JWT.
    pub access_token: String,
    /// How long it is valid.
    pub expires_in: Duration,
    /// The refresh token: it is exchanged for the next pair of tokens, once.
    pub refresh_token: String,
    /// Until when the user must have set up a second factor, if one is required and there is none.
    pub mfa_due_at: Option<Timestamp>,
}

impl std::fmt::Debug for LoggedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LoggedIn(user {}, session {}, …)", self.user_id.get(), self.session_id.get())
    }
}

/// A session as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Session {
    /// The session's number.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last refreshed, or opened if it never was.
    pub last_used_at: Timestamp,
    /// When it expires unless it is refreshed before.
    pub expires_at: Timestamp,
    /// The address that it was opened from, if known; of a browser's session, from which its pages were last
    /// visited.
    pub address: Option<String>,
    /// What the client that opened it called itself.
    pub user_agent: Option<String>,
}

/// What a user logs in from, so that people can tell their sessions apart. Nothing depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    pub(super) address: Option<String>,
    pub(super) user_agent: Option<String>,
}

impl Device {
    /// Takes an address and the name that a client gives itself. Up to 200 characters of each are
    /// kept, without control characters.
    pub fn new(address: &str, user_agent: Option<&str>) -> Self {
        let kept = |text: &str| -> Option<String> {
            let text: String =
                text.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT).collect();
            (!text.is_empty()).then_some(text)
        };
        Self { address: kept(address), user_agent: user_agent.and_then(kept) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_user_agent_200_characters_are_kept_and_none_that_do_not_print() {
        let device = Device::new("192.0.2.1", Some(&format!("curl\n\0{}", "é".repeat(300))));
        assert_eq!(device.address.as_deref(), Some("192.0.2.1"));
        assert_eq!(device.user_agent, Some(format!("curl{}", "é".repeat(196))));
        assert_eq!(Device::new("", Some("\r\n")), Device::default());
    }
}
