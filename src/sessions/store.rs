//! The SQL of sessions.

use super::grace::Retired;
use super::types::{Device, Session, SessionId};
use crate::audit;
use crate::config::Sessions;
use crate::db::Connection;
use crate::error::{Error, Result};
use crate::limits::{Counters, Outcome, admit_attempt};
use crate::moment::millis;
use crate::passwords::PasswordHash;
use crate::tokens::refresh::Ticket;
use crate::tokens::{IDENTITY_BYTES, SessionRef, Subject};
use crate::users::access::{Rows, Standing, active, live};
use crate::users::{Login, Page, Timestamp, UserId};
use postgres::types::{ToSql, Type};
use postgres::{Row, Transaction};
use std::time::Duration;

// Whoever takes several sessions takes them in the order of their ids, and whoever takes a user and
// a session takes the user first. So nobody deadlocks.

/// Rows that one statement of a sweep changes: it holds their locks for some milliseconds.
pub(super) const SWEPT_AT_ONCE: u64 = 500;

/// What a login is checked against. Hash and token version are of one reading of the row, so that
/// a password change in between makes the login one that came too late.
pub(super) struct Credentials {
    pub(super) subject: Subject,
    pub(super) hash: PasswordHash,
    pub(super) locked: bool,
    pub(super) expired: bool,
}

impl Credentials {
    /// Why the right password opens no session, if so.
    pub(super) fn refusal(&self) -> Option<(audit::Outcome, Error)> {
        if self.locked {
            return Some((audit::Outcome::Locked, Error::AccountLocked));
        }
        self.expired.then_some((audit::Outcome::Expired, Error::AccountExpired))
    }
}

/// The columns of [`Credentials`], and whence they come. A login that nobody has reads a row and a
/// hash too, its neighbour's row and the hash of nobody: the microseconds that it would be spared
/// were measured. Nothing of the neighbour is returned.
macro_rules! credentials {
    ($login:literal, $nobody:literal, $from:literal) => {
        concat!(
            "CASE WHEN login_canonical = ",
            $login,
            " THEN id END, admin, token_version, locked,
             coalesce(expires_at <= now(), false),
             CASE WHEN login_canonical = ",
            $login,
            " THEN password_hash ELSE ",
            $nobody,
            " END
             FROM ",
            $from,
            " LEFT JOIN LATERAL (
                 SELECT * FROM gatepost.users WHERE login_canonical >= ",
            $login,
            "
                 ORDER BY login_canonical LIMIT 1
             ) AS nearest ON true"
        )
    };
}

/// Asks whether the attempt may be made, and reads the credentials, in one round trip. `nobody` is
/// the hash that is read where nobody has the login.
pub(super) fn credentials(
    conn: &mut Connection,
    login: &Login,
    counters: &Counters,
    nobody: &PasswordHash,
) -> Result<(Outcome, Option<Credentials>)> {
    let (canonical, nobody) = (login.canonical(), nobody.to_string());
    let whose: [(&(dyn ToSql + Sync), Type); 2] = [(&canonical, Type::TEXT), (&nobody, Type::TEXT)];
    let none = || Error::Internal("no outcome".to_owned());
    if !counters.is_enabled() {
        let sql = concat!("SELECT ", credentials!("$1", "$2", "(VALUES (1)) AS one"));
        let rows = conn.query_prepared(sql, &whose)?;
        return Ok((Outcome::uncounted(), read(rows.first().ok_or_else(none)?, 0)?));
    }
    let sql = concat!(
        admit_attempt!(),
        "SELECT who_until, place_until, known, known_today, wait_ms, ",
        credentials!("$10", "$11", "outcome")
    );
    let parameters = [&counters.parameters()[..], &whose].concat();
    let rows = conn.query_prepared(sql, &parameters)?;
    let row = rows.first().ok_or_else(none)?;
    Ok((Outcome::of(row), read(row, 5)?))
}

