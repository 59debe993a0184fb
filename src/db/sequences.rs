//! The sequences that number rows.

use super::connect;
use super::names::OWNER_ROLE;
use crate::config::conninfo::Conninfo;
use crate::error::{Error, Result};
use tokio_postgres::types::Type;

/// Tables whose ids are in tokens, logs and the memory of clients. If one of these were given
/// twice, it would mean another user or session.
const TABLES: [&str; 5] = ["users", "sessions", "api_keys", "audit", "factors"];

/// No sequence ever reaches numbers from here on. The service's own role can plant a row with one,
/// and after it there would be too few left.
const PLANTED: i64 = 1 << 62;

/// Moves each table's next number this far beyond the greatest one known to the database. Sequences
/// are not part of a transaction: a move is not rolled back, and repeating it is harmless.
///
/// # Errors
/// [`Error::Startup`] when the owner's database cannot be reached or refuses.
pub(crate) fn raise(owner: &Conninfo, step: i64) -> Result<()> {
    let failed = |fault: connect::Fault| {
        Error::startup(format!("the numbers were not raised, as {OWNER_ROLE}: {fault}"))
    };
    let mut client = connect::patient(owner).map_err(failed)?;
    for table in TABLES {
        let sql = format!(
            "SELECT setval('gatepost.{table}_id_seq', $1 + greatest(last_value,
                        (SELECT coalesce(max(id), 0) FROM gatepost.{table} WHERE id < {PLANTED})))
             FROM gatepost.{table}_id_seq"
        );
        client.query_typed_one(&sql, &[(&step, Type::INT8)]).map_err(|e| failed(e.into()))?;
    }
    Ok(())
}
