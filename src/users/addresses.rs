//! The SQL of addresses, and of the users who are found by one.

use super::store;
use super::types::User;
use crate::db::{Transaction, violates};
use crate::domain::{Email, UserId};
use crate::error::{Error, Result};
use tokio_postgres::types::Type;

/// Takes an address as proved, if it is still the user's and is not proved already.
pub(super) fn verify_email(
    tx: &mut Transaction<'_>,
    id: UserId,
    email: &Email,
) -> Result<Option<User>> {
    let sql = concat!(
        "UPDATE gatepost.users SET email = $2, email_canonical = $3, email_verified = true, pending_email = NULL
         WHERE id = $1 AND (pending_email = $2 OR (email = $2 AND NOT email_verified)) RETURNING ",
        store::columns!()
    );
    let verified = tx.query_typed_opt(
        sql,
        &[(&id.get(), Type::INT8), (&email.as_str(), Type::TEXT), (&email.canonical(), Type::TEXT)],
    );
    match verified {
        Err(error) if violates(&error, store::VERIFIED_EMAIL) => Err(Error::EmailTaken),
        verified => verified?.as_ref().map(store::user).transpose(),
    }
}

/// The user whose login or verified address this is, in canonical form, if the account is open, with the row held.
pub(super) fn lock_by(
    tx: &mut Transaction<'_>,
    login: Option<&str>,
    email: Option<&str>,
) -> Result<Option<User>> {
    let sql = concat!(
        "SELECT ",
        store::columns!(),
        " FROM gatepost.users
         WHERE email_verified AND NOT locked AND (login_canonical = $1 OR email_canonical = $2) FOR UPDATE"
    );
    let row = tx.query_typed_opt(sql, &[(&login, Type::TEXT), (&email, Type::TEXT)])?;
    row.as_ref().map(store::user).transpose()
}
