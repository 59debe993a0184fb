//! A client while its request is with an upstream: the reply is passed on as far as there is room.

use std::io;
use std::time::{Duration, Instant};

use mio::Token;

use super::answer;
use super::connection::{Connection, Context, Exchange, State, Step};
use super::lane::Lane;
use super::reply::{self, ReplyHead};
use super::request::Request;

impl Connection {
    /// Takes the request for an upstream, which then serves it.
    pub(super) fn take_waiting(&mut self) -> Option<&mut Request> {
        match &mut self.state {
            State::Waiting(request) => Some(request),
            _ => None,
        }
    }

    /// Notes that an upstream has the request, and says how long it had waited.
    pub(super) fn begin_exchange(&mut self, upstream: Token, now: Instant) -> Duration {
        let mut waited = Duration::ZERO;
        if let State::Waiting(request) = std::mem::replace(&mut self.state, State::Idle) {
            waited = now.saturating_duration_since(request.complete);
            let exchange = Exchange { request: *request, upstream, begun: None, held_since: None };
            self.enter(State::Exchange(Box::new(exchange)), now);
        }
        waited
    }

    /// Takes the request back from an upstream that was lost before it answered. Another may serve
    /// it.
    pub(super) fn return_request(&mut self, bytes: Vec<u8>, now: Instant) {
        if let State::Exchange(exchange) = std::mem::replace(&mut self.state, State::Idle) {
            let mut request = exchange.request;
            request.bytes = bytes;
            // The time that it has waited already counts.
            let since = request.complete.min(now);
            self.enter(State::Waiting(Box::new(request)), since);
        }
    }

    /// Whether more of the reply can be taken. Once there was too much, half of it must go first;
    /// otherwise a client that reads slowly but steadily would never count as making room.
    pub(super) fn has_room(&self) -> bool {
        !matches!(&self.state, State::Exchange(exchange) if exchange.held_since.is_some())
    }

    /// Passes on a piece of the reply.
    pub(super) fn relay(
        &mut self,
        head: Option<&ReplyHead>,
        body: &[u8],
        done: bool,
        cx: &mut Context<'_>,
    ) -> io::Result<()> {
        let State::Exchange(exchange) = &mut self.state else { return Ok(()) };
        let out = self.output.buffer(cx.now);
        if let Some(head) = head {
            let request = &exchange.request;
            let keep_alive = request.keep_alive && !cx.draining;
            let more = answer::everywhere(cx.settings, cx.hooks, request.asked);
            exchange.begun = Some(head.write(out, &more, request.version, keep_alive));
        }
        if let Some((coding, keep_alive)) = exchange.begun {
            reply::write_body(out, coding, body, done);
            if done {
                self.enter(State::Flushing { keep_alive }, cx.now);
            }
        }
        self.output.write_to(&mut self.stream, cx.now)?;
        if let State::Exchange(exchange) = &mut self.state
            && self.output.len() > cx.settings.tuning.reply_bytes
        {
            exchange.held_since.get_or_insert(cx.now);
        }
        Ok(())
    }

    pub(super) fn make_room(&mut self, cx: &mut Context<'_>) -> Step {
        if self.output.write_to(&mut self.stream, cx.now).is_err() {
            return Step::Close;
        }
        let State::Exchange(exchange) = &mut self.state else { return Step::Blocked };
        if exchange.held_since.is_some() && self.output.len() <= cx.settings.tuning.reply_bytes / 2
        {
            exchange.held_since = None;
            return Step::Resume;
        }
        Step::Blocked
    }

    /// The upstream that works for this client.
    pub(super) fn upstream(&self) -> Option<(Lane, Token)> {
        match &self.state {
            State::Exchange(exchange) => Some((exchange.request.lane, exchange.upstream)),
            _ => None,
        }
    }

    /// Whether anything of the reply has been passed on.
    pub(super) fn has_begun(&self) -> bool {
        matches!(&self.state, State::Exchange(exchange) if exchange.begun.is_some())
    }
}
