//! The SQL of the list of revocations.

use super::{Cursor, Entry, SETTLED_AFTER, Still};
use crate::error::Result;
use crate::moment::Moment;
use postgres::types::Type;
use postgres::{Client, Row};
use std::time::Duration;

/// Entries, each with its position.
pub(super) struct Rows {
    pub(super) entries: Vec<(Cursor, Entry)>,
    /// The moment before which nothing new can turn up, by the database's clock.
    pub(super) settled: i64,
}

/// Reads the list in the order of its positions. The first row has no session: it is the clock.
pub(super) fn list(conn: &mut Client, from: Cursor, keep: Duration, most: usize) -> Result<Rows> {
    let sql = "SELECT NULL::BIGINT,
                      now() - $5 * interval '1 microsecond', false, 0, false
               UNION ALL
               (SELECT s.id, s.revoked_at,
                       s.ended_at IS NULL AND u.id IS NOT NULL,
                       coalesce(u.token_version, 0), coalesce(u.admin, false)
                FROM gatepost.sessions s LEFT JOIN gatepost.users u ON u.id = s.user_id
                WHERE (s.revoked_at, s.id) >
                      (TIMESTAMPTZ '1970-01-01 00:00:00+00' + $1 * interval '1 microsecond', $2)
                AND s.revoked_at > now() - $3 * interval '1 millisecond'
                ORDER BY s.revoked_at, s.id LIMIT $4)";
    let number = |n: u128| i64::try_from(n).unwrap_or(i64::MAX);
    let rows = conn.query_typed(
        sql,
        &[
            (&from.since, Type::INT8),
            (&from.after, Type::INT8),
            (&number(keep.as_millis()), Type::INT8),
            (&number(most as u128), Type::INT8),
            (&number(SETTLED_AFTER.as_micros()), Type::INT8),
        ],
    )?;
    let (clock, listed): (Vec<&Row>, Vec<&Row>) =
        rows.iter().partition(|row| row.get::<_, Option<i64>>(0).is_none());
    let mut entries: Vec<(Cursor, Entry)> = listed.into_iter().map(entry).collect();
    // SQL promises an order inside of the parentheses, not outside of them.
    entries.sort_unstable_by_key(|(cursor, _)| *cursor);
    Ok(Rows { entries, settled: clock.first().map_or(0, |row| micros(row, 0)) })
}

fn entry(row: &Row) -> (Cursor, Entry) {
    let sid = row.get(0);
    let still = Still { token_version: row.get(3), admin: row.get(4) };
    let entry = Entry { sid, still: row.get::<_, bool>(2).then_some(still) };
    (Cursor { since: micros(row, sid), after: sid }, entry)
}

fn micros(row: &Row, session: i64) -> i64 {
    row.get::<_, Moment>(1).micros(("session", session))
}
