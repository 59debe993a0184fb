//! API keys as callers show them: their form, and the SQL that looks up what a key allows.

use super::scope::Scopes;
use crate::db::{Client, Line, Transaction};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::tokens::ClientClaims;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::fmt;
use tokio_postgres::types::Type;

/// What every key begins with, and no JWT.
const PREFIX: &str = "gp_";

/// Random characters in a key: 43 from an alphabet of 62 hold 256 bits.
const RANDOM: usize = 43;

/// Characters in the checksum: 6 from an alphabet of 62 hold 32 bits.
const CHECKSUM: usize = 6;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new key: `gp_`, 43 random letters and digits, and 6 that are a checksum of those before them.
/// `gp_[0-9A-Za-z]{49}` finds one in a text, and the checksum tells it from a text that only looks
/// like one.
pub(crate) fn generate() -> Secret {
    // Allocated whole: growing would leave copies behind.
    let mut text = String::with_capacity(PREFIX.len() + RANDOM + CHECKSUM);
    text.push_str(PREFIX);
    for _ in 0..RANDOM {
        text.push(letter(rand::random_range(0..62)));
    }
    let checksum = checksum(&text);
    text.extend(checksum);
    Secret::new(text)
}

/// The first 32 bits of a SHA-256, in base 62.
fn checksum(text: &str) -> [char; CHECKSUM] {
    let hash = Sha256::digest(text);
    let mut rest = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    let mut letters = ['0'; CHECKSUM];
    for place in letters.iter_mut().rev() {
        *place = letter(rest % 62);
        rest /= 62;
    }
    letters
}

fn letter(digit: u32) -> char {
    char::from(ALPHABET[digit as usize % ALPHABET.len()])
}

/// What a caller has shown for an API key: the key itself, or a token that was issued for it.
///
/// A key is kept as a plain SHA-256: unlike a password, it has 256 random bits, so a slow hash would
/// protect nothing and cost every request its time. It is found by an index over the hashes. The
/// time of that search reveals something about the hashes, but leads nobody to a key, since a caller
/// cannot choose the hash of what it presents.
#[derive(Clone, PartialEq, Eq)]
pub struct PresentedApiKey(Shown);

#[derive(Clone, PartialEq, Eq)]
enum Shown {
    /// The key, as its hash.
    Key([u8; 32]),
    /// The key as a client secret, beside the name of the key as `client_id`.
    Client { name: String, hash: [u8; 32] },
    /// An access token of `grant_type=client_credentials`.
    Token(ClientClaims),
}

impl PresentedApiKey {
    /// Whether a text claims to be a key of ours.
    pub(crate) fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Parses a key that a caller has shown.
    ///
    /// # Errors
    /// [`Error::ApiKeyInvalid`] when it does not have the form of one, or the checksum is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        hash(text).map(|hash| Self(Shown::Key(hash)))
    }

    /// Parses what an OAuth client authenticates with. Whether the key has this name is found out
    /// when it is used.
    ///
    /// # Errors
    /// [`Error::ClientInvalid`] when the secret is no key.
    pub(crate) fn of_client(name: &str, secret: &str) -> Result<Self> {
        let hash = hash(secret).map_err(|_| Error::ClientInvalid)?;
        Ok(Self(Shown::Client { name: name.to_owned(), hash }))
    }

    /// What a token allows that was issued for a key.
    pub(crate) fn of_token(claims: ClientClaims) -> Self {
        Self(Shown::Token(claims))
    }

    /// Why it is refused.
    fn invalid(&self) -> Error {
        match self.0 {
            Shown::Key(_) => Error::ApiKeyInvalid,
            Shown::Client { .. } => Error::ClientInvalid,
            Shown::Token(_) => Error::TokenInvalid,
        }
    }
}

impl fmt::Debug for PresentedApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedApiKey(…)")
    }
}

