//! Making a key, and what its encrypted half is bound to.

use super::codes;
use super::plan::Turn;
use crate::config::{Algorithm, Config};
use crate::error::Result;
use crate::tokens::encryption::{Encrypted, EncryptionKeys};
use crate::tokens::key::{Key, generate};
use crate::tokens::refresh::RefreshKey;

/// A key that is about to be stored.
pub(crate) struct NewKey {
    pub(crate) generation: i64,
    pub(crate) from: i64,
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: String,
    pub(crate) public: Vec<u8>,
    pub(crate) encrypted: Encrypted,
    /// The code over it; none without an encryption key.
    pub(crate) mac: Option<Vec<u8>>,
}

impl NewKey {
    /// A signing key with a new private half, which takes some seconds for RSA.
    pub(crate) fn signing(
        config: &Config,
        encryption: &EncryptionKeys,
        turn: Turn,
    ) -> Result<Self> {
        let algorithm = config.tokens.algorithm;
        Self::signing_with(algorithm, &generate(algorithm)?, encryption, turn)
    }

    /// A signing key with this private half.
    pub(crate) fn signing_with(
        algorithm: Algorithm,
        private: &[u8],
        encryption: &EncryptionKeys,
        turn: Turn,
    ) -> Result<Self> {
        let key = Key::private(algorithm, private)?;
        let public = key.public_bytes().unwrap_or_default();
        let name = (turn.generation, key.kid());
        let code = codes::signing(name, algorithm.name(), public, turn.from, true);
        Ok(Self {
            generation: turn.generation,
            from: turn.from,
            algorithm,
            kid: key.kid().to_owned(),
            public: public.to_vec(),
            encrypted: encryption.encrypt(&signing_place(key.kid()), private)?,
            mac: encryption.vouch(&code),
        })
    }

    pub(crate) fn refresh(encryption: &EncryptionKeys, turn: Turn) -> Result<Self> {
        let secret = RefreshKey::generate();
        let encrypted = encryption.encrypt(&refresh_place(turn.generation), secret.as_slice())?;
        let mac = encryption.vouch(&codes::refresh(turn.generation, &encrypted.bytes, turn.from));
        Ok(Self {
            generation: turn.generation,
            from: turn.from,
            algorithm: Algorithm::Hs256,
            kid: String::new(),
            public: Vec::new(),
            encrypted,
            mac,
        })
    }
}

/// What an encrypted private key is bound to.
pub(crate) fn signing_place(kid: &str) -> String {
    format!("signing key {kid}")
}

/// What an encrypted refresh key is bound to.
pub(crate) fn refresh_place(generation: i64) -> String {
    format!("refresh key {generation}")
}
