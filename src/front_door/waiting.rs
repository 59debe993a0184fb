//! Requests that wait for a private connection: bounded in number and bytes, first come first
//! served. Only names are here; the bytes stay with their connection.

use std::collections::VecDeque;

use mio::Token;

/// The waiting list of one lane.
#[derive(Debug)]
pub(super) struct WaitingList {
    entries: VecDeque<(Token, usize)>,
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
}

impl WaitingList {
    pub(super) const fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, max_entries, max_bytes }
    }

    /// Adds a request, or says that there is no room for it.
    #[must_use]
    pub(super) fn push(&mut self, client: Token, bytes: usize) -> bool {
        let room = self.entries.len() < self.max_entries && self.bytes + bytes <= self.max_bytes;
        if room {
            self.entries.push_back((client, bytes));
            self.bytes += bytes;
        }
        room
    }

    /// Puts a request that has waited before back to the front; it is never refused.
    pub(super) fn push_front(&mut self, client: Token, bytes: usize) {
        self.entries.push_front((client, bytes));
        self.bytes += bytes;
    }

    pub(super) fn pop(&mut self) -> Option<Token> {
        let (client, bytes) = self.entries.pop_front()?;
        self.bytes -= bytes;
        Some(client)
    }

    /// Forgets a client that left or waited too long.
    pub(super) fn remove(&mut self, client: Token) {
        if let Some(at) = self.entries.iter().position(|entry| entry.0 == client) {
            let removed = self.entries.remove(at);
            self.bytes -= removed.map_or(0, |entry| entry.1);
        }
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
        assert!(list.push(Token(1), 40));
        assert!(!list.push(Token(2), 61));
        assert!(list.push(Token(2), 60));
        assert!(!list.push(Token(3), 1));
        list.remove(Token(1));
        list.remove(Token(1));
        assert!(list.push(Token(3), 40));
        list.push_front(Token(4), 1);
        assert!(!list.push(Token(5), 0));
        assert_eq!([list.pop(), list.pop(), list.pop()], [4, 2, 3].map(|n| Some(Token(n))));
        assert!(list.is_empty() && list.pop().is_none() && list.bytes == 0);
    }
}
