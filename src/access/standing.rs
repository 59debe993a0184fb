//! What the rows that a token points to say about its bearer, and the SQL that reads them.

use crate::db::{Line, Transaction};
use crate::error::Result;
use crate::tokens::{Claims, SessionRef};
use tokio_postgres::types::Type;

/// The rows that a token points to: a user's, and a session's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallerRows {
    pub(crate) user: i64,
    pub(crate) session: SessionRef,
}

impl CallerRows {
    pub(super) fn of(claims: &Claims) -> Self {
        Self { user: claims.user_id, session: claims.sid }
    }
}

/// What those rows say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallerStanding {
    pub(crate) admin: bool,
    pub(crate) token_version: i64,
    /// If the session is this user's and live, and the account is active: the claim `auth_time` that
    /// the session's tokens must have since it was stepped up, or 0 if it never was.
    pub(crate) stepped_up: Option<i64>,
    /// Whether the user has a second factor.
    pub(crate) second_factor: bool,
}

/// SQL for whether the account in a row `u` is neither locked nor expired.
macro_rules! active {
    () => {
        "NOT u.locked AND coalesce(u.expires_at > now(), true)"
    };
}

/// SQL for whether a session is live, in rows of this name if one is given.
macro_rules! session_lives {
    () => {
        "ended_at IS NULL AND expires_at > now()"
    };
    ($name:literal) => {
        concat!($name, ".ended_at IS NULL AND ", $name, ".expires_at > now()")
    };
}

/// SQL for the claim `auth_time` of the session in a row `s`, a BIGINT: when its user has proved who
/// they are, in seconds since 1970-01-01 UTC, or that moment if it was before.
macro_rules! auth_time {
    () => {
        "greatest(0, floor(extract(epoch FROM coalesce(s.authenticated_at, s.created_at))))::BIGINT"
    };
}

/// SQL for the same since the session was stepped up, and 0 if it never was.
macro_rules! stepped_up {
    () => {
        concat!(
            "CASE WHEN s.authenticated_at IS NULL THEN 0 ELSE ",
            $crate::access::standing::auth_time!(),
            " END"
        )
    };
}

impl CallerStanding {
    /// Whether a token with this claim may be used in the session.
    pub(super) fn takes(&self, auth_time: u64) -> bool {
        self.stepped_up.is_some_and(|at| takes(at, auth_time))
    }
}

/// Whether a session that was stepped up at this time, or never if it is 0, takes a token with this claim
/// `auth_time`.
pub(crate) fn takes(stepped_up: i64, auth_time: u64) -> bool {
    stepped_up == 0 || u64::try_from(stepped_up) == Ok(auth_time)
}

/// SQL for [`CallerStanding::stepped_up`] and [`CallerStanding::second_factor`], for the user in a row
/// `u` and the session with the id and identity in these parameters.
macro_rules! standing {
    ($session:literal, $identity:literal) => {
        concat!(
            "(SELECT ",
            $crate::access::standing::stepped_up!(),
            " FROM gatepost.sessions s
              WHERE s.id = ",
            $session,
            " AND s.identity = ",
            $identity,
            " AND s.user_id = u.id AND ",
            $crate::access::standing::session_lives!("s"),
            " AND ",
            $crate::access::standing::active!(),
            "), u.second_factor"
        )
    };
}

pub(crate) use {active, auth_time, session_lives, standing, stepped_up};

/// Locks users until the transaction ends, in the order of their ids. Anything read before must be
/// read again, since this may have waited.
pub(super) fn lock(tx: &mut Transaction<'_>, ids: &[Option<i64>]) -> Result<()> {
    let sql = "SELECT FROM gatepost.users WHERE id = ANY($1) ORDER BY id FOR UPDATE";
    tx.query_typed(sql, &[(&ids, Type::INT8_ARRAY)])?;
    Ok(())
}

/// What decides the rights of the bearer of a token that points to these rows.
pub(super) fn read(conn: &mut Line, rows: CallerRows) -> Result<Option<CallerStanding>> {
    let sql = concat!(
        "SELECT admin, token_version, ",
        standing!("$2", "$3"),
        " FROM gatepost.users u WHERE u.id = $1"
    );
    let session = rows.session.id();
    let identity = rows.session.identity().as_slice();
    let row = conn.query_typed_opt(
        sql,
        &[(&rows.user, Type::INT8), (&session, Type::INT8), (&identity, Type::BYTEA)],
    )?;
    Ok(row.map(|row| CallerStanding {
        admin: row.get(0),
        token_version: row.get(1),
        stepped_up: row.get(2),
        second_factor: row.get(3),
    }))
}
