//! Where the signing key comes from: the configuration, or the database.

use crate::config::{Algorithm, Tokens};
use crate::db::Database;
use crate::error::{Error, Result};
use crate::tokens::{self, Keys};
use postgres::Transaction;
use postgres::types::Type;

/// Loads the key that signs. An Ed25519 key is generated the first time; of several instances
/// that start together one stores its own, and all of them use that.
///
/// # Errors
/// The faults of the database; [`Error::Internal`] for a stored key that is none.
pub(super) fn load(database: &Database, settings: &Tokens) -> Result<Keys> {
    let (issuer, lifetime) = (&settings.issuer, settings.access_ttl);
    let keys = match (settings.algorithm, &settings.hs256_secret) {
        (Algorithm::Hs256, Some(secret)) => Keys::hs256(secret, issuer, lifetime),
        (Algorithm::Hs256, None) => {
            return Err(Error::Internal("HS256 without a secret".to_owned()));
        }
        (Algorithm::EdDsa, _) => {
            let private_key = match database.read(|conn| newest(&mut **conn))? {
                Some(key) => key,
                None => database.with_transaction(generate)?,
            };
            Keys::ed25519(&private_key, issuer, lifetime)
        }
    };
    Ok(keys.remembering(settings.verified_tokens))
}

fn generate(tx: &mut Transaction<'_>) -> Result<[u8; 32]> {
    let key: [u8; 32] = rand::random();
    let sql = "INSERT INTO gatepost.signing_keys (generation, kid, algorithm, private_key)
               VALUES (1, $1, 'EdDSA', $2) ON CONFLICT DO NOTHING";
    let (kid, bytes) = (tokens::kid(&key), key.as_slice());
    tx.execute_typed(sql, &[(&kid, Type::TEXT), (&bytes, Type::BYTEA)])?;
    newest(tx)?.ok_or_else(|| Error::Internal("the signing key was not stored".to_owned()))
}

fn newest(conn: &mut impl postgres::GenericClient) -> Result<Option<[u8; 32]>> {
    let sql = "SELECT private_key FROM gatepost.signing_keys WHERE algorithm = 'EdDSA'
               ORDER BY generation DESC LIMIT 1";
    let Some(row) = conn.query_typed_opt(sql, &[])? else {
        return Ok(None);
    };
    let bytes: Vec<u8> = row.get(0);
    let malformed = |_| Error::Internal("a stored signing key does not have 32 bytes".to_owned());
    bytes.try_into().map(Some).map_err(malformed)
}
