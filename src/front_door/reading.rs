//! A client while it sends a request: first the head, then the body.

use super::answer::CONTINUE;
use super::canonical::{self, Sender};
use super::connection::{Connection, Context, State, Step};
use super::cors::Asked;
use super::forwarded::{client_address, is_listed, request_id, say_if_unlisted};
use super::framing::{self, Decision};
use super::nonblocking::is_not_now;
use super::request::Receiving;

impl Connection {
    /// Reads more of a request. `None` when something arrived.
    fn receive(&mut self, cx: &mut Context<'_>) -> Option<Step> {
        // Room for at least one byte: the head's limit is checked after each read.
        let room = cx.limits.head_bytes.saturating_sub(self.input.len()).max(1);
        match self.read(room, cx) {
            // The client sent half a request and then closed: nobody is left to tell.
            Ok(0) => Some(Step::Close),
            Ok(count) => {
                self.input.extend_from_slice(&cx.scratch[..count]);
                None
            }
            Err(error) if is_not_now(&error) => Some(Step::Blocked),
            Err(_) => Some(Step::Close),
        }
    }

    pub(super) fn receive_head(&mut self, cx: &mut Context<'_>) -> Option<Step> {
        if self.input.is_empty()
            && let Some(step) = self.receive(cx)
        {
            return Some(step);
        }
        if matches!(self.state, State::Idle) {
            // The head's time runs from its first byte; for the first head, from the start of the
            // connection.
            let since = if self.served == 0 { self.since } else { cx.now };
            self.enter(State::Head, since);
        }
        match framing::parse(&self.input, self.scanned, &cx.limits) {
            Decision::Incomplete(scanned) => {
                self.scanned = scanned;
                return self.receive(cx);
            }
            Decision::Refused(refusal) => self.refuse(refusal, cx),
            Decision::Complete(head) => {
                let (header, trusted) =
                    (cx.settings.forwarded_header, &cx.settings.trusted_proxies);
                let client = client_address(self.peer, &head.fields, header, trusted);
                say_if_unlisted(self.peer, &head.fields, trusted, cx.said_unlisted);
                let given = request_id(self.peer, &head.fields, trusted);
                let id = given.map_or_else(|| cx.ids.next(), str::to_owned);
                let limit = cx.limits.body_bytes;
                let asked = Asked::of(&head, &cx.settings.cors_origins);
                let sender =
                    Sender { client, is_proxy: is_listed(self.peer.to_canonical(), trusted) };
                let receiving = Receiving::new(&head, sender, id, asked, limit, cx.now);
                let (expects, length) = (head.expects_continue, head.length);
                self.input.drain(..length);
                self.scanned = 0;
                self.served += 1;
                *cx.last_request = cx.now;
                self.network = receiving.network();
                if expects && self.input.is_empty() && receiving.wants_body() {
                    self.output.push(CONTINUE, cx.now);
                }
                self.enter(State::Body(Box::new(receiving)), cx.now);
            }
        }
        None
    }

    pub(super) fn receive_body(&mut self, cx: &mut Context<'_>) -> Option<Step> {
        if self.output.write_to(&mut self.stream, cx.now).is_err() {
            return Some(Step::Close);
        }
        let State::Body(receiving) = &mut self.state else { return Some(Step::Close) };
        match receiving.take(&mut self.input) {
            Ok(true) => {}
            Ok(false) => return self.receive(cx),
            Err(refusal) => {
                self.refuse(refusal, cx);
                return None;
            }
        }
        if let State::Body(receiving) = std::mem::replace(&mut self.state, State::Idle) {
            let mut request = receiving.finish(cx.hooks, cx.now);
            request.keep_alive &= self.served < cx.settings.tuning.requests_per_connection;
            if self.input.is_empty() {
                self.input = Vec::new();
            }
            if request.asked.options {
                let (_, path) = canonical::method_and_path(&request.bytes);
                let allow = (cx.hooks.allow)(path);
                if !allow.is_empty() {
                    self.answer_options(&request, &allow, cx);
                    return None;
                }
            }
            self.enter(State::Waiting(Box::new(request)), cx.now);
        }
        Some(Step::Submit)
    }
}
