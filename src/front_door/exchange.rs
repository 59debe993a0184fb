//! Requests to the private connections, replies back to their clients.
//!
//! Replies must never be crossed. So a private connection remembers which client it serves, by a
//! token that is never used for two clients, until its reply has been read to the end.

use std::io;

use mio::Token;

use super::connection::State;
use super::event_loop::{EventLoop, SHRINK_FIRST};
use super::lane::Lane;
use super::nonblocking::is_not_now;
use super::problem::{Cause, Refusal};
use super::reply::ReplyHead;
use super::slots::{Kind, fixed};
use super::upstream::Role;
use crate::metrics::LANE;

/// Reads of a reply in a row before other work has its turn.
const READS_IN_A_ROW: usize = 16;

impl EventLoop {
    /// Takes a client's complete request: gives it to an upstream, lets it wait, or refuses it.
    pub(super) fn submit(&mut self, token: Token) {
        let Some(request) = self.clients.get_mut(token).and_then(|client| client.take_waiting())
        else {
            return;
        };
        let (lane, network, bytes) = (request.lane, request.network, request.bytes.len());
        let pool = &mut self.pools[lane as usize];
        if pool.has_idle() && pool.waiting.is_empty() && pool.may_serve(network) {
            self.give(lane, token);
            // If that connection was lost, the request waits, and another connection may be idle.
            self.assign(lane);
        } else if let Some((ticket, displaced)) = pool.waiting.push(token, network, bytes) {
            request.ticket = Some(ticket);
            // Ordinary requests are answered so soon that the order does not matter.
            if lane == Lane::Hashing && self.successes.claim(network, self.now) {
                pool.waiting.prefer(network);
            }
            if pool.retry_at.is_none() {
                self.grow(lane);
            }
            // The last idle connection may be kept for this one.
            self.assign(lane);
            for other in displaced {
                self.turn_away(other);
                self.work.push_back(other);
            }
        } else {
            self.turn_away(token);
        }
    }

    /// Refuses a request for which there is no place to wait.
    fn turn_away(&mut self, token: Token) {
        self.count_refused(token);
        self.overload.warn(self.now, "the queue is full; refusing some requests with 503");
        let now = self.now;
        if let Some(client) = self.clients.get_mut(token) {
            client.turn_away(now);
        }
    }

    /// Counts a request that is refused while it waits, or in place of waiting.
    pub(super) fn count_refused(&mut self, token: Token) {
        let waiting = self.clients.get_mut(token).and_then(|client| client.take_waiting());
        if let Some(request) = waiting {
            LANE[request.lane as usize].refused.add(1);
        }
    }

    /// Gives waiting requests to idle connections, in order.
    fn assign(&mut self, lane: Lane) {
        while self.pools[lane as usize].has_idle() {
            let Some(client) = self.pools[lane as usize].next() else { return };
            self.give(lane, client);
            self.work.push_back(client);
        }
    }

    fn give(&mut self, lane: Lane, token: Token) {
        let Some(client) = self.clients.get_mut(token) else { return };
        let Some(request) = client.take_waiting() else { return };
        let bytes = std::mem::take(&mut request.bytes);
        let (network, to_head) = (request.network, request.head_request);
        let pool = &mut self.pools[lane as usize];
        let Some((upstream, sent)) = pool.send(token, network, bytes, to_head) else { return };
        let waited = client.begin_exchange(upstream, self.now);
        LANE[lane as usize].taken.add(1);
        LANE[lane as usize].wait.observe(waited);
        if sent.is_err() {
            self.lose(lane, upstream);
        }
    }

    pub(super) fn on_upstream_event(&mut self, lane: Lane, token: Token, readable: bool) {
        let Some(upstream) = self.pools[lane as usize].connections.get_mut(token) else { return };
        upstream.readable |= readable;
        // When writing fails there may still be a reply to read. Reading finds the end by itself.
        let _ = upstream.flush();
        self.pump(lane, token);
    }

    /// Reads from a private connection as long as its client has room.
    pub(super) fn pump(&mut self, lane: Lane, token: Token) {
        for _ in 0..READS_IN_A_ROW {
            let Some(upstream) = self.pools[lane as usize].connections.get_mut(token) else {
                return;
            };
            if !upstream.readable {
                return;
            }
            if let Role::Serving(client) = upstream.role
                && let Some(client) = self.clients.get_mut(client)
                && !client.has_room()
            {
                return;
            }
            match upstream.read(&mut self.scratch) {
                Ok(count @ 1..) => {
                    if self.receive_reply(lane, token, count).is_err() {
                        self.trouble.warn(self.now, "tiny_http sent a malformed reply");
                        self.lose(lane, token);
                        return self.assign(lane);
                    }
                }
                Err(error) if is_not_now(&error) => {
                    upstream.readable = error.kind() == io::ErrorKind::Interrupted;
                }
                Ok(_) | Err(_) => {
                    self.lose(lane, token);
                    return self.assign(lane);
                }
            }
        }
        self.work.push_back(token);
    }

