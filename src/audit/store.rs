//! The SQL of the audit log.

use super::chain::{self, AuditRow};
use super::head::Head;
use crate::db::{Client, Line, Transaction};
use crate::domain::{Timestamp, UserId};
use crate::error::Result;
use crate::moment::{self, Moment, Whose};
use serde::Serialize;
use time::OffsetDateTime;
use tokio_postgres::types::{FromSql, Type};

/// An entry as admins see it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct AuditEntry {
    /// Its number; gaps mean nothing.
    pub id: i64,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it: `user`, `key`, `anonymous` or `operator`.
    pub actor: String,
    /// The number of the user or of the API key that did it.
    pub actor_id: Option<i64>,
    /// What was done.
    pub action: String,
    /// The user it was done to.
    pub user_id: Option<i64>,
    /// The address of the client.
    pub address: Option<String>,
    /// How it ended: `done`, or the code of the error.
    pub outcome: String,
    /// More about it.
    pub detail: Option<String>,
}

/// A seal as it is stored.
pub(super) struct SealRow {
    pub(super) number: i64,
    pub(super) sealed_at: OffsetDateTime,
    pub(super) rows: Vec<i64>,
    pub(super) last_id: i64,
    pub(super) mac: Vec<u8>,
}

impl SealRow {
    pub(super) fn head(&self) -> Head {
        Head { number: self.number, mac: self.mac.clone() }
    }
}

/// A column, or its default if it is not what it should be: someone may have planted a row or
/// dropped a constraint. Either way the row's keyed hash does not match, and the row stops nothing.
fn lenient<'a, T: FromSql<'a> + Default>(row: &'a tokio_postgres::Row, at: usize) -> T {
    row.try_get::<_, Option<T>>(at).ok().flatten().unwrap_or_default()
}

/// As [`lenient`].
fn time(row: &tokio_postgres::Row, at: usize, whose: Whose) -> OffsetDateTime {
    lenient::<Moment>(row, at).time(whose)
}

fn seal(row: &tokio_postgres::Row) -> SealRow {
    let rows: Vec<u8> = lenient(row, 2);
    SealRow {
        number: lenient(row, 0),
        sealed_at: time(row, 1, ("audit seal", lenient(row, 0))),
        rows: chain::decode(&rows),
        last_id: lenient(row, 3),
        mac: lenient(row, 4),
    }
}

