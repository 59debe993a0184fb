//! Which owner has to be looked at next, and when: an ordered set of moments.
//!
//! Each owner has at most one entry and remembers its moment, so that it can be moved. A change to
//! the tree costs some hundred nanoseconds, which is little beside the system calls of a request. A
//! timer wheel would need tuning.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use mio::Token;

/// The set.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    entries: BTreeSet<(Instant, Token)>,
}

impl Deadlines {
    /// Moves the owner's entry from the moment it remembers to another one.
    pub(super) fn change(
        &mut self,
        owner: Token,
        current: &mut Option<Instant>,
        wanted: Option<Instant>,
    ) {
        if *current == wanted {
            return;
        }
        if let Some(at) = current.take() {
            self.entries.remove(&(at, owner));
        }
        if let Some(at) = wanted {
            self.entries.insert((at, owner));
        }
        *current = wanted;
    }

    /// How long the loop may sleep.
    pub(super) fn sleep(&self, now: Instant) -> Option<Duration> {
        self.entries.first().map(|(at, _)| at.saturating_duration_since(now))
    }

    /// Takes one owner whose moment has come. The owner must forget the moment it remembers.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Token> {
        if self.entries.first()?.0 > now {
            return None;
        }
        self.entries.pop_first().map(|(_, owner)| owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_come_out_in_order_and_only_when_due() {
        let start = Instant::now();
        let after = |s: u64| start + Duration::from_secs(s);
        let mut deadlines = Deadlines::default();
        let (mut first, mut second, mut third) = (None, None, None);
        deadlines.change(Token(1), &mut first, Some(after(3)));
        deadlines.change(Token(2), &mut second, Some(after(2)));
        deadlines.change(Token(3), &mut third, Some(after(1)));
        deadlines.change(Token(3), &mut third, None);
        deadlines.change(Token(1), &mut first, Some(after(1)));
        assert_eq!(deadlines.sleep(start), Some(Duration::from_secs(1)));
        assert_eq!(deadlines.pop(start), None);
        assert_eq!(deadlines.pop(after(2)), Some(Token(1)));
        assert_eq!(deadlines.pop(after(2)), Some(Token(2)));
        assert_eq!(deadlines.pop(after(9)), None);
        assert_eq!(deadlines.sleep(start), None);
    }
}
