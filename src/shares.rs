//! Fair shares of anything bounded, by the client's network.
//!
//! Places in a waiting list, bytes of half-sent requests, TLS handshakes and the time of the
//! hashing threads each have a bound, and strangers ask for them. First come, first served would
//! give all of it to the greediest. So each thing is held in a [`Shares`], with two rules:
//!
//! - Networks are served in turn, one request each, each network's own in order of arrival
//!   ([`Shares::find`], [`Shares::serve`]).
//! - Where there is no room, the network that holds most gives way to a newcomer, but only if it
//!   would still hold more than the newcomer then does ([`Shares::admit`], [`Shares::fullest`]).
//!   Networks that hold as little as the newcomer are left alone, so many fresh networks evict none.
//!
//! A network is an IPv4 /24, or an IPv6 /56 and within it a /64. Both rules are applied to the /56
//! first, and then to the /64s inside of it, because one customer is often given a /56. Loopback
//! and Unix peers are networks like others.
//!
//! Limits: a client in an attacker's network shares with the attacker. And an attacker with as many
//! networks as there are places can take them all.

mod amount;
mod network;
mod successes;

pub(crate) use amount::{Amount, By};
pub(crate) use network::Network;
use network::is_proxy;
use std::collections::{BTreeMap, BTreeSet};
pub(crate) use successes::Successes;

/// Where to find a held thing. It is never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    network: Network,
    number: u64,
}

impl Ticket {
    /// The network that holds it.
    pub(crate) const fn network(self) -> Network {
        self.network
    }

    fn all_of(network: Network) -> std::ops::RangeInclusive<Self> {
        Self { network, number: 0 }..=Self { network, number: u64::MAX }
    }
}

/// Numbers and turns count up from here. Anything put in front of others gets one below.
const MIDDLE: u64 = u64::MAX / 2;

#[derive(Debug)]
struct Item<T> {
    what: T,
    weight: usize,
}

/// A /24 or /56, or a /64 in it, that holds something.
#[derive(Clone, Copy, Debug, Default)]
struct Holder {
    turn: u64,
    held: Amount,
}

/// The things held by each network, and the networks' turns.
///
/// A few flat trees: each operation is some steps in them, and networks that come and go leave
/// nothing behind. Only the search for the fullest walks through all that hold something, and it is
/// needed only when something is full.
#[derive(Debug)]
pub(crate) struct Shares<T> {
    items: BTreeMap<Ticket, Item<T>>,
    blocks: BTreeMap<u64, Holder>,
    parts: BTreeMap<Network, Holder>,
    /// Turn and block, the next one first.
    turns: BTreeSet<(u64, u64)>,
    /// Block, turn and part.
    turns_within: BTreeSet<(u64, u64, u8)>,
    held: Amount,
    clock: u64,
}

impl<T> Default for Shares<T> {
    fn default() -> Self {
        Self {
            items: BTreeMap::new(),
            blocks: BTreeMap::new(),
            parts: BTreeMap::new(),
            turns: BTreeSet::new(),
            turns_within: BTreeSet::new(),
            held: Amount::default(),
            clock: 0,
        }
    }
}

