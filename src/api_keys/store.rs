//! The SQL of API keys.

use super::types::{ApiKey, KeyName, KeyRef, PresentedKey, Scopes};
use crate::db::violates;
use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::users::Timestamp;
use postgres::types::Type;
use postgres::{Client, GenericClient, Row, Transaction};

/// What of a key's row decides over its rights.
pub(super) struct Found {
    pub(super) id: i64,
    scopes: Scopes,
    /// Whether the last use on record is long enough ago to write down another.
    unrecorded: bool,
}

/// The SQL of whether the last use on record is a minute or more away: behind, or ahead where the clock
/// was set back.
macro_rules! unrecorded {
    () => {
        "last_used_at IS NULL OR last_used_at < now() - interval '1 minute'
         OR last_used_at > now() + interval '1 minute'"
    };
}

/// A macro, since the statements are constants.
macro_rules! find {
    ($lock:literal) => {
        concat!(
            "SELECT id, scopes,
                    ",
            unrecorded!(),
            " FROM gatepost.api_keys WHERE hash = $1 AND revoked_at IS NULL ",
            $lock
        )
    };
}

pub(super) fn find(conn: &mut impl GenericClient, key: PresentedKey) -> Result<Option<Found>> {
    found(conn, find!(""), key)
}

/// The same, and it stays so until the transaction ends. Others who use the key at the same time
/// do not wait for each other; only who revokes it does.
pub(super) fn lock(tx: &mut Transaction<'_>, key: PresentedKey) -> Result<Option<Found>> {
    found(tx, find!("FOR KEY SHARE"), key)
}

fn found(conn: &mut impl GenericClient, sql: &str, key: PresentedKey) -> Result<Option<Found>> {
    let row = conn.query_typed_opt(sql, &[(&key.hash(), Type::BYTEA)])?;
    Ok(row.map(|row| Found {
        id: row.get(0),
        scopes: Scopes::stored(row.get(1)),
        unrecorded: row.get(2),
    }))
}

/// Writes down that the key was used, once a minute at most. Where another request is doing so
/// at this moment, nothing is written and nothing waits. Returns the key's scopes.
pub(super) fn record_use(conn: &mut impl GenericClient, found: Found) -> Result<Scopes> {
    if found.unrecorded {
        let sql = concat!(
            "UPDATE gatepost.api_keys SET last_used_at = now() WHERE id =
                 (SELECT id FROM gatepost.api_keys WHERE id = $1 AND (",
            unrecorded!(),
            ") FOR NO KEY UPDATE SKIP LOCKED)"
        );
        conn.execute_typed(sql, &[(&found.id, Type::INT8)])?;
    }
    Ok(found.scopes)
}

pub(super) fn insert(
    tx: &mut Transaction<'_>,
    name: &KeyName,
    key: PresentedKey,
    scopes: &Scopes,
) -> Result<ApiKey> {
    let sql = "INSERT INTO gatepost.api_keys (name, hash, scopes) VALUES ($1, $2, $3)
               RETURNING id, name, scopes, created_at, last_used_at, revoked_at";
    let inserted = tx.query_typed_one(
        sql,
        &[
            (&name.as_str(), Type::TEXT),
            (&key.hash(), Type::BYTEA),
            (&scopes.to_string(), Type::TEXT),
        ],
    );
    match inserted {
        Ok(row) => Ok(api_key(&row)),
        Err(error) if violates(&error, "api_keys_name_key") => Err(Error::KeyNameTaken),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn list(conn: &mut Client) -> Result<Vec<ApiKey>> {
    let sql = "SELECT id, name, scopes, created_at, last_used_at, revoked_at
               FROM gatepost.api_keys ORDER BY id";
    Ok(conn.query_typed(sql, &[])?.iter().map(api_key).collect())
}

/// Waits for the changes that are being made with the key: once it is revoked, none is under way.
pub(super) fn revoke(tx: &mut Transaction<'_>, which: &KeyRef) -> Result<Option<ApiKey>> {
    let (id, name) = match which {
        KeyRef::Id(id) => (Some(*id), None),
        KeyRef::Name(name) => (None, Some(name.as_str())),
    };
    let sql = "UPDATE gatepost.api_keys SET revoked_at = now() WHERE id =
               (SELECT id FROM gatepost.api_keys
                WHERE (id = $1 OR name = $2) AND revoked_at IS NULL FOR UPDATE)
               RETURNING id, name, scopes, created_at, last_used_at, revoked_at";
    let row = tx.query_typed_opt(sql, &[(&id, Type::INT8), (&name, Type::TEXT)])?;
    Ok(row.as_ref().map(api_key))
}

fn api_key(row: &Row) -> ApiKey {
    let whose = ("API key", row.get(0));
    let time = |moment: Option<Moment>| moment.map(|moment| Timestamp::stored(moment, whose));
    ApiKey {
        id: row.get(0),
        name: row.get(1),
        scopes: Scopes::stored(row.get(2)),
        created_at: Timestamp::stored(row.get(3), whose),
        last_used_at: time(row.get(4)),
        revoked_at: time(row.get(5)),
    }
}