/// The credentials in a row, from this column on, if they are somebody's.
fn read(row: &Row, at: usize) -> Result<Option<Credentials>> {
    let id: Option<i64> = row.get(at);
    let hash = PasswordHash::stored(row.get(at + 5)).map_err(|cause| {
        Error::Internal(format!("the password hash of user {}: {cause}", id.unwrap_or(0)))
    })?;
    let Some(user_id) = id else { return Ok(None) };
    let subject = Subject { user_id, admin: row.get(at + 1), token_version: row.get(at + 2) };
    Ok(Some(Credentials { subject, hash, locked: row.get(at + 3), expired: row.get(at + 4) }))
}

/// Replaces the stored hash, only where it is still the one that was verified: otherwise a
/// password that was changed in between would come back.
pub(super) fn replace_hash(
    tx: &mut Transaction<'_>,
    verified: &Credentials,
    new: &str,
) -> Result<()> {
    let sql = "UPDATE gatepost.users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
    let (id, old) = (verified.subject.user_id, verified.hash.to_string());
    tx.execute_typed(sql, &[(&id, Type::INT8), (&old, Type::TEXT), (&new, Type::TEXT)])?;
    Ok(())
}

/// Opens a session, unless the password was changed or the user locked or deleted since the
/// credentials were read, or the account is over. A change that is under way is waited for, and one
/// that comes later waits for us and then finds the session. So what the row says here, and not what
/// it said when the password was verified, is what tokens may claim.
pub(super) fn open(
    tx: &mut Transaction<'_>,
    verified: &Credentials,
    key_generation: i64,
    settings: &Sessions,
    device: &Device,
) -> Result<Option<(Subject, SessionRef)>> {
    let (subject, identity) = (verified.subject, SessionRef::new_identity());
    let sql = concat!(
        "WITH owner AS (
             SELECT id, admin FROM gatepost.users u WHERE id = $1 AND token_version = $2 AND ",
        active!(),
        " FOR SHARE)
         INSERT INTO gatepost.sessions
             (user_id, identity, key_generation, expires_at, address, user_agent)
         SELECT id, $7, $3, now() + $4 * interval '1 millisecond', $5, $6 FROM owner
         RETURNING id, (SELECT admin FROM owner)"
    );
    let row = tx.query_typed_opt(
        sql,
        &[
            (&subject.user_id, Type::INT8),
            (&subject.token_version, Type::INT8),
            (&key_generation, Type::INT8),
            (&millis(settings.idle_timeout.min(settings.lifetime)), Type::INT8),
            (&device.address, Type::TEXT),
            (&device.user_agent, Type::TEXT),
            (&identity.as_slice(), Type::BYTEA),
        ],
    )?;
    Ok(row.map(|row| {
        let subject = Subject { admin: row.get(1), ..subject };
        (subject, SessionRef::new(row.get(0), identity))
    }))
}

/// Ends the oldest sessions of a user that has more than so many.
pub(super) fn end_oldest(
    tx: &mut Transaction<'_>,
    user_id: i64,
    most: u32,
    access_ttl: Duration,
) -> Result<()> {
    let sql = "UPDATE gatepost.sessions
               SET ended_at = now(), revoked_at = clock_timestamp(),
                   expires_at = now() + $3 * interval '1 millisecond'
               WHERE id IN (
                   SELECT id FROM gatepost.sessions
                   WHERE user_id = $1 AND ended_at IS NULL AND expires_at > now() AND id <=
                       (SELECT id FROM gatepost.sessions
                        WHERE user_id = $1 AND ended_at IS NULL AND expires_at > now()
                        ORDER BY id DESC OFFSET $2 LIMIT 1)
                   ORDER BY id FOR UPDATE)";
    let (most, kept) = (i64::from(most), millis(access_ttl));
    tx.execute_typed(sql, &[(&user_id, Type::INT8), (&most, Type::INT8), (&kept, Type::INT8)])?;
    Ok(())
}

/// A session that lives, whose row is held until the transaction ends.
pub(super) struct Locked {
    pub(super) user_id: i64,
    pub(super) counter: i64,
    pub(super) retired: Retired,
    /// Milliseconds since 1970-01-01 UTC, by the clock that also gave the retirements; when the row
    /// was held, so that no retirement is later unless the clock was set back.
    pub(super) now: i64,
    /// How long until its last refresh is forgotten.
    pub(super) refreshes_last: Duration,
}

