//! The SQL of second factors. A user's row is locked before those of the user's factors, and a session's
//! too.

pub(crate) mod moving;
pub(crate) mod passkeys;

use super::totp::PERIOD;
use super::types::{Factor, FactorName};
use crate::access::standing::active;
use crate::db::{Client, Line, Transaction};
use crate::domain::{FactorId, Timestamp, UserId};
use crate::error::Result;
use crate::moment::Moment;
use crate::tokens::encryption::Encrypted;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// The columns that [`factor`] reads, in order.
macro_rules! columns {
    () => {
        "id, name, created_at, last_used_at, kind"
    };
}

fn factor(row: &Row) -> Factor {
    let whose = ("factor", row.get(0));
    let used: Option<Moment> = row.get(3);
    Factor {
        id: FactorId::stored(row.get(0)),
        kind: if row.get::<_, &str>(4) == "passkey" { "passkey" } else { "totp" },
        name: row.get(1),
        created_at: Timestamp::stored(row.get(2), whose),
        last_used_at: used.map(|moment| Timestamp::stored(moment, whose)),
    }
}

/// The confirmed factors of a user.
pub(super) fn list(conn: &mut Client, user: UserId) -> Result<Vec<Factor>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM gatepost.factors WHERE user_id = $1 AND confirmed_at IS NOT NULL ORDER BY id"
    );
    let rows = conn.query_typed(sql, &[(&user.get(), Type::INT8)])?;
    Ok(rows.iter().map(factor).collect())
}

/// A factor.
pub(super) fn find(tx: &mut Transaction<'_>, id: FactorId) -> Result<Option<Factor>> {
    let sql = concat!("SELECT ", columns!(), " FROM gatepost.factors WHERE id = $1");
    let row = tx.query_typed_opt(sql, &[(&id.get(), Type::INT8)])?;
    Ok(row.as_ref().map(factor))
}

/// How many recovery codes a user has left; `None` if there is no such user.
pub(super) fn codes_left(conn: &mut Line, user: UserId) -> Result<Option<i64>> {
    let sql = "SELECT (SELECT count(*) FROM gatepost.recovery_codes WHERE user_id = $1)
               FROM gatepost.users WHERE id = $1";
    let row = conn.query_typed_opt(sql, &[(&user.get(), Type::INT8)])?;
    Ok(row.map(|row| row.get(0)))
}

/// The login of a user, and whether the user has a second factor.
pub(super) fn user(tx: &mut Transaction<'_>, user: UserId) -> Result<Option<(String, bool)>> {
    let sql = "SELECT login, second_factor FROM gatepost.users WHERE id = $1";
    let row = tx.query_typed_opt(sql, &[(&user.get(), Type::INT8)])?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}

/// How many confirmed factors a user has.
pub(super) fn count(tx: &mut Transaction<'_>, user: UserId) -> Result<i64> {
    let sql = "SELECT count(*) FROM gatepost.factors
               WHERE user_id = $1 AND confirmed_at IS NOT NULL";
    Ok(tx.query_typed_one(sql, &[(&user.get(), Type::INT8)])?.get(0))
}

/// Removes the factors of a user that wait to be confirmed.
pub(super) fn remove_unconfirmed(tx: &mut Transaction<'_>, user: UserId) -> Result<()> {
    let sql = "DELETE FROM gatepost.factors WHERE user_id = $1 AND confirmed_at IS NULL";
    tx.execute_typed(sql, &[(&user.get(), Type::INT8)])?;
    Ok(())
}

/// Adds an authenticator app, which is yet to be confirmed or already was.
pub(super) fn insert(
    tx: &mut Transaction<'_>,
    user: UserId,
    name: &FactorName,
    secret: &Encrypted,
    confirmed: bool,
) -> Result<FactorId> {
    let sql =
        "INSERT INTO gatepost.factors (user_id, kind, name, secret, sealed_with, confirmed_at)
               VALUES ($1, 'totp', $2, $3, $4, CASE WHEN $5 THEN now() END) RETURNING id";
    let row = tx.query_typed_one(
        sql,
        &[
            (&user.get(), Type::INT8),
            (&name.as_str(), Type::TEXT),
            (&secret.bytes, Type::BYTEA),
            (&secret.with, Type::TEXT),
            (&confirmed, Type::BOOL),
        ],
    )?;
    Ok(FactorId::stored(row.get(0)))
}

/// A secret of a user, and the time step in which this was read.
pub(super) struct FoundSecret {
    pub(super) id: FactorId,
    pub(super) secret: Encrypted,
    pub(super) now: i64,
}

