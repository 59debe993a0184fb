//! The SQL of refreshing: a session's row is held while a decision about its refresh token is made.

#[cfg(feature = "pages")]
use crate::access::standing::stepped_up;
use crate::access::standing::{active, auth_time, session_lives};
use crate::config::Sessions;
use crate::db::Transaction;
use crate::error::Result;
use crate::moment::millis;
use crate::sessions::grace::Retired;
use crate::tokens::refresh::RefreshTicket;
use crate::tokens::{Amr, Authentication, SessionRef, Subject};
use std::time::Duration;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// A live session, whose row is held until the transaction ends.
pub(crate) struct Locked {
    pub(crate) user_id: i64,
    pub(crate) counter: i64,
    pub(crate) retired: Retired,
    /// Milliseconds since 1970-01-01 UTC, by the clock that also gave the retirements. It was read
    /// once the row was held, so no retirement is later unless the clock was set back.
    pub(crate) now: i64,
    /// How long until its last refresh is forgotten.
    pub(crate) refreshes_last: Duration,
}

/// The columns that [`Locked::of`] reads, in order.
macro_rules! locked {
    () => {
        "s.user_id, s.counter, s.retired,
         floor(extract(epoch FROM clock_timestamp()) * 1000)::BIGINT,
         floor(extract(epoch FROM s.refreshes_forgotten_at - clock_timestamp()) * 1000)::BIGINT"
    };
}
pub(super) use locked;

impl Locked {
    pub(super) fn of(row: &Row) -> Self {
        Self {
            user_id: row.get(0),
            counter: row.get(1),
            retired: Retired::from_bytes(row.get(2)),
            now: row.get(3),
            refreshes_last: duration(row.get(4)),
        }
    }
}

/// Locks the session's row. The user's row is left to the next statement, which sees everything
/// committed before this one had the lock.
pub(crate) fn lock(tx: &mut Transaction<'_>, ticket: RefreshTicket) -> Result<Option<Locked>> {
    let sql = concat!(
        "SELECT ",
        locked!(),
        " FROM gatepost.sessions s
         WHERE s.id = $1 AND s.identity = $3 AND s.key_generation = $2 AND ",
        session_lives!("s"),
        " FOR UPDATE"
    );
    let id = ticket.session.id();
    let identity = ticket.session.identity().as_slice();
    let rows = tx.query_prepared(
        sql,
        &[(&id, Type::INT8), (&ticket.generation, Type::INT8), (&identity, Type::BYTEA)],
    )?;
    Ok(rows.first().map(Locked::of))
}

/// Whether, as far as the database knows, this session never existed: its number was never given
/// out, or another session has it. A server that crashed or a standby that took over may continue
/// beyond the last number that was given out, never before it.
pub(crate) fn is_unheard_of(tx: &mut Transaction<'_>, session: SessionRef) -> Result<bool> {
    let sql = "SELECT $1 > CASE WHEN is_called THEN last_value ELSE last_value - 1 END
                   OR EXISTS (SELECT FROM gatepost.sessions WHERE id = $1 AND identity <> $2)
               FROM gatepost.sessions_id_seq";
    let id = session.id();
    let identity = session.identity().as_slice();
    let row = tx.query_typed_one(sql, &[(&id, Type::INT8), (&identity, Type::BYTEA)])?;
    Ok(row.get(0))
}

/// What a refresh issues, if the account is active.
///
/// The user's row is not locked: with many refreshes of one account some would always share the
/// lock, and a change of the account would wait for ever. It is read by a statement that begins
/// when the session's row is held. A change of the user locks the rows of all of the user's
/// sessions before it commits. Either it came first, and is seen here, or it waits for us, and then
/// revokes what we issue.
#[derive(Clone, Copy)]
pub(crate) struct Refreshed {
    pub(crate) subject: Subject,
    /// How long the session lasts unless it is used.
    pub(crate) left: Duration,
    pub(crate) authentication: Authentication,
}

fn refreshed(row: &Row) -> Refreshed {
    let subject = Subject { user_id: row.get(0), admin: row.get(1), token_version: row.get(2) };
    let authentication = Authentication::stored(Amr::stored(row.get(5)), row.get(4));
    Refreshed { subject, left: duration(row.get(3)), authentication }
}

/// The columns that [`refreshed`] reads, in order.
macro_rules! refreshed {
    () => {
        concat!(
            " RETURNING u.id, u.admin, u.token_version,
                    (extract(epoch FROM
                              least(s.expires_at, TIMESTAMPTZ '9999-12-31 23:59:59+00') - now())
                     * 1000)::BIGINT, ",
            auth_time!(),
            ", s.amr"
        )
    };
}

