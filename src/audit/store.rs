//! The SQL of the audit log.

use super::Head;
use super::chain::{self, Row};
use crate::error::Result;
use crate::moment::{self, Moment};
use crate::users::Timestamp;
use postgres::types::Type;
use postgres::{Client, GenericClient, Transaction};
use serde::Serialize;
use time::OffsetDateTime;

/// An entry as admins see it.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Its number; gaps mean nothing.
    pub id: i64,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it: `user`, `anonymous` or `operator`.
    pub actor: String,
    /// The user who did it.
    pub actor_id: Option<i64>,
    /// What was done.
    pub action: String,
    /// The user whom it was done to.
    pub user_id: Option<i64>,
    /// The address of the client.
    pub address: Option<String>,
    /// How it ended: `done`, or the code of the error.
    pub outcome: String,
    /// More about it.
    pub detail: Option<String>,
}

/// A seal as it is stored.
pub(super) struct Seal {
    pub(super) number: i64,
    pub(super) sealed_at: OffsetDateTime,
    pub(super) rows: Vec<i64>,
    pub(super) last_id: i64,
    pub(super) mac: Vec<u8>,
}

impl Seal {
    pub(super) fn head(&self) -> Head {
        Head { number: self.number, mac: self.mac.clone() }
    }
}

fn seal(row: &postgres::Row) -> Seal {
    let rows = chain::decode(row.get(2));
    let number = row.get(0);
    let sealed_at = row.get::<_, Moment>(1).time(("audit seal", number));
    Seal { number, sealed_at, rows, last_id: row.get(3), mac: row.get(4) }
}

pub(super) fn insert(tx: &mut Transaction<'_>, row: &Row, mac: &[u8]) -> Result<()> {
    let sql = "INSERT INTO gatepost.audit (at, actor, actor_id, action, user_id, login_hash,
                                           address, outcome, detail, nonce, mac)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    tx.execute_typed(
        sql,
        &[
            (&moment::parameter(row.at), Type::TIMESTAMPTZ),
            (&row.actor, Type::TEXT),
            (&row.actor_id, Type::INT8),
            (&row.action, Type::TEXT),
            (&row.user_id, Type::INT8),
            (&row.login_hash, Type::BYTEA),
            (&row.address, Type::TEXT),
            (&row.outcome, Type::TEXT),
            (&row.detail, Type::TEXT),
            (&row.nonce, Type::BYTEA),
            (&mac, Type::BYTEA),
        ],
    )?;
    Ok(())
}

pub(super) fn page(conn: &mut Client, before: i64, size: i64) -> Result<(Vec<Entry>, bool)> {
    let sql = "SELECT id, at, actor, actor_id, action, user_id, address, outcome, detail
               FROM gatepost.audit WHERE id < $1 ORDER BY id DESC LIMIT $2";
    let rows = conn.query_typed(sql, &[(&before, Type::INT8), (&(size + 1), Type::INT8)])?;
    let entry = |row: &postgres::Row| Entry {
        id: row.get(0),
        at: Timestamp::stored(row.get(1), ("audit row", row.get(0))),
        actor: row.get(2),
        actor_id: row.get(3),
        action: row.get(4),
        user_id: row.get(5),
        address: row.get(6),
        outcome: row.get(7),
        detail: row.get(8),
    };
    let mut entries: Vec<Entry> = rows.iter().map(entry).collect();
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = entries.len() > size;
    entries.truncate(size);
    Ok((entries, more))
}

/// Now, by the clock that all instances share.
pub(super) fn now(tx: &mut Transaction<'_>) -> Result<OffsetDateTime> {
    let now: Moment = tx.query_typed_one("SELECT now()", &[])?.get(0);
    Ok(now.time(("clock", 0)))
}

pub(super) fn last_seal(conn: &mut impl GenericClient) -> Result<Option<Seal>> {
    let sql = "SELECT number, sealed_at, rows, last_id, mac FROM gatepost.audit_seals
               ORDER BY number DESC LIMIT 1";
    Ok(conn.query_typed_opt(sql, &[])?.as_ref().map(seal))
}

/// The newest seal from before a time.
pub(super) fn last_seal_before(
    conn: &mut impl GenericClient,
    time: OffsetDateTime,
) -> Result<Option<Seal>> {
    let sql = "SELECT number, sealed_at, rows, last_id, mac FROM gatepost.audit_seals
               WHERE sealed_at < $1 ORDER BY number DESC LIMIT 1";
    Ok(conn
        .query_typed_opt(sql, &[(&moment::parameter(time), Type::TIMESTAMPTZ)])?
        .as_ref()
        .map(seal))
}

/// Up to a hundred seals behind the one of this number.
pub(super) fn seals_after(conn: &mut impl GenericClient, number: i64) -> Result<Vec<Seal>> {
    let sql = "SELECT number, sealed_at, rows, last_id, mac FROM gatepost.audit_seals
               WHERE number > $1 ORDER BY number LIMIT 100";
    Ok(conn.query_typed(sql, &[(&number, Type::INT8)])?.iter().map(seal).collect())
}

/// Ids and hashes of rows behind an id, in their order.
pub(super) fn macs_after(
    conn: &mut impl GenericClient,
    id: i64,
    most: i64,
) -> Result<Vec<(i64, Vec<u8>)>> {
    let sql = "SELECT id, mac FROM gatepost.audit WHERE id > $1 ORDER BY id LIMIT $2";
    let rows = conn.query_typed(sql, &[(&id, Type::INT8), (&most, Type::INT8)])?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Rows of these ids with their hashes.
pub(super) fn rows(conn: &mut impl GenericClient, ids: &[i64]) -> Result<Vec<(i64, Row, Vec<u8>)>> {
    let sql = "SELECT id, at, actor, actor_id, action, user_id, login_hash, address, outcome,
                      detail, nonce, mac
               FROM gatepost.audit WHERE id = ANY($1)";
    let rows = conn.query_typed(sql, &[(&ids, Type::INT8_ARRAY)])?;
    let read = |row: &postgres::Row| {
        let content = Row {
            at: row.get::<_, Moment>(1).time(("audit row", row.get(0))),
            actor: row.get(2),
            actor_id: row.get(3),
            action: row.get(4),
            user_id: row.get(5),
            login_hash: row.get(6),
            address: row.get(7),
            outcome: row.get(8),
            detail: row.get(9),
            nonce: row.get(10),
        };
        (row.get(0), content, row.get(11))
    };
    Ok(rows.iter().map(read).collect())
}

pub(super) fn insert_seal(
    tx: &mut Transaction<'_>,
    content: &chain::Content<'_>,
    mac: &[u8],
) -> Result<bool> {
    let sql = "INSERT INTO gatepost.audit_seals (number, sealed_at, rows, last_id, mac)
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    let rows = chain::encode(content.rows);
    let made = tx.execute_typed(
        sql,
        &[
            (&content.number, Type::INT8),
            (&moment::parameter(content.sealed_at), Type::TIMESTAMPTZ),
            (&rows, Type::BYTEA),
            (&content.last_id, Type::INT8),
            (&mac, Type::BYTEA),
        ],
    )?;
    Ok(made == 1)
}
