//! The SQL of introspection.

use crate::access::standing::{active, session_lives, stepped_up};
use crate::db::{Line, Transaction};
use crate::domain::UserId;
use crate::error::Result;
use crate::moment::Moment;
use crate::tokens::SessionRef;
use tokio_postgres::types::Type;

/// A live session, and its user.
pub(super) struct TokenRow {
    pub(super) session: SessionRef,
    pub(super) key_generation: i64,
    pub(super) counter: i64,
    /// Seconds since 1970-01-01 UTC, like the next field.
    pub(super) last_used_at: u64,
    pub(super) expires_at: u64,
    pub(super) user_id: UserId,
    pub(super) login: String,
    pub(super) admin: bool,
    pub(super) token_version: i64,
    /// The claim `auth_time` that access tokens must have, or 0.
    pub(super) stepped_up: i64,
    /// Whether the account is neither locked nor expired.
    pub(super) active: bool,
}

/// A macro, since the statements are constants.
macro_rules! find {
    ($lock:literal) => {
        concat!(
            "SELECT s.key_generation, s.counter, s.last_used_at, s.expires_at,
                    u.id, u.login, u.admin, u.token_version, ",
            active!(),
            ", ",
            stepped_up!(),
            " FROM gatepost.sessions s JOIN gatepost.users u ON u.id = s.user_id
             WHERE s.id = $1 AND s.identity = $2 AND ",
            session_lives!("s"),
            $lock
        )
    };
}

pub(super) fn find(conn: &mut Line, session: SessionRef) -> Result<Option<TokenRow>> {
    found(conn, find!(""), session)
}

/// The same, and the answer holds until the transaction ends. The user is locked before the
/// session, as wherever both are.
pub(super) fn lock(tx: &mut Transaction<'_>, session: SessionRef) -> Result<Option<TokenRow>> {
    found(tx, find!(" FOR SHARE OF u FOR UPDATE OF s"), session)
}

fn found(conn: &mut Line, sql: &str, session: SessionRef) -> Result<Option<TokenRow>> {
    let id = session.id();
    let identity = session.identity().as_slice();
    let row = conn.query_typed_opt(sql, &[(&id, Type::INT8), (&identity, Type::BYTEA)])?;
    let seconds =
        |moment: Moment| u64::try_from(moment.micros(("session", id)) / 1_000_000).unwrap_or(0);
    Ok(row.map(|row| TokenRow {
        session,
        key_generation: row.get(0),
        counter: row.get(1),
        last_used_at: seconds(row.get(2)),
        expires_at: seconds(row.get(3)),
        user_id: UserId::stored(row.get(4)),
        login: row.get(5),
        admin: row.get(6),
        token_version: row.get(7),
        active: row.get(8),
        stepped_up: row.get(9),
    }))
}
