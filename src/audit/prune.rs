//! Pruning: removing old rows, as the owner of the tables, and recording that in the log.

use super::event::{Action, Event};
use super::head::Head;
use super::sealing::head;
use super::writer::Writer;
use super::{chain, store};
use crate::access::Actor;
use crate::app::App;
use crate::database::with_owner;
use crate::db::Client;
use crate::db::connect::{Fault, patient};
use crate::domain::Timestamp;
use crate::error::{Error, Result};
use time::OffsetDateTime;
use tokio_postgres::types::Type;

/// Seals that one transaction removes with their rows. That takes a second or so where logins never
/// pause. Each step is a whole pruning with a row of its own, so a service that stops after any of
/// them leaves a log that verifies.
const AT_ONCE: i64 = 2_000;

/// Removes what was sealed before a time, and returns the number of rows. The last of these seals
/// stays, as the new beginning of the chain. One row in the log names it, and another says how many
/// rows were removed.
///
/// # Errors
/// `Error::Configuration` when `database.owner_url` is missing or the log is off, `Error::Startup`
/// when its database cannot be reached or refuses; database errors.
pub fn prune(app: &App, before: Timestamp) -> Result<u64> {
    if !app.config().audit.enabled {
        // No row would record the pruning, and the log would look cut off.
        return Err(Error::Configuration(vec!["audit.enabled: pruning needs it".to_owned()]));
    }
    prune_while(app, before.time(), &|| true)
}

/// Enforces `audit.keep`, for as long as `go_on` returns true. On the private PostgreSQL it removes
/// older rows; elsewhere it logs what is due. A service does this once a day. Several at once do no
/// harm.
pub(crate) fn keep_to_age(app: &App, go_on: &dyn Fn() -> bool) {
    // In whole seconds, as the command in the message takes it.
    let before = chain::now() - app.config().audit.keep;
    let before = before.replace_nanosecond(0).unwrap_or(before);
    let done = match app.config().database.url {
        Some(_) => say_what_is_due(app, before),
        None => prune_while(app, before, go_on).map(|removed| {
            if removed > 0 {
                log::info!("{removed} row(s) of the audit log older than audit.keep were removed");
            }
        }),
    };
    if let Err(error) = done {
        log::warn!("the audit log was not pruned to audit.keep; trying again later: {error}");
    }
}

fn say_what_is_due(app: &App, before: OffsetDateTime) -> Result<()> {
    let due = app.database()?.with_connection(|conn| store::last_due(conn, before, i64::MAX, 2))?;
    if due.is_some() {
        let before = shown(before)?;
        log::warn!(
            "the audit log holds rows older than audit.keep; to remove them, run `gatepost audit \
             prune --before {before}` with database.owner_url"
        );
    }
    Ok(())
}

fn shown(time: OffsetDateTime) -> Result<Timestamp> {
    Timestamp::from_millis(time.unix_timestamp().saturating_mul(1_000))
}

fn prune_while(app: &App, before: OffsetDateTime, go_on: &dyn Fn() -> bool) -> Result<u64> {
    // Rows sealed from here on record the pruning, and stay whatever time is given.
    let Some(newest) = head(app)?.map(|head| head.number) else { return Ok(0) };
    let database = app.database()?;
    let due =
        || database.with_connection(|conn| store::last_due(conn, before, newest, AT_ONCE + 1));
    if due()?.is_none() {
        return Ok(0);
    }
    let audit = Writer::new(app)?;
    with_owner(app.config(), |owner| {
        let mut client = patient(owner).map_err(failed)?;
        let mut all = 0;
        while go_on()
            && let Some(last) = due()?
        {
            let detail = last.to_string();
            audit.record_alone(
                Actor::Operator,
                &Event::new(Action::PruneAudit, None).with_detail(&detail),
            )?;
            head(app)?;
            let Some(removed) = remove(&mut client, &last)? else { break };
            all += removed;
            // In a row of its own: earlier versions parse the whole detail of the other row.
            let number = last.number;
            let before = shown(before)?;
            let detail =
                format!("removed {removed} row(s), up to seal {number}, sealed before {before}");
            audit.record_alone(
                Actor::Operator,
                &Event::new(Action::PruneAudit, None).with_detail(&detail),
            )?;
        }
        head(app)?;
        Ok(all)
    })
}

/// Removes the rows up to a seal, and the seals before it. Returns how many rows there were; `None`
/// if there was no seal, because another process was quicker.
fn remove(client: &mut Client, last: &Head) -> Result<Option<u64>> {
    let mut tx = client.transaction().map_err(failed)?;
    let mut number = 0;
    let mut removed = 0;
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
    let seals = tx.execute_typed(sql, &[(&last.number, Type::INT8)]).map_err(failed)?;
    tx.commit().map_err(failed)?;
    Ok((seals > 0).then_some(removed))
}

fn failed(fault: impl Into<Fault>) -> Error {
    Error::startup(format!("the log was not pruned: {}", fault.into()))
}
