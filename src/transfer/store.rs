//! The SQL of importing and exporting.

use super::line::{ExistingUser, IncomingUser};
use crate::db::{Client, Line, Transaction};
use crate::domain::{Attributes, Email, Names, UserId};
use crate::error::Result;
use crate::moment::{self, Moment};
use std::collections::{HashMap, HashSet};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// The columns that [`existing_of`] reads, in order.
macro_rules! columns {
    () => {
        "id, login_canonical, login, password_hash, admin, created_at, locked, expires_at,
         token_version, roles, groups, public_attributes, private_attributes, email, email_verified"
    };
}

fn existing_of(row: &Row) -> Result<ExistingUser> {
    let whose = ("user", row.get(0));
    Ok(ExistingUser {
        id: row.get(0),
        login: row.get(2),
        password_hash: row.get(3),
        admin: row.get(4),
        created_at: row.get::<_, Moment>(5).time(whose),
        locked: row.get(6),
        expires_at: row.get::<_, Option<Moment>>(7).and_then(|end| end.end(whose)),
        token_version: row.get(8),
        email: row.get(13),
        email_verified: row.get(14),
        roles: Names::stored(row.get(9)),
        groups: Names::stored(row.get(10)),
        attributes: Attributes::stored(row.get(11), row.get(12))?,
    })
}

/// How many users there are.
pub(super) fn count(conn: &mut Client) -> Result<i64> {
    Ok(conn.query_typed("SELECT count(*) FROM gatepost.users", &[])?[0].get(0))
}

/// The statement that inserts users, with ids of their own or without.
macro_rules! insert {
    ($column:literal, $value:literal, $overriding:literal) => {
        concat!(
            "WITH new AS (
                 INSERT INTO gatepost.users (",
            $column,
            "login, login_canonical, password_hash, admin, created_at, locked, expires_at,
                     token_version, roles, groups, public_attributes, private_attributes, email,
                     email_canonical, email_verified) ",
            $overriding,
            " SELECT ",
            $value,
            "login, canonical, hash, admin, coalesce(created_at, now()), locked, expires_at,
                     token_version, string_to_array(roles, ' '), string_to_array(groups, ' '),
                     public, private, email, email_canonical, email_verified
                 FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
                      WITH ORDINALITY
                      AS line (login, canonical, hash, admin, created_at, locked, expires_at,
                               token_version, roles, groups, public, private, id, email,
                               email_canonical, email_verified, number)
                 ORDER BY number
                 ON CONFLICT DO NOTHING
                 RETURNING id, login_canonical, roles, groups
             ), indexed AS (
                 INSERT INTO gatepost.memberships (user_id, kind, name)
                 SELECT id, 'role', unnest(roles) FROM new
                 UNION ALL SELECT id, 'group', unnest(groups) FROM new
             )
             SELECT login_canonical FROM new"
        )
    };
}

/// Inserts the users whose login and verified address are free, in order, and returns their canonical logins. With `ids`
/// they keep theirs, which no row may have.
pub(super) fn insert(
    tx: &mut Transaction<'_>,
    users: &[&IncomingUser],
    ids: bool,
) -> Result<HashSet<String>> {
    let sql = match ids {
        true => insert!("id, ", "id, ", "OVERRIDING SYSTEM VALUE"),
        false => insert!("", "", ""),
    };
    let texts =
        |of: fn(&IncomingUser) -> String| users.iter().map(|u| of(u)).collect::<Vec<String>>();
    let truths = |of: fn(&IncomingUser) -> Option<bool>| {
        users.iter().map(|user| of(user).unwrap_or(false)).collect::<Vec<bool>>()
    };
    let times = |of: fn(&IncomingUser) -> Option<OffsetDateTime>| {
        users.iter().map(|user| of(user).map(moment::parameter)).collect::<Vec<_>>()
    };
    let names = |of: fn(&IncomingUser) -> &Option<Names>| {
        let joined = |user: &&IncomingUser| match of(user) {
            Some(names) => names.as_slice().join(" "),
            None => String::new(),
        };
        users.iter().map(joined).collect::<Vec<String>>()
    };
    let attributes = |part: usize| {
        let column = |user: &&IncomingUser| {
            user.attributes.as_ref().and_then(|attributes| attributes.columns()[part].take())
        };
        users.iter().map(column).collect::<Vec<Option<String>>>()
    };
    let emails = |of: fn(&Email) -> &str| {
        users.iter().map(|user| user.email.as_ref().map(of)).collect::<Vec<Option<&str>>>()
    };
    let versions: Vec<i64> = users.iter().map(|user| user.token_version.unwrap_or(1)).collect();
    let numbers: Vec<Option<i64>> = users.iter().map(|user| user.id).collect();
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
            (&versions, Type::INT8_ARRAY),
            (&names(|user| &user.roles), Type::TEXT_ARRAY),
            (&names(|user| &user.groups), Type::TEXT_ARRAY),
            (&attributes(0), Type::TEXT_ARRAY),
            (&attributes(1), Type::TEXT_ARRAY),
            (&numbers, Type::INT8_ARRAY),
            (&emails(Email::as_str), Type::TEXT_ARRAY),
            (&emails(Email::canonical), Type::TEXT_ARRAY),
            (&truths(|user| user.email_verified), Type::BOOL_ARRAY),
        ],
    )?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Keeps everybody else from writing users until the transaction ends, and says whether there are
