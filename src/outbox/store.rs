//! The SQL of the outbox.

use crate::db::{Line, Transaction};
#[cfg(feature = "pages")]
use crate::domain::Timestamp;
use crate::domain::UserId;
use crate::error::Result;
use crate::moment::{Moment, millis};
use std::time::Duration;
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// How long whoever takes a row may need to hand it over: more than the deadline of a delivery.
#[cfg(feature = "mail")]
const LEASE: Duration = Duration::from_secs(120);

/// After the first refusal of a row, and at most; between them the time doubles.
#[cfg(feature = "mail")]
const FIRST_RETRY: Duration = Duration::from_secs(30);
#[cfg(feature = "mail")]
const LAST_RETRY: Duration = Duration::from_secs(3600);

/// Rows that are given up in one transaction.
pub(super) const GIVEN_UP_AT_ONCE: u64 = 500;

/// What goes the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Mail,
    Event,
}

impl Channel {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Event => "event",
        }
    }
}

/// A row, with what is needed to write its message.
#[derive(Clone, Debug)]
pub(super) struct OutboxRow {
    pub(super) id: i64,
    pub(super) user: i64,
    pub(super) kind: String,
    pub(super) address: Option<String>,
    pub(super) content: String,
    pub(super) created_at: OffsetDateTime,
    /// The user's login and public attributes; `None` when there is no such user any more.
    pub(super) whose: Option<(String, Option<String>)>,
    /// Number, kind and identity of the proof.
    pub(super) proof: Option<(i64, String, Vec<u8>)>,
}

/// The columns of [`row_of`]; `o` is the row, `u` its user and `p` its proof.
macro_rules! columns {
    () => {
        "o.id, o.user_id, o.kind, o.address, o.content, o.created_at, u.login, u.public_attributes, p.id, p.kind,
         p.identity"
    };
}

/// Whether a message has something to prove that was used or ended. Such a row counts for nothing.
macro_rules! is_void {
    ($row:literal, $proof:literal) => {
        concat!("(", $row, ".proof IS NOT NULL AND ", $proof, ".live IS NOT TRUE)")
    };
}

/// Whether rows are to be written that somebody must pull.
macro_rules! is_wanted {
    ($pulled:literal) => {
        concat!(
            "(NOT ",
            $pulled,
            " OR EXISTS (SELECT FROM gatepost.api_keys
                         WHERE revoked_at IS NULL AND 'outbox' = ANY (string_to_array(scopes, ' '))))"
        )
    };
}

fn row_of(row: &Row) -> OutboxRow {
    let login: Option<String> = row.get(6);
    let proof: Option<i64> = row.get(8);
    OutboxRow {
        id: row.get(0),
        user: row.get(1),
        kind: row.get(2),
        address: row.get(3),
        content: row.get(4),
        created_at: row.get::<_, Moment>(5).time(("message", row.get(0))),
        whose: login.map(|login| (login, row.get(7))),
        proof: proof.map(|id| (id, row.get(9), row.get(10))),
    }
}

/// Whether a message that is written now has a way out.
pub(super) fn is_wanted(tx: &mut Line, pulled: bool) -> Result<bool> {
    if !pulled {
        return Ok(true);
    }
    let sql = concat!("SELECT ", is_wanted!("$1"));
    Ok(tx.query_typed_one(sql, &[(&pulled, Type::BOOL)])?.get(0))
}

pub(super) fn insert_events(
    tx: &mut Transaction<'_>,
    user: UserId,
    kinds: &[&str],
    pulled: bool,
) -> Result<()> {
    let sql = concat!(
        "INSERT INTO gatepost.outbox (channel, user_id, kind, content)
         SELECT 'event', $1, kind, '{}' FROM unnest($2) WITH ORDINALITY AS event (kind, number) WHERE ",
        is_wanted!("$3"),
        " ORDER BY number"
    );
    tx.execute_typed(
        sql,
        &[(&user.get(), Type::INT8), (&kinds, Type::TEXT_ARRAY), (&pulled, Type::BOOL)],
    )?;
    Ok(())
}

