//! The end: asked for, and in an order that loses nothing; or a failure, which must not go unseen.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::connection::State;
use super::event_loop::{EventLoop, STOP_NOW};
use super::slots::{Kind, fixed};

/// As many as the kernel may hold for a listener.
const BACKLOG: usize = 4096;

/// How the door has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// By `Door::stop`.
    Stopped {
        /// Connections that were in the middle of something at the deadline.
        cut_off: usize,
    },
    /// By a panic or an error of the system, with its text.
    Failed(String),
}

/// What the event loop and its owner tell each other.
#[derive(Debug, Default)]
pub(super) struct Shared {
    news: Mutex<News>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct News {
    stop_by: Option<Instant>,
    /// Something without which we cannot go on for long.
    failing: Option<String>,
    end: Option<End>,
}

impl Shared {
    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ask_to_stop(&self, by: Instant) {
        let mut news = self.news();
        news.stop_by = Some(news.stop_by.map_or(by, |earlier| earlier.min(by)));
    }

    /// The door still answers, but must be replaced; said once.
    pub(super) fn report(&self, reason: &str) {
        let mut news = self.news();
        if news.failing.is_none() {
            log::error!("front door: {reason}");
            news.failing = Some(reason.to_owned());
            self.changed.notify_all();
        }
    }

    pub(super) fn failure(&self) -> Option<String> {
        let news = self.news();
        match &news.end {
            Some(End::Failed(reason)) => Some(reason.clone()),
            _ => news.failing.clone(),
        }
    }

    /// Waits for the end of the thread.
    pub(super) fn wait_for_end(&self) -> Option<End> {
        let running = |news: &mut News| news.end.is_none();
        let news = self.changed.wait_while(self.news(), running);
        news.unwrap_or_else(PoisonError::into_inner).end.clone()
    }

    /// Waits for the end, or for something that must lead to it.
    pub(super) fn wait(&self, timeout: Duration) -> Option<End> {
        let well = |news: &mut News| news.end.is_none() && news.failing.is_none();
        let waited = self.changed.wait_timeout_while(self.news(), timeout, well);
        let news = waited.unwrap_or_else(PoisonError::into_inner).0;
        news.end.clone().or_else(|| news.failing.clone().map(End::Failed))
    }
}

/// The thread's whole life.
pub(super) fn run_to_the_end(event_loop: EventLoop) {
    let shared = Arc::clone(&event_loop.shared);
    // The loop is dropped within: when the end is announced, all its sockets are closed.
    let result = catch_unwind(AssertUnwindSafe(move || {
        let mut event_loop = event_loop;
        event_loop.run().map(|()| event_loop.cut_off)
    }));
    let end = match result {
        Ok(Ok(cut_off)) => End::Stopped { cut_off },
        Ok(Err(error)) => End::Failed(error.to_string()),
        Err(panic) => End::Failed(panic_text(panic.as_ref()).to_owned()),
    };
    if let End::Failed(reason) = &end {
        log::error!("front door: the event loop has died: {reason}");
    }
    shared.news().end = Some(end);
    shared.changed.notify_all();
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic")
}

impl EventLoop {
    /// The waker called: somebody wants us to stop, or to stop earlier.
    pub(super) fn look_for_stop(&mut self) {
        let Some(by) = self.shared.news().stop_by else { return };
        self.deadlines.change(fixed(Kind::Clock, STOP_NOW), &mut self.stop_at, Some(by));
        if !self.draining {
            self.drain();
        }
    }

    /// Whoever knocked before is let in, then the listeners close; from now on every answer ends
    /// its connection, and idle connections end by themselves (`Connection::due`).
    fn drain(&mut self) {
        for at in 0..self.listeners.len() {
            // Bounded, for somebody may knock faster than we open.
            let _ = (0..BACKLOG).take_while(|_| self.accept_one(at)).count();
        }
        self.listeners.clear();
        self.draining = true;
        for token in self.clients.tokens() {
            self.drive(token);
        }
    }

    /// The deadline: the hard way.
    pub(super) fn cut_off_all(&mut self) {
        self.stop_at = None;
        for token in self.clients.tokens() {
            if let Some(client) = self.clients.get_mut(token)
                && !matches!(client.state, State::Idle | State::Lingering { .. })
            {
                self.cut_off += 1;
            }
            self.close(token);
        }
    }
}
