//! The SQL of users.

use super::types::{NewUser, User};
use crate::access::standing::{CallerRows, CallerStanding, standing};
use crate::db::{Client, Connection, Transaction, violates};
use crate::domain::{Attributes, Email, Login, Names, Page, Timestamp, UserId};
use crate::error::{Error, Result};
use crate::passwords::PasswordHash;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// The columns that [`user`] reads, in order.
macro_rules! columns {
    () => {
        "id, login, admin, created_at, locked, expires_at, roles, groups, public_attributes,
         private_attributes, email, email_verified, pending_email"
    };
}

pub(super) use columns;

/// How many there are.
const COLUMNS: usize = 13;

pub(super) fn user(row: &Row) -> Result<User> {
    let whose = ("user", row.get(0));
    Ok(User {
        id: UserId::stored(row.get(0)),
        login: row.get(1),
        admin: row.get(2),
        created_at: Timestamp::stored(row.get(3), whose),
        email: Email::stored(row.get(10)),
        email_verified: row.get(11),
        pending_email: Email::stored(row.get(12)),
        locked: row.get(4),
        expires_at: Timestamp::stored_end(row.get(5), whose),
        roles: Names::stored(row.get(6)),
        groups: Names::stored(row.get(7)),
        attributes: Attributes::stored(row.get(8), row.get(9))?,
    })
}

pub(super) fn insert(
    tx: &mut Transaction<'_>,
    login: &Login,
    hash: &str,
    new: &NewUser,
) -> Result<User> {
    let sql = concat!(
        "INSERT INTO gatepost.users (login, login_canonical, password_hash, admin, roles, groups,
                                     public_attributes, private_attributes, email, email_canonical)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING ",
        columns!()
    );
    let [public, private] = new.attributes.columns();
    let typed = login.as_str();
    let canonical = login.canonical();
    let inserted = tx.query_typed_one(
        sql,
        &[
            (&typed, Type::TEXT),
            (&canonical, Type::TEXT),
            (&hash, Type::TEXT),
            (&new.admin, Type::BOOL),
            (&new.roles.as_slice(), Type::TEXT_ARRAY),
            (&new.groups.as_slice(), Type::TEXT_ARRAY),
            (&public, Type::TEXT),
            (&private, Type::TEXT),
            (&new.email.as_ref().map(Email::as_str), Type::TEXT),
            (&new.email.as_ref().map(Email::canonical), Type::TEXT),
        ],
    );
    let user = match inserted {
        Ok(row) => user(&row)?,
        Err(error) if violates(&error, "users_login_canonical_key") => {
            return Err(Error::LoginTaken);
        }
        Err(error) => return Err(error.into()),
    };
    if !(user.roles.is_empty() && user.groups.is_empty()) {
        index_memberships(tx, &user)?;
    }
    Ok(user)
}

/// Makes the index of a user's roles and groups agree with the user's row.
fn index_memberships(tx: &mut Transaction<'_>, user: &User) -> Result<()> {
    let sql = "WITH gone AS (
                   DELETE FROM gatepost.memberships WHERE user_id = $1
                   AND NOT (name = ANY (CASE kind WHEN 'role' THEN $2 ELSE $3 END))
               )
               INSERT INTO gatepost.memberships (user_id, kind, name)
               SELECT $1, 'role', unnest($2) UNION ALL SELECT $1, 'group', unnest($3)
               ON CONFLICT DO NOTHING";
    tx.execute_typed(
        sql,
        &[
            (&user.id.get(), Type::INT8),
            (&user.roles.as_slice(), Type::TEXT_ARRAY),
            (&user.groups.as_slice(), Type::TEXT_ARRAY),
        ],
    )?;
    Ok(())
}

/// The constraint by which a verified address is one user's.
pub(super) const VERIFIED_EMAIL: &str = "users_verified_email_key";

/// A page of users and whether there are more.
pub(super) type ListedUsers = (Vec<User>, bool);

