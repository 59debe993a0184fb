//! Making a key, and what its sealed half is bound to.

use super::codes;
use super::plan::Turn;
use crate::config::{Algorithm, Config};
use crate::error::Result;
use crate::tokens::key::{Key, generate};
use crate::tokens::refresh::RefreshKey;
use crate::tokens::seal::{Sealed, Seals};

/// A key that is about to be stored.
pub(crate) struct NewKey {
    pub(crate) generation: i64,
    pub(crate) from: i64,
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: String,
    pub(crate) public: Vec<u8>,
    pub(crate) sealed: Sealed,
    /// The code over it; none without an encryption key.
    pub(crate) mac: Option<Vec<u8>>,
}

impl NewKey {
    pub(crate) fn signing(config: &Config, seals: &Seals, turn: Turn) -> Result<Self> {
        let algorithm = config.tokens.algorithm;
        let private = generate(algorithm)?;
        let key = Key::private(algorithm, &private)?;
        let public = key.public_bytes().unwrap_or_default();
        let name = (turn.generation, key.kid());
        let code = codes::signing(name, algorithm.name(), public, turn.from, true);
        Ok(Self {
            generation: turn.generation,
            from: turn.from,
            algorithm,
            kid: key.kid().to_owned(),
            public: public.to_vec(),
            sealed: seals.seal(&signing_place(key.kid()), &private)?,
            mac: seals.vouch(&code),
        })
    }

    pub(crate) fn refresh(seals: &Seals, turn: Turn) -> Result<Self> {
        let secret = RefreshKey::generate();
        let sealed = seals.seal(&refresh_place(turn.generation), secret.as_slice())?;
        let mac = seals.vouch(&codes::refresh(turn.generation, &sealed.bytes, turn.from));
        Ok(Self {
            generation: turn.generation,
            from: turn.from,
            algorithm: Algorithm::Hs256,
            kid: String::new(),
            public: Vec::new(),
            sealed,
            mac,
        })
    }
}

/// What a sealed private key is bound to.
pub(crate) fn signing_place(kid: &str) -> String {
    format!("signing key {kid}")
}

/// What a sealed refresh key is bound to.
pub(crate) fn refresh_place(generation: i64) -> String {
    format!("refresh key {generation}")
}
