//! Sealing: chaining new rows, alongside the requests that write them.
//!
//! Several instances may seal. A seal's number is its primary key, so if two make the same one, the
//! second finds it taken and leaves its rows to the next round. Ids are assigned before rows are
//! committed, so a row may turn up after later ones were sealed. It is looked for as long as a
//! transaction of ours can last.

use super::chain::{self, SealContent};
use super::head::Head;
use super::writer::write_counted;
use super::{set_back, store};
use crate::app::App;
use crate::db;
use crate::error::{Error, Result};
use crate::threads;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a row may take from its id to its commit: longer than the timeouts of the service's
/// role let a transaction of two statements last.
pub(super) const LATEST: time::Duration = time::Duration::seconds(30);

/// Maximum rows in a seal.
const MOST: usize = 5_000;

/// How long rows wait to be sealed.
const PAUSE: Duration = Duration::from_secs(1);

/// How long rows wait that were not written by a service but by a command or an embedding program.
const IDLE: Duration = Duration::from_secs(30);

/// Makes one seal of rows that have none, and returns their number; 0 if another instance was
/// quicker.
///
/// # Errors
/// Database errors.
fn seal(app: &App) -> Result<usize> {
    let key = app.keyed("audit chain")?;
    app.database()?.with_transaction(|tx| {
        let sealed_at = store::now(tx)?;
        let settled = store::last_seal_before(tx, sealed_at - LATEST)?;
        let (number, from) = settled.map_or((0, 0), |seal| (seal.number, seal.last_id));
        let mut last = None;
        let mut sealed = HashSet::new();
        let mut number = number.saturating_sub(1);
        loop {
            let seals = store::seals_after(tx, number)?;
            let Some(newest) = seals.last() else { break };
            number = newest.number;
            for seal in seals {
                sealed.extend(seal.rows.iter().copied());
                last = Some(seal);
            }
        }
        let most = i64::try_from(sealed.len() + MOST).unwrap_or(i64::MAX);
        let mut rows = store::macs_after(tx, from, most)?;
        rows.retain(|(id, _)| !sealed.contains(id));
        rows.truncate(MOST);
        let Some((greatest, _)) = rows.last() else { return Ok(0) };
        let before = last.as_ref().map_or(&chain::BEGINNING[..], |seal| &seal.mac);
        let last_id = last.as_ref().map_or(0, |seal| seal.last_id).max(*greatest);
        let number = last.as_ref().map_or(0, |seal| seal.number).checked_add(1);
        let number = number.ok_or_else(|| Error::Internal("no seal number is left".to_owned()))?;
        let content = SealContent { number, sealed_at, last_id, rows: &rows };
        let made = store::insert_seal(tx, &content, &content.mac(&key, before))?;
        Ok(if made { rows.len() } else { 0 })
    })
}

/// Writes what was only counted, and seals all rows so far.
pub(super) fn seal_all(app: &App, last: bool) -> Result<()> {
    set_back::look(app)?;
    write_counted(app, last)?;
    while seal(app)? == MOST {}
    Ok(())
}

/// Seals new rows and returns the end of the chain; `None` if nothing was ever recorded.
///
/// # Errors
/// Database errors.
pub fn head(app: &App) -> Result<Option<Head>> {
    seal_all(app, true)?;
    app.database()?.with_connection(|conn| Ok(store::last_seal(conn)?.map(|seal| seal.head())))
}

/// The thread that seals. Dropping it seals what is left and ends it.
pub(crate) struct Sealer {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sealer {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`Error::Startup`] when it cannot be started.
    pub(crate) fn start(app: Arc<App>) -> Result<Self> {
        let (stop, stopped) = channel();
        let work = move || {
            let mut looked = Instant::now();
            loop {
                let over = stopped.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout);
                if over || app.journal().may_wait() || looked.elapsed() >= IDLE {
                    match seal_all(&app, over) {
                        // Whatever ends us has ended the private PostgreSQL too. The next start
                        // seals.
                        Err(error) if app.is_ending() => {
                            log::debug!("the audit log was not sealed: {error}");
                        }
                        Err(error) => {
                            let level = db::level(&error);
                            log::log!(level, "the audit log was not sealed; trying again: {error}");
                        }
                        Ok(()) => (),
                    }
                    looked = Instant::now();
                }
                if over {
                    return;
                }
            }
        };
        let thread = threads::start("audit-sealer", work)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("the thread that seals the audit log panicked");
        }
    }
}