/// A page, with the standing of the user `caller`. What comes before a page that was asked for by its
/// number is passed over in the index, without reading the rows; the first page needs no such search.
pub(super) fn list(
    conn: &mut Connection,
    caller: Option<CallerRows>,
    page: Page,
) -> Result<(Option<CallerStanding>, ListedUsers)> {
    macro_rules! page {
        ($from:literal) => {
            concat!(
                "SELECT ",
                columns!(),
                ", token_version, ",
                standing!("$2", "$6"),
                ", true FROM gatepost.users u WHERE id = $1
                 UNION ALL
                 (SELECT ",
                columns!(),
                ", token_version, NULL, false, false FROM gatepost.users WHERE ",
                $from,
                " ORDER BY id LIMIT $5)"
            )
        };
    }
    let (after, offset) = page.start();
    let sql = if offset == 0 {
        page!("id > $3 + $4")
    } else {
        page!("id >= (SELECT id FROM gatepost.users WHERE id > $3 ORDER BY id OFFSET $4 LIMIT 1)")
    };
    let one_more = page.size() + 1;
    let rows = conn.query_prepared(
        sql,
        &[
            (&caller.map(|rows| rows.user), Type::INT8),
            (&caller.map(|rows| rows.session.id()), Type::INT8),
            (&after, Type::INT8),
            (&offset, Type::INT8),
            (&one_more, Type::INT8),
            (&caller.as_ref().map(|rows| rows.session.identity().as_slice()), Type::BYTEA),
        ],
    )?;
    let (callers, listed): (Vec<&Row>, Vec<&Row>) =
        rows.iter().partition(|row| row.get(COLUMNS + 3));
    let mut users = listed.into_iter().map(user).collect::<Result<Vec<User>>>()?;
    // SQL promises an order inside the page's parentheses, not outside them.
    users.sort_unstable_by_key(|user| user.id.get());
    let size = usize::try_from(page.size()).unwrap_or(usize::MAX);
    let more = users.len() > size;
    users.truncate(size);
    Ok((callers.first().map(|row| standing_of(row)), (users, more)))
}

/// One user, with the standing of the user `caller`, who may be the same.
pub(super) fn find(
    conn: &mut Connection,
    caller: Option<CallerRows>,
    id: UserId,
) -> Result<(Option<CallerStanding>, Option<User>)> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", token_version, ",
        standing!("$3", "$4"),
        " FROM gatepost.users u WHERE id IN ($1, $2)"
    );
    let rows = conn.query_prepared(
        sql,
        &[
            (&caller.map(|rows| rows.user), Type::INT8),
            (&id.get(), Type::INT8),
            (&caller.map(|rows| rows.session.id()), Type::INT8),
            (&caller.as_ref().map(|rows| rows.session.identity().as_slice()), Type::BYTEA),
        ],
    )?;
    let of = |id: i64| rows.iter().find(|row| row.get::<_, i64>(0) == id);
    let standing = caller.and_then(|rows| of(rows.user)).map(standing_of);
    Ok((standing, of(id.get()).map(user).transpose()?))
}

/// The standing in a row that begins with the columns of [`user`].
fn standing_of(row: &Row) -> CallerStanding {
    CallerStanding {
        admin: row.get(2),
        token_version: row.get(COLUMNS),
        stepped_up: row.get(COLUMNS + 1),
        second_factor: row.get(COLUMNS + 2),
    }
}

pub(super) fn find_by_login(conn: &mut Client, login: &Login) -> Result<Option<User>> {
    let sql = concat!("SELECT ", columns!(), " FROM gatepost.users WHERE login_canonical = $1");
    let row = conn.query_typed_opt(sql, &[(&login.canonical(), Type::TEXT)])?;
    row.as_ref().map(user).transpose()
}

/// The stored hash of a user's password.
pub(super) fn password_hash(conn: &mut Client, id: UserId) -> Result<Option<PasswordHash>> {
    let sql = "SELECT password_hash FROM gatepost.users WHERE id = $1";
    let Some(row) = conn.query_typed_opt(sql, &[(&id.get(), Type::INT8)])? else {
        return Ok(None);
    };
    let unusable =
        |cause| Error::Internal(format!("the password hash of user {}: {cause}", id.get()));
    PasswordHash::stored(row.get(0)).map(Some).map_err(unusable)
}

/// What to change in a user's row; `None` leaves a column as it is.
#[derive(Debug, Default)]
pub(super) struct ChangedColumns {
    pub(super) hash: Option<String>,
    pub(super) email: Option<Option<Email>>,
    /// Whether that address is proved, and takes its place at once.
    pub(super) email_verified: bool,
    pub(super) locked: Option<bool>,
    pub(super) expires_at: Option<Option<Timestamp>>,
    pub(super) roles: Option<Names>,
    pub(super) groups: Option<Names>,
    pub(super) attributes: Option<Attributes>,
}

/// A user whose row is held until the transaction ends.
pub(super) fn lock(tx: &mut Transaction<'_>, id: UserId) -> Result<Option<User>> {
    let sql = concat!("SELECT ", columns!(), " FROM gatepost.users WHERE id = $1 FOR UPDATE");
    let row = tx.query_typed_opt(sql, &[(&id.get(), Type::INT8)])?;
    row.as_ref().map(user).transpose()
}