/// Locks the session's row. The user's is left to the next statement, which sees what was committed
/// until this one had the lock.
pub(super) fn lock(tx: &mut Transaction<'_>, ticket: Ticket) -> Result<Option<Locked>> {
    let sql = "SELECT s.user_id, s.counter, s.retired,
                floor(extract(epoch FROM clock_timestamp()) * 1000)::BIGINT,
                floor(extract(epoch FROM s.refreshes_forgotten_at - clock_timestamp()) * 1000)::BIGINT
         FROM gatepost.sessions s
         WHERE s.id = $1 AND s.identity = $3 AND s.key_generation = $2
         AND s.ended_at IS NULL AND s.expires_at > now() FOR UPDATE";
    let (id, identity) = (ticket.session.id(), ticket.session.identity().as_slice());
    let row = tx.query_typed_opt(
        sql,
        &[(&id, Type::INT8), (&ticket.generation, Type::INT8), (&identity, Type::BYTEA)],
    )?;
    Ok(row.map(|row| Locked {
        user_id: row.get(0),
        counter: row.get(1),
        retired: Retired::from_bytes(row.get(2)),
        now: row.get(3),
        refreshes_last: duration(row.get(4)),
    }))
}

/// Whether this session never was, by what the database knows: no session was ever given its number, or
/// another one has it. A server that crashed or a standby that took over may have gone on beyond the
/// last number that was given, never before it.
pub(super) fn is_unheard_of(tx: &mut Transaction<'_>, session: SessionRef) -> Result<bool> {
    let sql = "SELECT $1 > CASE WHEN is_called THEN last_value ELSE last_value - 1 END
                   OR EXISTS (SELECT FROM gatepost.sessions WHERE id = $1 AND identity <> $2)
               FROM gatepost.sessions_id_seq";
    let (id, identity) = (session.id(), session.identity().as_slice());
    let row = tx.query_typed_one(sql, &[(&id, Type::INT8), (&identity, Type::BYTEA)])?;
    Ok(row.get(0))
}

/// Whom a refresh issues a token to, if the account is active, and how long the session lives
/// unless it is used.
///
/// The user's row is not locked: with many refreshes of one account somebody would always share the
/// lock, and whoever changes the account would wait for ever. It is read by a statement that begins
/// when the session's row is held. A change of the user takes the rows of all of the user's sessions
/// before it is committed: either that was before, and is seen here, or it waits for us, and then
/// revokes what we issue.
pub(super) type Refreshed = Option<(Subject, Duration)>;

fn refreshed(row: Option<&Row>) -> Refreshed {
    row.map(|row| {
        let subject = Subject { user_id: row.get(0), admin: row.get(1), token_version: row.get(2) };
        (subject, duration(row.get(3)))
    })
}

/// What [`refreshed`] reads, in its order.
macro_rules! refreshed {
    () => {
        " RETURNING u.id, u.admin, u.token_version,
                    (extract(epoch FROM
                              least(s.expires_at, TIMESTAMPTZ '9999-12-31 23:59:59+00') - now())
                     * 1000)::BIGINT"
    };
}

/// The SQL of `refreshes_forgotten_at` after one more refresh, with these parameters: in how many
/// milliseconds that is forgotten, and in how many at most all of them are. What takes longer was
/// stored before the clock was set back.
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
pub(super) struct Counting {
    /// The time in which one is forgotten.
    pub(super) forget: Duration,
    /// The longest time in which all are.
    pub(super) longest: Duration,
}

