//! How long each state of a client may last, and what happens then.

use std::time::{Duration, Instant};

use mio::Token;

use super::connection::{Connection, State};
use super::event_loop::EventLoop;
use super::problem::{Cause, Refusal};
use super::request::Request;
use super::settings::Settings;
use crate::metrics::LANE;

/// When stopping: how old a connection without a request may get, since its request may already be
/// on the way.
const DRAIN_GRACE: Duration = Duration::from_millis(500);

/// After how long a request hears that there is no place for it. A client that asks again at once, and
/// pays no heed to `Retry-After`, was seen to take the cores from the hashes: 256 such clients got
/// 150,000 refusals a second on two cores, and 7 logins of 60. Its next request waits for the answer
/// to this one, so all of them get a thousand a second. Whoever reads `Retry-After` waits longer
/// anyway.
const REFUSED_AFTER: Duration = Duration::from_millis(250);

impl Connection {
    /// Bytes that this client makes us hold.
    pub(super) fn held(&self) -> usize {
        let request = match &self.state {
            State::Body(receiving) => receiving.held(),
            State::Waiting(request) => request.bytes.capacity(),
            // The upstream has them.
            State::Exchange(_) => 0,
            _ => 0,
        };
        self.input.capacity() + self.output.capacity() + request
    }

    /// When this state has lasted too long. The lane's deadline is for requests that wait.
    pub(super) fn due(
        &self,
        settings: &Settings,
        draining: bool,
        waiting: impl Fn(&Request) -> Duration,
    ) -> Instant {
        let unread = |other: Instant| match self.output.stuck_since() {
            Some(stuck) => other.min(stuck + settings.tuning.write_timeout),
            None => other,
        };
        match &self.state {
            State::Handshaking => self.since + settings.tuning.handshake_timeout,
            State::Idle if draining && self.served > 0 => self.since,
            State::Idle if draining => self.since + DRAIN_GRACE,
            State::Idle if self.served == 0 => self.since + settings.header_timeout,
            State::Idle => self.since + settings.idle_timeout,
            State::Head => self.since + settings.header_timeout,
            State::Body(receiving) => receiving.since + settings.tuning.body_timeout,
            State::Waiting(request) => self.since + waiting(request),
            State::Refused(_) if draining => self.since,
            State::Refused(_) => self.since + REFUSED_AFTER,
            State::Exchange(exchange) => {
                let end = exchange.request.complete + settings.request_timeout;
                let held = exchange.held_since.map_or(end, |at| at + settings.tuning.hold_timeout);
                unread(end.min(held))
            }
            State::Flushing { .. } => unread(self.since + settings.request_timeout),
            State::Lingering { .. } => self.since + settings.tuning.linger_timeout,
        }
    }

    /// The answer to a state that has lasted too long. Without one the connection is closed.
    pub(super) fn overdue(&self) -> Option<Refusal> {
        let late = |detail| Some(Refusal::new(Cause::RequestTimeout, detail));
        match &self.state {
            State::Head => late("the request head did not arrive in time"),
            State::Body(_) => late("the request body did not arrive in time"),
            State::Waiting(_) => {
                Some(Refusal::new(Cause::Overloaded, "no worker became free in time"))
            }
            State::Refused(_) => {
                Some(Refusal::new(Cause::Overloaded, "too many requests are waiting"))
            }
            State::Exchange(exchange) if exchange.begun.is_none() => {
                Some(Refusal::new(Cause::Unavailable, "the request was not answered in time"))
            }
            _ => None,
        }
    }
}

impl EventLoop {
    /// Called when a client has been in its state for too long.
    pub(super) fn on_client_overdue(&mut self, token: Token) {
        let Some(client) = self.clients.get_mut(token) else { return };
        client.deadline = None;
        let Some(mut refusal) = client.overdue() else { return self.close(token) };
        let upstream = client.upstream();
        match &client.state {
            State::Waiting(request) => {
                LANE[request.lane as usize].refused.add(1);
                let pool = &mut self.pools[request.lane as usize];
                if let Some(ticket) = request.ticket {
                    pool.waiting.remove(ticket);
                }
                if pool.connections.len() == 0 {
                    refusal.cause = Cause::Unavailable;
                }
                self.overload.warn(self.now, "requests waited too long for a worker");
                self.with_client(token, |client, cx| client.answer_request(refusal, cx));
            }
            State::Refused(_) => {
                self.with_client(token, |client, cx| client.answer_request(refusal, cx));
            }
            State::Exchange(_) => {
                self.trouble.warn(self.now, "requests were not answered in time");
                self.with_client(token, |client, cx| client.answer_request(refusal, cx));
                if let Some((lane, upstream)) = upstream {
                    self.abandon(lane, upstream);
                }
            }
            _ => {
                self.with_client(token, |client, cx| client.refuse(refusal, cx));
            }
        }
        self.drive(token);
    }
}
