//! A stored hash, ours or a foreign one that an import brought.

use super::cost;
use super::foreign::Foreign;
use super::phc::{self, Own};
use std::fmt;
use std::str::FromStr;

/// A stored hash, which keeps the text that it was read from: only where a row still holds that
/// text may its hash be replaced.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash {
    text: String,
    pub(super) form: Form,
}

/// Whose it is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Form {
    Own(Own),
    Foreign(Foreign),
}

impl Form {
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Own(own) => {
                let pepper = own.pepper.map_or(String::new(), |id| format!(",keyid={id}"));
                format!("Gatepost's own i={}{pepper}", own.iterations)
            }
            Self::Foreign(foreign) => foreign.to_string(),
        }
    }
}

impl PasswordHash {
    /// Reads what a row holds. It may cost more than what is taken from outside, since it may be
    /// older than that bound.
    ///
    /// # Errors
    /// [`NotAHash`].
    pub(crate) fn stored(text: &str) -> Result<Self, NotAHash> {
        Self::read(text, cost::MAX_STORED)
    }

    fn read(text: &str, most: u64) -> Result<Self, NotAHash> {
        let form = if text.starts_with(phc::PREFIX) {
            Form::Own(text.parse()?)
        } else {
            Form::Foreign(text.parse()?)
        };
        cost::check(&form, most)?;
        Ok(Self { text: text.to_owned(), form })
    }

    /// Whether it costs more than would be taken from outside, and should be made anew.
    pub(super) fn is_too_costly(&self) -> bool {
        cost::of(&self.form) > cost::MAX
    }

    /// What kind of hash it is and what it costs, for an operator: nothing of salt or hash.
    pub(crate) fn kind(&self) -> String {
        self.form.kind()
    }

    /// Bytes of memory that verifying it takes beyond some kilobytes.
    pub(crate) fn memory(&self) -> usize {
        match &self.form {
            Form::Own(_) => 0,
            Form::Foreign(foreign) => foreign.memory(),
        }
    }
}

impl From<Own> for PasswordHash {
    fn from(own: Own) -> Self {
        Self { text: own.to_string(), form: Form::Own(own) }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash({}, …)", self.kind())
    }
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is not a hash that can be verified. Never holds anything of it.
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

/// Of a hash that comes from outside.
impl FromStr for PasswordHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        Self::read(text, cost::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_shows_its_text_where_it_is_stored_and_its_kind_where_it_is_debugged() {
        let text = "$pbkdf2-sha256$i=5,l=32$BwcHBwcHBwcHBwcHBwcHBw$\
                    CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk";
        let hash: PasswordHash = text.parse().unwrap();
        assert_eq!(hash.to_string(), text);
        assert_eq!(format!("{hash:?}"), "PasswordHash(Gatepost's own i=5, …)");
        let text = "pbkdf2_sha1$1000$saltsaltsalt$AwqfYeoLQyExMNseD8jAJAm/tec=";
        let hash: PasswordHash = text.parse().unwrap();
        assert_eq!(hash.to_string(), text);
        assert_eq!(format!("{hash:?}"), "PasswordHash(pbkdf2-sha1 i=1000, …)");
    }
}
