//! The SQL of API keys.

use super::types::{ApiKey, ApiKeyName, ApiKeyRef};
use crate::access::Scopes;
use crate::db::{Client, Transaction, violates};
use crate::domain::{Page, Timestamp};
use crate::error::{Error, Result};
use crate::moment::Moment;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

pub(super) fn insert(
    tx: &mut Transaction<'_>,
    name: &ApiKeyName,
    hash: &[u8; 32],
    scopes: &Scopes,
) -> Result<ApiKey> {
    let sql = "INSERT INTO gatepost.api_keys (name, hash, scopes) VALUES ($1, $2, $3)
               RETURNING id, name, scopes, created_at, last_used_at, revoked_at";
    let inserted = tx.query_typed_one(
        sql,
        &[
            (&name.as_str(), Type::TEXT),
            (&hash.as_slice(), Type::BYTEA),
            (&scopes.to_string(), Type::TEXT),
        ],
    );
    match inserted {
        Ok(row) => Ok(api_key(&row)),
        Err(error) if violates(&error, "api_keys_name_key") => Err(Error::ApiKeyNameTaken),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn list(conn: &mut Client) -> Result<Vec<ApiKey>> {
    let sql = "SELECT id, name, scopes, created_at, last_used_at, revoked_at
               FROM gatepost.api_keys ORDER BY id";
    Ok(conn.query_typed(sql, &[])?.iter().map(api_key).collect())
}

/// A page, and whether there are more.
pub(super) fn page(conn: &mut Client, page: Page) -> Result<(Vec<ApiKey>, bool)> {
    let sql = "SELECT id, name, scopes, created_at, last_used_at, revoked_at
               FROM gatepost.api_keys WHERE id > $1 ORDER BY id OFFSET $2 LIMIT $3";
    let (after, offset) = page.start();
    let one_more = page.size() + 1;
    let rows = conn.query_typed(
        sql,
        &[(&after, Type::INT8), (&offset, Type::INT8), (&one_more, Type::INT8)],
    )?;
    let size = usize::try_from(page.size()).unwrap_or(usize::MAX);
    Ok((rows.iter().take(size).map(api_key).collect(), rows.len() > size))
}

/// Waits for the changes that are being made with the key: once it is revoked, none is under way.
pub(super) fn revoke(tx: &mut Transaction<'_>, which: &ApiKeyRef) -> Result<Option<ApiKey>> {
    let (id, name) = match which {
        ApiKeyRef::Id(id) => (Some(*id), None),
        ApiKeyRef::Name(name) => (None, Some(name.as_str())),
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