pub(super) fn insert(tx: &mut Transaction<'_>, row: &AuditRow, mac: &[u8]) -> Result<()> {
    let sql = "INSERT INTO gatepost.audit (at, actor, actor_id, action, user_id, login_hash,
                                           address, outcome, detail, nonce, mac)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    tx.execute_prepared(
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

/// Entries before this one, those about a user if one is named, the newest first, and whether there
/// are more.
pub(super) fn page(
    conn: &mut Client,
    about: Option<UserId>,
    before: i64,
    size: i64,
) -> Result<(Vec<AuditEntry>, bool)> {
    let sql = match about {
        None => {
            "SELECT id, at, actor, actor_id, action, user_id, address, outcome, detail
             FROM gatepost.audit WHERE id < $1 AND $3::bigint IS NULL ORDER BY id DESC LIMIT $2"
        }
        Some(_) => {
            "SELECT id, at, actor, actor_id, action, user_id, address, outcome, detail
             FROM gatepost.audit WHERE id < $1 AND user_id = $3 ORDER BY id DESC LIMIT $2"
        }
    };
    let one_more = size + 1;
    let about = about.map(UserId::get);
    let rows = conn.query_typed(
        sql,
        &[(&before, Type::INT8), (&one_more, Type::INT8), (&about, Type::INT8)],
    )?;
    let entry = |row: &tokio_postgres::Row| AuditEntry {
        id: lenient(row, 0),
        at: Timestamp::stored(lenient(row, 1), ("audit row", lenient(row, 0))),
        actor: lenient(row, 2),
        actor_id: lenient(row, 3),
        action: lenient(row, 4),
        user_id: lenient(row, 5),
        address: lenient(row, 6),
        outcome: lenient(row, 7),
        detail: lenient(row, 8),
    };
    let mut entries: Vec<AuditEntry> = rows.iter().map(entry).collect();
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

pub(super) fn last_seal(conn: &mut Line) -> Result<Option<SealRow>> {
    let sql = "SELECT number, sealed_at, rows, last_id, mac FROM gatepost.audit_seals
               ORDER BY number DESC LIMIT 1";
    Ok(conn.query_typed_opt(sql, &[])?.as_ref().map(seal))
}

/// Rows that no seal covers yet, up to this many.
pub(super) fn unsealed(conn: &mut Client, most: i64) -> Result<i64> {
    let sql = "SELECT count(*) FROM (
                   SELECT FROM gatepost.audit WHERE id > coalesce(
                       (SELECT last_id FROM gatepost.audit_seals ORDER BY number DESC LIMIT 1), 0)
                   LIMIT $1
               ) AS unsealed";
    Ok(conn.query_typed_one(sql, &[(&most, Type::INT8)])?.get(0))
}

/// The end of the chain, and the hash of the seal of this number, if it exists.
pub(super) fn ends(conn: &mut Client, number: i64) -> Result<(Option<Head>, Option<Vec<u8>>)> {
    let sql = "SELECT number, mac,
                      (SELECT mac FROM gatepost.audit_seals WHERE number = $1)
               FROM gatepost.audit_seals ORDER BY number DESC LIMIT 1";
    let row = conn.query_typed_opt(sql, &[(&number, Type::INT8)])?;
    let head = |row: &tokio_postgres::Row| Head { number: lenient(row, 0), mac: lenient(row, 1) };
    Ok((row.as_ref().map(head), row.and_then(|row| lenient(&row, 2))))
}

/// The last of up to `most` seals at the beginning of the chain that are from before a time and not
/// after `newest`. `None` if that is the first, which only marks where the chain begins. The seals
/// are read in the order of their numbers, so the cost depends on what is due and not on what is
/// kept.
pub(super) fn last_due(
    conn: &mut Client,
    before: OffsetDateTime,
    newest: i64,
    most: i64,
) -> Result<Option<Head>> {
    let sql = "SELECT number, mac, sealed_at < $1 FROM gatepost.audit_seals
               WHERE number <= $2 ORDER BY number LIMIT $3";
    let rows = conn.query_typed(
        sql,
        &[
            (&moment::parameter(before), Type::TIMESTAMPTZ),
            (&newest, Type::INT8),
            (&most, Type::INT8),
        ],
    )?;
    let due = rows.iter().take_while(|row| lenient(row, 2)).skip(1);
    Ok(due.last().map(|row| Head { number: lenient(row, 0), mac: lenient(row, 1) }))
}

/// The newest seal from before a time.
pub(super) fn last_seal_before(conn: &mut Line, time: OffsetDateTime) -> Result<Option<SealRow>> {
    let sql = "SELECT number, sealed_at, rows, last_id, mac FROM gatepost.audit_seals
               WHERE sealed_at < $1 ORDER BY number DESC LIMIT 1";
    Ok(conn
        .query_typed_opt(sql, &[(&moment::parameter(time), Type::TIMESTAMPTZ)])?
        .as_ref()
        .map(seal))
}

/// Up to a hundred seals after the one with this number.
pub(super) fn seals_after(conn: &mut Line, number: i64) -> Result<Vec<SealRow>> {
    let sql = "SELECT number, sealed_at, rows, last_id, mac FROM gatepost.audit_seals
               WHERE number > $1 ORDER BY number LIMIT 100";
    Ok(conn.query_typed(sql, &[(&number, Type::INT8)])?.iter().map(seal).collect())
}

/// Ids and hashes of the rows after an id, in order.
pub(super) fn macs_after(conn: &mut Line, id: i64, most: i64) -> Result<Vec<(i64, Vec<u8>)>> {
    let sql = "SELECT id, mac FROM gatepost.audit WHERE id > $1 ORDER BY id LIMIT $2";
    let rows = conn.query_typed(sql, &[(&id, Type::INT8), (&most, Type::INT8)])?;
    Ok(rows.iter().map(|row| (lenient(row, 0), lenient(row, 1))).collect())
}

/// The rows with these ids, and their hashes.
pub(super) fn rows(conn: &mut Line, ids: &[i64]) -> Result<Vec<(i64, AuditRow, Vec<u8>)>> {
    let sql = "SELECT id, at, actor, actor_id, action, user_id, login_hash, address, outcome,
                      detail, nonce, mac
               FROM gatepost.audit WHERE id = ANY($1)";
    let rows = conn.query_typed(sql, &[(&ids, Type::INT8_ARRAY)])?;
    let read = |row: &tokio_postgres::Row| {
        let content = AuditRow {
            at: time(row, 1, ("audit row", lenient(row, 0))),
            actor: lenient(row, 2),
            actor_id: lenient(row, 3),
            action: lenient(row, 4),
            user_id: lenient(row, 5),
            login_hash: lenient(row, 6),
            address: lenient(row, 7),
            outcome: lenient(row, 8),
            detail: lenient(row, 9),
            nonce: lenient(row, 10),
        };
        (lenient(row, 0), content, lenient(row, 11))
    };
    Ok(rows.iter().map(read).collect())
}

pub(super) fn insert_seal(
    tx: &mut Transaction<'_>,
    content: &chain::SealContent<'_>,
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