/// Whether a new address must wait, since the one that is there is verified.
macro_rules! waits {
    () => {
        "coalesce(email_verified AND email_canonical <> $13 AND NOT $14, false)"
    };
}

/// Changes a user. A new password and a lock each end the access tokens issued before, for good:
/// unlocking does not bring them back.
pub(super) fn change(
    tx: &mut Transaction<'_>,
    id: UserId,
    change: &ChangedColumns,
) -> Result<Option<User>> {
    let sql = concat!(
        "UPDATE gatepost.users SET
             password_hash = coalesce($2, password_hash),
             token_version = token_version
                 + CASE WHEN $2 IS NOT NULL OR ($3 AND NOT locked) THEN 1 ELSE 0 END,
             locked = coalesce($3, locked),
             expires_at = CASE WHEN $4 THEN $5 ELSE expires_at END,
             roles = coalesce($6, roles),
             groups = coalesce($7, groups),
             public_attributes = CASE WHEN $8 THEN $9 ELSE public_attributes END,
             private_attributes = CASE WHEN $8 THEN $10 ELSE private_attributes END,
             email = CASE WHEN $11 AND NOT ",
        waits!(),
        " THEN $12 ELSE email END,
             email_canonical = CASE WHEN $11 AND NOT ",
        waits!(),
        " THEN $13 ELSE email_canonical END,
             email_verified = CASE WHEN $11 THEN $12 IS NOT NULL AND (email_verified OR $14)
                                   ELSE email_verified END,
             pending_email = CASE WHEN NOT $11 THEN pending_email WHEN ",
        waits!(),
        " THEN $12 END
         WHERE id = $1 RETURNING ",
        columns!()
    );
    let [public, private] = change.attributes.as_ref().map(Attributes::columns).unwrap_or_default();
    let expires_at = change.expires_at.flatten().map(Timestamp::parameter);
    let address = change.email.as_ref().and_then(Option::as_ref);
    let changed = tx.query_typed_opt(
        sql,
        &[
            (&id.get(), Type::INT8),
            (&change.hash, Type::TEXT),
            (&change.locked, Type::BOOL),
            (&change.expires_at.is_some(), Type::BOOL),
            (&expires_at, Type::TIMESTAMPTZ),
            (&change.roles.as_ref().map(Names::as_slice), Type::TEXT_ARRAY),
            (&change.groups.as_ref().map(Names::as_slice), Type::TEXT_ARRAY),
            (&change.attributes.is_some(), Type::BOOL),
            (&public, Type::TEXT),
            (&private, Type::TEXT),
            (&change.email.is_some(), Type::BOOL),
            (&address.map(Email::as_str), Type::TEXT),
            (&address.map(Email::canonical), Type::TEXT),
            (&change.email_verified, Type::BOOL),
        ],
    );
    let row = match changed {
        Err(error) if violates(&error, VERIFIED_EMAIL) => return Err(Error::EmailTaken),
        changed => changed?,
    };
    let Some(user) = row.as_ref().map(user).transpose()? else { return Ok(None) };
    if change.roles.is_some() || change.groups.is_some() {
        index_memberships(tx, &user)?;
    }
    Ok(Some(user))
}

/// Ends the access tokens that a user has, of sessions that go on.
pub(super) fn raise_token_version(tx: &mut Transaction<'_>, id: UserId) -> Result<()> {
    let sql = "UPDATE gatepost.users SET token_version = token_version + 1 WHERE id = $1";
    tx.execute_typed(sql, &[(&id.get(), Type::INT8)])?;
    Ok(())
}

pub(super) fn set_admin(tx: &mut Transaction<'_>, id: UserId, admin: bool) -> Result<Option<User>> {
    let sql = concat!("UPDATE gatepost.users SET admin = $2 WHERE id = $1 RETURNING ", columns!());
    let row = tx.query_typed_opt(sql, &[(&id.get(), Type::INT8), (&admin, Type::BOOL)])?;
    row.as_ref().map(user).transpose()
}

pub(super) fn delete(tx: &mut Transaction<'_>, id: UserId) -> Result<Option<User>> {
    let sql = concat!("DELETE FROM gatepost.users WHERE id = $1 RETURNING ", columns!());
    let row = tx.query_typed_opt(sql, &[(&id.get(), Type::INT8)])?;
    row.as_ref().map(user).transpose()
}
