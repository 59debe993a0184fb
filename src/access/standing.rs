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
    /// Whether the session is this user's and live, and the account is active.
    pub(crate) live: bool,
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

/// SQL for [`CallerStanding::live`], for the user in a row `u` and the session with the id and
/// identity in these parameters.
macro_rules! live {
    ($session:literal, $identity:literal) => {
        concat!(
            "(EXISTS (SELECT FROM gatepost.sessions s
                      WHERE s.id = ",
            $session,
            " AND s.identity = ",
            $identity,
            " AND s.user_id = u.id AND ",
            $crate::access::standing::session_lives!("s"),
            ") AND ",
            $crate::access::standing::active!(),
            ")"
        )
    };
}

pub(crate) use {active, live, session_lives};

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
        live!("$2", "$3"),
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
        live: row.get(2),
    }))
}
