//! The SQL of sessions.

mod ending;
mod listing;
mod opening;
mod refreshing;

// Whoever takes several sessions takes them in the order of their ids, and whoever takes a user and
// a session takes the user first. So nobody deadlocks.

pub(super) use ending::{
    SWEPT_AT_ONCE, end, end_all, end_oldest, end_some, owner, revoke_tokens, sweep,
};
pub(super) use listing::list;
pub(super) use opening::{Credentials, credentials, open, replace_hash};
pub(super) use refreshing::{Counting, Refreshed, advance, count_refresh, is_unheard_of, lock};
