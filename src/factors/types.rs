//! Second factors as the API shows them, and what users show of them.

use super::recovery_code::RecoveryCode;
use super::totp::TotpCode;
use crate::domain::{FactorId, Timestamp};
use crate::error::{Error, Result};
use crate::webauthn::Assertion;
use serde::Serialize;
use zeroize::Zeroizing;

/// Most characters of a factor's name.
const MAX_NAME: usize = 64;

/// A second factor that its user has confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Factor {
    /// Its number.
    pub id: FactorId,
    /// `totp` or `passkey`.
    pub kind: &'static str,
    /// What the user calls it.
    pub name: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last used; absent if it never was since it was confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
}

/// The second factors of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Factors {
    /// In the order in which they were added.
    pub factors: Vec<Factor>,
    /// How many recovery codes are unused.
    pub recovery_codes_left: i64,
}

/// What users call a factor: 1 to 64 characters that print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorName(String);

impl FactorName {
    /// Parses a name.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`].
    pub fn parse(text: &str) -> Result<Self> {
        let prints = !text.chars().any(char::is_control) && !text.trim().is_empty();
        if prints && text.chars().count() <= MAX_NAME {
            return Ok(Self(text.trim().to_owned()));
        }
        Err(Error::parameter("name", format!("must be 1 to {MAX_NAME} characters that print")))
    }

    /// A name in a row.
    pub(super) fn stored(name: String) -> Self {
        Self(name)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A factor that waits for its first code.
#[derive(Debug)]
#[non_exhaustive]
pub struct TotpEnrolment {
    /// Its number.
    pub id: FactorId,
    /// The secret, as an app takes it when it is typed. It is shown here and never again.
    pub secret: Zeroizing<String>,
    /// The same as a QR code holds it.
    pub otpauth_uri: Zeroizing<String>,
}

/// Recovery codes as they are shown, once.
pub type RecoveryCodes = Vec<Zeroizing<String>>;

/// What a user shows of a second factor.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ShownFactor {
    /// A code of an authenticator app.
    Code(TotpCode),
    /// A recovery code.
    RecoveryCode(RecoveryCode),
    /// A passkey.
    Passkey(Box<Assertion>),
}
