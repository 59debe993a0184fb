//! One signing key: what signs, what verifies, and what is published.

use super::rsa;
use crate::config;
use crate::error::{Error, Result};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{SigningKey as Ed25519, VerifyingKey as Ed25519Public};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use p256::ecdsa::{SigningKey as P256, VerifyingKey as P256Public};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Bytes of a private key, of Ed25519 and of P-256 alike.
const PRIVATE_BYTES: usize = 32;

/// A key. Only keys from the configuration's secrets, or from rows with a private half, can sign.
#[derive(Clone)]
pub(crate) struct Key {
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    pub(super) signs: Option<SigningHalf>,
    pub(super) verifies: DecodingKey,
    /// None for a shared secret.
    public: Option<Vec<u8>>,
}

/// What signs.
#[derive(Clone)]
pub(super) enum SigningHalf {
    Of(EncodingKey),
    Rsa(Arc<ring::rsa::KeyPair>),
}

/// A public key as RFC 7517 writes it.
#[derive(Serialize)]
pub(crate) struct Jwk {
    #[serde(flatten)]
    numbers: Numbers,
    kid: String,
    alg: &'static str,
    r#use: &'static str,
}

/// What its numbers are: RFC 8037, 2 for Ed25519, RFC 7518, 6.2 for P-256 and 6.3 for RSA.
#[derive(Serialize)]
#[serde(tag = "kty")]
enum Numbers {
    #[serde(rename = "OKP")]
    Ed25519 { crv: &'static str, x: String },
    #[serde(rename = "EC")]
    P256 { crv: &'static str, x: String, y: String },
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
}

/// A new private key of this algorithm.
///
/// # Errors
/// [`Error::Internal`] for HS256, whose secret is the operator's.
pub(crate) fn generate(algorithm: config::Algorithm) -> Result<Zeroizing<Vec<u8>>> {
    match algorithm {
        config::Algorithm::EdDsa => Ok(random()),
        config::Algorithm::Es256 => loop {
            let private = random();
            // Almost all numbers of this size are keys.
            if P256::from_slice(&private).is_ok() {
                return Ok(private);
            }
        },
        config::Algorithm::Rs256 | config::Algorithm::Rs256Bits3072 => {
            rsa::generate(algorithm.rsa_bits().unwrap_or_default())
        }
        config::Algorithm::Hs256 => {
            Err(Error::Internal("an HS256 secret is not generated".to_owned()))
        }
    }
}

fn random() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(rand::random::<[u8; PRIVATE_BYTES]>().to_vec())
}

impl Key {
    /// A key that can sign.
    ///
    /// # Errors
    /// [`Error::Internal`] for bytes that are no private key of this algorithm.
    pub(crate) fn private(algorithm: config::Algorithm, private: &[u8]) -> Result<Self> {
        let (public, signs) = match algorithm {
            config::Algorithm::EdDsa => {
                let bytes = private.try_into().map_err(|_| malformed(algorithm))?;
                let public = Ed25519::from_bytes(bytes).verifying_key().to_bytes().to_vec();
                (public, SigningHalf::Of(EncodingKey::from_ed_der(private)))
            }
            config::Algorithm::Es256 => {
                let key = P256::from_slice(private).map_err(|_| malformed(algorithm))?;
                let public = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
                (public, SigningHalf::Of(EncodingKey::from_ec_der(private)))
            }
            config::Algorithm::Rs256 | config::Algorithm::Rs256Bits3072 => {
                let pair = rsa::pair(private, algorithm.rsa_bits().unwrap_or_default());
                let pair = pair.ok_or_else(|| malformed(algorithm))?;
                (rsa::public_half(&pair), SigningHalf::Rsa(Arc::new(pair)))
            }
            config::Algorithm::Hs256 => return Err(malformed(algorithm)),
        };
        let mut key = Self::public(algorithm, &public)?;
        key.signs = Some(signs);
        Ok(key)
    }

    /// A key that can only verify.
    ///
    /// # Errors
    /// [`Error::Internal`] for bytes that cannot be a public key of this algorithm.
    pub(crate) fn public(algorithm: config::Algorithm, public: &[u8]) -> Result<Self> {
        let is_one = match algorithm {
            config::Algorithm::EdDsa => {
                public.try_into().is_ok_and(|bytes| Ed25519Public::from_bytes(bytes).is_ok())
            }
            // Both coordinates are published, so the compressed form is not accepted.
            config::Algorithm::Es256 => {
                public.len() == 65 && P256Public::from_sec1_bytes(public).is_ok()
            }
            config::Algorithm::Rs256 | config::Algorithm::Rs256Bits3072 => {
                rsa::numbers(public, algorithm.rsa_bits().unwrap_or_default()).is_some()
            }
            config::Algorithm::Hs256 => false,
        };
        if !is_one {
            return Err(malformed(algorithm));
        }
        let (signature, verifies) = match algorithm {
            config::Algorithm::Es256 => (Algorithm::ES256, DecodingKey::from_ec_der(public)),
            config::Algorithm::Rs256 | config::Algorithm::Rs256Bits3072 => {
                (Algorithm::RS256, DecodingKey::from_rsa_der(public))
            }
            _ => (Algorithm::EdDSA, DecodingKey::from_ed_der(public)),
        };
        Ok(Self {
            kid: kid(public),
            algorithm: signature,
            signs: None,
            verifies,
            public: Some(public.to_vec()),
        })
    }

    /// HMAC-SHA256 with a shared secret.
    pub(crate) fn hs256(secret: &Secret) -> Self {
        let bytes = secret.expose().as_bytes();
        Self {
            kid: "hs256".to_owned(),
            algorithm: Algorithm::HS256,
            signs: Some(SigningHalf::Of(EncodingKey::from_secret(bytes))),
            verifies: DecodingKey::from_secret(bytes),
            public: None,
        }
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half, as the database keeps it.
    pub(crate) fn public_bytes(&self) -> Option<&[u8]> {
        self.public.as_deref()
    }

    /// What others need to verify with it; `None` for a shared secret.
    pub(crate) fn jwk(&self) -> Option<Jwk> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let public = self.public.as_deref()?;
        let (alg, numbers) = match self.algorithm {
            Algorithm::EdDSA => ("EdDSA", Numbers::Ed25519 { crv: "Ed25519", x: encode(public) }),
            Algorithm::RS256 => {
                let (n, e) = rsa::numbers_of(public)?;
                ("RS256", Numbers::Rsa { n: encode(&n), e: encode(&e) })
            }
            // After the byte that says that both coordinates follow.
            _ => {
                let (x, y) = (encode(public.get(1..33)?), encode(public.get(33..)?));
                ("ES256", Numbers::P256 { crv: "P-256", x, y })
            }
        };
        Some(Jwk { numbers, kid: self.kid.clone(), alg, r#use: "sig" })
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({} {:?}, …)", self.kid, self.algorithm)
    }
}

fn malformed(algorithm: config::Algorithm) -> Error {
    Error::Internal(format!("a stored key of {} is malformed", algorithm.name()))
}

/// The name of a key. It comes from the public half, so that it reveals nothing about the other.
fn kid(public: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(public)[..12])
}
