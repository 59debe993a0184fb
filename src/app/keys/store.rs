//! The SQL of keys.
//!
//! Nothing read here is trusted yet: a column may hold anything, or nothing if a constraint was
//! dropped. `judge` says which rows count. Texts and bytes are cut at a length that no valid one
//! has, so that a planted row costs little.

use super::new::NewKey;
use crate::db::{Client, Transaction};
use crate::error::Result;
use crate::moment::Moment;
use crate::tokens::encryption::Encrypted;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

/// All rows of keys, and when they were read.
pub(crate) struct FoundKeys {
    /// Milliseconds since 1970-01-01 UTC by the database's clock, like all times here.
    pub(crate) now: i64,
    pub(crate) signing: Vec<FoundSigningKey>,
    pub(crate) refresh: Vec<FoundRefreshKey>,
    pub(crate) floors: Vec<FoundFloor>,
    /// The root secret of keyed hashes, which is read by `keyed` and only looked at here.
    pub(crate) root: Option<Encrypted>,
}

pub(crate) struct FoundSigningKey {
    pub(crate) generation: Option<i64>,
    pub(crate) kid: Option<String>,
    pub(crate) algorithm: Option<String>,
    pub(crate) private: Option<Encrypted>,
    pub(crate) public: Option<Vec<u8>>,
    pub(crate) signs_from: Option<i64>,
    pub(crate) mac: Option<Vec<u8>>,
}

pub(crate) struct FoundRefreshKey {
    pub(crate) generation: Option<i64>,
    pub(crate) secret: Option<Encrypted>,
    pub(crate) used_from: Option<i64>,
    pub(crate) mac: Option<Vec<u8>>,
}

/// A floor: generations below it are not accepted.
pub(crate) struct FoundFloor {
    pub(crate) mac: Vec<u8>,
    pub(crate) signing: i64,
    pub(crate) refresh: i64,
}

/// A column, or `None` if it is not what it should be.
fn get<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Option<T> {
    row.try_get::<_, Option<T>>(at).ok().flatten()
}

fn encrypted(row: &Row, bytes: usize, with: usize) -> Option<Encrypted> {
    get(row, bytes).map(|bytes| Encrypted { bytes, with: get(row, with) })
}

/// When a signing key's turn comes. A time out of range becomes the nearest one within it: the key
/// still verifies what it has signed.
fn signs_from(row: &Row, at: usize) -> Option<i64> {
    let whose = ("signing key", get(row, 0).unwrap_or(0));
    get(row, at).map(|moment: Moment| millis(moment.micros(whose)))
}

/// When a refresh key's turn comes. `None` if it is out of range: it decides when the sessions of
/// earlier keys end, which must not be guessed.
fn used_from(row: &Row, at: usize) -> Option<i64> {
    get(row, at).and_then(Moment::micros_in_range).map(millis)
}

/// To the nearest, since what was written was whole.
fn millis(micros: i64) -> i64 {
    (micros + 500).div_euclid(1_000)
}

/// Reads everything, floors first. What is read after them may be newer, which hides no key, while
/// with older keys under a newer floor it would look as if none were left.
pub(crate) fn read(conn: &mut Client) -> Result<FoundKeys> {
    let sql = "SELECT mac, signing, refresh FROM gatepost.key_floors";
    let floor = |row: &Row| {
        let mac = get(row, 0)?;
        let signing = get(row, 1)?;
        let refresh = get(row, 2)?;
        Some(FoundFloor { mac, signing, refresh })
    };
    let floors = conn.query_typed(sql, &[])?.iter().filter_map(floor).collect();
    let sql = "SELECT substring(secret FROM 1 FOR 200), left(sealed_with, 100)
               FROM gatepost.server_secrets WHERE name = 'root'";
    // A secret that is NULL counts as one that cannot be decrypted.
    let root = conn
        .query_typed(sql, &[])?
        .first()
        .map(|row| Encrypted { bytes: get(row, 0).unwrap_or_default(), with: get(row, 1) });
    let sql = "SELECT (extract(epoch FROM now()) * 1000)::BIGINT";
    let now = conn.query_typed_one(sql, &[])?.get(0);
    let sql = "SELECT generation, left(kid, 100), left(algorithm, 20),
                      substring(private_key FROM 1 FOR 3000), left(sealed_with, 100),
                      substring(public_key FROM 1 FOR 600), signs_from,
                      substring(mac FROM 1 FOR 200)
               FROM gatepost.signing_keys ORDER BY generation";
    let signing = |row: &Row| FoundSigningKey {
        generation: get(row, 0),
        kid: get(row, 1),
        algorithm: get(row, 2),
        private: encrypted(row, 3, 4),
        public: get(row, 5),
        signs_from: signs_from(row, 6),
        mac: get(row, 7),
    };
    let signing = conn.query_typed(sql, &[])?.iter().map(signing).collect();
    let sql = "SELECT generation, substring(secret FROM 1 FOR 200), left(sealed_with, 100),
                      used_from, substring(mac FROM 1 FOR 200)
               FROM gatepost.refresh_keys ORDER BY generation";
    let refresh = |row: &Row| FoundRefreshKey {
        generation: get(row, 0),
        secret: encrypted(row, 1, 2),
        used_from: used_from(row, 3),
        mac: get(row, 4),
    };
    let refresh = conn.query_typed(sql, &[])?.iter().map(refresh).collect();
    Ok(FoundKeys { now, signing, refresh, floors, root })
}

