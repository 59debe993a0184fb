//! Numbered places for connections. No token is ever used for two tenants.
//!
//! The kernel, the deadlines and the waiting lists refer to connections by token. A place is reused
//! after its tenant has left, so the token carries a generation: a holder of an old token finds
//! nothing, instead of another tenant.

use mio::Token;

/// What a token stands for, in its topmost bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Waker,
    Listener,
    Client,
    Ordinary,
    Hashing,
    Clock,
}

const KIND_SHIFT: u32 = 60;
const GENERATION_SHIFT: u32 = 24;
const INDEX_MASK: usize = (1 << GENERATION_SHIFT) - 1;
const GENERATION_MASK: usize = (1 << (KIND_SHIFT - GENERATION_SHIFT)) - 1;

/// The token of something that is not a tenant.
pub(super) const fn fixed(kind: Kind, index: usize) -> Token {
    Token((kind as usize) << KIND_SHIFT | index)
}

/// The index within its kind.
pub(super) const fn index(token: Token) -> usize {
    token.0 & INDEX_MASK
}

/// What the token stands for.
pub(super) const fn kind(token: Token) -> Kind {
    match token.0 >> KIND_SHIFT {
        0 => Kind::Waker,
        1 => Kind::Listener,
        2 => Kind::Client,
        3 => Kind::Ordinary,
        4 => Kind::Hashing,
        _ => Kind::Clock,
    }
}

/// The places of one kind.
#[derive(Debug)]
pub(super) struct Slots<T> {
    kind: Kind,
    places: Vec<(usize, Option<T>)>,
    free: Vec<usize>,
}

impl<T> Slots<T> {
    pub(super) const fn new(kind: Kind) -> Self {
        Self { kind, places: Vec::new(), free: Vec::new() }
    }

    /// The token that the next `insert` will use, for registering before inserting.
    pub(super) fn next_token(&self) -> Token {
        let index = self.free.last().copied().unwrap_or(self.places.len());
        let generation = self.places.get(index).map_or(0, |place| place.0);
        self.token(index, generation)
    }

    pub(super) fn insert(&mut self, tenant: T) -> Token {
        let token = self.next_token();
        match self.free.pop() {
            Some(index) => self.places[index].1 = Some(tenant),
            None => self.places.push((0, Some(tenant))),
        }
        token
    }

    pub(super) fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        let generation = token.0 >> GENERATION_SHIFT & GENERATION_MASK;
        match self.places.get_mut(index(token)) {
            Some((current, tenant)) if *current == generation => tenant.as_mut(),
            _ => None,
        }
    }

    pub(super) fn remove(&mut self, token: Token) -> Option<T> {
        self.get_mut(token)?;
        let place = &mut self.places[index(token)];
        place.0 = (place.0 + 1) & GENERATION_MASK;
        self.free.push(index(token));
        place.1.take()
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn tokens(&self) -> Vec<Token> {
        let tenants = self.places.iter().enumerate().filter(|(_, place)| place.1.is_some());
        tenants.map(|(index, place)| self.token(index, place.0)).collect()
    }

    const fn token(&self, index: usize, generation: usize) -> Token {
        Token((self.kind as usize) << KIND_SHIFT | generation << GENERATION_SHIFT | index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_find_the_next_tenant_of_its_place() {
        let mut slots = Slots::new(Kind::Client);
        let first = slots.insert("first");
        assert_eq!(slots.remove(first), Some("first"));
        let expected = slots.next_token();
        let second = slots.insert("second");
        assert_eq!(second, expected);
        assert_eq!(index(first), index(second));
        assert_eq!(slots.get_mut(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get_mut(second), Some(&mut "second"));
        assert_eq!(kind(second), Kind::Client);
        assert_eq!((slots.len(), slots.tokens()), (1, vec![second]));
    }

    #[test]
    fn tokens_of_different_kinds_differ() {
        let kinds =
            [Kind::Waker, Kind::Listener, Kind::Client, Kind::Ordinary, Kind::Hashing, Kind::Clock];
        for wanted in kinds {
            assert_eq!(kind(fixed(wanted, 5)), wanted);
            assert_eq!(index(fixed(wanted, 5)), 5);
        }
    }
}
