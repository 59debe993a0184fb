//! Sealing what lies in the database: XChaCha20-Poly1305 under a key that does not.
//!
//! The key is derived from `encryption.key`. Its nonces have 192 bits, so they are drawn at
//! random without a thought of collisions. What is sealed is bound to its place: moved to another
//! row, it does not open. Where there is a key, what is not sealed does not open either: otherwise
//! whoever can write a row would put bytes of their own into it.
//!
//! What need not be secret but must be ours is vouched for by a code (HMAC-SHA256) under another key
//! that is derived from the same setting.

use crate::error::{Error, Result};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

const NONCE_BYTES: usize = 24;

/// Bytes as they lie in the database, and the name of the key that they are sealed with, if any.
#[derive(Clone)]
pub(crate) struct Sealed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) with: Option<String>,
}

/// Why bytes do not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// They are not sealed, and there is an encryption key.
    Plain,
    /// They name an encryption key that is not among ours.
    Foreign(String),
    /// They are not what was sealed for this place.
    Broken,
}

/// The encryption keys: one that seals, and more that open.
pub(crate) struct Seals(Vec<Seal>);

struct Seal {
    name: String,
    cipher: XChaCha20Poly1305,
    code: Hmac<Sha256>,
}

impl Seals {
    /// Of several secrets the first seals. With none nothing is sealed.
    ///
    /// # Errors
    /// [`Error::Internal`], which would be a fault of ours.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Result<Self> {
        secrets.into_iter().map(Seal::new).collect::<Result<_>>().map(Self)
    }

    /// The name of the key that seals.
    pub(crate) fn name(&self) -> Option<&str> {
        self.0.first().map(|seal| seal.name.as_str())
    }

    /// Seals for this place.
    ///
    /// # Errors
    /// [`Error::Internal`], which would be a fault of ours.
    pub(crate) fn seal(&self, place: &str, plain: &[u8]) -> Result<Sealed> {
        let Some(seal) = self.0.first() else {
            return Ok(Sealed { bytes: plain.to_vec(), with: None });
        };
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload { msg: plain, aad: place.as_bytes() };
        let sealed = seal.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|e| Error::Internal(format!("cannot seal a key: {e}")))?;
        let bytes = [nonce.as_slice(), &sealed].concat();
        Ok(Sealed { bytes, with: Some(seal.name.clone()) })
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// Why it does not open.
    pub(crate) fn open(
        &self,
        place: &str,
        sealed: &Sealed,
    ) -> std::result::Result<Zeroizing<Vec<u8>>, Closed> {
        let Some(name) = &sealed.with else {
            let plain = || Zeroizing::new(sealed.bytes.clone());
            return if self.0.is_empty() { Ok(plain()) } else { Err(Closed::Plain) };
        };
        let seal = self.0.iter().find(|seal| seal.name == *name);
        let seal = seal.ok_or_else(|| Closed::Foreign(name.clone()))?;
        let (nonce, bytes) = sealed.bytes.split_first_chunk().ok_or(Closed::Broken)?;
        let payload = Payload { msg: bytes, aad: place.as_bytes() };
        let nonce: &[u8; NONCE_BYTES] = nonce;
        let opened = seal.cipher.decrypt(&XNonce::from(*nonce), payload);
        opened.map(Zeroizing::new).map_err(|_| Closed::Broken)
    }

    /// Vouches for these parts. `None` without an encryption key.
    pub(crate) fn vouch(&self, parts: &[Vec<u8>]) -> Option<Vec<u8>> {
        let code = self.0.first()?.code(parts).finalize().into_bytes();
        Some(code.to_vec())
    }

    /// The name of the key that has vouched for these parts with this code, if one of ours has.
    /// Compared in constant time.
    pub(crate) fn vouched_by(&self, parts: &[Vec<u8>], code: &[u8]) -> Option<&str> {
        let has = |seal: &&Seal| seal.code(parts).verify_slice(code).is_ok();
        self.0.iter().find(has).map(|seal| seal.name.as_str())
    }
}

