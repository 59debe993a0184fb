//! The limits on connections: in total, by address, in a handshake, and on the bytes that they
//! hold.
//!
//! Handshakes, and the bytes held in total, are shared out by network (`crate::shares`): when there
//! are too many, the network with most of them gives way.
//!
//! Idle connections can give way without harm. They are kept in the order in which they became
//! idle, once for all and once for each address.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use mio::Token;

use super::settings::{REFUSED_AT_ONCE, Settings};
use crate::shares::{By, Network, Shares, Ticket};

/// The limits and what counts against them. A connection remembers what it was counted as
/// (`Place`), so leaving undoes exactly that.
#[derive(Debug)]
pub(super) struct ConnectionLimits {
    total: usize,
    refused: usize,
    by_address: HashMap<IpAddr, usize>,
    idle: BTreeSet<(u64, Token)>,
    idle_by_address: BTreeSet<(IpAddr, u64, Token)>,
    handshakes: Shares<Token>,
    held: Shares<Token>,
    clock: u64,
    max: usize,
    max_per_address: usize,
    max_held: usize,
    max_handshakes: usize,
}

/// What a connection was counted as.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The address it counts for; none when it is exempt.
    pub(super) address: Option<IpAddr>,
    /// It came beyond the limit, and only gets a 503.
    pub(super) refused: bool,
    idle: Option<u64>,
    handshake: Option<Ticket>,
    held: Option<Ticket>,
    held_bytes: usize,
}

/// Whether there is room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Yes,
    /// If this idle connection gives way.
    After(Token),
    /// No room, but the client may be told.
    Refuse,
    /// No room, not even to tell the client.
    Drop,
}

impl ConnectionLimits {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            total: 0,
            refused: 0,
            by_address: HashMap::new(),
            idle: BTreeSet::new(),
            idle_by_address: BTreeSet::new(),
            handshakes: Shares::default(),
            held: Shares::default(),
            clock: 0,
            max: settings.connection_limit(),
            max_per_address: settings.connection_limit_per_address(),
            max_held: settings.tuning.buffered_bytes,
            max_handshakes: settings.tuning.max_handshakes.max(1),
        }
    }

    /// Whether a connection that counts for this address can come in.
    pub(super) fn room_for(&self, address: Option<IpAddr>) -> Room {
        let of_address = address.and_then(|a| self.by_address.get(&a)).copied().unwrap_or(0);
        let candidate = match address {
            Some(address) if of_address >= self.max_per_address => self.longest_idle_of(address),
            _ if self.total < self.max => return Room::Yes,
            _ => self.longest_idle(),
        };
        match candidate {
            Some(token) => Room::After(token),
            None if self.refused < REFUSED_AT_ONCE => Room::Refuse,
            None => Room::Drop,
        }
    }

    pub(super) fn longest_idle(&self) -> Option<Token> {
        self.idle.first().map(|entry| entry.1)
    }

    fn longest_idle_of(&self, address: IpAddr) -> Option<Token> {
        let mut range = self.idle_by_address.range((address, 0, Token(0))..);
        range.next().filter(|entry| entry.0 == address).map(|entry| entry.2)
    }

    pub(super) fn enter(&mut self, address: Option<IpAddr>, refused: bool) -> Place {
        if refused {
            self.refused += 1;
            return Place { refused, ..Place::default() };
        }
        self.total += 1;
        if let Some(address) = address {
            *self.by_address.entry(address).or_default() += 1;
        }
        Place { address, ..Place::default() }
    }

    pub(super) fn leave(&mut self, token: Token, place: &mut Place) {
        self.set_idle(token, place, false);
        if let Some(ticket) = place.handshake.take() {
            self.handshakes.remove(ticket);
        }
        if let Some(ticket) = place.held.take() {
            self.held.remove(ticket);
        }
        if place.refused {
            self.refused -= 1;
            return;
        }
        self.total -= 1;
        if let Some(address) = place.address
            && let Some(count) = self.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }

    /// Marks a connection as idle or busy. One that stays idle keeps its place in the order.
    pub(super) fn set_idle(&mut self, token: Token, place: &mut Place, idle: bool) {
        match (place.idle, idle) {
            (None, true) => {
                self.clock += 1;
                place.idle = Some(self.clock);
                self.idle.insert((self.clock, token));
                if let Some(address) = place.address {
                    self.idle_by_address.insert((address, self.clock, token));
                }
            }
            (Some(since), false) => {
                place.idle = None;
                self.idle.remove(&(since, token));
                if let Some(address) = place.address {
                    self.idle_by_address.remove(&(address, since, token));
                }
            }
            _ => {}
        }
    }

    /// Marks a connection as in a TLS handshake, or no longer in one.
    pub(super) fn set_handshake(
        &mut self,
        token: Token,
        place: &mut Place,
        network: Network,
        shaking: bool,
    ) {
        match (place.handshake, shaking) {
            (None, true) => place.handshake = Some(self.handshakes.insert(network, token, 1)),
            (Some(ticket), false) => {
                place.handshake = None;
                self.handshakes.remove(ticket);
            }
            _ => {}
        }
    }

    /// The handshake that must give way to one of this network when there are too many: the oldest
    /// of the network with most, since a handshake that has lasted is likely to last on.
    pub(super) fn excess_handshake(&self, newcomer: Network) -> Option<Token> {
        if self.handshakes.held().count <= self.max_handshakes {
            return None;
        }
        let most = self.handshakes.fullest(By::Count, newcomer, 0).unwrap_or(newcomer);
        self.handshakes.get(self.handshakes.oldest(most)?).copied()
    }

    /// Notes how much a connection holds. Says whether it grew while the total is beyond its limit.
    pub(super) fn set_held(
        &mut self,
        token: Token,
        place: &mut Place,
        network: Network,
        bytes: usize,
    ) -> bool {
        let grew = bytes > place.held_bytes;
        if place.held.is_some_and(|ticket| bytes == 0 || ticket.network() != network)
            && let Some(ticket) = place.held.take()
        {
            self.held.remove(ticket);
        }
        match place.held {
            Some(ticket) => self.held.weigh(ticket, bytes),
            None if bytes > 0 => place.held = Some(self.held.insert(network, token, bytes)),
            None => {}
        }
        place.held_bytes = bytes;
        grew && self.holds_too_much()
    }

    /// Bytes that all connections hold together.
    pub(super) fn held(&self) -> usize {
        self.held.held().weight
    }

    pub(super) fn holds_too_much(&self) -> bool {
        self.held.held().weight > self.max_held
    }

    /// The connection that must give way when one of this network takes the total beyond its limit:
    /// the fullest one of the network that holds most.
    pub(super) fn heaviest(&self, grower: Network) -> Option<Token> {
        let most = self.held.fullest(By::Weight, grower, 0).unwrap_or(grower);
        self.held.get(self.held.heaviest(most)?).copied()
    }
}

#[cfg(test)]
mod tests;
