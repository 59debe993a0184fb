//! What a token calls its session: the number of the row, and the identity of the one session that
//! it was issued in.
//!
//! A number alone is not enough. A database that is restored from a backup, or a standby that lacks
//! the last commits, gives the same numbers again, to other people. The identity is random and made
//! with the session, so that a token from another branch of history matches no row.

use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// 128 bits: nobody can guess it, and no two are alike.
pub(crate) const IDENTITY_BYTES: usize = 16;

/// The same in base64url, without padding.
const IDENTITY_CHARS: usize = 22;

/// A session as a token names it, in the claim `sid`: the session's number, a dot, and 22
/// characters that no other session has. The number is the one that `GET /sessions` lists.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionRef {
    id: i64,
    identity: [u8; IDENTITY_BYTES],
}

/// A text that names no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotASession;

impl SessionRef {
    /// The session in a row.
    pub(crate) fn new(id: i64, identity: [u8; IDENTITY_BYTES]) -> Self {
        Self { id, identity }
    }

    /// The session in a row, whose identity the database has as bytes.
    ///
    /// # Errors
    /// [`Error::Internal`] for the wrong number of bytes, which the table refuses.
    pub(crate) fn stored(id: i64, identity: &[u8]) -> Result<Self> {
        let malformed = |_| Error::Internal(format!("the identity of session {id} is malformed"));
        Ok(Self { id, identity: identity.try_into().map_err(malformed)? })
    }

    /// An identity for a new session.
    pub(crate) fn new_identity() -> [u8; IDENTITY_BYTES] {
        rand::random()
    }

    /// The session's number.
    pub fn id(&self) -> i64 {
        self.id
    }

    pub(crate) fn identity(&self) -> &[u8; IDENTITY_BYTES] {
        &self.identity
    }
}

impl FromStr for SessionRef {
    type Err = NotASession;

    /// Reads only the form in which it is written.
    fn from_str(text: &str) -> std::result::Result<Self, NotASession> {
        let (number, identity) = text.split_once('.').ok_or(NotASession)?;
        let is_canonical = !number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit());
        if !is_canonical || identity.len() != IDENTITY_CHARS {
            return Err(NotASession);
        }
        // The decoder needs some room to spare, and refuses surplus bits.
        let mut bytes = [0; IDENTITY_BYTES + 2];
        let length = URL_SAFE_NO_PAD.decode_slice(identity, &mut bytes).map_err(|_| NotASession)?;
        let identity = bytes.first_chunk().filter(|_| length == IDENTITY_BYTES);
        let id = number.parse().map_err(|_| NotASession)?;
        Ok(Self { id, identity: *identity.ok_or(NotASession)? })
    }
}

impl fmt::Display for SessionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.id, URL_SAFE_NO_PAD.encode(self.identity))
    }
}

impl fmt::Debug for SessionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionRef({self})")
    }
}

impl fmt::Display for NotASession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the name of a session")
    }
}

impl std::error::Error for NotASession {}

impl Serialize for SessionRef {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SessionRef {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "7.AAECAwQFBgcICQoLDA0ODw";

    fn session() -> SessionRef {
        SessionRef::new(7, std::array::from_fn(|at| u8::try_from(at).unwrap()))
    }

    #[test]
    fn it_is_written_as_number_dot_and_22_characters_and_read_back() {
        assert_eq!(session().to_string(), TEXT);
        assert_eq!(TEXT.parse(), Ok(session()));
        assert_eq!(serde_json::to_string(&session()).unwrap(), format!("\"{TEXT}\""));
        assert_eq!(serde_json::from_str::<SessionRef>(&format!("\"{TEXT}\"")).unwrap(), session());
        let last = SessionRef::new(i64::MAX, [0xff; 16]);
        assert_eq!(last.to_string(), "9223372036854775807._____________________w");
        assert_eq!(last.to_string().parse(), Ok(last));
    }

    #[test]
    fn it_is_read_in_no_other_form() {
        let identity = &TEXT[2..];
        for number in ["", "0", "07", "+7", "-7", " 7", "7 ", "7.", "٧", "9223372036854775808"] {
            let text = format!("{number}.{identity}");
            assert_eq!(text.parse::<SessionRef>(), Err(NotASession), "{text}");
        }
        let short = &identity[..21];
        let changed = [
            // The same bytes, with bits after them that are not zero.
            format!("{short}x"),
            format!("{short}="),
            short.to_owned(),
            format!("{identity}="),
            format!("{identity}A"),
            format!("{short}+"),
            format!("{short} "),
            identity.replace('A', "é"),
            String::new(),
        ];
        for identity in changed {
            let text = format!("7.{identity}");
            assert_eq!(text.parse::<SessionRef>(), Err(NotASession), "{text}");
        }
        for text in ["", "7", ".", identity] {
            assert_eq!(text.parse::<SessionRef>(), Err(NotASession), "{text}");
        }
        assert!(serde_json::from_str::<SessionRef>("7").is_err());
    }
}
