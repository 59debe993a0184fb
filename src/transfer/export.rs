//! Exporting: every user as a line that an import reads.

use super::batches::BATCH;
use super::{line, store};
use crate::access::Actor;
use crate::app::App;
use crate::audit::{Action, Event, Writer};
use crate::error::{Error, Result};
use crate::factors;
use std::io::Write;

/// Writes every user as [`import`](super::import) reads them, in the order of their ids, and
/// returns their number. Users who are registered or deleted meanwhile may or may not be included.
/// `progress` is called now and then with the number written.
///
/// # Errors
/// [`Error::File`] when it cannot be written; database errors.
pub fn export(app: &App, mut out: impl Write, mut progress: impl FnMut(u64)) -> Result<u64> {
    let fault = |e: std::io::Error| Error::File(format!("cannot be written: {e}"));
    let mut after = 0;
    let mut count = 0;
    loop {
        let users =
            app.database()?.with_connection(|conn| store::page(conn, after, BATCH as i64))?;
        let ids: Vec<i64> = users.iter().map(|user| user.id).collect();
        let factors = factors::taken_along(app, &ids)?;
        for user in &users {
            let mut text = line::write(user, factors.get(&user.id))?;
            text.push('\n');
            out.write_all(text.as_bytes()).map_err(fault)?;
            after = user.id;
            count += 1;
        }
        progress(count);
        if users.len() < BATCH {
            out.flush().map_err(fault)?;
            let detail = format!("{count} users");
            let event = Event::new(Action::ExportUsers, None).with_detail(&detail);
            Writer::new(app)?.record_alone(Actor::Operator, &event)?;
            return Ok(count);
        }
    }
}

/// How many users there are, for showing how far an export is.
///
/// # Errors
/// Database errors.
pub fn count(app: &App) -> Result<u64> {
    let count = app.database()?.with_connection(|conn| store::count(conn))?;
    Ok(count.unsigned_abs())
}
