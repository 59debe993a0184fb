//! An API key as this slice shows it, its name, and how a key is referred to.

use crate::access::Scopes;
use crate::domain::Timestamp;
use crate::error::{Error, Result};
use serde::Serialize;

/// Maximum characters in a name.
const MAX_NAME: usize = 64;

/// A name that tells an operator which program has the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyName(String);

impl ApiKeyName {
    /// Parses a name.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] unless it is a letter and up to 63 letters, digits, dots, hyphens
    /// and underscores (ASCII only, since it appears in listings and commands).
    pub fn parse(text: &str) -> Result<Self> {
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
        let rest = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if !first || !rest || text.len() > MAX_NAME {
            let text = "must be a letter followed by up to 63 letters, digits, dots, hyphens or underscores";
            return Err(Error::parameter("name", text));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which key is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiKeyRef {
    /// The key of this number.
    Id(i64),
    /// The key that has this name and is not revoked.
    Name(ApiKeyName),
}

impl ApiKeyRef {
    /// Parses a name or a number. No name begins with a digit.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when it is neither.
    pub fn parse(text: &str) -> Result<Self> {
        match text.parse() {
            Ok(id) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Self::Id(id)),
            _ => ApiKeyName::parse(text).map(Self::Name),
        }
    }
}

/// What is known of a key. The key itself is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ApiKey {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// What it allows.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, at most a minute behind.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_begins_with_a_letter_so_that_a_number_is_none() {
        for text in ["a", "billing-2.prod_x", &"x".repeat(64)] {
            assert_eq!(ApiKeyName::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "1", "-a", "a b", "a\n", "é", "a/b", &"x".repeat(65)] {
            assert!(ApiKeyName::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(ApiKeyRef::parse("12").unwrap(), ApiKeyRef::Id(12));
        assert!(matches!(ApiKeyRef::parse("a12").unwrap(), ApiKeyRef::Name(_)));
        for text in ["-1", "+1", "", "99999999999999999999"] {
            assert!(ApiKeyRef::parse(text).is_err(), "{text:?}");
        }
    }
}