/// To the address that was proved, if there is one.
pub(super) fn insert_notice(
    tx: &mut Transaction<'_>,
    user: UserId,
    kind: &str,
    content: &str,
    pulled: bool,
) -> Result<()> {
    let sql = concat!(
        "INSERT INTO gatepost.outbox (channel, user_id, kind, address, content)
         SELECT 'mail', id, $2, email_canonical, $3 FROM gatepost.users
         WHERE id = $1 AND email_verified AND ",
        is_wanted!("$4")
    );
    tx.execute_typed(
        sql,
        &[
            (&user.get(), Type::INT8),
            (&kind, Type::TEXT),
            (&content, Type::TEXT),
            (&pulled, Type::BOOL),
        ],
    )?;
    Ok(())
}

pub(super) fn insert_message(
    tx: &mut Transaction<'_>,
    user: UserId,
    kind: &str,
    address: &str,
    content: &str,
    proof: i64,
) -> Result<()> {
    let sql = "INSERT INTO gatepost.outbox (channel, user_id, kind, address, content, proof)
               VALUES ('mail', $1, $2, $3, $4, $5)";
    tx.execute_typed(
        sql,
        &[
            (&user.get(), Type::INT8),
            (&kind, Type::TEXT),
            (&address, Type::TEXT),
            (&content, Type::TEXT),
            (&proof, Type::INT8),
        ],
    )?;
    Ok(())
}

/// Takes the row that is due first and older than all others of its user. Nobody else takes it for a while.
#[cfg(feature = "mail")]
pub(super) fn take(tx: &mut Transaction<'_>, channel: Channel) -> Result<Option<OutboxRow>> {
    let sql = concat!(
        "WITH taken AS (
             UPDATE gatepost.outbox SET due_at = now() + $2 * interval '1 ms'
             WHERE id = (
                 SELECT id FROM gatepost.outbox AS mine
                 WHERE channel = $1 AND (due_at <= now() OR due_at > now() + $3 * interval '1 ms')
                   AND NOT EXISTS (
                       SELECT FROM gatepost.outbox AS earlier
                       LEFT JOIN gatepost.proofs AS theirs ON theirs.id = earlier.proof
                       WHERE earlier.user_id = mine.user_id AND earlier.channel = $1
                         AND earlier.id < mine.id AND NOT ",
        is_void!("earlier", "theirs"),
        ")
                 ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING *
         )
         SELECT ",
        columns!(),
        ", ",
        is_void!("o", "p"),
        " FROM taken AS o
         LEFT JOIN gatepost.users AS u ON u.id = o.user_id
         LEFT JOIN gatepost.proofs AS p ON p.id = o.proof"
    );
    // A time farther ahead than any was written before the clock was set back.
    let farthest = millis(LAST_RETRY + LEASE);
    loop {
        let row = tx.query_typed_opt(
            sql,
            &[(&channel.name(), Type::TEXT), (&millis(LEASE), Type::INT8), (&farthest, Type::INT8)],
        )?;
        let Some(row) = row else { return Ok(None) };
        if !row.get::<_, bool>(11) {
            return Ok(Some(row_of(&row)));
        }
        remove(tx, row.get(0))?;
    }
}

#[cfg(feature = "mail")]
pub(super) fn remove(tx: &mut Transaction<'_>, id: i64) -> Result<()> {
    tx.execute_typed("DELETE FROM gatepost.outbox WHERE id = $1", &[(&id, Type::INT8)])?;
    Ok(())
}

/// Puts a row back that was not handed over. If it was refused, it waits, the longer the more often it was.
#[cfg(feature = "mail")]
pub(super) fn put_back(tx: &mut Transaction<'_>, id: i64, refused: bool) -> Result<()> {
    let sql = "UPDATE gatepost.outbox SET
                   refusals = refusals + CASE WHEN $2 THEN 1 ELSE 0 END,
                   due_at = now() + CASE WHEN $2
                       THEN least($4, $3 * power(2, least(refusals, 30))) ELSE 0 END * interval '1 ms'
               WHERE id = $1";
    tx.execute_typed(
        sql,
        &[
            (&id, Type::INT8),
            (&refused, Type::BOOL),
            (&millis(FIRST_RETRY), Type::INT8),
            (&millis(LAST_RETRY), Type::INT8),
        ],
    )?;
    Ok(())
}

/// Rows that wait to be pulled, the oldest first, without those that would open an admin's account.
pub(super) fn waiting(
    tx: &mut Transaction<'_>,
    channels: &[&str],
    size: i64,
) -> Result<Vec<OutboxRow>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM gatepost.outbox AS o
         LEFT JOIN gatepost.users AS u ON u.id = o.user_id
         LEFT JOIN gatepost.proofs AS p ON p.id = o.proof
         WHERE o.channel = ANY ($1) AND NOT ",
        is_void!("o", "p"),
        " AND NOT (o.proof IS NOT NULL AND coalesce(u.admin, true))
           AND (o.channel = 'event' OR u.id IS NOT NULL)
         ORDER BY o.id LIMIT $2"
    );
    let rows = tx.query_typed(sql, &[(&channels, Type::TEXT_ARRAY), (&size, Type::INT8)])?;
    Ok(rows.iter().map(row_of).collect())
}

