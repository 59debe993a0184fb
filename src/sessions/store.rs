//! The SQL of logging in.

use crate::db::Connection;
use crate::error::{Error, Result};
use crate::passwords::PasswordHash;
use crate::tokens::Subject;
use crate::users::Login;
use postgres::Transaction;
use postgres::types::Type;

/// What a login is checked against. Hash and token version are of one reading of the row, so that
/// a password change in between makes the token an old one.
pub(super) struct Credentials {
    pub(super) subject: Subject,
    pub(super) hash: PasswordHash,
}

pub(super) fn credentials(conn: &mut Connection, login: &Login) -> Result<Option<Credentials>> {
    let sql = "SELECT id, admin, token_version, password_hash FROM gatepost.users
               WHERE login_canonical = $1";
    let rows = conn.query_prepared(sql, &[(&login.canonical(), Type::TEXT)])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let subject = Subject { user_id: row.get(0), admin: row.get(1), token_version: row.get(2) };
    let hash = row.get::<_, &str>(3).parse().map_err(|_| {
        Error::Internal(format!("the password hash of user {} is malformed", subject.user_id))
    })?;
    Ok(Some(Credentials { subject, hash }))
}

/// Replaces the stored hash, only where it is still the one that was verified: otherwise a
/// password that was changed in between would come back.
pub(super) fn replace_hash(
    tx: &mut Transaction<'_>,
    verified: &Credentials,
    new: &str,
) -> Result<()> {
    let sql = "UPDATE gatepost.users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
    let (id, old) = (verified.subject.user_id, verified.hash.to_string());
    tx.execute_typed(sql, &[(&id, Type::INT8), (&old, Type::TEXT), (&new, Type::TEXT)])?;
    Ok(())
}
