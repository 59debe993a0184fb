//! Reporting that the database was set back, and detecting it from the audit log itself.

use super::event::{Action, Event};
use super::head::Head;
use super::store;
use super::writer::Writer;
use crate::access::Actor;
use crate::app::App;
use crate::app::set_back::{ChainEnd, is_repaired};
use crate::error::Result;

/// Reports it in the log and in the audit log, once, however many signs there are: anyone with one
/// token that shows it could fill both. An error while recording it is logged, and the caller goes
/// on.
pub(crate) fn notice(app: &App, sign: &str) {
    if let Err(error) = say(app, sign) {
        log::warn!("the audit log does not record that the database was set back: {error}");
    }
}

fn say(app: &App, sign: &str) -> Result<()> {
    if app.set_back().is_said(app.newest_refresh_key()?.generation()) {
        // It may have been set back once more, which no sign can tell from the first time.
        app.look_again_for_keys();
        return Ok(());
    }
    // The keys in memory may be from before it was set back, or from before the command ran.
    app.reload_keys()?;
    if !app.set_back().is_news(app.newest_refresh_key()?.generation()) {
        return Ok(());
    }
    log::error!(
        "the database was set back: {sign}. If it was restored from a backup, or a standby took \
         over that lacked the last commits, run `gatepost database after-restore`; if neither, someone has changed rows"
    );
    let event = Event::new(Action::SetBack, None).with_detail(sign);
    Writer::new(app)?.record_alone(Actor::Anonymous, &event)
}

/// Compares the end of the chain with where it was when this instance last looked. The chain only
/// ever grows: pruning removes seals from its beginning and leaves the last.
///
/// # Errors
/// Database errors.
pub(super) fn look(app: &App) -> Result<()> {
    let mut seen = app.set_back().end();
    let number = seen.as_ref().map_or(0, |end| end.number);
    let (last, then) = app.database()?.with_connection(|conn| store::ends(conn, number))?;
    let sign = seen.as_ref().and_then(|seen| sign(seen, last.as_ref(), then.as_deref()));
    if let (Some(sign), Some(seen)) = (sign, seen.as_ref()) {
        app.reload_keys()?;
        if is_repaired(seen.generation, app.newest_refresh_key()?.generation()) {
            log::info!("the audit log was set back, and `database after-restore` has run since");
        } else {
            notice(app, &sign);
        }
    }
    let generation = app.newest_refresh_key()?.generation();
    *seen = last.map(|Head { number, mac }| ChainEnd { number, mac, generation });
    Ok(())
}

/// The sign that the chain was set back, if there is one: the last seal is an earlier one, or the
/// seal that was the last has changed.
fn sign(seen: &ChainEnd, last: Option<&Head>, then: Option<&[u8]>) -> Option<String> {
    let number = seen.number;
    let last = last.map_or(0, |head| head.number);
    if last < number {
        return Some(format!("the audit log ended with seal {number} and now ends with {last}"));
    }
    let other = then.is_some_and(|then| then != seen.mac);
    other.then(|| format!("seal {number} of the audit log is not the one it was"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_that_is_shorter_or_another_was_set_back_and_one_that_grew_or_was_pruned_was_not() {
        let seen = ChainEnd { number: 7, mac: vec![7; 32], generation: 1 };
        let found = |last: i64, then: Option<u8>| {
            let then = then.map(|byte| vec![byte; 32]);
            let last = Head { number: last, mac: vec![9; 32] };
            sign(&seen, Some(&last), then.as_deref())
        };
        assert_eq!([found(7, Some(7)), found(9, Some(7)), found(9, None)], [None, None, None]);
        assert!(found(6, None).unwrap().contains("seal 7 and now ends with 6"));
        assert!(
            found(9, Some(8)).unwrap().contains("seal 7 of the audit log is not the one it was")
        );
        assert!(sign(&seen, None, None).unwrap().contains("now ends with 0"));
    }
}
