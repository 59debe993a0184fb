//! Rows that do not count, and why.

use crate::tokens::encryption::NotDecrypted;
use std::fmt;

/// Which row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyPlace {
    /// At this place among the signing keys that were found.
    Signing(usize),
    /// At this place among the refresh keys that were found.
    Refresh(usize),
    Root,
}

/// Why a row does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is valid, but not encrypted although there is an encryption key.
    Plain,
    /// It can be decrypted, but nothing vouches for its generation and its turn. It is from before
    /// there were codes.
    Unvouched,
    /// It is encrypted with another encryption key, of this name.
    Foreign(String),
    /// Its code is missing or is not that of its content, or its secret cannot be decrypted.
    Changed,
    /// Its generation is one that was replaced for good.
    Replaced,
    /// It does not have the form of a key.
    Malformed,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("is not encrypted"),
            Self::Unvouched => f.write_str("has no code yet"),
            Self::Foreign(name) => write!(f, "is encrypted with another encryption key ({name:?})"),
            Self::Changed => f.write_str("is not as the service wrote it"),
            Self::Replaced => f.write_str("was replaced as compromised"),
            Self::Malformed => f.write_str("is malformed"),
        }
    }
}

/// A row that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedKey {
    pub(crate) place: KeyPlace,
    /// What to call it, escaped.
    pub(crate) name: String,
    pub(crate) why: Why,
}

impl fmt::Display for RefusedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.why)
    }
}

impl From<NotDecrypted> for Why {
    fn from(closed: NotDecrypted) -> Self {
        match closed {
            NotDecrypted::Plain => Self::Plain,
            NotDecrypted::Foreign(name) => Self::Foreign(name),
            NotDecrypted::Broken => Self::Changed,
        }
    }
}