/// SQL for `refreshes_forgotten_at` after one more refresh. The parameters are milliseconds: until
/// that refresh is forgotten, and at most until all of them are. A longer time was stored before
/// the clock was set back.
macro_rules! counted {
    ($forget:literal, $longest:literal) => {
        concat!(
            "refreshes_forgotten_at = ",
            $forget,
            " * interval '1 millisecond' + greatest(now(),
                 CASE WHEN refreshes_forgotten_at <= clock_timestamp() + ",
            $longest,
            " * interval '1 millisecond' THEN refreshes_forgotten_at END)"
        )
    };
}

/// How the refreshes of a session are counted.
#[derive(Clone, Copy)]
pub(crate) struct Counting {
    /// The time in which one is forgotten.
    pub(crate) forget: Duration,
    /// The longest time in which all of them are.
    pub(crate) longest: Duration,
}

/// Puts the next refresh token in the place of the valid one.
pub(crate) fn advance(
    tx: &mut Transaction<'_>,
    session: i64,
    retired: &Retired,
    settings: &Sessions,
    counting: Counting,
) -> Result<Option<Refreshed>> {
    let sql = concat!(
        "UPDATE gatepost.sessions s
         SET counter = counter + 1, retired = $2, last_used_at = now(), ",
        counted!("$5", "$6"),
        ",
             expires_at = least(now() + $3 * interval '1 millisecond',
                                greatest(s.created_at, TIMESTAMPTZ 'epoch')
                                + $4 * interval '1 millisecond')
         FROM gatepost.users u WHERE s.id = $1 AND u.id = s.user_id AND ",
        active!(),
        refreshed!()
    );
    let rows = tx.query_prepared(
        sql,
        &[
            (&session, Type::INT8),
            (&retired.to_bytes(), Type::BYTEA),
            (&millis(settings.idle_timeout), Type::INT8),
            (&millis(settings.lifetime), Type::INT8),
            (&millis(counting.forget), Type::INT8),
            (&millis(counting.longest), Type::INT8),
        ],
    )?;
    Ok(rows.first().map(refreshed))
}

/// Lets a live session of a user whose account is active go on, as a refresh does, without new tokens;
/// not for whoever was known in it before it was stepped up. It is used from this address now.
#[cfg(feature = "pages")]
pub(crate) fn resume(
    tx: &mut Transaction<'_>,
    user: i64,
    session: SessionRef,
    auth_time: u64,
    address: Option<&str>,
    settings: &Sessions,
) -> Result<Option<Refreshed>> {
    let sql = concat!(
        "UPDATE gatepost.sessions s
         SET last_used_at = now(), address = coalesce($7, s.address),
             expires_at = least(now() + $4 * interval '1 millisecond',
                                greatest(s.created_at, TIMESTAMPTZ 'epoch')
                                + $5 * interval '1 millisecond')
         FROM gatepost.users u
         WHERE s.id = $1 AND s.identity = $2 AND u.id = $3 AND u.id = s.user_id AND ",
        session_lives!("s"),
        " AND ",
        active!(),
        " AND ",
        stepped_up!(),
        " IN (0, $6)",
        refreshed!()
    );
    let auth_time = i64::try_from(auth_time).unwrap_or(i64::MAX);
    let identity = session.identity().as_slice();
    let row = tx.query_typed_opt(
        sql,
        &[
            (&session.id(), Type::INT8),
            (&identity, Type::BYTEA),
            (&user, Type::INT8),
            (&millis(settings.idle_timeout), Type::INT8),
            (&millis(settings.lifetime), Type::INT8),
            (&auth_time, Type::INT8),
            (&address, Type::TEXT),
        ],
    )?;
    Ok(row.as_ref().map(refreshed))
}

/// Counts a refresh that changed nothing else.
pub(crate) fn count_refresh(
    tx: &mut Transaction<'_>,
    session: i64,
    counting: Counting,
) -> Result<Option<Refreshed>> {
    let sql = concat!(
        "UPDATE gatepost.sessions s SET ",
        counted!("$2", "$3"),
        " FROM gatepost.users u WHERE s.id = $1 AND u.id = s.user_id AND ",
        active!(),
        refreshed!()
    );
    let forget = millis(counting.forget);
    let longest = millis(counting.longest);
    let rows = tx.query_prepared(
        sql,
        &[(&session, Type::INT8), (&forget, Type::INT8), (&longest, Type::INT8)],
    )?;
    Ok(rows.first().map(refreshed))
}

fn duration(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