/// The hash under which a key is stored.
///
/// # Errors
/// [`Error::ApiKeyInvalid`] when it does not have the form of one, or the checksum is wrong.
pub(crate) fn hash(text: &str) -> Result<[u8; 32]> {
    let split = text.len().checked_sub(CHECKSUM).ok_or(Error::ApiKeyInvalid)?;
    let ours = text.starts_with(PREFIX)
        && text.len() == PREFIX.len() + RANDOM + CHECKSUM
        && text[PREFIX.len()..].bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text[split..].chars().eq(checksum(&text[..split]));
    if ours { Ok(Sha256::digest(text).into()) } else { Err(Error::ApiKeyInvalid) }
}

/// What tokens of a key carry, so that they are of no use to a later key of the same name. It leads
/// to nothing: it is a hash of the hash of 256 random bits.
pub(crate) fn fingerprint(hash: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest([b"fingerprint", hash].concat())[..12])
}

/// The id of a key, if there is such a key that is not revoked.
///
/// # Errors
/// Database errors.
pub(crate) fn id_of(conn: &mut Line, key: &PresentedApiKey) -> Result<Option<i64>> {
    Ok(find(conn, key)?.map(|found| found.id))
}

/// What a key allows, if there is such a key that is not revoked. This is no use of it.
///
/// # Errors
/// Database errors.
pub(crate) fn allowed(conn: &mut Client, key: &PresentedApiKey) -> Result<Option<Scopes>> {
    Ok(find(conn, key)?.map(|found| found.scopes))
}

/// A key that is in force.
pub(crate) struct ActiveKey {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// For a token, only those of the key's that the token has too.
    pub(crate) scopes: Scopes,
    /// See [`fingerprint`].
    pub(crate) fingerprint: String,
}

/// The key, and what it allows.
///
/// # Errors
/// [`Error::ApiKeyInvalid`] when there is no such key, or it is revoked; for a client
/// [`Error::ClientInvalid`], also when the key has another name; for a token
/// [`Error::TokenInvalid`]; database errors.
pub(crate) fn read(conn: &mut Client, key: &PresentedApiKey) -> Result<ActiveKey> {
    let found = find(conn, key)?.ok_or_else(|| key.invalid())?;
    record_use(conn, found)
}

/// The same in a transaction that changes something: the answer holds until it ends. A change that
/// fails also undoes the record of this use.
///
/// # Errors
/// As [`read`].
pub(crate) fn lock(tx: &mut Transaction<'_>, key: &PresentedApiKey) -> Result<ActiveKey> {
    let found = find_locked(tx, key)?.ok_or_else(|| key.invalid())?;
    record_use(tx, found)
}

/// The part of a key's row that decides its rights.
struct FoundApiKey {
    id: i64,
    name: String,
    hash: Vec<u8>,
    scopes: Scopes,
    /// Whether the last recorded use is long enough ago to record another.
    unrecorded: bool,
}

/// SQL for whether the last recorded use is a minute or more away: in the past, or in the future if
/// the clock was set back.
macro_rules! unrecorded {
    () => {
        "last_used_at IS NULL OR last_used_at < now() - interval '1 minute'
         OR last_used_at > now() + interval '1 minute'"
    };
}

/// A macro, since the statements are constants.
macro_rules! find {
    ($column:literal, $lock:literal) => {
        concat!(
            "SELECT id, name, hash, scopes,
                    ",
            unrecorded!(),
            " FROM gatepost.api_keys WHERE ",
            $column,
            " = $1 AND revoked_at IS NULL ",
            $lock
        )
    };
}

fn find(conn: &mut Line, key: &PresentedApiKey) -> Result<Option<FoundApiKey>> {
    found(conn, [find!("hash", ""), find!("name", "")], key)
}

/// The same, and the answer holds until the transaction ends. Requests that use the key at the same
/// time do not wait for each other; only its revocation waits.
fn find_locked(tx: &mut Transaction<'_>, key: &PresentedApiKey) -> Result<Option<FoundApiKey>> {
    found(tx, [find!("hash", "FOR KEY SHARE"), find!("name", "FOR KEY SHARE")], key)
}

