//! What a service does between requests, on a thread of its own: sessions that are over are swept,
//! keys are read again, which rotates them when it is time, and the audit log is kept to its age.
//!
//! Several instances may do it on one database; none waits for another. A fault is logged and the
//! next round tries again. Only the service has this thread: an `App` alone is nobody's server.

use crate::app::App;
use crate::audit;
use crate::db;
use crate::error::Result;
use crate::sessions;
use crate::threads;
use std::sync::mpsc::{RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, mpsc::Receiver};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long after its start a service looks at the age of the audit log for the first time: a
/// restart is no moment for more work, and one that is restarted daily must come to it too.
const FIRST_PRUNING: Duration = Duration::from_secs(5 * 60);

/// How often it does so.
const PRUNING: Duration = Duration::from_secs(86_400);

/// The thread. Dropping this ends it, after the statement that it is in the middle of.
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
    // Where rows are kept for less than that, as often as one comes to be too old.
    let first = FIRST_PRUNING.min(keep);
    let prune_again = PRUNING.min(keep);
    let pause = check.min(sweep_again);
    let pause = if prunes { pause.min(first) } else { pause };
    let mut swept = Instant::now();
    let mut prune_at = Instant::now() + first;
    while stop.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        app.tend_keys(check);
        if swept.elapsed() >= sweep_again {
            sweep(app, stop);
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

fn sweep(app: &App, stop: &Receiver<()>) {
    let mut all = 0;
    loop {
        match sessions::sweep_some(app) {
            Ok((removed, more)) => {
                all += removed;
                if !more || is_stopping(stop) {
                    break;
                }
            }
            Err(error) => {
                if !app.is_ending() {
                    log::log!(db::level(&error), "ended sessions were not removed: {error}");
                }
                break;
            }
        }
    }
    if all > 0 {
        log::debug!("{all} ended sessions were removed");
    }
}
