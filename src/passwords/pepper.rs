//! The pepper: a secret outside of the database, without which its hashes are worth nothing.
//!
//! A stored hash is HMAC-SHA256 of PBKDF2's output under the pepper. Beside it stands the pepper's
//! key id: six bytes derived from the pepper, so that operators need not number peppers. A pepper
//! is replaced by making it a previous one: its hashes still verify, and are made anew under the
//! current one at the next login. A pepper that is lost takes its hashes with it.

use super::kernel::HASH_BYTES;
use crate::error::{Error, Result};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::str::FromStr;

/// The context from which the key id is derived with the pepper.
const ID_CONTEXT: &[u8] = b"gatepost pepper key id";

/// Which pepper a hash is under. It could confirm a guess of the pepper, so the pepper must not be
/// guessable; it reveals nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyId([u8; 6]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD_NO_PAD.encode(self.0))
    }
}

impl FromStr for KeyId {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let bytes = STANDARD_NO_PAD.decode(text).map_err(drop)?;
        bytes.try_into().map(Self).map_err(drop)
    }
}

struct Pepper {
    id: KeyId,
    key: Secret,
}

/// The current pepper, if there is one, and the previous ones.
pub(super) struct Peppers {
    current: Option<KeyId>,
    all: Vec<Pepper>,
}

impl Peppers {
    /// The peppers of the configuration.
    ///
    /// # Errors
    /// [`Error::Internal`] when HMAC rejects one, which does not happen.
    pub(super) fn new(current: Option<&Secret>, previous: &[Secret]) -> Result<Self> {
        let pepper = |key: &Secret| -> Result<Pepper> {
            let mut id = [0; 6];
            id.copy_from_slice(&mac(key, ID_CONTEXT)?[..6]);
            Ok(Pepper { id: KeyId(id), key: key.clone() })
        };
        let all: Vec<Pepper> =
            current.into_iter().chain(previous).map(pepper).collect::<Result<_>>()?;
        Ok(Self { current: current.and(all.first().map(|first| first.id)), all })
    }

    /// The pepper that new hashes are under.
    pub(super) fn current(&self) -> Option<KeyId> {
        self.current
    }

    /// Whether hashes under this pepper can be verified, or what the operator should know.
    pub(super) fn check(&self, id: Option<KeyId>) -> std::result::Result<(), String> {
        id.map_or(Ok(()), |id| self.find(id).map(|_| ()))
    }

    /// The hash as it is stored: under the pepper, if there is one.
    ///
    /// # Errors
    /// [`Error::Internal`] when the configuration lacks the pepper. The operator must learn of
    /// that, and the user must not be told that the password was wrong.
    pub(super) fn apply(
        &self,
        id: Option<KeyId>,
        hash: [u8; HASH_BYTES],
    ) -> Result<[u8; HASH_BYTES]> {
        id.map_or(Ok(hash), |id| mac(&self.find(id).map_err(Error::Internal)?.key, &hash))
    }

    fn find(&self, id: KeyId) -> std::result::Result<&Pepper, String> {
        self.all.iter().find(|pepper| pepper.id == id).ok_or_else(|| {
            format!(
                "a password hash is under the pepper with keyid {id}, which is neither \
                 passwords.pepper nor one of passwords.previous_peppers"
            )
        })
    }
}

fn mac(key: &Secret, data: &[u8]) -> Result<[u8; HASH_BYTES]> {
    let mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes());
    let mac = mac.map_err(|e| Error::Internal(format!("passwords.pepper: {e}")))?;
    Ok(mac.chain_update(data).finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pepper_has_an_id_of_its_own_and_makes_hashes_of_its_own() {
        let [a, b] = ["a", "b"].map(|text| Secret::new(text.repeat(32)));
        let peppers = Peppers::new(Some(&a), std::slice::from_ref(&b)).unwrap();
        let only_b = Peppers::new(Some(&b), &[]).unwrap();
        let (id_a, id_b) = (peppers.current(), only_b.current());
        assert_ne!(id_a, id_b);
        let [under_a, under_b, under_none] =
            [id_a, id_b, None].map(|id| peppers.apply(id, [5; HASH_BYTES]).unwrap());
        assert_eq!(under_none, [5; HASH_BYTES]);
        assert!(under_a != under_b && under_a != under_none);
        assert_eq!(only_b.apply(id_b, [5; HASH_BYTES]).unwrap(), under_b);
        assert!(only_b.check(id_a).is_err() && only_b.check(id_b).is_ok());
    }

    #[test]
    fn previous_peppers_alone_are_for_hashes_that_exist() {
        let old = Secret::new("a".repeat(32));
        let id = Peppers::new(Some(&old), &[]).unwrap().current();
        let peppers = Peppers::new(None, &[old]).unwrap();
        assert_eq!(peppers.current(), None);
        assert!(peppers.check(id).is_ok());
    }
}
