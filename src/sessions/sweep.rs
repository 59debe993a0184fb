//! Removing the rows of sessions that are over.

use super::store;
use crate::app::App;
use crate::error::Result;

/// Removes the sessions that are over and returns how many there were. The service does this every
/// `sessions.tuning.sweep_interval`; a program that only embeds the operations may want to. Several may do
/// it together.
///
/// # Errors
/// The faults of the database. What was removed until then stays so.
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
