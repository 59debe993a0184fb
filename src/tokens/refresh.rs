//! Refresh tokens: derived, not stored.
//!
//! A token is its session's id, a counter, the generation of the key, and HMAC-SHA256 (RFC 2104)
//! over the three under that key; 64 characters and more of base64url to everybody else. The
//! database holds id and counter alone. Why derived, and not random with the successor kept
//! encrypted: any instance can tell a client that lost an answer the same successor again,
//! however many answers were lost; a token that was retired long ago is still known for one, so
//! that a thief is noticed at any time; a made-up one is refused without asking the database; and
//! no readable token ever exists at rest, not even for the grace. The price is a key to keep: it
//! is sealed under `tokens.encryption_key` like those that sign, and rotates with them. A session
//! keeps the key that it began with.

use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of the key.
const KEY_BYTES: usize = 32;

/// Bytes of generation, session and counter.
const HEAD_BYTES: usize = 24;

/// Bytes of the code behind them.
const MAC_BYTES: usize = 32;

/// Keeps codes made here apart from whatever else the key might ever be used for.
const PURPOSE: &[u8] = b"gatepost refresh token 1";

/// What a refresh token says, once it has been verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) generation: i64,
    pub(crate) session: i64,
    pub(crate) counter: i64,
}

/// A key of one generation.
#[derive(Clone)]
pub(crate) struct RefreshKey {
    generation: i64,
    secret: Zeroizing<[u8; KEY_BYTES]>,
}

impl RefreshKey {
    /// A new secret.
    pub(crate) fn generate() -> Zeroizing<[u8; KEY_BYTES]> {
        Zeroizing::new(rand::random())
    }

    /// The key with this secret.
    ///
    /// # Errors
    /// [`Error::Internal`] for a secret of another length.
    pub(crate) fn stored(generation: i64, secret: &[u8]) -> Result<Self> {
        let malformed = |_| Error::Internal("a stored refresh key is malformed".to_owned());
        let secret = Zeroizing::new(secret.try_into().map_err(malformed)?);
        Ok(Self { generation, secret })
    }

    pub(crate) fn generation(&self) -> i64 {
        self.generation
    }

    /// The refresh token of a session with this counter. Always the same.
    ///
    /// # Errors
    /// [`Error::Internal`], which would be a fault of ours.
    pub(crate) fn token(&self, session: i64, counter: i64) -> Result<String> {
        let head = head(&Ticket { generation: self.generation, session, counter });
        let mut bytes = head.to_vec();
        bytes.extend_from_slice(&self.mac(&head)?.finalize().into_bytes());
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn mac(&self, head: &[u8; HEAD_BYTES]) -> Result<Hmac<Sha256>> {
        let mac = Hmac::new_from_slice(self.secret.as_slice());
        let mac =
            mac.map_err(|e| Error::Internal(format!("cannot derive a refresh token: {e}")))?;
        Ok(mac.chain_update(PURPOSE).chain_update(head))
    }
}

impl std::fmt::Debug for RefreshKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RefreshKey(generation {}, …)", self.generation)
    }
}

/// A text in the form of a refresh token, of which nothing is believed yet.
pub(crate) struct Unverified {
    ticket: Ticket,
    mac: [u8; MAC_BYTES],
}

impl Unverified {
    /// Reads a token as a client sent it.
    ///
    /// # Errors
    /// [`Error::InvalidGrant`].
    pub(crate) fn parse(token: &str) -> Result<Self> {
        let read = || {
            // The decoder wants some room to spare.
            let mut bytes = Zeroizing::new([0; HEAD_BYTES + MAC_BYTES + 8]);
            let length = URL_SAFE_NO_PAD.decode_slice(token, bytes.as_mut_slice()).ok()?;
            let (head, mac) = bytes.split_at_checked(HEAD_BYTES)?;
            let number = |at: usize| Some(i64::from_be_bytes(*head.get(at..)?.first_chunk()?));
            let (generation, session, counter) = (number(0)?, number(8)?, number(16)?);
            let ticket = Ticket { generation, session, counter };
            let whole = length == HEAD_BYTES + MAC_BYTES;
            whole.then_some(Self { ticket, mac: *mac.first_chunk()? })
        };
        read().ok_or(Error::InvalidGrant)
    }

    /// Which key it claims to be derived from.
    pub(crate) fn generation(&self) -> i64 {
        self.ticket.generation
    }

    /// Checks it against its key, in constant time.
    ///
    /// # Errors
    /// [`Error::InvalidGrant`].
    pub(crate) fn verify(self, key: &RefreshKey) -> Result<Ticket> {
        let mac = key.mac(&head(&self.ticket))?;
        let right = key.generation == self.ticket.generation && mac.verify_slice(&self.mac).is_ok();
        right.then_some(self.ticket).ok_or(Error::InvalidGrant)
    }
}

fn head(ticket: &Ticket) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    let numbers = [ticket.generation, ticket.session, ticket.counter];
    for (place, number) in head.chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(generation: i64, byte: u8) -> RefreshKey {
        RefreshKey::stored(generation, &[byte; KEY_BYTES]).unwrap()
    }

    fn read(key: &RefreshKey, token: &str) -> Result<Ticket> {
        Unverified::parse(token)?.verify(key)
    }

    #[test]
    fn a_token_is_its_session_and_counter_and_always_the_same() {
        let token = key(1, 7).token(5, 3).unwrap();
        let ticket = Ticket { generation: 1, session: 5, counter: 3 };
        assert_eq!(read(&key(1, 7), &token), Ok(ticket));
        assert_eq!(key(1, 7).token(5, 3).unwrap(), token);
        for other in [key(1, 7).token(5, 4), key(1, 7).token(6, 3), key(2, 7).token(5, 3)] {
            assert_ne!(other.unwrap()[32..], token[32..]);
        }
    }

    #[test]
    fn a_token_of_another_key_or_generation_is_refused() {
        let token = key(1, 7).token(5, 3).unwrap();
        assert_eq!(read(&key(1, 8), &token), Err(Error::InvalidGrant));
        assert_eq!(read(&key(2, 7), &token), Err(Error::InvalidGrant));
    }

    #[test]
    fn no_part_of_a_token_can_be_changed() {
        let token = key(1, 7).token(5, 3).unwrap();
        for position in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(read(&key(1, 7), &changed), Err(Error::InvalidGrant), "byte {position}");
        }
        let long = format!("{token}A");
        let padded = format!("{token}=");
        let huge = "A".repeat(10_000);
        for garbage in ["", "A", "é", &token[1..], &long, &padded, &huge] {
            assert_eq!(read(&key(1, 7), garbage), Err(Error::InvalidGrant), "{garbage}");
        }
    }
}
