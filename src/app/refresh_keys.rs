//! Where the keys of refresh tokens come from: the database.

use crate::db::Database;
use crate::error::{Error, Result};
use crate::tokens::refresh::{KEY_BYTES, RefreshKey};
use postgres::types::Type;
use postgres::{GenericClient, Transaction};
use zeroize::Zeroizing;

/// Loads the key. It is generated the first time; of several instances that start together one
/// stores its own, and all of them use that.
///
/// # Errors
/// The faults of the database; [`Error::Internal`] for a stored key that is none.
pub(super) fn load(database: &Database) -> Result<RefreshKey> {
    match database.read(|conn| newest(&mut **conn))? {
        Some(key) => Ok(key),
        None => database.with_transaction(generate),
    }
}

fn generate(tx: &mut Transaction<'_>) -> Result<RefreshKey> {
    let secret: Zeroizing<[u8; KEY_BYTES]> = Zeroizing::new(rand::random());
    let sql = "INSERT INTO gatepost.refresh_keys (generation, secret) VALUES (1, $1)
               ON CONFLICT DO NOTHING";
    tx.execute_typed(sql, &[(&secret.as_slice(), Type::BYTEA)])?;
    newest(tx)?.ok_or_else(|| Error::Internal("the refresh key was not stored".to_owned()))
}

fn newest(conn: &mut impl GenericClient) -> Result<Option<RefreshKey>> {
    let sql = "SELECT generation, secret FROM gatepost.refresh_keys
               ORDER BY generation DESC LIMIT 1";
    let Some(row) = conn.query_typed_opt(sql, &[])? else { return Ok(None) };
    let secret: Zeroizing<Vec<u8>> = Zeroizing::new(row.get(1));
    let bytes = secret.as_slice().try_into();
    let bytes =
        bytes.map_err(|_| Error::Internal("a stored refresh key is malformed".to_owned()))?;
    Ok(Some(RefreshKey::new(row.get(0), Zeroizing::new(bytes))))
}