/// A macro, since the statements are constants. The clock is the database's, which all instances share.
macro_rules! secrets {
    ($which:literal) => {
        concat!(
            "SELECT id, secret, sealed_with,
                    floor(extract(epoch FROM clock_timestamp()) / $2)::BIGINT
             FROM gatepost.factors WHERE user_id = $1 AND kind = 'totp' AND ",
            $which
        )
    };
}

fn found(row: &Row) -> FoundSecret {
    FoundSecret {
        id: FactorId::stored(row.get(0)),
        secret: Encrypted { bytes: row.get(1), with: row.get(2) },
        now: row.get(3),
    }
}

/// The secrets of a user's confirmed factors.
pub(super) fn secrets(tx: &mut Transaction<'_>, user: UserId) -> Result<Vec<FoundSecret>> {
    let sql = secrets!("confirmed_at IS NOT NULL ORDER BY id");
    let rows = tx.query_typed(sql, &[(&user.get(), Type::INT8), (&PERIOD, Type::INT8)])?;
    Ok(rows.iter().map(found).collect())
}

/// The secret of a factor that waits to be confirmed and was made less than an hour ago.
pub(super) fn unconfirmed(
    tx: &mut Transaction<'_>,
    user: UserId,
    id: FactorId,
) -> Result<Option<FoundSecret>> {
    let sql = secrets!(
        "id = $3 AND confirmed_at IS NULL AND created_at > now() - interval '1 hour' FOR UPDATE"
    );
    let row = tx.query_typed_opt(
        sql,
        &[(&user.get(), Type::INT8), (&PERIOD, Type::INT8), (&id.get(), Type::INT8)],
    )?;
    Ok(row.as_ref().map(found))
}

/// Confirms a factor with the code of this time step, which is used by that.
pub(super) fn confirm(tx: &mut Transaction<'_>, id: FactorId, step: i64) -> Result<Factor> {
    let sql = concat!(
        "UPDATE gatepost.factors SET confirmed_at = now(), last_step = $2 WHERE id = $1 RETURNING ",
        columns!()
    );
    let row = tx.query_typed_one(sql, &[(&id.get(), Type::INT8), (&step, Type::INT8)])?;
    Ok(factor(&row))
}

/// Uses the code of a time step up. Returns whether it was still good: of any number of attempts at
/// once, on whatever instances, one finds it so.
///
/// A step that lies farther ahead than a clock may be was used before the clock was set back. It says
/// nothing of the steps that come now.
pub(super) fn use_step(
    tx: &mut Transaction<'_>,
    id: FactorId,
    step: i64,
    now: i64,
) -> Result<bool> {
    let sql = "UPDATE gatepost.factors SET last_step = $2, last_used_at = now()
               WHERE id = $1 AND confirmed_at IS NOT NULL AND (last_step < $2 OR last_step > $3 + 1)";
    let used =
        tx.execute_typed(sql, &[(&id.get(), Type::INT8), (&step, Type::INT8), (&now, Type::INT8)])?;
    Ok(used == 1)
}

/// Uses a recovery code up. Returns whether there was one.
pub(super) fn use_recovery_code(
    tx: &mut Transaction<'_>,
    user: UserId,
    hash: [u8; 32],
) -> Result<bool> {
    let sql = "DELETE FROM gatepost.recovery_codes WHERE user_id = $1 AND hash = $2";
    let used =
        tx.execute_typed(sql, &[(&user.get(), Type::INT8), (&hash.as_slice(), Type::BYTEA)])?;
    Ok(used == 1)
}

/// Puts these recovery codes in the place of those that a user has.
pub(super) fn replace_codes(
    tx: &mut Transaction<'_>,
    user: UserId,
    hashes: &[Vec<u8>],
) -> Result<()> {
    remove_codes(tx, user)?;
    let sql = "INSERT INTO gatepost.recovery_codes (user_id, hash) SELECT $1, unnest($2)
               ON CONFLICT DO NOTHING";
    tx.execute_typed(sql, &[(&user.get(), Type::INT8), (&hashes, Type::BYTEA_ARRAY)])?;
    Ok(())
}

fn remove_codes(tx: &mut Transaction<'_>, user: UserId) -> Result<()> {
    let sql = "DELETE FROM gatepost.recovery_codes WHERE user_id = $1";
    tx.execute_typed(sql, &[(&user.get(), Type::INT8)])?;
    Ok(())
}

