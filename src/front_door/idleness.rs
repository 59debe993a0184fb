//! Noticing that nobody asks for anything (`server.exit_when_idle`).
//!
//! A request counts from its first byte to the end of its answer. So does a connection that has not
//! asked yet, since its request may be on the way. One that waits for its next request does not
//! count: clients and proxies keep such connections for as long as they may, and open another.

use std::time::Duration;

use super::connection::State;
use super::event_loop::{EventLoop, LOOK_FOR_IDLENESS};
use super::slots::{Kind, fixed};

/// How soon to look again when somebody is being served.
const AGAIN: Duration = Duration::from_secs(1);

impl EventLoop {
    /// Sets the clock, when it is wanted.
    pub(super) fn look_for_idleness_later(&mut self, after: Duration) {
        if !self.settings.exit_when_idle.is_zero() && !self.draining {
            let at = Some(self.now + after);
            self.deadlines.change(fixed(Kind::Clock, LOOK_FOR_IDLENESS), &mut self.idle_at, at);
        }
    }

    /// Tells the owner if nobody has asked for anything for long enough.
    pub(super) fn look_for_idleness(&mut self) {
        self.idle_at = None;
        let limit = self.settings.exit_when_idle;
        let quiet = self.now.saturating_duration_since(self.last_request);
        if self.is_serving() {
            self.look_for_idleness_later(AGAIN.min(limit));
        } else if quiet < limit {
            self.look_for_idleness_later(limit - quiet);
        } else {
            self.lifecycle.report_idle();
        }
    }

    fn is_serving(&mut self) -> bool {
        let tokens = self.clients.tokens();
        tokens.into_iter().any(|token| {
            self.clients.get_mut(token).is_some_and(|client| match client.state {
                State::Idle => client.served == 0,
                State::Lingering { .. } => false,
                _ => true,
            })
        })
    }
}
