//! The names of a user's roles, or of the groups that a user is in.

use crate::error::{Error, Result};
use serde::Serialize;
use std::collections::BTreeSet;

/// Most roles, and most groups, of a user. They are read with the user and can be in each token.
const MOST: usize = 64;

/// Maximum characters in a name.
const MAX_CHARS: usize = 64;

/// A set of names, in their order. Each is a lower-case letter or digit, followed by up to 63
/// lower-case letters, digits, dots, underscores, colons and hyphens. They mean what the operator
/// wants them to mean: none of them gives any right here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Names(Vec<String>);

impl Names {
    /// Parses names. One that is given twice counts once. `field` is named in the error.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for one that is not of this form, and for more than 64.
    pub fn parse<S: Into<String>>(field: &str, names: impl IntoIterator<Item = S>) -> Result<Self> {
        let mut parsed = BTreeSet::new();
        for name in names {
            let name = name.into();
            if !is_name(&name) {
                let short: String = name.chars().take(MAX_CHARS).collect();
                let text = format!(
                    "{short:?} must be a lower-case letter or digit, followed by up to 63 \
                     lower-case letters, digits, dots, underscores, colons or hyphens"
                );
                return Err(Error::parameter(field, text));
            }
            parsed.insert(name);
        }
        if parsed.len() > MOST {
            return Err(Error::parameter(field, format!("must be at most {MOST}")));
        }
        Ok(Self(parsed.into_iter().collect()))
    }

    /// Takes names from the database.
    pub(crate) fn stored(names: Vec<String>) -> Self {
        Self(names)
    }

    /// The names.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The name of one role or group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Parses a name. `field` is named in the error.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for one that is not of the form that [`Names`] says.
    pub fn parse(field: &str, name: &str) -> Result<Self> {
        Names::parse(field, [name]).map(|Names(mut names)| Self(names.remove(0)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= MAX_CHARS
        && name.bytes().next().is_some_and(plain)
        && name.bytes().all(|byte| plain(byte) || b"._:-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_a_set_in_order() {
        let names = Names::parse("roles", ["editor", "billing:read", "editor", "0"]).unwrap();
        assert_eq!(names.as_slice(), ["0", "billing:read", "editor"]);
        assert!(Names::parse("roles", Vec::<String>::new()).unwrap().is_empty());
    }

    #[test]
    fn a_name_has_a_form_and_a_set_a_size() {
        let longest = "a".repeat(64);
        for name in ["a", "a.b_c:d-e", longest.as_str()] {
            assert_eq!(Name::parse("role", name).unwrap().as_str(), name);
        }
        let longer = "a".repeat(65);
        for name in ["", "A", ".a", "-a", "a b", "a,b", "é", "a\n", "a/b", longer.as_str()] {
            let refused = Name::parse("role", name).unwrap_err().to_string();
            assert!(refused.starts_with("role: "), "{refused}");
        }
        let many = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        assert!(Names::parse("groups", many(64)).is_ok());
        assert_eq!(
            Names::parse("groups", many(65)).unwrap_err().to_string(),
            "groups: must be at most 64"
        );
    }
}
