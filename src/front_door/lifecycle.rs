//! What the event loop and its owner tell each other: when to stop, what has failed, how it ended.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How the door has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// By `Door::stop`.
    Stopped {
        /// Number of connections cut off at the deadline in the middle of something.
        cut_off: usize,
    },
    /// By a panic or an error of the system, with its text.
    Failed(String),
    /// Not yet, but nobody has asked for anything for `server.exit_when_idle`.
    Idle,
}

/// The state that the event loop's thread and its owner share.
#[derive(Debug, Default)]
pub(super) struct Lifecycle {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stop_by: Option<Instant>,
    /// Why the door cannot go on for long.
    failing: Option<String>,
    /// Whether nobody has asked for anything for long.
    idle: bool,
    end: Option<End>,
}

impl Lifecycle {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ask_to_stop(&self, by: Instant) {
        let mut state = self.state();
        state.stop_by = Some(state.stop_by.map_or(by, |earlier| earlier.min(by)));
    }

    /// When the door has to be closed at the latest, once it has been asked to stop.
    pub(super) fn stop_by(&self) -> Option<Instant> {
        self.state().stop_by
    }

    /// Tells the owner that the thread has ended.
    pub(super) fn announce_end(&self, end: End) {
        self.state().end = Some(end);
        self.changed.notify_all();
    }

    /// Says that the door still answers but must be replaced. The first reason stays.
    pub(super) fn report(&self, reason: &str) {
        let mut state = self.state();
        if state.failing.is_none() {
            log::error!("front door: {reason}");
            state.failing = Some(reason.to_owned());
            self.changed.notify_all();
        }
    }

    /// Says that nobody has asked for anything for long.
    pub(super) fn report_idle(&self) {
        self.state().idle = true;
        self.changed.notify_all();
    }

    pub(super) fn failure(&self) -> Option<String> {
        let state = self.state();
        match &state.end {
            Some(End::Failed(reason)) => Some(reason.clone()),
            _ => state.failing.clone(),
        }
    }

    /// Waits for the end of the thread.
    pub(super) fn wait_for_end(&self) -> Option<End> {
        let running = |state: &mut State| state.end.is_none();
        let state = self.changed.wait_while(self.state(), running);
        state.unwrap_or_else(PoisonError::into_inner).end.clone()
    }

    /// Waits for the end of the thread, or for a report that must lead to it.
    pub(super) fn wait(&self, timeout: Duration) -> Option<End> {
        let well =
            |state: &mut State| state.end.is_none() && state.failing.is_none() && !state.idle;
        let waited = self.changed.wait_timeout_while(self.state(), timeout, well);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        let idle = std::mem::take(&mut state.idle).then_some(End::Idle);
        state.end.clone().or_else(|| state.failing.clone().map(End::Failed)).or(idle)
    }
}
