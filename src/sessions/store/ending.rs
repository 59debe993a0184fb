//! The SQL of ending sessions, of revoking their tokens, and of removing their rows.

use super::listing::session;
use crate::access::standing::session_lives;
use crate::db::Transaction;
use crate::domain::{SessionId, UserId};
use crate::error::Result;
use crate::metrics;
use crate::moment::millis;
use crate::sessions::types::Session;
use crate::tokens::{IDENTITY_BYTES, SessionRef};
use std::time::Duration;
use tokio_postgres::types::{ToSql, Type};

/// Rows that one statement of a sweep changes: it holds their locks for some milliseconds.
pub(crate) const SWEPT_AT_ONCE: u64 = 500;

/// SQL that ends sessions. From now on they are listed as revoked. Their rows stay for the
/// milliseconds in this parameter, for as long as one of their access tokens may be in use.
macro_rules! ended {
    ($kept:literal) => {
        concat!(
            "SET ended_at = now(), revoked_at = clock_timestamp(),
                 expires_at = now() + ",
            $kept,
            " * interval '1 millisecond'"
        )
    };
}

/// Ends the oldest sessions of a user who has more than `most`.
pub(crate) fn end_oldest(
    tx: &mut Transaction<'_>,
    user_id: i64,
    most: u32,
    access_ttl: Duration,
) -> Result<()> {
    let sql = concat!(
        "UPDATE gatepost.sessions ",
        ended!("$3"),
        " WHERE id IN (
              SELECT id FROM gatepost.sessions
              WHERE user_id = $1 AND ",
        session_lives!(),
        " AND id <=
                  (SELECT id FROM gatepost.sessions
                   WHERE user_id = $1 AND ",
        session_lives!(),
        " ORDER BY id DESC OFFSET $2 LIMIT 1)
              ORDER BY id FOR UPDATE)"
    );
    let most = i64::from(most);
    let kept = millis(access_ttl);
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&user_id, Type::INT8), (&most, Type::INT8), (&kept, Type::INT8)];
    metrics::SESSIONS_ENDED.add(tx.execute_prepared(sql, &parameters)?);
    Ok(())
}

/// Whose session it is, if it is live.
pub(crate) fn owner(tx: &mut Transaction<'_>, id: SessionId) -> Result<Option<UserId>> {
    let sql = concat!("SELECT user_id FROM gatepost.sessions WHERE id = $1 AND ", session_lives!());
    let row = tx.query_typed_opt(sql, &[(&id.get(), Type::INT8)])?;
    Ok(row.map(|row| UserId::stored(row.get(0))))
}

/// Ends a session, of this identity if one is given. Its row stays for as long as one of its access
/// tokens may be in use.
pub(crate) fn end(
    tx: &mut Transaction<'_>,
    id: SessionId,
    identity: Option<&[u8; IDENTITY_BYTES]>,
    access_ttl: Duration,
) -> Result<Option<Session>> {
    let sql = concat!(
        "UPDATE gatepost.sessions s ",
        ended!("$2"),
        " FROM gatepost.sessions old
         WHERE s.id = $1 AND old.id = s.id AND s.identity = coalesce($3, s.identity) AND ",
        session_lives!("s"),
        " RETURNING s.id, s.user_id, s.created_at, s.last_used_at, old.expires_at,
                    s.address, s.user_agent"
    );
    let kept = millis(access_ttl);
    let identity = identity.map(<[u8; IDENTITY_BYTES]>::as_slice);
    let row = tx.query_typed_opt(
        sql,
        &[(&id.get(), Type::INT8), (&kept, Type::INT8), (&identity, Type::BYTEA)],
    )?;
    metrics::SESSIONS_ENDED.add(row.is_some().into());
    Ok(row.as_ref().map(|row| session(row, 0)))
}

/// Ends all sessions of a user except `keep`, including expired ones, since a refresh that began
/// earlier may be about to prolong one.
pub(crate) fn end_all(
    tx: &mut Transaction<'_>,
    user: UserId,
    keep: Option<SessionRef>,
    access_ttl: Duration,
) -> Result<()> {
    let sql = concat!(
        "UPDATE gatepost.sessions ",
        ended!("$3"),
        " WHERE id IN (
              SELECT id FROM gatepost.sessions
              WHERE user_id = $1 AND ended_at IS NULL AND id IS DISTINCT FROM $2
              ORDER BY id FOR UPDATE)"
    );
    let keep = keep.map(|session| session.id());
    let kept = millis(access_ttl);
    let ended = tx.execute_typed(
        sql,
        &[(&user.get(), Type::INT8), (&keep, Type::INT8), (&kept, Type::INT8)],
    )?;
    metrics::SESSIONS_ENDED.add(ended);
    Ok(())
}

/// Ends some of the sessions of earlier keys after this id. Returns the last of them.
pub(crate) fn end_some(
    tx: &mut Transaction<'_>,
    generation: i64,
    after: i64,
    access_ttl: Duration,
) -> Result<Option<i64>> {
    let sql = concat!(
        "WITH ended AS (
             UPDATE gatepost.sessions ",
        ended!("$4"),
        " WHERE id IN (SELECT id FROM gatepost.sessions
                       WHERE id > $1 AND key_generation < $2 AND ",
        session_lives!(),
        " ORDER BY id LIMIT $3 FOR UPDATE)
             RETURNING id)
         SELECT max(id), count(*) FROM ended"
    );
    let most = i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX);
    let kept = millis(access_ttl);
    let row = tx.query_typed_one(
        sql,
        &[
            (&after, Type::INT8),
            (&generation, Type::INT8),
            (&most, Type::INT8),
            (&kept, Type::INT8),
        ],
    )?;
    metrics::SESSIONS_ENDED.add(u64::try_from(row.get::<_, i64>(1)).unwrap_or(0));
    Ok(row.get(0))
}

/// Marks the access tokens of this session, or of all the user's sessions, as revoked although the
/// sessions go on. This includes sessions that are expired or were idle for longer than tokens
/// live: a refresh that is under way holds its session, and this must wait for it.
pub(crate) fn revoke_tokens(
    tx: &mut Transaction<'_>,
    user: UserId,
    session: Option<SessionRef>,
) -> Result<()> {
    let sql = "UPDATE gatepost.sessions SET revoked_at = clock_timestamp()
               WHERE id IN (
                   SELECT id FROM gatepost.sessions
                   WHERE user_id = $1 AND ($2 IS NULL OR id = $2) AND ended_at IS NULL
                   ORDER BY id FOR UPDATE)";
    let session = session.map(|session| session.id());
    tx.execute_typed(sql, &[(&user.get(), Type::INT8), (&session, Type::INT8)])?;
    Ok(())
}

/// Removes some rows whose `expires_at` was on an earlier day, in UTC. Those that another instance is
/// removing are left to it.
pub(crate) fn sweep(tx: &mut Transaction<'_>) -> Result<u64> {
    let sql = "DELETE FROM gatepost.sessions WHERE id IN
                   (SELECT id FROM gatepost.sessions
                    WHERE swept_after < (now() AT TIME ZONE 'UTC')::date
                    ORDER BY swept_after LIMIT $1 FOR UPDATE SKIP LOCKED)";
    let most = i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX);
    Ok(tx.execute_typed(sql, &[(&most, Type::INT8)])?)
}
