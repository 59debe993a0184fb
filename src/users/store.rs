//! The SQL of users.

use super::access::{Rows, Standing};
use super::types::{Login, Page, Timestamp, User, UserId};
use crate::db::{Connection, violates};
use crate::error::{Error, Result};
use postgres::types::{ToSql, Type};
use postgres::{Client, GenericClient, Row, Transaction};

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

/// A page of users and whether there are more.
pub(super) type Listed = (Vec<User>, bool);

/// A page, with the standing of the user `caller`.
pub(super) fn list(
    conn: &mut Connection,
    caller: Option<Rows>,
    page: Page,
) -> Result<(Option<Standing>, Listed)> {
    let sql = "SELECT u.id, login, admin, u.created_at, token_version,
                      EXISTS (SELECT FROM gatepost.sessions s
                              WHERE s.id = $2 AND s.user_id = u.id AND s.ended_at IS NULL
                              AND s.expires_at > now()), true
               FROM gatepost.users u WHERE u.id = $1
               UNION ALL
               (SELECT id, login, admin, created_at, token_version, false, false
                FROM gatepost.users WHERE id > $3 ORDER BY id OFFSET $4 LIMIT $5)";
    let (after, offset) = page.start();
    let one_more = page.size() + 1;
    let rows = conn.query_prepared(
        sql,
        &[
            (&caller.map(|rows| rows.user), Type::INT8),
            (&caller.map(|rows| rows.session), Type::INT8),
            (&after, Type::INT8),
            (&offset, Type::INT8),
            (&one_more, Type::INT8),
        ],
    )?;
    let (callers, listed): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.get(6));
    let mut users: Vec<User> = listed.into_iter().map(user).collect();
    // SQL promises an order inside of the page's parentheses, not outside of them.
    users.sort_unstable_by_key(|user| user.id.get());
    let size = usize::try_from(page.size()).unwrap_or(usize::MAX);
    let more = users.len() > size;
    users.truncate(size);
    Ok((callers.first().map(|row| standing_of(row)), (users, more)))
}

/// One user, with the standing of the user `caller`, who may be the same.
pub(super) fn find(
    conn: &mut Connection,
    caller: Option<Rows>,
    id: UserId,
) -> Result<(Option<Standing>, Option<User>)> {
    let sql = "SELECT u.id, login, admin, u.created_at, token_version,
                      EXISTS (SELECT FROM gatepost.sessions s
                              WHERE s.id = $3 AND s.user_id = u.id AND s.ended_at IS NULL
                              AND s.expires_at > now())
               FROM gatepost.users u WHERE u.id IN ($1, $2)";
    let rows = conn.query_prepared(
        sql,
        &[
            (&caller.map(|rows| rows.user), Type::INT8),
            (&id.get(), Type::INT8),
            (&caller.map(|rows| rows.session), Type::INT8),
        ],
    )?;
    let of = |id: i64| rows.iter().find(|row| row.get::<_, i64>(0) == id);
    Ok((caller.and_then(|rows| of(rows.user)).map(standing_of), of(id.get()).map(user)))
}

/// The standing in a row that begins as [`user`]'s does.
fn standing_of(row: &Row) -> Standing {
    Standing { admin: row.get(2), token_version: row.get(4), session_lives: row.get(5) }
}

pub(super) fn find_by_login(conn: &mut Client, login: &Login) -> Result<Option<User>> {
    let sql = "SELECT id, login, admin, created_at FROM gatepost.users WHERE login_canonical = $1";
    Ok(conn.query_typed_opt(sql, &[(&login.canonical(), Type::TEXT)])?.as_ref().map(user))
}

/// What decides over the rights of whoever shows a token that points to these rows.
pub(super) fn standing(conn: &mut Client, rows: Rows) -> Result<Option<Standing>> {
    find_standing(conn, STANDING, rows)
}

/// The same, and it stays so until the transaction ends.
pub(super) fn lock_standing(tx: &mut Transaction<'_>, rows: Rows) -> Result<Option<Standing>> {
    find_standing(tx, &format!("{STANDING} FOR UPDATE OF u"), rows)
}

const STANDING: &str = "SELECT admin, token_version,
                               EXISTS (SELECT FROM gatepost.sessions s
                                       WHERE s.id = $2 AND s.user_id = u.id
                                       AND s.ended_at IS NULL AND s.expires_at > now())
                        FROM gatepost.users u WHERE u.id = $1";

fn find_standing(conn: &mut impl GenericClient, sql: &str, rows: Rows) -> Result<Option<Standing>> {
    let parameters =
        &[(&rows.user as &(dyn ToSql + Sync), Type::INT8), (&rows.session, Type::INT8)];
    let row = conn.query_typed_opt(sql, parameters)?;
    Ok(row.map(|row| Standing {
        admin: row.get(0),
        token_version: row.get(1),
        session_lives: row.get(2),
    }))
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