    /// Passes on the contents of the scratch buffer.
    fn receive_reply(
        &mut self,
        lane: Lane,
        token: Token,
        count: usize,
    ) -> Result<(), super::reply::Malformed> {
        let Some(upstream) = self.pools[lane as usize].connections.get_mut(token) else {
            return Ok(());
        };
        if upstream.role == Role::Idle {
            return Err(super::reply::Malformed);
        }
        self.body.clear();
        let piece = upstream.reply.feed(&self.scratch[..count], &mut self.body)?;
        let (role, all_sent) = (upstream.role, upstream.all_sent());
        if let Role::Serving(client) = role {
            if lane == Lane::Hashing
                && piece.head.as_ref().is_some_and(ReplyHead::is_success)
                && let Some(client) = self.clients.get_mut(client)
            {
                self.successes.note(client.network, self.now);
            }
            let body = std::mem::take(&mut self.body);
            let relayed = self.with_client(client, |client, cx| {
                client.relay(piece.head.as_ref(), &body, piece.done, cx)
            });
            self.body = body;
            match relayed {
                Some(Err(_)) => self.close(client),
                // Its state or its deadlines may have changed.
                _ => self.drive(client),
            }
        }
        if piece.done && !all_sent {
            // Answered before the body was read. The rest of the body must not be followed by
            // another request, which would be taken for part of it.
            self.lose(lane, token);
            self.assign(lane);
        } else if piece.done {
            let proved = self.pools[lane as usize].release(token, self.now);
            self.assign(lane);
            if proved {
                self.grow(lane);
            }
            self.shrink_later(lane);
        }
        Ok(())
    }

    /// The client of this reply is gone; the rest is read and thrown away.
    pub(super) fn abandon(&mut self, lane: Lane, upstream: Token) {
        self.pools[lane as usize].abandon(upstream);
        self.work.push_back(upstream);
    }

    /// A private connection is lost. Its request goes to another one if repeating it is harmless.
    fn lose(&mut self, lane: Lane, token: Token) {
        let pool = &mut self.pools[lane as usize];
        let Some(mut upstream) = pool.remove(token, self.poll.registry()) else { return };
        self.grow_later(lane);
        let Role::Serving(token) = upstream.role else { return };
        let Some(client) = self.clients.get_mut(token) else { return };
        let State::Exchange(exchange) = &mut client.state else { return };
        let request = &mut exchange.request;
        let again = upstream.nothing_sent() || (request.safe && !request.retried);
        if upstream.reply.is_untouched() && again {
            request.retried |= !upstream.nothing_sent();
            let bytes = upstream.take_request();
            let length = bytes.len();
            let network = request.network;
            client.return_request(bytes, self.now);
            if let Some(request) = client.take_waiting() {
                let waiting = &mut self.pools[lane as usize].waiting;
                request.ticket = Some(waiting.put_back(token, network, length));
            }
        } else if client.has_begun() {
            // Cutting it short is the only way to say that the reply is incomplete.
            return self.close(token);
        } else {
            let refusal = Refusal::new(Cause::Unavailable, "the request may not have been handled");
            self.with_client(token, |client, cx| client.answer_request(refusal, cx));
        }
        self.work.push_back(token);
    }

    /// Opens the next private connection, or tries again later.
    pub(super) fn grow(&mut self, lane: Lane) {
        if let Err(error) = self.pools[lane as usize].grow(self.poll.registry()) {
            self.trouble.warn(self.now, &format!("cannot reach tiny_http: {error}"));
            if is_out_of_descriptors(&error) {
                self.make_way();
            }
            if self.pools[lane as usize].has_gone(&error) {
                self.lifecycle.report("tiny_http no longer accepts private connections");
            }
            self.grow_later(lane);
        }
    }

    fn grow_later(&mut self, lane: Lane) {
        let pool = &mut self.pools[lane as usize];
        if pool.retry_at.is_none() {
            let at = Some(self.now + pool.next_retry());
            self.deadlines.change(fixed(Kind::Clock, lane as usize), &mut pool.retry_at, at);
        }
    }

    /// Sets the clock for closing connections, unless it is set.
    fn shrink_later(&mut self, lane: Lane) {
        let pool = &mut self.pools[lane as usize];
        if pool.shrink_at.is_none() && pool.next_to_close().is_some() {
            let (at, clock) = (pool.next_to_close(), SHRINK_FIRST + lane as usize);
            self.deadlines.change(fixed(Kind::Clock, clock), &mut pool.shrink_at, at);
        }
    }

    /// Closes connections that nobody needs.
    pub(super) fn shrink(&mut self, lane: Lane) {
        let pool = &mut self.pools[lane as usize];
        pool.shrink_at = None;
        pool.shrink(self.now, self.poll.registry());
        self.shrink_later(lane);
    }

    pub(super) fn grow_again(&mut self, lane: Lane) {
        self.pools[lane as usize].retry_at = None;
        self.grow(lane);
    }
}

/// Whether an error of `accept` or `connect` comes from a lack of descriptors or memory.
pub(super) fn is_out_of_descriptors(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errors = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    errors.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