/// Stores a key, unless another instance has stored one of this generation.
pub(crate) fn insert_signing_key(tx: &mut Transaction<'_>, new: &NewKey) -> Result<bool> {
    let sql = "INSERT INTO gatepost.signing_keys
                   (generation, kid, algorithm, private_key, sealed_with, public_key, signs_from,
                    mac)
               VALUES ($1, $2, $3, $4, $5, $6, timestamptz 'epoch' + $7 * interval '1 millisecond',
                       $8)
               ON CONFLICT DO NOTHING";
    let stored = tx.execute_typed(
        sql,
        &[
            (&new.generation, Type::INT8),
            (&new.kid, Type::TEXT),
            (&new.algorithm.name(), Type::TEXT),
            (&new.encrypted.bytes, Type::BYTEA),
            (&new.encrypted.with, Type::TEXT),
            (&new.public, Type::BYTEA),
            (&new.from, Type::INT8),
            (&new.mac, Type::BYTEA),
        ],
    )?;
    Ok(stored == 1)
}

/// As [`insert_signing_key`].
pub(crate) fn insert_refresh_key(tx: &mut Transaction<'_>, new: &NewKey) -> Result<bool> {
    let sql = "INSERT INTO gatepost.refresh_keys (generation, secret, sealed_with, used_from, mac)
               VALUES ($1, $2, $3, timestamptz 'epoch' + $4 * interval '1 millisecond', $5)
               ON CONFLICT DO NOTHING";
    let stored = tx.execute_typed(
        sql,
        &[
            (&new.generation, Type::INT8),
            (&new.encrypted.bytes, Type::BYTEA),
            (&new.encrypted.with, Type::TEXT),
            (&new.from, Type::INT8),
            (&new.mac, Type::BYTEA),
        ],
    )?;
    Ok(stored == 1)
}

/// Stores a floor.
pub(crate) fn insert_floor(tx: &mut Transaction<'_>, floor: &FoundFloor) -> Result<()> {
    let sql = "INSERT INTO gatepost.key_floors (mac, signing, refresh) VALUES ($1, $2, $3)
               ON CONFLICT DO NOTHING";
    tx.execute_typed(
        sql,
        &[(&floor.mac, Type::BYTEA), (&floor.signing, Type::INT8), (&floor.refresh, Type::INT8)],
    )?;
    Ok(())
}

/// Erases the private half of a key, with the code that the row has from then on.
pub(crate) fn erase(
    tx: &mut Transaction<'_>,
    (generation, kid): (i64, &str),
    public: &[u8],
    mac: Option<&Vec<u8>>,
) -> Result<()> {
    let sql = "UPDATE gatepost.signing_keys
               SET private_key = NULL, sealed_with = NULL, public_key = $3, mac = $4
               WHERE generation = $1 AND kid = $2";
    tx.execute_typed(
        sql,
        &[
            (&generation, Type::INT8),
            (&kid, Type::TEXT),
            (&public, Type::BYTEA),
            (&mac, Type::BYTEA),
        ],
    )?;
    Ok(())
}

/// Removes keys.
pub(crate) fn remove(tx: &mut Transaction<'_>, signing: &[i64], refresh: &[i64]) -> Result<()> {
    let sql = "DELETE FROM gatepost.signing_keys WHERE generation = $1";
    for generation in signing {
        tx.execute_typed(sql, &[(generation, Type::INT8)])?;
    }
    let sql = "DELETE FROM gatepost.refresh_keys WHERE generation = $1";
    for generation in refresh {
        tx.execute_typed(sql, &[(generation, Type::INT8)])?;
    }
    Ok(())
}

/// Removes all keys, whatever their rows hold.
pub(crate) fn remove_all(tx: &mut Transaction<'_>) -> Result<()> {
    tx.execute_typed("DELETE FROM gatepost.signing_keys", &[])?;
    tx.execute_typed("DELETE FROM gatepost.refresh_keys", &[])?;
    Ok(())
}

/// The new content of a row of [`FoundSigningKey`].
pub(crate) struct Reencrypted {
    pub(crate) generation: i64,
    pub(crate) kid: String,
    pub(crate) public: Vec<u8>,
    /// The private half as it was and as it is from now on.
    pub(crate) private: Option<(Encrypted, Encrypted)>,
    pub(crate) mac: Option<Vec<u8>>,
}

/// Stores a key encrypted anew, unless its private half was changed since it was read.
pub(crate) fn reencrypt_signing_key(tx: &mut Transaction<'_>, row: &Reencrypted) -> Result<()> {
    let sql = "UPDATE gatepost.signing_keys
               SET private_key = $4, sealed_with = $5, public_key = $6, mac = $7
               WHERE generation = $1 AND kid = $2 AND private_key IS NOT DISTINCT FROM $3";
    let old = row.private.as_ref().map(|(old, _)| &old.bytes);
    let new = row.private.as_ref().map(|(_, new)| new);
    tx.execute_typed(
        sql,
        &[
            (&row.generation, Type::INT8),
            (&row.kid, Type::TEXT),
            (&old, Type::BYTEA),
            (&new.map(|new| &new.bytes), Type::BYTEA),
            (&new.and_then(|new| new.with.as_ref()), Type::TEXT),
            (&row.public, Type::BYTEA),
            (&row.mac, Type::BYTEA),
        ],
    )?;
    Ok(())
}

/// As [`reencrypt_signing_key`].
pub(crate) fn reencrypt_refresh_key(
    tx: &mut Transaction<'_>,
    generation: i64,
    (old, new): &(Encrypted, Encrypted),
    mac: Option<&Vec<u8>>,
) -> Result<()> {
    let sql = "UPDATE gatepost.refresh_keys SET secret = $3, sealed_with = $4, mac = $5
               WHERE generation = $1 AND secret = $2";
    tx.execute_typed(
        sql,
        &[
            (&generation, Type::INT8),
            (&old.bytes, Type::BYTEA),
            (&new.bytes, Type::BYTEA),
            (&new.with, Type::TEXT),
            (&mac, Type::BYTEA),
        ],
    )?;
    Ok(())
}
