//! Requests that wait for a private connection: bounded in number and bytes, and shared out among
//! the clients' networks. Only tokens are here; the bytes stay with their connection.

use mio::Token;

use crate::shares::{Amount, Network, Shares, Ticket};

/// The waiting list of one lane.
#[derive(Debug)]
pub(super) struct WaitingList {
    entries: Shares<Token>,
    most: Amount,
}

impl WaitingList {
    pub(super) fn new(max_entries: usize, max_bytes: usize) -> Self {
        let most = Amount { count: max_entries, weight: max_bytes };
        Self { entries: Shares::default(), most }
    }

    /// Adds a request from a client of this network. Returns its place, and the clients that had to
    /// give way; `None` when there is no room.
    #[must_use]
    pub(super) fn push(
        &mut self,
        client: Token,
        network: Network,
        bytes: usize,
    ) -> Option<(Ticket, Vec<Token>)> {
        self.entries.admit(network, client, bytes, self.most).ok()
    }

    /// Puts a request back to the front when its turn came to nothing. It is never refused.
    #[must_use]
    pub(super) fn put_back(&mut self, client: Token, network: Network, bytes: usize) -> Ticket {
        self.entries.put_back(network, client, bytes)
    }

    /// Serves a waiting network next, before the others.
    pub(super) fn prefer(&mut self, network: Network) {
        self.entries.prefer(network);
    }

    /// Takes the next in turn of those whose network may be served.
    pub(super) fn pop(&mut self, may: impl Fn(Network) -> bool) -> Option<Token> {
        let ticket = self.entries.find(|network, _| may(network))?;
        self.entries.serve(ticket)
    }

    /// Forgets a client that left or waited too long.
    pub(super) fn remove(&mut self, ticket: Ticket) {
        self.entries.remove(ticket);
    }

    pub(super) fn len(&self) -> usize {
        self.entries.held().count
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_in_number_and_bytes_and_keeps_the_order() {
        let mut list = WaitingList::new(3, 100);
        let network = Network::of([192, 0, 2, 1].into());
        let (first, displaced) = list.push(Token(1), network, 40).unwrap();
        assert!(displaced.is_empty());
        assert!(list.push(Token(2), network, 61).is_none());
        assert!(list.push(Token(2), network, 60).is_some());
        assert!(list.push(Token(3), network, 1).is_none());
        list.remove(first);
        list.remove(first);
        assert!(list.push(Token(3), network, 40).is_some());
        let _ = list.put_back(Token(4), network, 1);
        assert!(list.push(Token(5), network, 0).is_none());
        let mut pop = || list.pop(|_| true);
        assert_eq!([pop(), pop(), pop()], [4, 2, 3].map(|n| Some(Token(n))));
        assert!(list.is_empty() && list.pop(|_| true).is_none());
    }
}
