//! The error of reading a stored hash.

use std::fmt;

/// Why a text is not a hash that can be verified. It holds nothing of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotAHash(String);

impl NotAHash {
    pub(super) fn new(cause: impl Into<String>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for NotAHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
