//! Encrypting what is stored in the database: XChaCha20-Poly1305 under a key that is not stored
//! there.
//!
//! The key is derived from `encryption.key`. Its nonces have 192 bits, so they are drawn at random
//! without regard to collisions. Encrypted bytes are bound to their place: moved to another row,
//! they cannot be decrypted. If there is a key, bytes that are not encrypted are not accepted
//! either. Otherwise anyone who can write a row could put their own bytes into it.
//!
//! Anything that need not be secret but must be ours is vouched for by a code (HMAC-SHA256) under
//! another key derived from the same setting.

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

/// Bytes as they are stored, and the name of the key that they are encrypted with, if any.
#[derive(Clone)]
pub(crate) struct Encrypted {
    pub(crate) bytes: Vec<u8>,
    pub(crate) with: Option<String>,
}

/// Why bytes are not decrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotDecrypted {
    /// They are not encrypted, and there is an encryption key.
    Plain,
    /// They name an encryption key that is not among ours.
    Foreign(String),
    /// They are not what was encrypted for this place.
    Broken,
}

impl std::fmt::Display for NotDecrypted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "not encrypted, although encryption.key is set",
            Self::Foreign(_) => "encrypted with another encryption key",
            Self::Broken => "not as the service wrote it",
        })
    }
}

/// The encryption keys: one that encrypts, and more that only decrypt.
pub(crate) struct EncryptionKeys(Vec<EncryptionKey>);

struct EncryptionKey {
    name: String,
    cipher: XChaCha20Poly1305,
    code: Hmac<Sha256>,
}

impl EncryptionKeys {
    /// The first of several secrets encrypts. With none, nothing is encrypted.
    ///
    /// # Errors
    /// [`Error::Internal`], which would be a bug.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Result<Self> {
        secrets.into_iter().map(EncryptionKey::new).collect::<Result<_>>().map(Self)
    }

    /// The name of the key that encrypts.
    pub(crate) fn name(&self) -> Option<&str> {
        self.0.first().map(|key| key.name.as_str())
    }

    /// Encrypts for this place.
    ///
    /// # Errors
    /// [`Error::Internal`], which would be a bug.
    pub(crate) fn encrypt(&self, place: &str, plain: &[u8]) -> Result<Encrypted> {
        let Some(key) = self.0.first() else {
            return Ok(Encrypted { bytes: plain.to_vec(), with: None });
        };
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload { msg: plain, aad: place.as_bytes() };
        let encrypted = key.cipher.encrypt(&XNonce::from(nonce), payload);
        let encrypted =
            encrypted.map_err(|e| Error::Internal(format!("cannot encrypt a key: {e}")))?;
        let bytes = [nonce.as_slice(), &encrypted].concat();
        Ok(Encrypted { bytes, with: Some(key.name.clone()) })
    }

    /// Decrypts what was encrypted for this place.
    ///
    /// # Errors
    /// Why it is not decrypted.
    pub(crate) fn decrypt(
        &self,
        place: &str,
        encrypted: &Encrypted,
    ) -> std::result::Result<Zeroizing<Vec<u8>>, NotDecrypted> {
        let Some(name) = &encrypted.with else {
            let plain = || Zeroizing::new(encrypted.bytes.clone());
            return if self.0.is_empty() { Ok(plain()) } else { Err(NotDecrypted::Plain) };
        };
        let key = self.0.iter().find(|key| key.name == *name);
        let key = key.ok_or_else(|| NotDecrypted::Foreign(name.clone()))?;
        let (nonce, bytes) = encrypted.bytes.split_first_chunk().ok_or(NotDecrypted::Broken)?;
        let payload = Payload { msg: bytes, aad: place.as_bytes() };
        let nonce: &[u8; NONCE_BYTES] = nonce;
        let opened = key.cipher.decrypt(&XNonce::from(*nonce), payload);
        opened.map(Zeroizing::new).map_err(|_| NotDecrypted::Broken)
    }

    /// Vouches for these parts. `None` without an encryption key.
    pub(crate) fn vouch(&self, parts: &[Vec<u8>]) -> Option<Vec<u8>> {
        let code = self.0.first()?.code(parts).finalize().into_bytes();
        Some(code.to_vec())
    }

    /// The name of the key that has vouched for these parts with this code, if one of ours has.
    /// Compared in constant time.
    pub(crate) fn vouched_by(&self, parts: &[Vec<u8>], code: &[u8]) -> Option<&str> {
        let has = |key: &&EncryptionKey| key.code(parts).verify_slice(code).is_ok();
        self.0.iter().find(has).map(|key| key.name.as_str())
    }
}

