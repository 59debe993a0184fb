//! The numbers that the database gives out one by one.

use super::OWNER_ROLE;
use crate::error::{Error, Result};
use postgres::NoTls;
use postgres::types::Type;

/// The tables whose ids stand in tokens, logs and the memory of clients, where one that was given
/// twice would mean somebody else.
const TABLES: [&str; 4] = ["users", "sessions", "api_keys", "audit"];

/// Numbers from here on were never given by a sequence. The service's own role can plant a row with
/// one, and behind it there would be too few left.
const PLANTED: i64 = 1 << 62;

/// Moves each table's next number this far beyond the greatest that the database knows of.
/// Sequences are no part of a transaction: what was moved stays so, and moving again is harmless.
///
/// # Errors
/// [`Error::Startup`] when the owner's database cannot be reached or refuses.
pub(crate) fn raise(owner: &postgres::Config, step: i64) -> Result<()> {
    let failed = |error: postgres::Error| {
        let cause = super::fault::describe(&error);
        Error::startup(format!("the numbers were not raised, as {OWNER_ROLE}: {cause}"))
    };
    let mut client = owner.connect(NoTls).map_err(failed)?;
    for table in TABLES {
        let sql = format!(
            "SELECT setval('gatepost.{table}_id_seq', $1 + greatest(last_value,
                        (SELECT coalesce(max(id), 0) FROM gatepost.{table} WHERE id < {PLANTED})))
             FROM gatepost.{table}_id_seq"
        );
        client.query_typed_one(&sql, &[(&step, Type::INT8)]).map_err(failed)?;
    }
    Ok(())
}
