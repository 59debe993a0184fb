//! What an API key may allow.

use crate::error::{Error, Result};
use serde::{Serialize, Serializer};
use std::fmt;

/// What a key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Scope {
    /// `users:read`: to see users, one or all.
    UsersRead,
    /// `users:write`: to change and delete users who are not admins. Anyone who sets an admin's
    /// password can act as that admin, which a key never may.
    UsersWrite,
    /// `register`: to register users where only admins may.
    Register,
    /// `introspect`: to ask whether a token is valid.
    Introspect,
    /// `outbox`: to take messages and events from the outbox.
    Outbox,
    /// `invite`: to invite users.
    Invite,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 6] = [
        Self::UsersRead,
        Self::UsersWrite,
        Self::Register,
        Self::Introspect,
        Self::Outbox,
        Self::Invite,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::Register => "register",
            Self::Introspect => "introspect",
            Self::Outbox => "outbox",
            Self::Invite => "invite",
        }
    }

    fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == word)
    }
}

/// The scopes of a key, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Parses words separated by commas.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if there is no word, or one is not a scope.
    pub fn parse(words: &str) -> Result<Self> {
        Self::of(words.split(',').map(str::trim).filter(|word| !word.is_empty()))
    }

    /// The scopes of these names.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut scopes = Vec::new();
        for word in words {
            scopes.push(Scope::find(word).ok_or_else(|| {
                let all = Scope::ALL.map(Scope::name).join(", ");
                Error::parameter("scope", format!("{word:?} is not one of {all}"))
            })?);
        }
        if scopes.is_empty() {
            return Err(Error::parameter("scope", "a key needs at least one"));
        }
        scopes.sort_unstable();
        scopes.dedup();
        Ok(Self(scopes))
    }

    /// Reads what [`Display`](fmt::Display) wrote. A word that only a later release knows allows
    /// nothing here.
    pub(crate) fn stored(words: &str) -> Self {
        Self(words.split(' ').filter_map(Scope::find).collect())
    }

    /// Keeps those that are among these too.
    pub(crate) fn narrow(&mut self, to: &Self) {
        self.0.retain(|scope| to.contain(*scope));
    }

    /// Parses words with a space between them, as OAuth writes them (RFC 6749, 3.3). All of them
    /// must be among these.
    ///
    /// # Errors
    /// [`Error::InvalidScope`] for one that is not.
    pub(crate) fn narrowed(&self, words: &str) -> Result<Self> {
        let mut scopes = Vec::new();
        for word in words.split(' ').filter(|word| !word.is_empty()) {
            let scope = Scope::find(word).filter(|scope| self.contain(*scope));
            scopes.push(scope.ok_or_else(|| Error::InvalidScope(self.to_string()))?);
        }
        scopes.sort_unstable();
        scopes.dedup();
        Ok(if scopes.is_empty() { self.clone() } else { Self(scopes) })
    }

    /// Whether this one is among them.
    pub fn contain(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }
}

/// An array of their names.
impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|scope| scope.name()))
    }
}

/// As OAuth writes scopes (RFC 6749, 3.3).
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_words_from_the_list_and_at_least_one() {
        let scopes = Scopes::parse("register, users:read,register").unwrap();
        assert_eq!(scopes.to_string(), "users:read register");
        assert_eq!(Scopes::stored(&scopes.to_string()), scopes);
        assert!(scopes.contain(Scope::Register) && !scopes.contain(Scope::UsersWrite));
        for words in ["", ",", "admin", "users:read users:write", "Users:read", "users:*"] {
            assert!(Scopes::parse(words).is_err(), "{words}");
        }
        assert_eq!(Scopes::stored("users:read later:word").to_string(), "users:read");
    }
}
