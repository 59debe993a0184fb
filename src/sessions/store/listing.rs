//! The SQL of listing sessions.

use crate::access::standing::{CallerRows, CallerStanding, session_lives, standing};
use crate::db::Connection;
use crate::domain::{Page, SessionId, Timestamp, UserId};
use crate::error::Result;
use crate::sessions::types::Session;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// A page of sessions, with what decides whether the caller may see it.
pub(crate) struct ListedSessions {
    pub(crate) standing: Option<CallerStanding>,
    pub(crate) user_exists: bool,
    pub(crate) sessions: Vec<Session>,
    pub(crate) more: bool,
}

pub(crate) fn list(
    conn: &mut Connection,
    caller: Option<CallerRows>,
    user: UserId,
    page: Page,
) -> Result<ListedSessions> {
    let sql = concat!(
        "SELECT u.admin, u.token_version, ",
        standing!("$2", "$7"),
        ", NULL::BIGINT, u.id, NULL::TIMESTAMPTZ, NULL::TIMESTAMPTZ, NULL::TIMESTAMPTZ,
                NULL::TEXT, NULL::TEXT
         FROM gatepost.users u WHERE u.id IN ($1, $3)
         UNION ALL
         (SELECT NULL, NULL, NULL, NULL, id, user_id, created_at, last_used_at, expires_at,
                 address, user_agent
          FROM gatepost.sessions
          WHERE user_id = $3 AND id > $4 AND ",
        session_lives!(),
        " ORDER BY id OFFSET $5 LIMIT $6)"
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
    let is_session = |row: &&Row| row.get::<_, Option<i64>>(4).is_some();
    let (listed, users): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(is_session);
    let of = |id: i64| users.iter().find(|row| row.get::<_, i64>(5) == id);
    let mut sessions: Vec<Session> = listed.into_iter().map(|row| session(row, 4)).collect();
    // SQL promises an order inside the page's parentheses, not outside them.
    sessions.sort_unstable_by_key(|session| session.id.get());
    let size = usize::try_from(page.size()).unwrap_or(usize::MAX);
    let more = sessions.len() > size;
    sessions.truncate(size);
    let standing = |row: &&Row| CallerStanding {
        admin: row.get(0),
        token_version: row.get(1),
        stepped_up: row.get(2),
        second_factor: row.get(3),
    };
    Ok(ListedSessions {
        standing: caller.and_then(|rows| of(rows.user)).map(standing),
        user_exists: of(user.get()).is_some(),
        sessions,
        more,
    })
}

/// A session in a row, from this column on.
pub(super) fn session(row: &Row, from: usize) -> Session {
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
