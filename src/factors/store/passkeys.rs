//! The SQL of passkeys.

use crate::db::{Line, Transaction};
use crate::domain::{FactorId, UserId};
use crate::error::Result;
use crate::webauthn::NewPasskey;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// What authenticators know a user by. It is made the first time, from `new`.
pub(crate) fn user_handle(
    tx: &mut Transaction<'_>,
    user: UserId,
    new: &[u8],
) -> Result<Option<Vec<u8>>> {
    let sql = "UPDATE gatepost.users SET passkey_user_id = coalesce(passkey_user_id, $2)
               WHERE id = $1 RETURNING passkey_user_id";
    let row = tx.query_typed_opt(sql, &[(&user.get(), Type::INT8), (&new, Type::BYTEA)])?;
    Ok(row.map(|row| row.get(0)))
}

/// The name of a passkey, and how browsers reach it.
pub(crate) struct KnownPasskey {
    pub(crate) credential_id: Vec<u8>,
    pub(crate) transports: String,
}

/// The passkeys of a user.
pub(crate) fn known(conn: &mut Line, user: UserId) -> Result<Vec<KnownPasskey>> {
    let sql = "SELECT credential_id, transports FROM gatepost.factors
               WHERE user_id = $1 AND kind = 'passkey' ORDER BY id";
    let rows = conn.query_typed(sql, &[(&user.get(), Type::INT8)])?;
    let read = |row: &Row| KnownPasskey { credential_id: row.get(0), transports: row.get(1) };
    Ok(rows.iter().map(read).collect())
}

/// Adds a passkey, unless there is one of this name already, whosever it is.
pub(crate) fn insert(
    tx: &mut Transaction<'_>,
    user: UserId,
    name: &str,
    new: &NewPasskey,
) -> Result<Option<FactorId>> {
    let sql = "INSERT INTO gatepost.factors
                   (user_id, kind, name, confirmed_at, credential_id, public_key, sign_count,
                    backed_up, transports)
               VALUES ($1, 'passkey', $2, now(), $3, $4, $5, $6, $7)
               ON CONFLICT (credential_id) DO NOTHING RETURNING id";
    let row = tx.query_typed_opt(
        sql,
        &[
            (&user.get(), Type::INT8),
            (&name, Type::TEXT),
            (&new.credential_id, Type::BYTEA),
            (&new.public_key, Type::BYTEA),
            (&i64::from(new.sign_count), Type::INT8),
            (&new.backed_up, Type::BOOL),
            (&new.transports.join(" "), Type::TEXT),
        ],
    )?;
    Ok(row.map(|row| FactorId::stored(row.get(0))))
}

/// A passkey and its user.
pub(crate) struct FoundPasskey {
    pub(crate) id: FactorId,
    pub(crate) user: UserId,
    pub(crate) login: String,
    pub(crate) user_handle: Option<Vec<u8>>,
    pub(crate) public_key: Vec<u8>,
    pub(crate) sign_count: i64,
}

/// The passkey of this name.
pub(crate) fn find(conn: &mut Line, credential_id: &[u8]) -> Result<Option<FoundPasskey>> {
    let sql = "SELECT f.id, u.id, u.login, u.passkey_user_id, f.public_key, f.sign_count
               FROM gatepost.factors f JOIN gatepost.users u ON u.id = f.user_id
               WHERE f.credential_id = $1 AND f.confirmed_at IS NOT NULL";
    let row = conn.query_typed_opt(sql, &[(&credential_id, Type::BYTEA)])?;
    Ok(row.map(|row| FoundPasskey {
        id: FactorId::stored(row.get(0)),
        user: UserId::stored(row.get(1)),
        login: row.get(2),
        user_handle: row.get(3),
        public_key: row.get(4),
        sign_count: row.get(5),
    }))
}

/// Notes a use. Returns whether the passkey is still there and its counter went on, unless it counts
/// nothing at all.
pub(crate) fn note_use(
    tx: &mut Transaction<'_>,
    id: FactorId,
    sign_count: u32,
    backed_up: bool,
) -> Result<bool> {
    let sql = "UPDATE gatepost.factors
               SET sign_count = $2, backed_up = $3, last_used_at = now()
               WHERE id = $1 AND kind = 'passkey' AND ($2 > sign_count OR $2 = 0 AND sign_count = 0)";
    let noted = tx.execute_typed(
        sql,
        &[(&id.get(), Type::INT8), (&i64::from(sign_count), Type::INT8), (&backed_up, Type::BOOL)],
    )?;
    Ok(noted == 1)
}
