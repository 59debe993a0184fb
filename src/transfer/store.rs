//! The SQL of importing and exporting.

use super::line::{ExistingUser, IncomingUser};
use crate::error::Result;
use crate::moment::{self, Moment};
use postgres::types::Type;
use postgres::{Client, Row, Transaction};
use std::collections::{HashMap, HashSet};
use time::OffsetDateTime;

fn existing_of(row: &Row) -> ExistingUser {
    let whose = ("user", row.get(0));
    ExistingUser {
        login: row.get(2),
        password_hash: row.get(3),
        admin: row.get(4),
        created_at: row.get::<_, Moment>(5).time(whose),
        locked: row.get(6),
        expires_at: row.get::<_, Option<Moment>>(7).and_then(|end| end.end(whose)),
    }
}

/// How many users there are.
pub(super) fn count(conn: &mut Client) -> Result<i64> {
    Ok(conn.query_typed("SELECT count(*) FROM gatepost.users", &[])?[0].get(0))
}

/// Inserts the users whose login is free, in order, and returns their canonical logins.
pub(super) fn insert(tx: &mut Transaction<'_>, users: &[&IncomingUser]) -> Result<HashSet<String>> {
    let sql = "INSERT INTO gatepost.users (login, login_canonical, password_hash, admin,
                                           created_at, locked, expires_at)
               SELECT login, canonical, hash, admin, coalesce(created_at, now()), locked, expires_at
               FROM unnest($1, $2, $3, $4, $5, $6, $7) WITH ORDINALITY
                    AS line (login, canonical, hash, admin, created_at, locked, expires_at, number)
               ORDER BY number
               ON CONFLICT (login_canonical) DO NOTHING
               RETURNING login_canonical";
    let texts =
        |of: fn(&IncomingUser) -> String| users.iter().map(|u| of(u)).collect::<Vec<String>>();
    let truths = |of: fn(&IncomingUser) -> Option<bool>| {
        users.iter().map(|user| of(user).unwrap_or(false)).collect::<Vec<bool>>()
    };
    let times = |of: fn(&IncomingUser) -> Option<OffsetDateTime>| {
        users.iter().map(|user| of(user).map(moment::parameter)).collect::<Vec<_>>()
    };
    let rows = tx.query_typed(
        sql,
        &[
            (&texts(|user| user.login.as_str().to_owned()), Type::TEXT_ARRAY),
            (&texts(|user| user.login.canonical().to_owned()), Type::TEXT_ARRAY),
            (&texts(|user| user.hash.to_string()), Type::TEXT_ARRAY),
            (&truths(|user| user.admin), Type::BOOL_ARRAY),
            (&times(|user| user.created_at), Type::TIMESTAMPTZ_ARRAY),
            (&truths(|user| user.locked), Type::BOOL_ARRAY),
            (&times(|user| user.expires_at), Type::TIMESTAMPTZ_ARRAY),
        ],
    )?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The users who have these logins, by their canonical form.
pub(super) fn existing(
    conn: &mut Client,
    users: &[&IncomingUser],
) -> Result<HashMap<String, ExistingUser>> {
    let sql = "SELECT id, login_canonical, login, password_hash, admin, created_at, locked,
                      expires_at
               FROM gatepost.users WHERE login_canonical = ANY ($1)";
    let logins: Vec<&str> = users.iter().map(|user| user.login.canonical()).collect();
    let rows = conn.query_typed(sql, &[(&logins, Type::TEXT_ARRAY)])?;
    Ok(rows.iter().map(|row| (row.get(1), existing_of(row))).collect())
}

/// The users after this id, in the order of their ids.
pub(super) fn page(conn: &mut Client, after: i64, size: i64) -> Result<Vec<(i64, ExistingUser)>> {
    let sql = "SELECT id, login_canonical, login, password_hash, admin, created_at, locked,
                      expires_at
               FROM gatepost.users WHERE id > $1 ORDER BY id LIMIT $2";
    let rows = conn.query_typed(sql, &[(&after, Type::INT8), (&size, Type::INT8)])?;
    Ok(rows.iter().map(|row| (row.get(0), existing_of(row))).collect())
}