impl<T> Shares<T> {
    /// The total that all networks hold.
    pub(crate) const fn held(&self) -> Amount {
        self.held
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds something, whether there is room or not.
    pub(crate) fn insert(&mut self, network: Network, what: T, weight: usize) -> Ticket {
        self.clock += 1;
        let ticket = Ticket { network, number: MIDDLE + self.clock };
        self.put(ticket, what, weight);
        ticket
    }

    /// Adds something that has had its turn before: it comes first in its network, and the network
    /// before those that wait for their turn.
    pub(crate) fn put_back(&mut self, network: Network, what: T, weight: usize) -> Ticket {
        self.clock += 1;
        let ticket = Ticket { network, number: MIDDLE - self.clock };
        self.put(ticket, what, weight);
        self.prefer(network);
        ticket
    }

    fn put(&mut self, ticket: Ticket, what: T, weight: usize) {
        let Network { block, part } = ticket.network;
        let turn = MIDDLE + self.clock;
        let holder = self.blocks.entry(block).or_insert_with(|| {
            self.turns.insert((turn, block));
            Holder { turn, ..Holder::default() }
        });
        holder.held.add(weight);
        let holder = self.parts.entry(ticket.network).or_insert_with(|| {
            self.turns_within.insert((block, turn, part));
            Holder { turn, ..Holder::default() }
        });
        holder.held.add(weight);
        self.held.add(weight);
        self.items.insert(ticket, Item { what, weight });
    }

    /// Adds something within these bounds. Where there is no room, the newest things of the network
    /// that must give way are removed and returned. If none must, the newcomer is refused.
    ///
    /// # Errors
    /// The newcomer.
    pub(crate) fn admit(
        &mut self,
        network: Network,
        what: T,
        weight: usize,
        most: Amount,
    ) -> Result<(Ticket, Vec<T>), T> {
        let mut displaced = Vec::new();
        if !self.with(weight).is_within(most) {
            let by = if self.held.count >= most.count { By::Count } else { By::Weight };
            let added = if by == By::Count { 1 } else { weight };
            let fullest = self.fullest(by, network, added);
            // So that nothing is removed in vain.
            let enough = |fullest: &Network| {
                let gain = self.parts.get(fullest).map_or(0, |holder| holder.held.weight);
                self.with(weight).weight <= most.weight.saturating_add(gain)
            };
            let Some(fullest) = fullest.filter(enough) else { return Err(what) };
            while !self.with(weight).is_within(most)
                && let Some(newest) = self.newest(fullest)
            {
                displaced.extend(self.remove(newest));
            }
        }
        Ok((self.insert(network, what, weight), displaced))
    }

    fn with(&self, weight: usize) -> Amount {
        let mut held = self.held;
        held.add(weight);
        held
    }

    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<T> {
        let item = self.items.remove(&ticket)?;
        let Network { block, part } = ticket.network;
        self.held.subtract(item.weight);
        if let Some(holder) = self.blocks.get_mut(&block) {
            holder.held.subtract(item.weight);
            if holder.held.count == 0 {
                self.turns.remove(&(holder.turn, block));
                self.blocks.remove(&block);
            }
        }
        if let Some(holder) = self.parts.get_mut(&ticket.network) {
            holder.held.subtract(item.weight);
            if holder.held.count == 0 {
                self.turns_within.remove(&(block, holder.turn, part));
                self.parts.remove(&ticket.network);
            }
        }
        Some(item.what)
    }

    /// Takes the thing that is next in turn.
    #[cfg(test)]
    pub(crate) fn next(&mut self) -> Option<T> {
        let ticket = self.find(|_, _| true)?;
        self.serve(ticket)
    }

    /// The first in turn that is wanted.
    pub(crate) fn find(&self, mut wanted: impl FnMut(Network, &T) -> bool) -> Option<Ticket> {
        for &(_, block) in &self.turns {
            for &(_, _, part) in self.turns_within.range((block, 0, 0)..=(block, u64::MAX, u8::MAX))
            {
                let network = Network { block, part };
                let mut items = self.items.range(Ticket::all_of(network));
                if let Some((ticket, _)) = items.find(|(_, item)| wanted(network, &item.what)) {
                    return Some(*ticket);
                }
            }
        }
        None
    }

    /// Takes this one, which uses up its network's turn.
    pub(crate) fn serve(&mut self, ticket: Ticket) -> Option<T> {
        let what = self.remove(ticket)?;
        self.clock += 1;
        self.set_turn(ticket.network, MIDDLE + self.clock);
        Some(what)
    }

    /// Puts a network that holds something before those that wait for their turn, but after others
    /// that were preferred earlier.
    pub(crate) fn prefer(&mut self, network: Network) {
        self.clock += 1;
        self.set_turn(network, self.clock);
    }

    fn set_turn(&mut self, network: Network, turn: u64) {
        let Network { block, part } = network;
        if let Some(holder) = self.blocks.get_mut(&block) {
            self.turns.remove(&(holder.turn, block));
            self.turns.insert((turn, block));
            holder.turn = turn;
        }
        if let Some(holder) = self.parts.get_mut(&network) {
            self.turns_within.remove(&(block, holder.turn, part));
            self.turns_within.insert((block, turn, part));
            holder.turn = turn;
        }
    }

    /// The network that must give way to this one, if this one were to hold `added` more: the one
    /// that holds most, if that is still more. Listed proxies give way only to each other.
    pub(crate) fn fullest(&self, by: By, than: Network, added: usize) -> Option<Network> {
        let of = |holder: Option<&Holder>| by.of(holder.map_or(Amount::default(), |h| h.held));
        let block = self
            .blocks
            .iter()
            .filter(|(block, _)| !is_proxy(**block) || is_proxy(than.block))
            .max_by_key(|(_, holder)| by.of(holder.held))
            .filter(|(_, holder)| by.of(holder.held) > of(self.blocks.get(&than.block)) + added)
            .map(|(block, _)| *block);
        let within = block.unwrap_or(than.block);
        let network = |part| Network { block: within, part };
        self.parts
            .range(network(0)..=network(u8::MAX))
            .max_by_key(|(_, holder)| by.of(holder.held))
            .filter(|(_, holder)| {
                block.is_some() || by.of(holder.held) > of(self.parts.get(&than)) + added
            })
            .map(|(network, _)| *network)
    }

    /// The oldest thing that a network holds.
    pub(crate) fn oldest(&self, network: Network) -> Option<Ticket> {
        self.items.range(Ticket::all_of(network)).next().map(|(ticket, _)| *ticket)
    }

    /// The newest thing that a network holds.
    pub(crate) fn newest(&self, network: Network) -> Option<Ticket> {
        self.items.range(Ticket::all_of(network)).next_back().map(|(ticket, _)| *ticket)
    }

    /// The heaviest thing that a network holds; of several equal ones, the newest.
    pub(crate) fn heaviest(&self, network: Network) -> Option<Ticket> {
        let items = self.items.range(Ticket::all_of(network));
        items.max_by_key(|(_, item)| item.weight).map(|(ticket, _)| *ticket)
    }

    pub(crate) fn get(&self, ticket: Ticket) -> Option<&T> {
        self.items.get(&ticket).map(|item| &item.what)
    }

    /// Notes that something weighs more or less than before.
    pub(crate) fn weigh(&mut self, ticket: Ticket, weight: usize) {
        let Some(item) = self.items.get_mut(&ticket) else { return };
        let before = std::mem::replace(&mut item.weight, weight);
        let of_block = self.blocks.get_mut(&ticket.network.block).map(|holder| &mut holder.held);
        let of_part = self.parts.get_mut(&ticket.network).map(|holder| &mut holder.held);
        for held in of_block.into_iter().chain(of_part).chain([&mut self.held]) {
            held.weight = held.weight - before + weight;
        }
    }
}

#[cfg(test)]
mod tests;
