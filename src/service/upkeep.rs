//! What a service does between requests, on a thread of its own: it sweeps the rows of ended and
//! expired sessions, reads the keys again, which rotates them when it is time, and prunes the audit
//! log to its maximum age.
//!
//! Several instances may do this on one database, and none waits for another. An error is logged,
//! and the next round tries again. Only a service has this thread, not an `App` alone.

use crate::app::{App, once};
use crate::audit;
use crate::config::Profile;
use crate::db;
use crate::error::Result;
use crate::factors;
use crate::outbox;
use crate::proofs;
use crate::sessions;
use crate::threads;
use std::sync::mpsc::{RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, mpsc::Receiver};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long after its start a service first checks the age of the audit log. A restart is a bad
/// moment for more work, but a service that is restarted daily must get to it too.
const FIRST_PRUNING: Duration = Duration::from_secs(5 * 60);

/// How often it does so.
const PRUNING: Duration = Duration::from_secs(86_400);

/// The thread. Dropping this ends it, after the statement in progress.
pub(super) struct Upkeep(Option<(Sender<()>, JoinHandle<()>)>);

impl Upkeep {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`Error::Startup`](crate::Error::Startup).
    pub(super) fn start(app: Arc<App>) -> Result<Self> {
        let (sender, stop) = channel();
        let thread = threads::start("upkeep", move || run(&app, &stop))?;
        Ok(Self(Some((sender, thread))))
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.0.take() {
            drop(sender);
            if thread.join().is_err() {
                log::error!("the upkeep thread panicked");
            }
        }
    }
}

fn run(app: &App, stop: &Receiver<()>) {
    let check = app.config().tokens.tuning.key_check_interval;
    let sweep_again = app.config().sessions.tuning.sweep_interval;
    let kept = &app.config().audit;
    let keep = app.config().audit.keep;
    let prunes = kept.enabled && !keep.is_zero();
    // If rows are kept for less than that, pruning is as frequent.
    let first = FIRST_PRUNING.min(keep);
    let prune_again = PRUNING.min(keep);
    let pause = check.min(sweep_again);
    let pause = if prunes { pause.min(first) } else { pause };
    let mut swept = Instant::now();
    let mut prune_at = Instant::now() + first;
    let is_production = app.config().profile == Profile::Production;
    let mut warned = !is_production || factors::warn_of_admins(app).is_ok();
    while stop.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        app.tend_keys(check);
        // The database was not there yet.
        warned = warned || factors::warn_of_admins(app).is_ok();
        if swept.elapsed() >= sweep_again {
            sweep(app, stop, "ended sessions", sessions::sweep_some);
            sweep(app, stop, "what was used once", |app| once::sweep_some(app.database()?));
            sweep(app, stop, "messages", outbox::sweep_some);
            sweep(app, stop, "proofs", proofs::sweep_some);
            swept = Instant::now();
        }
        if prunes && prune_at <= Instant::now() {
            audit::keep_to_age(app, &|| !is_stopping(stop));
            prune_at = Instant::now() + prune_again;
        }
    }
}

fn is_stopping(stop: &Receiver<()>) -> bool {
    stop.try_recv() == Err(TryRecvError::Disconnected)
}

/// Removes rows of this kind, some at a time, until there are no more.
fn sweep(app: &App, stop: &Receiver<()>, what: &str, some: fn(&App) -> Result<(u64, bool)>) {
    let mut all = 0;
    loop {
        match some(app) {
            Ok((removed, more)) => {
                all += removed;
                if !more || is_stopping(stop) {
                    break;
                }
            }
            Err(error) => {
                if !app.is_ending() {
                    log::log!(db::level(&error), "{what} were not removed: {error}");
                }
                break;
            }
        }
    }
    if all > 0 {
        log::debug!("{all} {what} were removed");
    }
}