pub(super) fn acknowledge(tx: &mut Transaction<'_>, channels: &[&str], ids: &[i64]) -> Result<u64> {
    let sql = "DELETE FROM gatepost.outbox WHERE id = ANY ($1) AND channel = ANY ($2)";
    Ok(tx.execute_typed(sql, &[(&ids, Type::INT8_ARRAY), (&channels, Type::TEXT_ARRAY)])?)
}

/// Removes rows that have waited for too long, together with what they were to prove.
pub(super) fn give_up(tx: &mut Transaction<'_>, after: Duration) -> Result<u64> {
    let sql = "WITH late AS (
                   SELECT id, proof FROM gatepost.outbox
                   WHERE created_at < now() - $1 * interval '1 ms'
                   ORDER BY id LIMIT $2
               ), unproved AS (
                   UPDATE gatepost.proofs SET live = false WHERE id IN (SELECT proof FROM late) RETURNING id
               )
               DELETE FROM gatepost.outbox
               WHERE id IN (SELECT id FROM late) AND (SELECT count(*) FROM unproved) >= 0";
    let most = i64::try_from(GIVEN_UP_AT_ONCE).unwrap_or(i64::MAX);
    Ok(tx.execute_typed(sql, &[(&millis(after), Type::INT8), (&most, Type::INT8)])?)
}

pub(super) fn backlog(conn: &mut Line, most: i64) -> Result<(i64, f64)> {
    let sql = "SELECT count(*), coalesce(extract(epoch FROM greatest(now() - min(created_at), '0')), 0)::float8
               FROM (SELECT created_at FROM gatepost.outbox ORDER BY id LIMIT $1) AS waiting";
    let row = conn.query_typed_one(sql, &[(&most, Type::INT8)])?;
    Ok((row.get(0), row.get(1)))
}

/// A row of the outbox, without what it says.
#[cfg(feature = "pages")]
pub(crate) struct Waiting {
    /// What it is: `mail.` or `event.` and its kind.
    pub(crate) kind: String,
    /// Whom it is about.
    pub(crate) user_id: i64,
    pub(crate) created_at: Timestamp,
    /// When it is tried next.
    pub(crate) due_at: Timestamp,
    /// How often it was refused.
    pub(crate) refusals: i64,
}

/// The oldest rows.
#[cfg(feature = "pages")]
pub(super) fn look(conn: &mut Line, most: i64) -> Result<Vec<Waiting>> {
    let sql = "SELECT id, channel || '.' || kind, user_id, created_at, due_at, refusals
               FROM gatepost.outbox ORDER BY id LIMIT $1";
    let rows = conn.query_typed(sql, &[(&most, Type::INT8)])?;
    let read = |row: &Row| {
        let whose = ("message", row.get(0));
        Waiting {
            kind: row.get(1),
            user_id: row.get(2),
            created_at: Timestamp::stored(row.get(3), whose),
            due_at: Timestamp::stored(row.get(4), whose),
            refusals: row.get(5),
        }
    };
    Ok(rows.iter().map(read).collect())
}
