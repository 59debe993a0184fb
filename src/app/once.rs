//! What is good once, such as the answer to a challenge: which of it was used.
//!
//! Nothing is stored for it before.

use crate::db::{Database, Transaction};
use crate::error::Result;
use tokio_postgres::types::Type;

/// Rows that one statement of a sweep removes.
const SWEPT_AT_ONCE: u64 = 500;

/// Marks as used what has this code and expires at this time, in seconds since 1970-01-01 UTC. Returns
/// whether it was not yet: of any number who use it at once, one finds it so.
pub(crate) fn use_up(tx: &mut Transaction<'_>, code: &[u8; 32], expires: i64) -> Result<bool> {
    let sql = "INSERT INTO gatepost.used_challenges (challenge, expires_at)
               VALUES ($1, TIMESTAMPTZ 'epoch' + $2 * interval '1 second') ON CONFLICT DO NOTHING";
    let used = tx.execute_typed(sql, &[(&code.as_slice(), Type::BYTEA), (&expires, Type::INT8)])?;
    Ok(used == 1)
}

/// Removes some of what was over an hour ago, so that a clock that is behind takes none of it again.
fn sweep(tx: &mut Transaction<'_>) -> Result<u64> {
    let sql = "DELETE FROM gatepost.used_challenges WHERE challenge IN (
                   SELECT challenge FROM gatepost.used_challenges
                   WHERE expires_at < now() - interval '1 hour'
                   ORDER BY expires_at LIMIT $1)";
    let most = i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX);
    Ok(tx.execute_typed(sql, &[(&most, Type::INT8)])?)
}

/// Removes some, and returns how many, and whether there may be more.
///
/// # Errors
/// Database errors.
pub(crate) fn sweep_some(database: &Database) -> Result<(u64, bool)> {
    let removed = database.with_transaction(sweep)?;
    Ok((removed, removed == SWEPT_AT_ONCE))
}
