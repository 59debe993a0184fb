//! Pruning: removing what is old, as the owner of the tables, and saying so in the log.

use super::{Action, Event, Writer, head, store};
use crate::app::App;
use crate::database::with_owner;
use crate::error::{Error, Result};
use crate::users::{Caller, Timestamp};
use postgres::NoTls;
use postgres::types::Type;

/// Removes what was sealed before a time, and returns how many rows that were. The last of the
/// seals stays, as the place where the chain begins from then on; a row in the log names it.
///
/// # Errors
/// `Error::Configuration` when `database.owner_url` is missing or the log is not kept, `Error::Startup` when its database
/// cannot be reached or refuses; the faults of the database.
pub fn prune(app: &App, before: Timestamp) -> Result<u64> {
    if !app.config().audit.enabled {
        // Nothing would say that it was pruned, and it would look cut.
        return Err(Error::Configuration(vec!["audit.enabled: pruning needs it".to_owned()]));
    }
    head(app)?;
    let found = app.database()?.read(|conn| store::last_seal_before(&mut **conn, before.time()))?;
    let Some(last) = found else { return Ok(0) };
    let first = app.database()?.read(|conn| store::seals_after(&mut **conn, 0))?;
    if first.first().is_none_or(|first| first.number == last.number) {
        // The last seal stays, and its rows with it unless the chain begins there already.
        return Ok(0);
    }
    let detail = last.head().to_string();
    let event = Event::new(Action::PruneAudit, None).with_detail(&detail);
    Writer::new(app, &Caller::Trusted)?.record_alone(&event)?;
    head(app)?;
    with_owner(app.config(), |owner| {
        let failed = |e: postgres::Error| Error::startup(format!("the log was not pruned: {e}"));
        let mut client = owner.connect(NoTls).map_err(failed)?;
        let mut tx = client.transaction().map_err(failed)?;
        let (mut number, mut removed) = (0, 0);
        while number < last.number {
            let seals = store::seals_after(&mut tx, number)?;
            let Some(newest) = seals.last() else { break };
            number = newest.number;
            let due = seals.iter().filter(|seal| seal.number <= last.number);
            let ids: Vec<i64> = due.flat_map(|seal| seal.rows.iter().copied()).collect();
            let sql = "DELETE FROM gatepost.audit WHERE id = ANY($1)";
            removed += tx.execute_typed(sql, &[(&ids, Type::INT8_ARRAY)]).map_err(failed)?;
        }
        let sql = "DELETE FROM gatepost.audit_seals WHERE number < $1";
        tx.execute_typed(sql, &[(&last.number, Type::INT8)]).map_err(failed)?;
        tx.commit().map_err(failed)?;
        Ok(removed)
    })
}
