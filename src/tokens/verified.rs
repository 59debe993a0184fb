//! Tokens whose signature was checked already, so that a client that asks again and again costs one
//! check. The user's row and the token's expiry are still checked every time.
//!
//! This is a table of fixed size in which each token has one place, found by its hash. A newer one
//! takes the place of an older one. Only tokens that are valid get in, so nobody without a key can
//! push others out, and each place has a lock of its own, so that no two workers wait for each
//! other.

use super::claims::AccessClaims;
use crate::error::Result;
use sha2::{Digest, Sha256};
use std::sync::{Mutex, PoisonError};

/// The tokens, by the SHA-256 of their text.
pub(super) struct VerifiedTokens(Box<[Mutex<Option<VerifiedToken>>]>);

struct VerifiedToken {
    hash: [u8; 32],
    claims: AccessClaims,
}

impl VerifiedTokens {
    /// Room for this many tokens of some 250 bytes each. With 0, nothing is remembered.
    pub(super) fn new(places: usize) -> Self {
        Self((0..places).map(|_| Mutex::new(None)).collect())
    }

    /// The claims of this token, known from before or as `verify` finds them.
    ///
    /// # Errors
    /// Those of `verify`, which are not remembered.
    pub(super) fn get(
        &self,
        token: &str,
        verify: impl FnOnce() -> Result<AccessClaims>,
    ) -> Result<AccessClaims> {
        if self.0.is_empty() {
            return verify();
        }
        let hash: [u8; 32] = Sha256::digest(token).into();
        let number = hash.iter().take(4).fold(0, |number, byte| number << 8 | usize::from(*byte));
        let place = &self.0[number % self.0.len()];
        let known = |entry: &&VerifiedToken| entry.hash == hash;
        if let Some(entry) = lock(place).as_ref().filter(known) {
            return Ok(entry.claims.clone());
        }
        let claims = verify()?;
        *lock(place) = Some(VerifiedToken { hash, claims: claims.clone() });
        Ok(claims)
    }
}

fn lock(place: &Mutex<Option<VerifiedToken>>) -> std::sync::MutexGuard<'_, Option<VerifiedToken>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::tokens::Claims;
    use std::cell::Cell;

    fn claims(user_id: i64) -> AccessClaims {
        AccessClaims::User(Claims {
            user_id,
            exp: 0,
            iss: String::new(),
            sub: String::new(),
            aud: serde_json::from_str("[]").unwrap(),
            client_id: String::new(),
            iat: 0,
            auth_time: 0,
            amr: crate::tokens::Amr::PASSWORD,
            acr: crate::tokens::SFA,
            jti: String::new(),
            sid: crate::tokens::SessionRef::new(1, [0; 16]),
            admin: false,
            token_version: 1,
        })
    }

    #[test]
    fn a_token_is_verified_once_and_never_mistaken_for_another() {
        // One place, so that each of them takes that of the other.
        let verified = VerifiedTokens::new(1);
        let checks = Cell::new(0);
        let get = |token: &str, id: i64| {
            let check = || {
                checks.set(checks.get() + 1);
                Ok(claims(id))
            };
            verified.get(token, check).unwrap()
        };

        assert_eq!((get("a", 1), get("a", 1), checks.get()), (claims(1), claims(1), 1));
        assert_eq!((get("b", 2), get("b", 2), checks.get()), (claims(2), claims(2), 2));
        assert_eq!((get("a", 1), checks.get()), (claims(1), 3));
    }

    #[test]
    fn a_refusal_is_not_remembered() {
        let verified = VerifiedTokens::new(8);
        assert_eq!(verified.get("a", || Err(Error::TokenInvalid)), Err(Error::TokenInvalid));
        assert_eq!(verified.get("a", || Ok(claims(1))), Ok(claims(1)));
    }

    #[test]
    fn without_a_place_every_token_is_verified() {
        let verified = VerifiedTokens::new(0);
        assert_eq!(verified.get("a", || Ok(claims(1))), Ok(claims(1)));
        assert_eq!(verified.get("a", || Ok(claims(2))), Ok(claims(2)));
    }
}
