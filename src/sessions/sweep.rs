//! Removing the rows of ended and expired sessions.

use super::store;
use crate::app::App;
use crate::error::Result;

/// Removes the rows of sessions whose last access tokens expired before today, in UTC, and returns how
/// many there were. A service does this by itself; a program that only embeds the operations should do it now
/// and then. Several processes may do it at once.
///
/// # Errors
/// Database errors. Whatever was removed by then stays removed.
pub fn sweep(app: &App) -> Result<u64> {
    let mut all = 0;
    loop {
        let (removed, more) = sweep_some(app)?;
        all += removed;
        if !more {
            return Ok(all);
        }
    }
}

/// Removes a few hundred of them. Returns how many, and whether there may be more.
pub(crate) fn sweep_some(app: &App) -> Result<(u64, bool)> {
    let removed = app.database()?.with_transaction(store::sweep)?;
    Ok((removed, removed == store::SWEPT_AT_ONCE))
}
