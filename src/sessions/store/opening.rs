//! The SQL of logging in: what a login is checked against, and opening a session.

use crate::access::standing::{active, auth_time};
use crate::audit::AuditOutcome;
use crate::config::Sessions;
use crate::db::{Connection, Transaction};
use crate::domain::Login;
use crate::error::{Error, Result};
use crate::limits::{Admission, Counters, admit_attempt};
use crate::moment::millis;
use crate::passwords::PasswordHash;
use crate::sessions::types::Device;
use crate::tokens::{Amr, Authentication, SessionRef, Subject};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

/// What a login is checked against. Hash and token version come from one reading of the row, so
/// that after a password change in between the login comes too late.
pub(crate) struct Credentials {
    pub(crate) subject: Subject,
    pub(crate) hash: PasswordHash,
    pub(crate) locked: bool,
    pub(crate) expired: bool,
    /// Whether the user has a second factor.
    pub(crate) second_factor: bool,
}

impl Credentials {
    /// Why the right password opens no session, if it does not.
    pub(crate) fn refusal(&self) -> Option<(AuditOutcome, Error)> {
        if self.locked {
            return Some((AuditOutcome::Locked, Error::AccountLocked));
        }
        self.expired.then_some((AuditOutcome::Expired, Error::AccountExpired))
    }
}

/// The columns of [`Credentials`], and where they come from. An unknown login reads a row and a
/// hash too, its neighbour's row and the hash of nobody: the microseconds that it would save were
/// measurable. Nothing of the neighbour is returned.
macro_rules! credentials {
    ($login:literal, $nobody:literal, $from:expr) => {
        concat!(
            "CASE WHEN login_canonical = ",
            $login,
            " THEN id END, admin, token_version, locked,
             coalesce(expires_at <= now(), false), coalesce(second_factor, false),
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

/// Decides whether the attempt may be made, and reads the credentials, in one round trip. `nobody`
/// is the hash that is read for an unknown login.
pub(crate) fn credentials(
    conn: &mut Connection,
    login: &Login,
    counters: &Counters,
    nobody: &PasswordHash,
) -> Result<(Admission, Option<Credentials>)> {
    let canonical = login.canonical();
    let nobody = nobody.to_string();
    let whose: [(&(dyn ToSql + Sync), Type); 2] = [(&canonical, Type::TEXT), (&nobody, Type::TEXT)];
    let none = || Error::Internal("no outcome".to_owned());
    if !counters.is_enabled() {
        let sql = concat!("SELECT ", credentials!("$1", "$2", "(VALUES (1)) AS one"));
        let rows = conn.query_prepared(sql, &whose)?;
        return Ok((Admission::uncounted(), read(rows.first().ok_or_else(none)?, 0)?));
    }
    let sql = concat!(
        "SELECT account_until, network_until, known, known_today, wait_ms, ",
        credentials!("$10", "$11", admit_attempt!())
    );
    let parameters = [&counters.parameters()[..], &whose].concat();
    let rows = conn.query_prepared(sql, &parameters)?;
    let row = rows.first().ok_or_else(none)?;
    Ok((Admission::of(row), read(row, 5)?))
}

/// The credentials in a row, from this column on, if the login exists.
fn read(row: &Row, at: usize) -> Result<Option<Credentials>> {
    let id: Option<i64> = row.get(at);
    let hash = PasswordHash::stored(row.get(at + 6)).map_err(|cause| {
        Error::Internal(format!("the password hash of user {}: {cause}", id.unwrap_or(0)))
    })?;
    let Some(user_id) = id else { return Ok(None) };
    let subject = Subject { user_id, admin: row.get(at + 1), token_version: row.get(at + 2) };
    Ok(Some(Credentials {
        subject,
        hash,
        locked: row.get(at + 3),
        expired: row.get(at + 4),
        second_factor: row.get(at + 5),
    }))
}

/// Replaces the stored hash, but only if it is still the one that was verified. Otherwise a
/// password that was changed in between would come back.
pub(crate) fn replace_hash(
    tx: &mut Transaction<'_>,
    verified: &Credentials,
    new: &str,
) -> Result<()> {
    let sql = "UPDATE gatepost.users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
    let id = verified.subject.user_id;
    let old = verified.hash.to_string();
    tx.execute_typed(sql, &[(&id, Type::INT8), (&old, Type::TEXT), (&new, Type::TEXT)])?;
    Ok(())
}

/// A session that was just opened.
pub(crate) struct Opened {
    pub(crate) subject: Subject,
    pub(crate) session: SessionRef,
    pub(crate) authentication: Authentication,
}

/// Opens a session, unless the password or the factors were changed or the user locked or deleted since the
/// credentials were read, or the account is expired. This waits for a change that is under way; a
/// later one waits for us and then finds the session. So tokens may claim what the row says here,
/// and not what it said when the password was verified.
pub(crate) fn open(
    tx: &mut Transaction<'_>,
    verified: &Credentials,
    key_generation: i64,
    settings: &Sessions,
    device: &Device,
    amr: Amr,
) -> Result<Option<Opened>> {
    let subject = verified.subject;
    let identity = SessionRef::new_identity();
    let sql = concat!(
        "WITH owner AS (
             SELECT id, admin FROM gatepost.users u WHERE id = $1 AND token_version = $2 AND second_factor = $9 AND ",
        active!(),
        " FOR SHARE)
         INSERT INTO gatepost.sessions AS s
             (user_id, identity, key_generation, expires_at, address, user_agent, amr)
         SELECT id, $7, $3, now() + $4 * interval '1 millisecond', $5, $6, $8 FROM owner
         RETURNING id, (SELECT admin FROM owner), ",
        auth_time!()
    );
    let rows = tx.query_prepared(
        sql,
        &[
            (&subject.user_id, Type::INT8),
            (&subject.token_version, Type::INT8),
            (&key_generation, Type::INT8),
            (&millis(settings.idle_timeout.min(settings.lifetime)), Type::INT8),
            (&device.address, Type::TEXT),
            (&device.user_agent, Type::TEXT),
            (&identity.as_slice(), Type::BYTEA),
            (&amr.to_string(), Type::TEXT),
            (&verified.second_factor, Type::BOOL),
        ],
    )?;
    Ok(rows.first().map(|row| {
        let subject = Subject { admin: row.get(1), ..subject };
        let session = SessionRef::new(row.get(0), identity);
        let authentication = Authentication::stored(amr, row.get(2));
        Opened { subject, session, authentication }
    }))
}
