//! Hashes that other services made. They are kept as they are and verified until the user's first
//! login, when one of ours replaces them.
//!
//! A [`Foreign`] is parsed once, and is well-formed from then on. [`super::stored`] then checks its
//! cost, so a hash beyond the bound is refused before anything is computed. The hashing threads
//! verify it. They also keep the memory of the hashes that run together within
//! `passwords.tuning.foreign_memory_bytes`.

mod parse;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::metrics::Hash;
use argon2::{Algorithm, Argon2, Params, Version};
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Makers of bcrypt hashes cut passwords longer than this, and so do we.
const BCRYPT_BYTES: usize = 72;

/// Argon2's lanes and scrypt's parallelisation; Django's Argon2 has 8.
const MAX_LANES: u32 = 64;

/// Most bytes of a salt, and of a hash: the longest that the libraries make is 64.
const MAX_FIELD: usize = 128;

/// The hash function inside of PBKDF2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

/// Another service's hash.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Foreign {
    /// `prehashed` is Django's BCryptSHA256: the password is SHA-256 in hexadecimal first.
    Bcrypt { cost: u32, salt: [u8; 16], hash: [u8; 23], prehashed: bool },
    /// Fields of the PHC string.
    Argon2 {
        algorithm: Algorithm,
        version: Version,
        kib: u32,
        passes: u32,
        lanes: u32,
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
    /// N is a power of two.
    Scrypt { log_n: u8, r: u32, p: u32, salt: Vec<u8>, hash: Vec<u8> },
    /// Any of the hash functions, but only with a hash of its full length.
    Pbkdf2 { digest: Digest, iterations: u32, salt: Vec<u8>, hash: Vec<u8> },
}

impl Foreign {
    /// Under which name it is counted.
    pub(super) fn kind(&self) -> Hash {
        match self {
            Self::Bcrypt { .. } => Hash::Bcrypt,
            Self::Argon2 { .. } => Hash::Argon2,
            Self::Scrypt { .. } => Hash::Scrypt,
            Self::Pbkdf2 { .. } => Hash::Pbkdf2,
        }
    }

    /// Bytes of memory that verifying takes, beyond some kilobytes.
    pub(super) fn memory(&self) -> usize {
        let bytes = match self {
            Self::Bcrypt { .. } | Self::Pbkdf2 { .. } => 0,
            Self::Argon2 { kib, .. } => u64::from(*kib) << 10,
            Self::Scrypt { log_n, r, p, .. } => {
                (128 * u64::from(*r)) * ((1 << *log_n) + u64::from(*p) + 1)
            }
        };
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Whether this is the hash of the password, byte for byte as the client sent it: the service
    /// that made the hash did not normalise. Slow.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is no memory for it; [`Error::Internal`] when a library
    /// refuses what was parsed.
    pub(super) fn verify(&self, password: &[u8]) -> Result<bool> {
        let refused = |e: &dyn fmt::Display| Error::Internal(format!("a foreign hash: {e}"));
        match self {
            Self::Bcrypt { cost, salt, hash, prehashed } => {
                let key = bcrypt_key(password, *prehashed);
                let computed = Zeroizing::new(bcrypt::bcrypt(*cost, *salt, &key));
                Ok(computed[..hash.len()].ct_eq(hash).into())
            }
            Self::Argon2 { algorithm, version, kib, passes, lanes, salt, hash } => {
                let params = Params::new(*kib, *passes, *lanes, Some(hash.len()));
                let params = params.map_err(|e| refused(&e))?;
                let mut computed = Zeroizing::new(vec![0; hash.len()]);
                Argon2::new(*algorithm, *version, params)
                    .hash_password_into(password, salt, &mut computed)
                    .map_err(|e| match e {
                        argon2::Error::OutOfMemory => Error::Unavailable(format!("Argon2: {e}")),
                        _ => refused(&e),
                    })?;
                Ok(computed.ct_eq(hash).into())
            }
            Self::Scrypt { log_n, r, p, salt, hash } => {
                let params = scrypt::Params::new(*log_n, *r, *p).map_err(|e| refused(&e))?;
                let mut computed = Zeroizing::new(vec![0; hash.len()]);
                scrypt::scrypt(password, salt, &params, &mut computed).map_err(|e| refused(&e))?;
                Ok(computed.ct_eq(hash).into())
            }
            Self::Pbkdf2 { digest, iterations, salt, hash } => {
                let mut computed = Zeroizing::new(vec![0; hash.len()]);
                match digest {
                    Digest::Sha1 => pbkdf2_hmac::<Sha1>(password, salt, *iterations, &mut computed),
                    Digest::Sha256 => {
                        pbkdf2_hmac::<Sha256>(password, salt, *iterations, &mut computed);
                    }
                    Digest::Sha512 => {
                        pbkdf2_hmac::<Sha512>(password, salt, *iterations, &mut computed);
                    }
                }
                Ok(computed.ct_eq(hash).into())
            }
        }
    }
}

/// bcrypt's key: at most 72 bytes, ending in a NUL where there is room. A password of ours holds no
/// NUL, so it does not matter that bcrypt would end there.
fn bcrypt_key(password: &[u8], prehashed: bool) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(BCRYPT_BYTES));
    if prehashed {
        for byte in Zeroizing::new(<[u8; 32]>::from(Sha256::digest(password))).iter() {
            let digits = b"0123456789abcdef";
            key.extend([byte >> 4, byte & 15].map(|digit| digits[usize::from(digit)]));
        }
    } else {
        key.extend(&password[..password.len().min(BCRYPT_BYTES)]);
    }
    if key.len() < BCRYPT_BYTES {
        key.push(0);
    }
    key
}

/// Kind and cost, as an operator knows them.
impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bcrypt { cost, prehashed: false, .. } => write!(f, "bcrypt cost={cost}"),
            Self::Bcrypt { cost, .. } => write!(f, "bcrypt of sha256 cost={cost}"),
            Self::Argon2 { algorithm, kib, passes, lanes, .. } => {
                write!(f, "{} m={kib},t={passes},p={lanes}", algorithm.as_str())
            }
            Self::Scrypt { log_n, r, p, .. } => write!(f, "scrypt ln={log_n},r={r},p={p}"),
            Self::Pbkdf2 { digest, iterations, .. } => {
                let name = match digest {
                    Digest::Sha1 => "sha1",
                    Digest::Sha256 => "sha256",
                    Digest::Sha512 => "sha512",
                };
                write!(f, "pbkdf2-{name} i={iterations}")
            }
        }
    }
}
