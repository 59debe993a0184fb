//! Sealing what lies in the database: XChaCha20-Poly1305 under a key that does not.
//!
//! The key is derived from `tokens.encryption_key`. Its nonces have 192 bits, so they are drawn at
//! random without a thought of collisions. What is sealed is bound to its place: moved to another
//! row, it does not open.

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

/// The encryption keys: one that seals, and more that open.
pub(crate) struct Seals(Vec<Seal>);

struct Seal {
    name: String,
    cipher: XChaCha20Poly1305,
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
    /// [`Error::Startup`] when the key is not among ours; [`Error::Internal`] when the bytes are
    /// not what was sealed.
    pub(crate) fn open(&self, place: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>> {
        let Some(name) = &sealed.with else {
            return Ok(Zeroizing::new(sealed.bytes.clone()));
        };
        let Some(seal) = self.0.iter().find(|seal| seal.name == *name) else {
            return Err(Error::Startup(format!(
                "tokens.encryption_key: the database holds keys that are sealed with another \
                 encryption key ({name}); set that one, or the new one together with \
                 tokens.encryption_key_previous"
            )));
        };
        let broken = || Error::Internal(format!("{place} does not open: its row was changed"));
        let (nonce, bytes) = sealed.bytes.split_first_chunk().ok_or_else(broken)?;
        let payload = Payload { msg: bytes, aad: place.as_bytes() };
        let nonce: &[u8; NONCE_BYTES] = nonce;
        seal.cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| broken())
    }
}

impl Seal {
    fn new(secret: &Secret) -> Result<Self> {
        let key = derive(secret, b"gatepost encryption key 1")?;
        let name = derive(secret, b"gatepost name of the encryption key 1")?;
        let cipher = XChaCha20Poly1305::new(&(*key).into());
        Ok(Self { name: URL_SAFE_NO_PAD.encode(&name[..6]), cipher })
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
        assert!(matches!(seals(&["one"]).open("row 2", &sealed), Err(Error::Internal(_))));
        for others in [seals(&["two"]), seals(&[])] {
            let Err(Error::Startup(text)) = others.open("row 1", &sealed) else { panic!("opened") };
            assert!(text.contains("tokens.encryption_key_previous"), "{text}");
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
        assert_eq!(seals(&["one"]).open("row", &sealed).unwrap().as_slice(), b"x");
    }
}
