//! The SQL of introspection.

use crate::error::Result;
use crate::moment::Moment;
use crate::users::UserId;
use crate::users::access::active;
use postgres::GenericClient;
use postgres::types::Type;

/// A session that lives, and its user.
pub(super) struct Row {
    pub(super) session: i64,
    pub(super) key_generation: i64,
    pub(super) counter: i64,
    /// Seconds since 1970-01-01 UTC, as the two below.
    pub(super) last_used_at: u64,
    pub(super) expires_at: u64,
    pub(super) user_id: UserId,
    pub(super) login: String,
    pub(super) admin: bool,
    pub(super) token_version: i64,
    /// Whether the account is neither locked nor over.
    pub(super) active: bool,
}

pub(super) fn find(conn: &mut impl GenericClient, session: i64) -> Result<Option<Row>> {
    let sql = concat!(
        "SELECT s.id, s.key_generation, s.counter,
                s.last_used_at, s.expires_at, u.id, u.login, u.admin, u.token_version, ",
        active!(),
        " FROM gatepost.sessions s JOIN gatepost.users u ON u.id = s.user_id
         WHERE s.id = $1 AND s.ended_at IS NULL AND s.expires_at > now()"
    );
    let row = conn.query_typed_opt(sql, &[(&session, Type::INT8)])?;
    let seconds = |moment: Moment| {
        u64::try_from(moment.micros(("session", session)) / 1_000_000).unwrap_or(0)
    };
    Ok(row.map(|row| Row {
        session: row.get(0),
        key_generation: row.get(1),
        counter: row.get(2),
        last_used_at: seconds(row.get(3)),
        expires_at: seconds(row.get(4)),
        user_id: UserId::stored(row.get(5)),
        login: row.get(6),
        admin: row.get(7),
        token_version: row.get(8),
        active: row.get(9),
    }))
}