/// Asks the user for a second factor from now on.
pub(super) fn require(tx: &mut Transaction<'_>, user: UserId) -> Result<()> {
    let sql = "UPDATE gatepost.users SET second_factor = true WHERE id = $1";
    tx.execute_typed(sql, &[(&user.get(), Type::INT8)])?;
    Ok(())
}

/// Asks the user for none any more. With `anew`, the time to set one up, where one is required, begins
/// with the next sign-in.
pub(super) fn require_none(tx: &mut Transaction<'_>, user: UserId, anew: bool) -> Result<()> {
    remove_codes(tx, user)?;
    let sql = "UPDATE gatepost.users
               SET second_factor = false, mfa_asked_at = CASE WHEN $2 THEN NULL ELSE mfa_asked_at END
               WHERE id = $1";
    tx.execute_typed(sql, &[(&user.get(), Type::INT8), (&anew, Type::BOOL)])?;
    Ok(())
}

/// Whose factor it is, if there is one.
pub(super) fn owner(tx: &mut Transaction<'_>, id: FactorId) -> Result<Option<UserId>> {
    let sql = "SELECT user_id FROM gatepost.factors WHERE id = $1";
    let row = tx.query_typed_opt(sql, &[(&id.get(), Type::INT8)])?;
    Ok(row.map(|row| UserId::stored(row.get(0))))
}

/// Removes a factor.
pub(super) fn remove(tx: &mut Transaction<'_>, id: FactorId) -> Result<Option<Factor>> {
    let sql = concat!("DELETE FROM gatepost.factors WHERE id = $1 RETURNING ", columns!());
    let row = tx.query_typed_opt(sql, &[(&id.get(), Type::INT8)])?;
    Ok(row.as_ref().map(factor))
}

/// Removes all factors of a user, and returns the confirmed ones.
pub(super) fn remove_all(tx: &mut Transaction<'_>, user: UserId) -> Result<Vec<Factor>> {
    let sql = concat!(
        "DELETE FROM gatepost.factors WHERE user_id = $1 RETURNING ",
        columns!(),
        ", confirmed_at IS NOT NULL"
    );
    let rows = tx.query_typed(sql, &[(&user.get(), Type::INT8)])?;
    Ok(rows.iter().filter(|row| row.get(5)).map(factor).collect())
}

/// Holds a user's row until the transaction ends. Returns whether there is one.
pub(super) fn lock(tx: &mut Transaction<'_>, user: UserId) -> Result<bool> {
    let sql = "SELECT FROM gatepost.users WHERE id = $1 FOR UPDATE";
    Ok(tx.query_typed_opt(sql, &[(&user.get(), Type::INT8)])?.is_some())
}

/// The secrets that are not encrypted with the key of this name. Their rows are held.
pub(super) fn encrypted_otherwise(
    tx: &mut Transaction<'_>,
    name: Option<&str>,
) -> Result<Vec<(FactorId, UserId, Encrypted)>> {
    let sql = "SELECT id, user_id, secret, sealed_with FROM gatepost.factors
               WHERE kind = 'totp' AND sealed_with IS DISTINCT FROM $1 ORDER BY id FOR UPDATE";
    let rows = tx.query_typed(sql, &[(&name, Type::TEXT)])?;
    let read = |row: &Row| {
        let secret = Encrypted { bytes: row.get(2), with: row.get(3) };
        (FactorId::stored(row.get(0)), UserId::stored(row.get(1)), secret)
    };
    Ok(rows.iter().map(read).collect())
}

/// Stores a secret encrypted anew, unless it was changed since it was read.
pub(super) fn replace_secret(
    tx: &mut Transaction<'_>,
    id: FactorId,
    old: &Encrypted,
    new: &Encrypted,
) -> Result<()> {
    let sql = "UPDATE gatepost.factors SET secret = $3, sealed_with = $4
               WHERE id = $1 AND secret = $2";
    tx.execute_typed(
        sql,
        &[
            (&id.get(), Type::INT8),
            (&old.bytes, Type::BYTEA),
            (&new.bytes, Type::BYTEA),
            (&new.with, Type::TEXT),
        ],
    )?;
    Ok(())
}

/// How many admins could sign in without a second factor.
pub(crate) fn admins_without(conn: &mut Line) -> Result<i64> {
    let sql = concat!(
        "SELECT count(*) FROM gatepost.users u WHERE u.admin AND NOT u.second_factor AND ",
        active!()
    );
    Ok(conn.query_typed_one(sql, &[])?.get(0))
}
