//! The SQL of requests for a way back.

use crate::db::{Client, Transaction};
use crate::error::Result;
use crate::proofs::ProofIdentity;
use tokio_postgres::types::Type;

/// Requests that wait at most. They are looked at within a second or so, so this is a flood.
const MOST: i64 = 10_000;

/// A request.
pub(super) struct WaitingRequest {
    pub(super) identity: ProofIdentity,
    pub(super) login: Option<String>,
    pub(super) email: Option<String>,
    pub(super) client: Option<String>,
}

/// Writes a request, unless too many wait.
pub(super) fn insert(
    conn: &mut Client,
    identity: ProofIdentity,
    login: Option<&str>,
    email: Option<&str>,
    client: Option<&str>,
) -> Result<bool> {
    let sql = "INSERT INTO gatepost.recovery_requests (identity, login, email, client)
               SELECT $1, $2, $3, $4
               WHERE (SELECT count(*) FROM (SELECT FROM gatepost.recovery_requests LIMIT $5) AS waiting) < $5";
    let inserted = conn.execute_typed(
        sql,
        &[
            (&identity.bytes(), Type::BYTEA),
            (&login, Type::TEXT),
            (&email, Type::TEXT),
            (&client, Type::TEXT),
            (&MOST, Type::INT8),
        ],
    )?;
    Ok(inserted == 1)
}

/// Ends all proofs, and drops all messages, events and requests.
pub(super) fn end_all(tx: &mut Transaction<'_>) -> Result<()> {
    tx.batch_execute(
        "UPDATE gatepost.proofs SET live = false WHERE live;
         DELETE FROM gatepost.outbox;
         DELETE FROM gatepost.recovery_requests",
    )?;
    Ok(())
}

/// Takes the oldest request that nobody else is looking at.
pub(super) fn take(tx: &mut Transaction<'_>) -> Result<Option<WaitingRequest>> {
    let sql = "DELETE FROM gatepost.recovery_requests WHERE id = (
                   SELECT id FROM gatepost.recovery_requests ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
               RETURNING identity, login, email, client";
    let row = tx.query_typed_opt(sql, &[])?;
    Ok(row.map(|row| WaitingRequest {
        identity: ProofIdentity::stored(row.get(0)),
        login: row.get(1),
        email: row.get(2),
        client: row.get(3),
    }))
}
