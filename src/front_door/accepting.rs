//! Letting clients in, as long as there is room, and making room.
//!
//! An error of `accept` never ends anything: the loop waits a moment, with one idle connection
//! fewer, and tries again.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use mio::Token;

use super::connection::{Connection, State};
use super::connection_limits::{Place, Room};
use super::event_loop::{ACCEPT_AGAIN, EventLoop};
use super::exchange::is_out_of_descriptors;
use super::forwarded::{counted_as, is_listed};
use super::problem::{Cause, Refusal};
use super::slots::{Kind, fixed};
use super::stream::Stream;
use crate::metrics;
use crate::shares::Network;

/// Clients let in before other work has its turn.
const ACCEPTS_IN_A_ROW: usize = 64;

/// How long to leave `accept` alone after an error.
const PAUSE: Duration = Duration::from_millis(100);

impl EventLoop {
    /// Lets in the clients that wait at a listener.
    pub(super) fn accept(&mut self, at: usize) {
        for _ in 0..ACCEPTS_IN_A_ROW {
            if !self.accept_one(at) {
                return;
            }
        }
        self.work.push_back(fixed(Kind::Listener, at));
    }

    /// Lets in one client. False when none is left, or a pause is needed.
    pub(super) fn accept_one(&mut self, at: usize) -> bool {
        let Some(listener) = self.listeners.get(at) else { return false };
        let is_tcp = listener.is_tcp();
        match listener.accept() {
            Ok((stream, peer)) => {
                self.admit(stream, peer, is_tcp);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            // The client left before its turn.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => true,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
            Err(error) => {
                self.trouble.warn(self.now, &format!("cannot accept a connection: {error}"));
                if is_out_of_descriptors(&error) {
                    self.make_way();
                }
                let again = Some(self.now + PAUSE);
                let clock = fixed(Kind::Clock, ACCEPT_AGAIN);
                self.deadlines.change(clock, &mut self.accept_at, again);
                false
            }
        }
    }

    pub(super) fn accept_soon(&mut self) {
        self.work.extend((0..self.listeners.len()).map(|at| fixed(Kind::Listener, at)));
    }

    /// Descriptors ran out: the connection that has been idle longest gives one back.
    pub(super) fn make_way(&mut self) {
        if let Some(longest_idle) = self.connection_limits.longest_idle() {
            self.close(longest_idle);
        }
    }

    /// All connections together hold too much because one of this network grew: the fullest give
    /// way.
    pub(super) fn relieve(&mut self, grower: Network) {
        while self.connection_limits.holds_too_much()
            && let Some(heaviest) = self.connection_limits.heaviest(grower)
        {
            self.overload
                .warn(self.now, "clients make the server buffer too much; refusing some with 503");
            self.take_back(heaviest);
        }
    }

    /// Makes a client hold nothing more, or little more than an answer saying why.
    fn take_back(&mut self, token: Token) {
        let Some(client) = self.clients.get_mut(token) else { return };
        let refusal = Refusal::new(Cause::Overloaded, "the server is receiving too much at once");
        match &client.state {
            State::Head | State::Body(_) => {
                self.with_client(token, |client, cx| client.refuse(refusal, cx));
            }
            State::Waiting(request) => {
                metrics::LANE[request.lane as usize].refused.add(1);
                if let Some(ticket) = request.ticket {
                    self.pools[request.lane as usize].waiting.remove(ticket);
                }
                self.with_client(token, |client, cx| client.answer_request(refusal, cx));
            }
            // The client does not read its reply.
            _ => return self.close(token),
        }
        self.work.push_back(token);
        let Some(client) = self.clients.get_mut(token) else { return };
        let (network, held) = (client.network, client.held());
        self.connection_limits.set_held(token, &mut client.place, network, held);
    }

    fn admit(&mut self, stream: Stream, peer: IpAddr, is_tcp: bool) {
        let listed = is_listed(peer, &self.settings.trusted_proxies);
        let exempt = peer.is_loopback() || listed;
        let address = (!exempt).then(|| counted_as(peer));
        metrics::CONNECTIONS_ACCEPTED.add(1);
        let room = self.connection_limits.room_for(address);
        match room {
            Room::Yes => {}
            Room::After(longest_idle) => self.close(longest_idle),
            Room::Refuse | Room::Drop => {
                metrics::CONNECTIONS_REFUSED.add(1);
                self.overload.warn(self.now, "too many connections; refusing some with 503");
                // Saying so over TLS would cost a handshake, which is what is being saved here.
                if room == Room::Drop || (is_tcp && self.speaks_tls()) {
                    return;
                }
            }
        }
        let refused = room == Room::Refuse;
        let stream = match self.dress(stream, is_tcp) {
            Ok(stream) => stream,
            Err(error) => return self.trouble.warn(self.now, &format!("TLS: {error}")),
        };
        let network = if listed { Network::of_proxy(peer) } else { Network::of(peer) };
        let place = self.connection_limits.enter(address, refused);
        self.settle_in(stream, peer, network, place);
    }

    fn settle_in(&mut self, mut stream: Stream, peer: IpAddr, network: Network, mut place: Place) {
        let token = self.clients.next_token();
        let refused = place.refused;
        if let Err(error) = stream.register(self.poll.registry(), token) {
            self.connection_limits.leave(token, &mut place);
            return self.trouble.warn(self.now, &format!("cannot watch a connection: {error}"));
        }
        let client = Connection::new(stream, peer, network, place, self.now);
        let token = self.clients.insert(client);
        if refused {
            let refusal = Refusal::new(Cause::Overloaded, "too many connections");
            self.with_client(token, |client, cx| client.refuse(refusal, cx));
        }
        self.drive(token);
        if let Some(other) = self.connection_limits.excess_handshake(network) {
            self.close(other);
        }
    }

    #[cfg(feature = "tls")]
    fn speaks_tls(&self) -> bool {
        self.certificates.is_some()
    }

    #[cfg(not(feature = "tls"))]
    fn speaks_tls(&self) -> bool {
        false
    }

    /// Speaks TLS on TCP when there is a certificate.
    #[cfg(feature = "tls")]
    fn dress(&self, stream: Stream, is_tcp: bool) -> io::Result<Stream> {
        match (stream, &self.certificates) {
            (Stream::Tcp(socket), Some(certificates)) if is_tcp => {
                certificates.accept(socket).map(|stream| Stream::Tls(Box::new(stream)))
            }
            (stream, _) => Ok(stream),
        }
    }

    #[cfg(not(feature = "tls"))]
    fn dress(&self, stream: Stream, _is_tcp: bool) -> io::Result<Stream> {
        Ok(stream)
    }
}
