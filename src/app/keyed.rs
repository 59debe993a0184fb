//! Keyed hashes: what stands for a login or a network where neither may be readable.
//!
//! One secret is behind all of them, and each purpose derives a key of its own from it. It is made
//! once and kept in the database, encrypted as the signing keys are. If there is an encryption key
//! and the secret is not encrypted with it, nothing goes on and no new one is made: anyone who put
//! it there could write an audit log of their own. Without `encryption.key` the secret protects a
//! list that is seen alone, such as a log or an export. Anyone with a copy of the whole database
//! has the secret too, and can try logins against the hashes.

use crate::db::{Database, Line, Transaction};
use crate::error::{Error, Result};
use crate::tokens::encryption::{Encrypted, EncryptionKeys, NotDecrypted};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tokio_postgres::types::Type;
use zeroize::Zeroizing;

/// Bytes of a hash.
pub(crate) const BYTES: usize = 32;

/// A key for one purpose.
#[derive(Clone)]
pub(crate) struct HashKey(Hmac<Sha256>);

impl HashKey {
    fn new(secret: &[u8]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        Self(Hmac::new_from_slice(secret).expect("HMAC takes keys of any length"))
    }

    /// The hash of these parts. It depends on where each part ends.
    pub(crate) fn hash(&self, parts: &[&[u8]]) -> [u8; BYTES] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl HashKey {
    /// These bytes with a code behind them, which [`vouched`](Self::vouched) checks.
    pub(crate) fn vouch(&self, bytes: &[u8]) -> Vec<u8> {
        [bytes, &self.hash(&[bytes])].concat()
    }

    /// The bytes that this key has vouched for, and the code. Compared in constant time.
    pub(crate) fn vouched<'a>(&self, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8; BYTES])> {
        let (said, code) = bytes.split_last_chunk()?;
        bool::from(self.hash(&[said]).ct_eq(code)).then_some((said, code))
    }
}

#[cfg(feature = "pages")]
impl HashKey {
    /// As [`vouch`](Self::vouch), for one place: what was vouched for there counts nowhere else.
    pub(crate) fn vouch_for(&self, place: &str, bytes: &[u8]) -> Vec<u8> {
        [bytes, &self.hash(&[place.as_bytes(), bytes])].concat()
    }

    /// As [`vouched`](Self::vouched), for one place.
    pub(crate) fn vouched_for<'a>(
        &self,
        place: &str,
        bytes: &'a [u8],
    ) -> Option<(&'a [u8], &'a [u8; BYTES])> {
        let (said, code) = bytes.split_last_chunk()?;
        bool::from(self.hash(&[place.as_bytes(), said]).ct_eq(code)).then_some((said, code))
    }
}

impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashKey(…)")
    }
}

/// The secret from which the keys of all purposes come.
pub(crate) struct Root(HashKey);

impl Root {
    /// Reads the secret, which is made the first time.
    ///
    /// # Errors
    /// Database errors; [`Error::Startup`] when it is encrypted with an encryption key
    /// that is not configured, or not protected by the one that is.
    pub(super) fn load(database: &Database, encryption: &EncryptionKeys) -> Result<Self> {
        let stored = match database.with_connection(|conn| find(conn))? {
            Some(stored) => stored,
            None => make(database, encryption)?,
        };
        match encryption.decrypt(PLACE, &stored) {
            Ok(secret) => Ok(Self::of(&secret)),
            Err(NotDecrypted::Plain) => Err(Error::startup(
                "encryption.key is set, and the root secret in the database is not encrypted; \
                 see `gatepost signing-key reencrypt`",
            )),
            Err(NotDecrypted::Foreign(name)) => Err(encrypted_otherwise(&name)),
            Err(NotDecrypted::Broken) => Err(broken()),
        }
    }

    pub(crate) fn of(secret: &[u8]) -> Self {
        Self(HashKey::new(secret))
    }

    /// The key of a purpose.
    pub(crate) fn key(&self, purpose: &str) -> HashKey {
        HashKey::new(&self.0.hash(&[purpose.as_bytes()]))
    }
}

/// What the encrypted secret is bound to.
pub(crate) const PLACE: &str = "root secret";

/// The error for an encryption key that is not this database's.
pub(crate) fn encrypted_otherwise(name: &str) -> Error {
    Error::Startup(format!(
        "encryption.key: the database holds keys that are encrypted with another encryption key \
         ({name:?}); set that one, or the new one together with encryption.previous_key"
    ))
}

/// The error for a secret that was changed. There is no other cure: another secret would not fit
/// the log.
pub(crate) fn broken() -> Error {
    Error::startup(
        "the root secret in the database is not as the service wrote it; restore the row 'root' of \
         gatepost.server_secrets from a backup",
    )
}

fn find(conn: &mut Line) -> Result<Option<Encrypted>> {
    let sql = "SELECT secret, sealed_with FROM gatepost.server_secrets WHERE name = 'root'";
    let row = conn.query_typed_opt(sql, &[])?;
    // A secret that is NULL counts as one that cannot be decrypted.
    let encrypted = |row: &tokio_postgres::Row| Encrypted {
        bytes: row.try_get::<_, Option<Vec<u8>>>(0).ok().flatten().unwrap_or_default(),
        with: row.try_get(1).ok().flatten(),
    };
    Ok(row.as_ref().map(encrypted))
}

/// If several instances start together, one stores its secret and all use that.
fn make(database: &Database, encryption: &EncryptionKeys) -> Result<Encrypted> {
    let new = encryption.encrypt(PLACE, &*Zeroizing::new(rand::random::<[u8; BYTES]>()))?;
    database.with_transaction(|tx| {
        let sql = "INSERT INTO gatepost.server_secrets (name, secret, sealed_with)
                   VALUES ('root', $1, $2) ON CONFLICT DO NOTHING";
        tx.execute_typed(sql, &[(&new.bytes, Type::BYTEA), (&new.with, Type::TEXT)])?;
        find(tx)?.ok_or_else(|| Error::Internal("the root secret is gone".to_owned()))
    })
}

/// Stores the secret encrypted anew, unless it was changed since it was read.
///
/// # Errors
/// Database errors.
pub(crate) fn reencrypt(tx: &mut Transaction<'_>, old: &Encrypted, new: &Encrypted) -> Result<()> {
    let sql = "UPDATE gatepost.server_secrets SET secret = $1, sealed_with = $2
               WHERE name = 'root' AND secret = $3";
    tx.execute_typed(
        sql,
        &[(&new.bytes, Type::BYTEA), (&new.with, Type::TEXT), (&old.bytes, Type::BYTEA)],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_secret_purpose_and_where_its_parts_end() {
        let key = |secret: &[u8], purpose| Root(HashKey::new(secret)).key(purpose);
        let hash = key(b"secret", "limits").hash(&[b"ab", b"c"]);
        assert_eq!(hash, key(b"secret", "limits").hash(&[b"ab", b"c"]));
        assert_ne!(hash, key(b"secret", "limits").hash(&[b"a", b"bc"]));
        assert_ne!(hash, key(b"secret", "audit").hash(&[b"ab", b"c"]));
        assert_ne!(hash, key(b"Secret", "limits").hash(&[b"ab", b"c"]));
    }
}
