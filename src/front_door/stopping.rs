//! The end: an ordered one that loses nothing when asked for, or a failure, which must not go
//! unseen.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::connection::State;
use super::event_loop::{EventLoop, STOP_NOW};
use super::lifecycle::End;
use super::slots::{Kind, fixed};

/// The most connections that the kernel may hold for a listener.
const BACKLOG: usize = 4096;

/// The thread's whole life.
pub(super) fn run_to_the_end(event_loop: EventLoop) {
    let lifecycle = Arc::clone(&event_loop.lifecycle);
    // The loop is dropped inside: once the end is announced, all its sockets are closed.
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
    lifecycle.announce_end(end);
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic")
}

impl EventLoop {
    /// The waker called: the owner wants us to stop, or to stop earlier.
    pub(super) fn look_for_stop(&mut self) {
        let Some(by) = self.lifecycle.stop_by() else { return };
        self.deadlines.change(fixed(Kind::Clock, STOP_NOW), &mut self.stop_at, Some(by));
        if !self.draining {
            self.drain();
        }
    }

    /// Clients that have connected already are let in, then the listeners close. From now on every
    /// answer ends its connection, and idle connections end by themselves (`Connection::due`).
    fn drain(&mut self) {
        for at in 0..self.listeners.len() {
            // Bounded, because clients may connect faster than we accept.
            let _ = (0..BACKLOG).take_while(|_| self.accept_one(at)).count();
        }
        self.listeners.clear();
        self.draining = true;
        for token in self.clients.tokens() {
            self.drive(token);
        }
    }

    /// The deadline has passed: closes everything.
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
