//! The SQL of stepping up: a session goes on after its user has proved anew who they are.

use super::opening::Credentials;
use super::refreshing::{Locked, locked};
use crate::access::standing::{active, session_lives, stepped_up};
use crate::db::{Line, Transaction};
use crate::domain::UserId;
use crate::error::Result;
use crate::tokens::{Amr, SessionRef};
use tokio_postgres::types::Type;

/// What a step-up is checked against, beside the credentials.
pub(crate) struct Stepping {
    pub(crate) login: String,
    /// Whether the user has a second factor.
    pub(crate) second_factor: bool,
    /// The generation of the key that the session's refresh tokens are derived from.
    pub(crate) generation: i64,
}

/// Reads it.
pub(crate) fn stepping(
    conn: &mut Line,
    session: SessionRef,
    user: UserId,
) -> Result<Option<Stepping>> {
    let sql = "SELECT u.login, u.second_factor, s.key_generation
               FROM gatepost.sessions s JOIN gatepost.users u ON u.id = s.user_id
               WHERE s.id = $1 AND s.identity = $2 AND u.id = $3";
    let identity = session.identity().as_slice();
    let row = conn.query_typed_opt(
        sql,
        &[(&session.id(), Type::INT8), (&identity, Type::BYTEA), (&user.get(), Type::INT8)],
    )?;
    Ok(row.map(|row| Stepping {
        login: row.get(0),
        second_factor: row.get(1),
        generation: row.get(2),
    }))
}

/// Locks the user and then the session, unless password or factors were changed since the credentials
/// were read. Returns what the user has shown in it so far.
pub(crate) fn hold(
    tx: &mut Transaction<'_>,
    session: SessionRef,
    verified: &Credentials,
) -> Result<Option<(Locked, Amr)>> {
    let sql = concat!(
        "SELECT FROM gatepost.users u
         WHERE id = $1 AND token_version = $2 AND second_factor = $3 AND ",
        active!(),
        " FOR SHARE"
    );
    let subject = verified.subject;
    let held = tx.query_typed_opt(
        sql,
        &[
            (&subject.user_id, Type::INT8),
            (&subject.token_version, Type::INT8),
            (&verified.second_factor, Type::BOOL),
        ],
    )?;
    if held.is_none() {
        return Ok(None);
    }
    let sql = concat!(
        "SELECT ",
        locked!(),
        ", s.amr FROM gatepost.sessions s
         WHERE s.id = $1 AND s.identity = $2 AND s.user_id = $3 AND ",
        session_lives!("s"),
        " FOR UPDATE"
    );
    let identity = session.identity().as_slice();
    let row = tx.query_typed_opt(
        sql,
        &[(&session.id(), Type::INT8), (&identity, Type::BYTEA), (&subject.user_id, Type::INT8)],
    )?;
    Ok(row.map(|row| (Locked::of(&row), Amr::stored(row.get(5)))))
}

/// Notes that the user has proved now who they are, unless that was noted since the token with this
/// `auth_time` was issued. The session's access tokens are listed as revoked.
///
/// Each time has a second of its own, since that is what tells the tokens apart. A time that lies in the
/// future was noted before the clock was set back, and is not built upon.
pub(crate) fn renew(
    tx: &mut Transaction<'_>,
    session: i64,
    auth_time: u64,
    amr: Amr,
) -> Result<bool> {
    let sql = concat!(
        "UPDATE gatepost.sessions s SET
             authenticated_at = greatest(now(),
                 CASE WHEN coalesce(authenticated_at, created_at) < now() + interval '1 minute'
                      THEN coalesce(authenticated_at, created_at) + interval '1 second' END),
             amr = $3, revoked_at = clock_timestamp()
         WHERE id = $1 AND ",
        stepped_up!(),
        " IN (0, $2)"
    );
    let auth_time = i64::try_from(auth_time).unwrap_or(i64::MAX);
    let renewed = tx.execute_typed(
        sql,
        &[(&session, Type::INT8), (&auth_time, Type::INT8), (&amr.to_string(), Type::TEXT)],
    )?;
    Ok(renewed == 1)
}