/// none.
pub(super) fn lock_if_empty(tx: &mut Transaction<'_>) -> Result<bool> {
    // Registrations queue behind us while we wait for those under way.
    tx.batch_execute(
        "SET LOCAL lock_timeout = '5s';
         LOCK TABLE gatepost.users IN SHARE ROW EXCLUSIVE MODE",
    )?;
    let row = tx.query_typed_one("SELECT EXISTS (SELECT FROM gatepost.users)", &[])?;
    Ok(!row.get::<_, bool>(0))
}

/// Whether there are users.
pub(super) fn exist(conn: &mut Client) -> Result<bool> {
    let row = conn.query_typed("SELECT EXISTS (SELECT FROM gatepost.users)", &[])?;
    Ok(row[0].get(0))
}

/// Moves the next id beyond this one. A sequence is not part of a transaction: if ours fails, some
/// numbers are left out.
pub(super) fn number_beyond(tx: &mut Transaction<'_>, id: i64) -> Result<()> {
    let sql = "SELECT setval('gatepost.users_id_seq', greatest($1, last_value))
               FROM gatepost.users_id_seq";
    tx.query_typed(sql, &[(&id, Type::INT8)])?;
    Ok(())
}

/// The users who have these logins, by their canonical form.
pub(super) fn existing(
    conn: &mut Line,
    users: &[&IncomingUser],
) -> Result<HashMap<String, ExistingUser>> {
    let sql =
        concat!("SELECT ", columns!(), " FROM gatepost.users WHERE login_canonical = ANY ($1)");
    let logins: Vec<&str> = users.iter().map(|user| user.login.canonical()).collect();
    let rows = conn.query_typed(sql, &[(&logins, Type::TEXT_ARRAY)])?;
    rows.iter().map(|row| Ok((row.get(1), existing_of(row)?))).collect()
}

/// The numbers of users, by the canonical form of their logins.
pub(super) fn ids(conn: &mut Line, users: &[&IncomingUser]) -> Result<HashMap<String, UserId>> {
    let sql = "SELECT login_canonical, id FROM gatepost.users WHERE login_canonical = ANY ($1)";
    let logins: Vec<&str> = users.iter().map(|user| user.login.canonical()).collect();
    let rows = conn.query_typed(sql, &[(&logins, Type::TEXT_ARRAY)])?;
    Ok(rows.iter().map(|row| (row.get(0), UserId::stored(row.get(1)))).collect())
}

/// Those of these addresses, in canonical form, that some user has proved.
pub(super) fn verified_emails(conn: &mut Line, users: &[&IncomingUser]) -> Result<HashSet<String>> {
    let sql = "SELECT email_canonical FROM gatepost.users
               WHERE email_verified AND email_canonical = ANY ($1)";
    let emails: Vec<&str> = users.iter().filter_map(|user| user.verified_email()).collect();
    let rows = conn.query_typed(sql, &[(&emails, Type::TEXT_ARRAY)])?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The users after this id, in the order of their ids.
pub(super) fn page(conn: &mut Client, after: i64, size: i64) -> Result<Vec<ExistingUser>> {
    let sql =
        concat!("SELECT ", columns!(), " FROM gatepost.users WHERE id > $1 ORDER BY id LIMIT $2");
    let rows = conn.query_typed(sql, &[(&after, Type::INT8), (&size, Type::INT8)])?;
    rows.iter().map(existing_of).collect()
}
