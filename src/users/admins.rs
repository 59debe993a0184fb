//! The SQL of the rule that an admin remains.

use crate::db::Transaction;
use crate::domain::UserId;
use crate::error::Result;
use crate::moment::Moment;
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// Whether a user is an admin at the moment.
pub(super) fn is_admin(tx: &mut Transaction<'_>, id: UserId) -> Result<bool> {
    let sql = "SELECT FROM gatepost.users WHERE id = $1 AND admin";
    Ok(tx.query_typed_opt(sql, &[(&id.get(), Type::INT8)])?.is_some())
}

/// An admin's row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admin {
    pub(super) id: UserId,
    pub(super) locked: bool,
    pub(super) expires_at: Option<OffsetDateTime>,
}

/// All admins, and the time. Their rows are held until the transaction ends, and so are those of
/// `others`. This is one statement, since users are always locked in the order of their ids.
pub(super) fn lock_admins(
    tx: &mut Transaction<'_>,
    others: &[i64],
) -> Result<(Vec<Admin>, OffsetDateTime)> {
    let now: Moment = tx.query_typed_one("SELECT now()", &[])?.get(0);
    let now = now.time(("clock", 0));
    let sql = "SELECT id, locked, expires_at, admin FROM gatepost.users
               WHERE id = ANY ($1 || ARRAY(SELECT id FROM gatepost.users WHERE admin))
               ORDER BY id FOR UPDATE";
    let rows = tx.query_typed(sql, &[(&others, Type::INT8_ARRAY)])?;
    let admin = |row: &Row| Admin {
        id: UserId::stored(row.get(0)),
        locked: row.get(1),
        expires_at: row.get::<_, Option<Moment>>(2).and_then(|end| end.end(("user", row.get(0)))),
    };
    Ok((rows.iter().filter(|row| row.get(3)).map(admin).collect(), now))
}
