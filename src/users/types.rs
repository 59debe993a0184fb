//! A user as this slice shows it.

use crate::domain::{Timestamp, UserId};
use serde::Serialize;

/// A user as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct User {
    /// The user's number.
    pub id: UserId,
    /// The login as it was typed at registration.
    pub login: String,
    /// Whether the user may see and change others.
    pub admin: bool,
    /// When the user was registered.
    pub created_at: Timestamp,
    /// Whether an admin has locked the account. Shown when it is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// When the account expires. Shown if there is such a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}
