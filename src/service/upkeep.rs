//! What a service does between requests, on a thread of its own: sessions that are over are swept,
//! and keys read again, which rotates them when it is time.
//!
//! Several instances may do it on one database; none waits for another. A fault is logged and the
//! next round tries again. Only the service has this thread: an `App` alone is nobody's server.

use crate::app::App;
use crate::error::{Error, Result};
use crate::sessions;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, mpsc::Receiver};
use std::thread::JoinHandle;
use std::time::Instant;

/// The thread. Dropping this ends it, after the statement that it is in the middle of.
pub(super) struct Upkeep(Option<(Sender<()>, JoinHandle<()>)>);

impl Upkeep {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`Error::Startup`].
    pub(super) fn start(app: Arc<App>) -> Result<Self> {
        let (sender, stop) = channel();
        let thread = std::thread::Builder::new().name("upkeep".to_owned());
        let thread = thread.spawn(move || run(&app, &stop));
        let thread = thread.map_err(|e| Error::startup(format!("cannot start a thread: {e}")))?;
        Ok(Self(Some((sender, thread))))
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.0.take() {
            drop(sender);
            if thread.join().is_err() {
                log::error!("the upkeep had panicked");
            }
        }
    }
}

fn run(app: &App, stop: &Receiver<()>) {
    let (check, sweep_again) =
        (app.config().tokens.key_check_interval, app.config().sessions.sweep_interval);
    let mut swept = Instant::now();
    while stop.recv_timeout(check.min(sweep_again)) == Err(RecvTimeoutError::Timeout) {
        app.tend_keys(check);
        if swept.elapsed() >= sweep_again {
            sweep(app, stop);
            swept = Instant::now();
        }
    }
}

fn sweep(app: &App, stop: &Receiver<()>) {
    let mut all = 0;
    loop {
        match sessions::sweep_some(app) {
            Ok((removed, more)) => {
                all += removed;
                let stopping = stop.try_recv() == Err(std::sync::mpsc::TryRecvError::Disconnected);
                if !more || stopping {
                    break;
                }
            }
            Err(error) => {
                log::warn!("sessions were not swept: {error}");
                break;
            }
        }
    }
    if all > 0 {
        log::debug!("{all} sessions that were over are swept");
    }
}