/// Puts the next refresh token in the place of the good one.
pub(super) fn advance(
    tx: &mut Transaction<'_>,
    session: i64,
    retired: &Retired,
    settings: &Sessions,
    counting: Counting,
) -> Result<Refreshed> {
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
    let row = tx.query_typed_opt(
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
    Ok(refreshed(row.as_ref()))
}

/// Counts a refresh that changed nothing else.
pub(super) fn count_refresh(
    tx: &mut Transaction<'_>,
    session: i64,
    counting: Counting,
) -> Result<Refreshed> {
    let sql = concat!(
        "UPDATE gatepost.sessions s SET ",
        counted!("$2", "$3"),
        " FROM gatepost.users u WHERE s.id = $1 AND u.id = s.user_id AND ",
        active!(),
        refreshed!()
    );
    let (forget, longest) = (millis(counting.forget), millis(counting.longest));
    let row = tx.query_typed_opt(
        sql,
        &[(&session, Type::INT8), (&forget, Type::INT8), (&longest, Type::INT8)],
    )?;
    Ok(refreshed(row.as_ref()))
}

/// Whose session it is, if it lives.
pub(super) fn owner(tx: &mut Transaction<'_>, id: SessionId) -> Result<Option<UserId>> {
    let sql = "SELECT user_id FROM gatepost.sessions
               WHERE id = $1 AND ended_at IS NULL AND expires_at > now()";
    let row = tx.query_typed_opt(sql, &[(&id.get(), Type::INT8)])?;
    Ok(row.map(|row| UserId::stored(row.get(0))))
}

/// Ends a session, of this identity if one is given. Its row stays for as long as an access token
/// of it may be about.
pub(super) fn end(
    tx: &mut Transaction<'_>,
    id: SessionId,
    identity: Option<&[u8; IDENTITY_BYTES]>,
    access_ttl: Duration,
) -> Result<Option<Session>> {
    let sql = "UPDATE gatepost.sessions s
               SET ended_at = now(), revoked_at = clock_timestamp(),
                   expires_at = now() + $2 * interval '1 millisecond'
               FROM gatepost.sessions old
               WHERE s.id = $1 AND old.id = s.id AND s.identity = coalesce($3, s.identity)
               AND s.ended_at IS NULL AND s.expires_at > now()
               RETURNING s.id, s.user_id, s.created_at, s.last_used_at, old.expires_at,
                         s.address, s.user_agent";
    let (kept, identity) = (millis(access_ttl), identity.map(<[u8; IDENTITY_BYTES]>::as_slice));
    let row = tx.query_typed_opt(
        sql,
        &[(&id.get(), Type::INT8), (&kept, Type::INT8), (&identity, Type::BYTEA)],
    )?;
    Ok(row.as_ref().map(|row| session(row, 0)))
}

/// Ends all sessions of a user but `keep`: also one that is over, since a refresh that began before
/// may be about to prolong it.
pub(super) fn end_all(
    tx: &mut Transaction<'_>,
    user: UserId,
    keep: Option<SessionRef>,
    access_ttl: Duration,
) -> Result<()> {
    let sql = "UPDATE gatepost.sessions
               SET ended_at = now(), revoked_at = clock_timestamp(),
                   expires_at = now() + $3 * interval '1 millisecond'
               WHERE id IN (
                   SELECT id FROM gatepost.sessions
                   WHERE user_id = $1 AND ended_at IS NULL AND id IS DISTINCT FROM $2
                   ORDER BY id FOR UPDATE)";
    let (keep, kept) = (keep.map(|session| session.id()), millis(access_ttl));
    tx.execute_typed(sql, &[(&user.get(), Type::INT8), (&keep, Type::INT8), (&kept, Type::INT8)])?;
    Ok(())
}

/// Ends some of the sessions of earlier keys behind this id. Returns the last of them.
pub(super) fn end_some(
    tx: &mut Transaction<'_>,
    generation: i64,
    after: i64,
    access_ttl: Duration,
) -> Result<Option<i64>> {
    let sql = "WITH ended AS (
                   UPDATE gatepost.sessions
                   SET ended_at = now(), revoked_at = clock_timestamp(),
                       expires_at = now() + $4 * interval '1 millisecond'
                   WHERE id IN (SELECT id FROM gatepost.sessions
                                WHERE id > $1 AND key_generation < $2
                                AND ended_at IS NULL AND expires_at > now()
                                ORDER BY id LIMIT $3 FOR UPDATE)
                   RETURNING id)
               SELECT max(id) FROM ended";
    let (most, kept) = (i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX), millis(access_ttl));
    let row = tx.query_typed_one(
        sql,
        &[
            (&after, Type::INT8),
            (&generation, Type::INT8),
            (&most, Type::INT8),
            (&kept, Type::INT8),
        ],
    )?;
    Ok(row.get(0))
}