impl EncryptionKey {
    fn new(secret: &Secret) -> Result<Self> {
        let key = derive(secret, b"gatepost encryption key 1")?;
        let name = derive(secret, b"gatepost name of the encryption key 1")?;
        let code = derive(secret, b"gatepost key of codes 1")?;
        let code = Hmac::new_from_slice(code.as_slice());
        let code = code.map_err(|e| Error::Internal(format!("cannot derive a key: {e}")))?;
        let cipher = XChaCha20Poly1305::new(&(*key).into());
        Ok(Self { name: URL_SAFE_NO_PAD.encode(&name[..6]), cipher, code })
    }

    /// The code over these parts. It depends on where each part ends.
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

    fn encryption(secrets: &[&str]) -> EncryptionKeys {
        let secrets: Vec<Secret> = secrets.iter().map(|text| Secret::from(*text)).collect();
        EncryptionKeys::new(&secrets).unwrap()
    }

    #[test]
    fn what_is_encrypted_is_decrypted_with_its_key_in_its_place_and_nowhere_else() {
        let encrypted = encryption(&["one"]).encrypt("row 1", b"a private key").unwrap();
        assert!(!encrypted.bytes.windows(9).any(|window| window == b"a private"));
        assert_eq!(
            encryption(&["one"]).decrypt("row 1", &encrypted).unwrap().as_slice(),
            b"a private key"
        );
        assert_eq!(encryption(&["one"]).decrypt("row 2", &encrypted), Err(NotDecrypted::Broken));
        let name = encrypted.with.clone().unwrap();
        for others in [encryption(&["two"]), encryption(&[])] {
            assert_eq!(
                others.decrypt("row 1", &encrypted),
                Err(NotDecrypted::Foreign(name.clone()))
            );
        }
    }

    #[test]
    fn the_first_key_encrypts_and_all_of_them_decrypt() {
        let old = encryption(&["old"]).encrypt("row", b"x").unwrap();
        let both = encryption(&["new", "old"]);
        assert_eq!(both.decrypt("row", &old).unwrap().as_slice(), b"x");
        let new = both.encrypt("row", b"x").unwrap();
        assert_eq!(encryption(&["new"]).decrypt("row", &new).unwrap().as_slice(), b"x");
        assert_ne!(new.bytes, both.encrypt("row", b"x").unwrap().bytes);
    }

    #[test]
    fn no_bit_of_what_is_encrypted_can_be_changed() {
        let encryption = encryption(&["one"]);
        let encrypted = encryption.encrypt("row", b"x").unwrap();
        for position in 0..encrypted.bytes.len() {
            let mut changed = encrypted.clone();
            changed.bytes[position] ^= 1;
            assert!(encryption.decrypt("row", &changed).is_err(), "byte {position}");
        }
        let short = Encrypted { bytes: vec![0; 5], with: encrypted.with };
        assert!(encryption.decrypt("row", &short).is_err());
    }

    #[test]
    fn without_a_key_nothing_is_encrypted() {
        let encrypted = encryption(&[]).encrypt("row", b"x").unwrap();
        assert_eq!((encrypted.bytes.as_slice(), &encrypted.with), (b"x".as_slice(), &None));
        assert_eq!(encryption(&[]).decrypt("row", &encrypted).unwrap().as_slice(), b"x");
        assert_eq!(encryption(&[]).vouch(&[b"x".to_vec()]), None);
        assert_eq!(encryption(&["one"]).decrypt("row", &encrypted), Err(NotDecrypted::Plain));
    }

    #[test]
    fn a_code_holds_for_its_parts_and_its_key() {
        let parts = |parts: [&str; 2]| parts.map(|part| part.as_bytes().to_vec());
        let code = encryption(&["one"]).vouch(&parts(["ab", "c"])).unwrap();
        let both = encryption(&["two", "one"]);
        assert_eq!(both.vouched_by(&parts(["ab", "c"]), &code), encryption(&["one"]).name());
        assert_eq!(both.vouched_by(&parts(["a", "bc"]), &code), None);
        assert_eq!(both.vouched_by(&parts(["ab", "c"]), &code[1..]), None);
        assert_eq!(both.vouched_by(&parts(["ab", "c"]), b""), None);
        assert_eq!(encryption(&["two"]).vouched_by(&parts(["ab", "c"]), &code), None);
    }
}