fn found(
    conn: &mut Line,
    [by_hash, by_name]: [&'static str; 2],
    key: &PresentedApiKey,
) -> Result<Option<FoundApiKey>> {
    let row = match &key.0 {
        Shown::Key(hash) | Shown::Client { hash, .. } => {
            conn.query_typed_opt(by_hash, &[(&hash.as_slice(), Type::BYTEA)])?
        }
        Shown::Token(claims) => conn.query_typed_opt(by_name, &[(&claims.sub, Type::TEXT)])?,
    };
    let Some(row) = row else { return Ok(None) };
    let mut found = FoundApiKey {
        id: row.get(0),
        name: row.get(1),
        hash: row.get(2),
        scopes: Scopes::stored(row.get(3)),
        unrecorded: row.get(4),
    };
    let is_meant = match &key.0 {
        Shown::Key(_) => true,
        Shown::Client { name, .. } => *name == found.name,
        Shown::Token(claims) => {
            found.scopes.narrow(&Scopes::stored(&claims.scope));
            claims.fingerprint() == fingerprint(&found.hash)
        }
    };
    Ok(is_meant.then_some(found))
}

/// Records that the key was used, at most once a minute. If another request is doing so at this
/// moment, nothing is written and nothing waits.
fn record_use(conn: &mut Line, found: FoundApiKey) -> Result<ActiveKey> {
    if found.unrecorded {
        let sql = concat!(
            "UPDATE gatepost.api_keys SET last_used_at = now() WHERE id =
                 (SELECT id FROM gatepost.api_keys WHERE id = $1 AND (",
            unrecorded!(),
            ") FOR NO KEY UPDATE SKIP LOCKED)"
        );
        conn.execute_typed(sql, &[(&found.id, Type::INT8)])?;
    }
    let fingerprint = fingerprint(&found.hash);
    Ok(ActiveKey { id: found.id, name: found.name, scopes: found.scopes, fingerprint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_recognised_and_no_two_are_alike() {
        let (one, two) = (generate(), generate());
        assert_ne!(one.expose(), two.expose());
        assert!(one.expose().starts_with("gp_") && one.expose().len() == 52);
        let parsed = PresentedApiKey::parse(one.expose()).unwrap();
        assert_eq!(hash(one.expose()).unwrap()[..], Sha256::digest(one.expose())[..]);
        assert_eq!(format!("{parsed:?}"), "PresentedApiKey(…)");
    }

    #[test]
    fn a_key_with_any_character_changed_lost_or_added_is_none() {
        let key = generate();
        let key = key.expose();
        for position in 0..key.len() {
            let mut changed = key.to_owned().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            assert!(PresentedApiKey::parse(&String::from_utf8(changed).unwrap()).is_err());
        }
        for text in ["", "gp_", &key[1..], &key[..51], &format!("{key}0"), &format!("{key} ")] {
            assert!(PresentedApiKey::parse(text).is_err(), "{text}");
        }
        let foreign: String = "é".repeat(26);
        assert!(PresentedApiKey::parse(&foreign).is_err());
        assert!(PresentedApiKey::parse(&format!("gp_{}", &foreign[..48])).is_err());
        assert!(PresentedApiKey::parse(&format!("gp_é{}", "0".repeat(47))).is_err());
    }

    #[test]
    fn the_checksum_can_be_computed_by_others() {
        // printf gp_000…0 | sha256sum, its first eight digits in base 62.
        let text = format!("gp_{}", "0".repeat(43));
        let hash = Sha256::digest(&text);
        let number = hash[..4].iter().fold(0_u64, |n, byte| n * 256 + u64::from(*byte));
        let value = checksum(&text).iter().fold(0_u64, |n, c| {
            n * 62 + ALPHABET.iter().position(|letter| char::from(*letter) == *c).unwrap() as u64
        });
        assert_eq!(number, value);
    }
}