impl Seal {
    fn new(secret: &Secret) -> Result<Self> {
        let key = derive(secret, b"gatepost encryption key 1")?;
        let name = derive(secret, b"gatepost name of the encryption key 1")?;
        let code = derive(secret, b"gatepost key of codes 1")?;
        let code = Hmac::new_from_slice(code.as_slice());
        let code = code.map_err(|e| Error::Internal(format!("cannot derive a key: {e}")))?;
        let cipher = XChaCha20Poly1305::new(&(*key).into());
        Ok(Self { name: URL_SAFE_NO_PAD.encode(&name[..6]), cipher, code })
    }

    /// The code over these parts, each of which is told from the next.
    fn code(&self, parts: &[Vec<u8>]) -> Hmac<Sha256> {
        parts.iter().fold(self.code.clone(), |code, part| {
            code.chain_update((part.len() as u64).to_be_bytes()).chain_update(part)
        })
    }
}

/// The secret has the entropy already, so one step of extraction is enough (RFC 5869, 3.3).
fn derive(secret: &Secret, purpose: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
    let mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes());
    let mac = mac.map_err(|e| Error::Internal(format!("cannot derive a key: {e}")))?;
    Ok(Zeroizing::new(mac.chain_update(purpose).finalize().into_bytes().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seals(secrets: &[&str]) -> Seals {
        let secrets: Vec<Secret> = secrets.iter().map(|text| Secret::from(*text)).collect();
        Seals::new(&secrets).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_in_its_place_and_nowhere_else() {
        let sealed = seals(&["one"]).seal("row 1", b"a private key").unwrap();
        assert!(!sealed.bytes.windows(9).any(|window| window == b"a private"));
        assert_eq!(seals(&["one"]).open("row 1", &sealed).unwrap().as_slice(), b"a private key");
        assert_eq!(seals(&["one"]).open("row 2", &sealed), Err(Closed::Broken));
        let name = sealed.with.clone().unwrap();
        for others in [seals(&["two"]), seals(&[])] {
            assert_eq!(others.open("row 1", &sealed), Err(Closed::Foreign(name.clone())));
        }
    }

    #[test]
    fn the_first_key_seals_and_all_of_them_open() {
        let old = seals(&["old"]).seal("row", b"x").unwrap();
        let both = seals(&["new", "old"]);
        assert_eq!(both.open("row", &old).unwrap().as_slice(), b"x");
        let new = both.seal("row", b"x").unwrap();
        assert_eq!(seals(&["new"]).open("row", &new).unwrap().as_slice(), b"x");
        assert_ne!(new.bytes, both.seal("row", b"x").unwrap().bytes);
    }

    #[test]
    fn no_bit_of_what_is_sealed_can_be_changed() {
        let seals = seals(&["one"]);
        let sealed = seals.seal("row", b"x").unwrap();
        for position in 0..sealed.bytes.len() {
            let mut changed = sealed.clone();
            changed.bytes[position] ^= 1;
            assert!(seals.open("row", &changed).is_err(), "byte {position}");
        }
        let short = Sealed { bytes: vec![0; 5], with: sealed.with };
        assert!(seals.open("row", &short).is_err());
    }

    #[test]
    fn without_a_key_nothing_is_sealed() {
        let sealed = seals(&[]).seal("row", b"x").unwrap();
        assert_eq!((sealed.bytes.as_slice(), &sealed.with), (b"x".as_slice(), &None));
        assert_eq!(seals(&[]).open("row", &sealed).unwrap().as_slice(), b"x");
        assert_eq!(seals(&[]).vouch(&[b"x".to_vec()]), None);
        assert_eq!(seals(&["one"]).open("row", &sealed), Err(Closed::Plain));
    }

    #[test]
    fn a_code_holds_for_its_parts_and_its_key() {
        let parts = |parts: [&str; 2]| parts.map(|part| part.as_bytes().to_vec());
        let code = seals(&["one"]).vouch(&parts(["ab", "c"])).unwrap();
        let both = seals(&["two", "one"]);
        assert_eq!(both.vouched_by(&parts(["ab", "c"]), &code), seals(&["one"]).name());
        assert_eq!(both.vouched_by(&parts(["a", "bc"]), &code), None);
        assert_eq!(both.vouched_by(&parts(["ab", "c"]), &code[1..]), None);
        assert_eq!(both.vouched_by(&parts(["ab", "c"]), b""), None);
        assert_eq!(seals(&["two"]).vouched_by(&parts(["ab", "c"]), &code), None);
    }
}
