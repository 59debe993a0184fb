//! The SQL of telling users that a second factor is required of them.

use crate::db::{Line, Transaction};
use crate::domain::{Timestamp, UserId};
use crate::error::Result;
use crate::moment::{Moment, millis};
use std::time::Duration;
use tokio_postgres::types::Type;

/// What decides whether a second factor is required of a user.
pub(crate) struct Asked {
    pub(crate) admin: bool,
    pub(crate) roles: Vec<String>,
    /// When the time to set one up ends, once the user was told.
    pub(crate) due: Option<Due>,
}

/// When the time to set a second factor up ends.
#[derive(Clone, Copy)]
pub(crate) struct Due {
    pub(crate) at: Timestamp,
    pub(crate) is_over: bool,
}

impl Due {
    fn of(end: Moment, is_over: bool, user: UserId) -> Self {
        Self { at: Timestamp::stored(end, ("user", user.get())), is_over }
    }
}

/// Reads it, where users have this much time.
pub(crate) fn asked(conn: &mut Line, user: UserId, within: Duration) -> Result<Option<Asked>> {
    let sql = "SELECT admin, roles, due, coalesce(due <= now(), false)
               FROM gatepost.users, LATERAL (
                   SELECT mfa_asked_at + $2 * interval '1 millisecond' AS due) AS asked
               WHERE id = $1";
    let row =
        conn.query_typed_opt(sql, &[(&user.get(), Type::INT8), (&millis(within), Type::INT8)])?;
    Ok(row.map(|row| {
        let end: Option<Moment> = row.get(2);
        let due = end.map(|end| Due::of(end, row.get(3), user));
        Asked { admin: row.get(0), roles: row.get(1), due }
    }))
}

/// Notes that the user is told now, unless that was noted a moment ago.
pub(crate) fn ask(tx: &mut Transaction<'_>, user: UserId, within: Duration) -> Result<Option<Due>> {
    let sql = "UPDATE gatepost.users SET mfa_asked_at = coalesce(mfa_asked_at, now()) WHERE id = $1
               RETURNING mfa_asked_at + $2 * interval '1 millisecond'";
    let row =
        tx.query_typed_opt(sql, &[(&user.get(), Type::INT8), (&millis(within), Type::INT8)])?;
    Ok(row.map(|row| Due::of(row.get(0), false, user)))
}
