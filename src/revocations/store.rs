//! The SQL of the list of revocations.

use super::types::{Cursor, Revocation, StillGood};
use crate::access::standing::stepped_up;
use crate::db::Client;
use crate::error::Result;
use crate::moment::Moment;
use crate::tokens::SessionRef;
use std::time::Duration;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// Longer than a statement and a pause in a transaction may take (`statement_timeout` 5 s and
/// `idle_in_transaction_session_timeout` 10 s of the service's role), so that anything with an
/// older timestamp is visible or will never be.
const SETTLED_AFTER: Duration = Duration::from_secs(20);

/// Entries, each with its position.
pub(super) struct ListedRevocations {
    pub(super) entries: Vec<(Cursor, Revocation)>,
    /// The moment before which nothing new can appear, by the database's clock.
    pub(super) settled: i64,
}

/// SQL for where the list begins: at a position, or where entries have become too old to matter,
/// whichever is later.
macro_rules! begins {
    () => {
        "greatest(TIMESTAMPTZ 'epoch' + $1 * interval '1 microsecond',
                  now() - $3 * interval '1 millisecond')"
    };
}

/// SQL for which sessions are listed. The pair alone decides, and is where the index is entered, so
/// that no row is read that is too old. The condition on the moment by itself tells PostgreSQL how
/// few rows there are.
macro_rules! listed {
    () => {
        concat!(
            "s.revoked_at >= ",
            begins!(),
            " AND (s.revoked_at, s.id) > (",
            begins!(),
            ", CASE WHEN TIMESTAMPTZ 'epoch' + $1 * interval '1 microsecond'
                         >= now() - $3 * interval '1 millisecond' THEN $2
                    ELSE 9223372036854775807 END)"
        )
    };
}

/// Reads the list in the order of its positions, up to one of them. The first row has no session:
/// it holds the clock.
pub(super) fn list(
    conn: &mut Client,
    from: Cursor,
    until: Cursor,
    keep: Duration,
    most: usize,
) -> Result<ListedRevocations> {
    let sql = concat!(
        "SELECT NULL::BIGINT,
                now() - $5 * interval '1 microsecond', false, 0, false, NULL::BYTEA, 0::BIGINT
         UNION ALL
         (SELECT s.id, s.revoked_at,
                 s.ended_at IS NULL AND u.id IS NOT NULL,
                 coalesce(u.token_version, 0), coalesce(u.admin, false), s.identity, ",
        stepped_up!(),
        "
          FROM gatepost.sessions s LEFT JOIN gatepost.users u ON u.id = s.user_id
          WHERE ",
        listed!(),
        " AND (s.revoked_at, s.id)
              <= (TIMESTAMPTZ 'epoch' + $6 * interval '1 microsecond', $7)
          ORDER BY s.revoked_at, s.id LIMIT $4)"
    );
    let rows = conn.query_typed(
        sql,
        &[
            (&from.since, Type::INT8),
            (&from.after, Type::INT8),
            (&number(keep.as_millis()), Type::INT8),
            (&number(most as u128), Type::INT8),
            (&number(SETTLED_AFTER.as_micros()), Type::INT8),
            (&until.since, Type::INT8),
            (&until.after, Type::INT8),
        ],
    )?;
    let (clock, listed): (Vec<&Row>, Vec<&Row>) =
        rows.iter().partition(|row| row.get::<_, Option<i64>>(0).is_none());
    let mut entries: Vec<(Cursor, Revocation)> =
        listed.into_iter().map(entry).collect::<Result<_>>()?;
    // SQL promises an order inside the parentheses, not outside them.
    entries.sort_unstable_by_key(|(cursor, _)| *cursor);
    Ok(ListedRevocations { entries, settled: clock.first().map_or(0, |row| micros(row, 0)) })
}

/// The hashes of API keys that were revoked so lately that tokens of theirs may be in use. Operators
/// revoke keys one at a time, so they are few.
pub(super) fn keys(conn: &mut Client, keep: Duration) -> Result<Vec<Vec<u8>>> {
    let sql = "SELECT hash FROM gatepost.api_keys
               WHERE revoked_at > now() - $1 * interval '1 millisecond' ORDER BY id";
    let rows = conn.query_typed(sql, &[(&number(keep.as_millis()), Type::INT8)])?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Only the positions of entries, and the moment before which nothing is listed any more.
pub(super) fn positions(
    conn: &mut Client,
    from: Cursor,
    keep: Duration,
    most: usize,
) -> Result<(Vec<Cursor>, i64)> {
    let sql = concat!(
        "SELECT NULL::BIGINT,
                now() - $3 * interval '1 millisecond'
         UNION ALL
         (SELECT s.id, s.revoked_at
          FROM gatepost.sessions s WHERE ",
        listed!(),
        " ORDER BY s.revoked_at, s.id LIMIT $4)"
    );
    let rows = conn.query_typed(
        sql,
        &[
            (&from.since, Type::INT8),
            (&from.after, Type::INT8),
            (&number(keep.as_millis()), Type::INT8),
            (&number(most as u128), Type::INT8),
        ],
    )?;
    let mut entries = Vec::with_capacity(rows.len());
    let mut oldest = 0;
    for row in &rows {
        match row.get(0) {
            Some(after) => entries.push(Cursor { since: micros(row, after), after }),
            None => oldest = micros(row, 0),
        }
    }
    entries.sort_unstable();
    Ok((entries, oldest))
}

/// A session and, if it goes on, the token version and `admin` that its tokens may still claim.
pub(super) type RevokedSession = (i64, Option<(i64, bool)>);

/// The sessions of a range that were revoked so lately that tokens of theirs may be in use. `None` if
/// no session ever had a number in the range.
pub(super) fn statuses(
    conn: &mut Client,
    first: i64,
    end: i64,
    keep: Duration,
) -> Result<Option<Vec<RevokedSession>>> {
    let sql =
        "SELECT NULL::BIGINT, last_value >= $1, 0::BIGINT, false FROM gatepost.sessions_id_seq
               UNION ALL
               (SELECT s.id, s.ended_at IS NULL AND u.id IS NOT NULL,
                       coalesce(u.token_version, 0), coalesce(u.admin, false)
                FROM gatepost.sessions s LEFT JOIN gatepost.users u ON u.id = s.user_id
                WHERE s.id >= $1 AND s.id < $2
                AND s.revoked_at > now() - $3 * interval '1 millisecond')";
    let rows = conn.query_typed(
        sql,
        &[(&first, Type::INT8), (&end, Type::INT8), (&number(keep.as_millis()), Type::INT8)],
    )?;
    let mut exists = false;
    let mut revoked = Vec::new();
    for row in &rows {
        let still = (row.get(2), row.get(3));
        match row.get::<_, Option<i64>>(0) {
            Some(session) => revoked.push((session, row.get::<_, bool>(1).then_some(still))),
            None => exists = row.get(1),
        }
    }
    Ok(exists.then_some(revoked))
}

fn number(n: u128) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn entry(row: &Row) -> Result<(Cursor, Revocation)> {
    let sid = SessionRef::stored(row.get(0), row.get(5))?;
    let auth_time = Some(row.get(6)).filter(|at: &i64| *at != 0);
    let still = StillGood { token_version: row.get(3), admin: row.get(4), auth_time };
    let entry = Revocation { sid, still: row.get::<_, bool>(2).then_some(still) };
    Ok((Cursor { since: micros(row, sid.id()), after: sid.id() }, entry))
}

fn micros(row: &Row, session: i64) -> i64 {
    row.get::<_, Moment>(1).micros(("session", session))
}
