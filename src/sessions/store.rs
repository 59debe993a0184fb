//! The SQL of sessions.

mod asking;
mod ending;
mod extra;
mod listing;
mod opening;
mod refreshing;
mod renewing;

// Several sessions are locked in the order of their ids, and a user is locked before a session. So
// nothing deadlocks.

pub(super) use asking::{Asked, ask, asked};
pub(super) use ending::{
    SWEPT_AT_ONCE, end, end_all, end_oldest, end_some, owner, revoke_tokens, sweep,
};
pub(crate) use extra::extra_claims;
pub(super) use listing::list;
pub(super) use opening::{Credentials, Opened, credentials, open, replace_hash};
#[cfg(feature = "pages")]
pub(super) use refreshing::resume;
pub(super) use refreshing::{Counting, Refreshed, advance, count_refresh, is_unheard_of, lock};
pub(super) use renewing::{Stepping, hold, renew, stepping};
