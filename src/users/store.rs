//! The SQL of users.

use super::types::{Login, Page, Timestamp, User, UserId};
use crate::db::violates;
use crate::error::{Error, Result};
use postgres::types::Type;
use postgres::{Client, GenericClient, Row, Transaction};

/// What of a user's row decides over its rights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) admin: bool,
    pub(super) token_version: i64,
}

fn user(row: &Row) -> User {
    User {
        id: UserId::stored(row.get(0)),
        login: row.get(1),
        admin: row.get(2),
        created_at: Timestamp::stored(row.get(3)),
    }
}

pub(super) fn insert(
    tx: &mut Transaction<'_>,
    login: &Login,
    hash: &str,
    admin: bool,
) -> Result<User> {
    let sql = "INSERT INTO gatepost.users (login, login_canonical, password_hash, admin)
               VALUES ($1, $2, $3, $4) RETURNING id, login, admin, created_at";
    let (typed, canonical) = (login.as_str(), login.canonical());
    let inserted = tx.query_typed_one(
        sql,
        &[
            (&typed, Type::TEXT),
            (&canonical, Type::TEXT),
            (&hash, Type::TEXT),
            (&admin, Type::BOOL),
        ],
    );
    match inserted {
        Ok(row) => Ok(user(&row)),
        Err(error) if violates(&error, "users_login_canonical_key") => Err(Error::LoginTaken),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn list(conn: &mut Client, page: Page) -> Result<(Vec<User>, bool)> {
    let sql = "SELECT id, login, admin, created_at FROM gatepost.users
               WHERE id > $1 ORDER BY id OFFSET $2 LIMIT $3";
    let (after, offset) = page.start();
    let one_more = page.size() + 1;
    let rows = conn.query_typed(
        sql,
        &[(&after, Type::INT8), (&offset, Type::INT8), (&one_more, Type::INT8)],
    )?;
    let mut users: Vec<User> = rows.iter().map(user).collect();
    let size = usize::try_from(page.size()).unwrap_or(usize::MAX);
    let more = users.len() > size;
    users.truncate(size);
    Ok((users, more))
}

pub(super) fn find(conn: &mut Client, id: UserId) -> Result<Option<User>> {
    let sql = "SELECT id, login, admin, created_at FROM gatepost.users WHERE id = $1";
    Ok(conn.query_typed_opt(sql, &[(&id.get(), Type::INT8)])?.as_ref().map(user))
}

pub(super) fn find_by_login(conn: &mut Client, login: &Login) -> Result<Option<User>> {
    let sql = "SELECT id, login, admin, created_at FROM gatepost.users WHERE login_canonical = $1";
    Ok(conn.query_typed_opt(sql, &[(&login.canonical(), Type::TEXT)])?.as_ref().map(user))
}

pub(super) fn standing(conn: &mut Client, id: i64) -> Result<Option<Standing>> {
    find_standing(conn, "SELECT admin, token_version FROM gatepost.users WHERE id = $1", id)
}

/// The same, and it stays so until the transaction ends.
pub(super) fn lock_standing(tx: &mut Transaction<'_>, id: i64) -> Result<Option<Standing>> {
    let sql = "SELECT admin, token_version FROM gatepost.users WHERE id = $1 FOR UPDATE";
    find_standing(tx, sql, id)
}

fn find_standing(conn: &mut impl GenericClient, sql: &str, id: i64) -> Result<Option<Standing>> {
    let row = conn.query_typed_opt(sql, &[(&id, Type::INT8)])?;
    Ok(row.map(|row| Standing { admin: row.get(0), token_version: row.get(1) }))
}

pub(super) fn set_password(
    tx: &mut Transaction<'_>,
    id: UserId,
    hash: &str,
) -> Result<Option<User>> {
    let sql = "UPDATE gatepost.users SET password_hash = $2, token_version = token_version + 1
               WHERE id = $1 RETURNING id, login, admin, created_at";
    let row = tx.query_typed_opt(sql, &[(&id.get(), Type::INT8), (&hash, Type::TEXT)])?;
    Ok(row.as_ref().map(user))
}

pub(super) fn set_admin(tx: &mut Transaction<'_>, id: UserId, admin: bool) -> Result<Option<User>> {
    let sql = "UPDATE gatepost.users SET admin = $2
               WHERE id = $1 RETURNING id, login, admin, created_at";
    let row = tx.query_typed_opt(sql, &[(&id.get(), Type::INT8), (&admin, Type::BOOL)])?;
    Ok(row.as_ref().map(user))
}

pub(super) fn delete(tx: &mut Transaction<'_>, id: UserId) -> Result<Option<User>> {
    let sql = "DELETE FROM gatepost.users WHERE id = $1 RETURNING id, login, admin, created_at";
    Ok(tx.query_typed_opt(sql, &[(&id.get(), Type::INT8)])?.as_ref().map(user))
}
