//! The SQL of keys.

use super::New;
use crate::config::Algorithm;
use crate::error::Result;
use crate::moment::{Moment, Whose};
use crate::tokens::seal::Sealed;
use postgres::types::Type;
use postgres::{Client, Transaction};

/// All keys, and when they were read.
pub(crate) struct Rows {
    /// Milliseconds since 1970-01-01 UTC by the database's clock, as all times here.
    pub(crate) now: i64,
    pub(crate) signing: Vec<SigningRow>,
    pub(crate) refresh: Vec<RefreshRow>,
}

pub(crate) struct SigningRow {
    pub(crate) generation: i64,
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) private: Option<Sealed>,
    pub(crate) public: Option<Vec<u8>>,
    pub(crate) signs_from: i64,
}

pub(crate) struct RefreshRow {
    pub(crate) generation: i64,
    pub(crate) secret: Sealed,
    pub(crate) used_from: i64,
}

impl Rows {
    /// Whether a key is sealed with another encryption key than the one of this name, or not at all.
    pub(crate) fn are_sealed_otherwise(&self, name: Option<&str>) -> bool {
        let private = self.signing.iter().filter_map(|row| row.private.as_ref());
        let mut all = private.chain(self.refresh.iter().map(|row| &row.secret));
        all.any(|sealed| sealed.with.as_deref() != name)
    }

    pub(crate) fn next_signing_generation(&self) -> i64 {
        self.signing.iter().map(|row| row.generation).max().unwrap_or(0) + 1
    }

    pub(crate) fn next_refresh_generation(&self) -> i64 {
        self.refresh.iter().map(|row| row.generation).max().unwrap_or(0) + 1
    }
}

pub(crate) fn read(conn: &mut Client) -> Result<Rows> {
    let sql = "SELECT (extract(epoch FROM now()) * 1000)::BIGINT";
    let now = conn.query_typed_one(sql, &[])?.get(0);
    let sql = "SELECT generation, kid, algorithm, private_key, sealed_with, public_key,
                      signs_from
               FROM gatepost.signing_keys ORDER BY generation";
    let mut signing = Vec::new();
    for row in conn.query_typed(sql, &[])? {
        // One of a later release is none that this one can use.
        let Some(algorithm) = Algorithm::named(row.get(2)) else { continue };
        let bytes: Option<Vec<u8>> = row.get(3);
        signing.push(SigningRow {
            generation: row.get(0),
            kid: row.get(1),
            algorithm,
            private: bytes.map(|bytes| Sealed { bytes, with: row.get(4) }),
            public: row.get(5),
            signs_from: millis(row.get(6), ("signing key", row.get(0))),
        });
    }
    let sql = "SELECT generation, secret, sealed_with,
                      used_from
               FROM gatepost.refresh_keys ORDER BY generation";
    let rows = conn.query_typed(sql, &[])?;
    let refresh = rows.iter().map(|row| RefreshRow {
        generation: row.get(0),
        secret: Sealed { bytes: row.get(1), with: row.get(2) },
        used_from: millis(row.get(3), ("refresh key", row.get(0))),
    });
    Ok(Rows { now, signing, refresh: refresh.collect() })
}

fn millis(moment: Moment, whose: Whose) -> i64 {
    // To the nearest, since what was written was whole.
    (moment.micros(whose) + 500).div_euclid(1_000)
}

/// Stores a key, unless another instance has stored one of this generation.
pub(crate) fn insert_signing_key(tx: &mut Transaction<'_>, new: &New) -> Result<bool> {
    let sql = "INSERT INTO gatepost.signing_keys
                   (generation, kid, algorithm, private_key, sealed_with, public_key, signs_from)
               VALUES ($1, $2, $3, $4, $5, $6, timestamptz 'epoch' + $7 * interval '1 millisecond')
               ON CONFLICT DO NOTHING";
    let stored = tx.execute_typed(
        sql,
        &[
            (&new.generation, Type::INT8),
            (&new.kid, Type::TEXT),
            (&new.algorithm.name(), Type::TEXT),
            (&new.sealed.bytes, Type::BYTEA),
            (&new.sealed.with, Type::TEXT),
            (&new.public, Type::BYTEA),
            (&new.from, Type::INT8),
        ],
    )?;
    Ok(stored == 1)
}

/// As [`insert_signing_key`].
pub(crate) fn insert_refresh_key(tx: &mut Transaction<'_>, new: &New) -> Result<bool> {
    let sql = "INSERT INTO gatepost.refresh_keys (generation, secret, sealed_with, used_from)
               VALUES ($1, $2, $3, timestamptz 'epoch' + $4 * interval '1 millisecond')
               ON CONFLICT DO NOTHING";
    let stored = tx.execute_typed(
        sql,
        &[
            (&new.generation, Type::INT8),
            (&new.sealed.bytes, Type::BYTEA),
            (&new.sealed.with, Type::TEXT),
            (&new.from, Type::INT8),
        ],
    )?;
    Ok(stored == 1)
}

/// Erases private halves.
pub(crate) fn erase(tx: &mut Transaction<'_>, generations: &[i64]) -> Result<()> {
    let sql = "UPDATE gatepost.signing_keys SET private_key = NULL, sealed_with = NULL
               WHERE generation = $1 AND public_key IS NOT NULL";
    for generation in generations {
        tx.execute_typed(sql, &[(generation, Type::INT8)])?;
    }
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

/// Replaces how a private key is sealed, unless somebody has changed it since it was read.
pub(crate) fn reseal_signing_key(
    tx: &mut Transaction<'_>,
    generation: i64,
    old: &Sealed,
    new: &Sealed,
) -> Result<()> {
    let sql = "UPDATE gatepost.signing_keys SET private_key = $3, sealed_with = $4
               WHERE generation = $1 AND private_key = $2";
    reseal(tx, sql, generation, old, new)
}

/// As [`reseal_signing_key`].
pub(crate) fn reseal_refresh_key(
    tx: &mut Transaction<'_>,
    generation: i64,
    old: &Sealed,
    new: &Sealed,
) -> Result<()> {
    let sql = "UPDATE gatepost.refresh_keys SET secret = $3, sealed_with = $4
               WHERE generation = $1 AND secret = $2";
    reseal(tx, sql, generation, old, new)
}

fn reseal(
    tx: &mut Transaction<'_>,
    sql: &str,
    generation: i64,
    old: &Sealed,
    new: &Sealed,
) -> Result<()> {
    tx.execute_typed(
        sql,
        &[
            (&generation, Type::INT8),
            (&old.bytes, Type::BYTEA),
            (&new.bytes, Type::BYTEA),
            (&new.with, Type::TEXT),
        ],
    )?;
    Ok(())
}
