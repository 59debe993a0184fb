//! The claim `auth_time` in SQL.

/// SQL for the claim `auth_time`: when the session was opened, in seconds since 1970-01-01 UTC, or
/// that moment if it was before. [`seconds`] reads it.
macro_rules! auth_time {
    ($created_at:literal) => {
        concat!("greatest(0, floor(extract(epoch FROM ", $created_at, ")))::BIGINT")
    };
}
pub(super) use auth_time;

/// Reads it.
pub(super) fn seconds(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}
