//! What `fuzz/` calls inside the library. Not part of the interface.

use crate::config::conninfo::Conninfo;
use crate::config::{self, Config, Profile};

use crate::error::{Error, Result};
use crate::http::parameters::Parameters;
use crate::passwords::PasswordHash;
use crate::secret::Secret;
use crate::tokens::key::Key;
use crate::tokens::refresh::{RefreshKey, Unverified};
use crate::tokens::{Clock, IDENTITY_BYTES, Keys, Scheduled, SessionRef};
use crate::transfer;
use crate::webauthn;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::time::Instant;

/// The secret that [`sign`] signs with.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The line of a user as an export would write it after it was imported.
///
/// # Errors
/// Why it is refused.
pub fn import_line(text: &[u8]) -> std::result::Result<String, String> {
    transfer::again(text)
}

/// What is known of a stored hash.
#[derive(Clone, Debug)]
pub struct Hash {
    /// Its text.
    pub text: String,
    /// What an operator is told of it.
    pub kind: String,
    /// Bytes that verifying it takes.
    pub memory: usize,
    /// The text that an import stores.
    pub imported: Option<String>,
    /// Whether it is one that we made.
    pub own: bool,
}

/// Reads a stored hash.
///
/// # Errors
/// Why it is not one.
pub fn password_hash(text: &str) -> std::result::Result<Hash, String> {
    let hash: PasswordHash = text.parse().map_err(|e| format!("{e}"))?;
    Ok(Hash {
        text: hash.to_string(),
        kind: hash.kind(),
        memory: hash.memory(),
        imported: PasswordHash::from_elsewhere(text).ok().map(|hash| hash.to_string()),
        own: PasswordHash::own(text).is_ok(),
    })
}

/// Names and values of a query.
///
/// # Errors
/// As the API refuses it.
pub fn query(text: &str) -> Result<Vec<(String, String)>> {
    Ok(Parameters::from_query(text)?.into_texts())
}

/// Names and values of a JSON body.
///
/// # Errors
/// As the API refuses it.
pub fn body(bytes: &[u8]) -> Result<Vec<(String, String)>> {
    Ok(Parameters::from_json(bytes)?.into_texts())
}

/// A token with this header and payload, whatever they are, signed with HS256 as a service of
/// [`accepts`] would.
pub fn sign(header: &[u8], payload: &[u8]) -> Option<String> {
    let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
    let message = format!("{header}.{payload}");
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).ok()?;
    let code = mac.chain_update(&message).finalize().into_bytes();
    Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(code)))
}

/// The name of the key in [`sign`].
pub fn kid() -> String {
    Key::hs256(&Secret::from(SECRET)).kid().to_owned()
}

/// Name and public key of the new credential in an attestation object.
pub fn new_credential(object: &[u8]) -> Option<(&[u8], &[u8])> {
    webauthn::new_credential(object)
}

/// Whether an access token is accepted.
pub fn accepts(token: &str) -> bool {
    let mut settings = Config::new(Profile::Testing).tokens;
    settings.algorithm = config::Algorithm::Hs256;
    settings.tuning.verified_tokens = 0;
    let key = Scheduled { key: Key::hs256(&Secret::from(SECRET)), signs_from: 0 };
    let keys = Keys::new(&settings, vec![key], Clock { said: 1, at: Instant::now() });
    let lacks = keys.lack_key_of(token);
    let taken = keys.verify(token).is_ok();
    assert!(!(lacks && taken), "accepted, although its key is unknown");
    taken
}

/// A refresh token of a fixed key and identity.
///
/// # Errors
/// None that is known.
pub fn refresh_token(session: i64, counter: i64) -> Result<String> {
    let session = SessionRef::new(session, [7; IDENTITY_BYTES]);
    RefreshKey::stored(1, SECRET.as_bytes())?.token(session, counter)
}

/// Session and counter of a refresh token of that key.
///
/// # Errors
/// [`Error::InvalidGrant`].
pub fn read_refresh_token(token: &str) -> Result<(i64, i64)> {
    let key = RefreshKey::stored(1, SECRET.as_bytes())?;
    let ticket = Unverified::parse(token)?.verify(&key)?;
    Ok((ticket.session.id(), ticket.counter))
}

/// Everything reported about a configuration file with this text: its settings as `check-config`
/// prints them, or its faults.
pub fn configuration(text: &str) -> Vec<String> {
    match config::Loaded::from_text(Profile::Testing, "file.toml", text) {
        Ok(loaded) => loaded.settings().into_iter().map(|(name, value, _)| name + &value).collect(),
        Err(Error::Configuration(faults)) => faults,
        Err(other) => vec![other.to_string()],
    }
}

/// What is wrong with a connection string; empty for a good one.
pub fn connection_string(text: &str) -> String {
    Conninfo::parse("database.url", &Secret::from(text)).err().unwrap_or_default()
}