/// Says that access tokens of this session, or of all that the user has, are revoked though it
/// goes on. Those that have rested for longer than tokens live, or are over, are among them: a refresh
/// that is under way holds its session, and this must wait for it.
pub(super) fn revoke_tokens(
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

/// A page of sessions, with what decides whether the caller may see it.
pub(super) struct Listed {
    pub(super) standing: Option<Standing>,
    pub(super) user_exists: bool,
    pub(super) sessions: Vec<Session>,
    pub(super) more: bool,
}

pub(super) fn list(
    conn: &mut Connection,
    caller: Option<Rows>,
    user: UserId,
    page: Page,
) -> Result<Listed> {
    let sql = concat!(
        "SELECT u.admin, u.token_version, ",
        live!("$2", "$7"),
        ", NULL::BIGINT, u.id, NULL::TIMESTAMPTZ, NULL::TIMESTAMPTZ, NULL::TIMESTAMPTZ,
                NULL::TEXT, NULL::TEXT
         FROM gatepost.users u WHERE u.id IN ($1, $3)
         UNION ALL
         (SELECT NULL, NULL, NULL, id, user_id, created_at, last_used_at, expires_at,
                 address, user_agent
          FROM gatepost.sessions
          WHERE user_id = $3 AND id > $4 AND ended_at IS NULL AND expires_at > now()
          ORDER BY id OFFSET $5 LIMIT $6)"
    );
    let (after, offset) = page.start();
    let one_more = page.size() + 1;
    let rows = conn.query_typed(
        sql,
        &[
            (&caller.map(|rows| rows.user), Type::INT8),
            (&caller.map(|rows| rows.session.id()), Type::INT8),
            (&user.get(), Type::INT8),
            (&after, Type::INT8),
            (&offset, Type::INT8),
            (&one_more, Type::INT8),
            (&caller.as_ref().map(|rows| rows.session.identity().as_slice()), Type::BYTEA),
        ],
    )?;
    let is_session = |row: &&Row| row.get::<_, Option<i64>>(3).is_some();
    let (listed, users): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(is_session);
    let of = |id: i64| users.iter().find(|row| row.get::<_, i64>(4) == id);
    let mut sessions: Vec<Session> = listed.into_iter().map(|row| session(row, 3)).collect();
    // SQL promises an order inside of the page's parentheses, not outside of them.
    sessions.sort_unstable_by_key(|session| session.id.get());
    let size = usize::try_from(page.size()).unwrap_or(usize::MAX);
    let more = sessions.len() > size;
    sessions.truncate(size);
    let standing =
        |row: &&Row| Standing { admin: row.get(0), token_version: row.get(1), live: row.get(2) };
    Ok(Listed {
        standing: caller.and_then(|rows| of(rows.user)).map(standing),
        user_exists: of(user.get()).is_some(),
        sessions,
        more,
    })
}

/// Removes some of the sessions that are over. Those that another instance is removing are left
/// to it.
pub(super) fn sweep(tx: &mut Transaction<'_>) -> Result<u64> {
    let sql = "DELETE FROM gatepost.sessions WHERE id IN
                   (SELECT id FROM gatepost.sessions WHERE expires_at <= now()
                    ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)";
    let most = i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX);
    Ok(tx.execute_typed(sql, &[(&most, Type::INT8)])?)
}

/// A session in a row, from this column on.
fn session(row: &Row, from: usize) -> Session {
    let whose = ("session", row.get(from));
    Session {
        id: SessionId::stored(row.get(from)),
        user_id: UserId::stored(row.get(from + 1)),
        created_at: Timestamp::stored(row.get(from + 2), whose),
        last_used_at: Timestamp::stored(row.get(from + 3), whose),
        expires_at: Timestamp::stored(row.get(from + 4), whose),
        address: row.get(from + 5),
        user_agent: row.get(from + 6),
    }
}

fn duration(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
