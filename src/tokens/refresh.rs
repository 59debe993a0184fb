//! Refresh tokens: derived, not stored.
//!
//! A token is the generation of the key, its session's id and identity, a counter, and HMAC-SHA256
//! (RFC 2104) over the four under that key. To everybody else it is 96 characters of base64url. The
//! database holds only id, identity and counter. Deriving tokens has four advantages over random
//! ones with the successor kept encrypted. Any instance can give a client that lost an answer the
//! same successor again, however many answers were lost. A token that was retired long ago is still
//! recognised, so that a thief is noticed at any time. A forged token is refused without asking the
//! database. No readable token is ever stored, not even during the grace. The price is a key to
//! keep: it is encrypted under `encryption.key` like those that sign, and rotates with them. A
//! session keeps the key that it began with.

use super::session_ref::{IDENTITY_BYTES, SessionRef};
use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of the key.
const KEY_BYTES: usize = 32;

/// Bytes of generation, session and counter: 8, 8 and 16, 8.
const HEAD_BYTES: usize = 24 + IDENTITY_BYTES;

/// Bytes of the code after them.
const MAC_BYTES: usize = 32;

/// Keeps codes made here apart from any other use of the key.
const PURPOSE: &[u8] = b"gatepost refresh token 1";

/// What a refresh token says, once it has been verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RefreshTicket {
    pub(crate) generation: i64,
    pub(crate) session: SessionRef,
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

    /// The refresh token of a session with this counter. It is always the same.
    ///
    /// # Errors
    /// [`Error::Internal`], which would be a bug.
    pub(crate) fn token(&self, session: SessionRef, counter: i64) -> Result<String> {
        let head = head(&RefreshTicket { generation: self.generation, session, counter });
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

/// A text in the form of a refresh token, which is not trusted yet.
pub(crate) struct Unverified {
    ticket: RefreshTicket,
    mac: [u8; MAC_BYTES],
}

impl Unverified {
    /// Reads a token as a client sent it.
    ///
    /// # Errors
    /// [`Error::InvalidGrant`].
    pub(crate) fn parse(token: &str) -> Result<Self> {
        let read = || {
            // The decoder needs some room to spare.
            let mut bytes = Zeroizing::new([0; HEAD_BYTES + MAC_BYTES + 8]);
            let length = URL_SAFE_NO_PAD.decode_slice(token, bytes.as_mut_slice()).ok()?;
            let (head, mac) = bytes.split_at_checked(HEAD_BYTES)?;
            let number = |at: usize| Some(i64::from_be_bytes(*head.get(at..)?.first_chunk()?));
            let session = SessionRef::new(number(8)?, *head.get(16..)?.first_chunk()?);
            let generation = number(0)?;
            let counter = number(16 + IDENTITY_BYTES)?;
            let ticket = RefreshTicket { generation, session, counter };
            let whole = length == HEAD_BYTES + MAC_BYTES;
            whole.then_some(Self { ticket, mac: *mac.first_chunk()? })
        };
        read().ok_or(Error::InvalidGrant)
    }

    /// The generation of the key that it claims to be derived from.
    pub(crate) fn generation(&self) -> i64 {
        self.ticket.generation
    }

    /// Checks it against its key, in constant time.
    ///
    /// # Errors
    /// [`Error::InvalidGrant`].
    pub(crate) fn verify(self, key: &RefreshKey) -> Result<RefreshTicket> {
        let mac = key.mac(&head(&self.ticket))?;
        let right = key.generation == self.ticket.generation && mac.verify_slice(&self.mac).is_ok();
        right.then_some(self.ticket).ok_or(Error::InvalidGrant)
    }
}

fn head(ticket: &RefreshTicket) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    let (generation, rest) = head.split_at_mut(8);
    let (id, rest) = rest.split_at_mut(8);
    let (identity, counter) = rest.split_at_mut(IDENTITY_BYTES);
    generation.copy_from_slice(&ticket.generation.to_be_bytes());
    id.copy_from_slice(&ticket.session.id().to_be_bytes());
    identity.copy_from_slice(ticket.session.identity());
    counter.copy_from_slice(&ticket.counter.to_be_bytes());
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(generation: i64, byte: u8) -> RefreshKey {
        RefreshKey::stored(generation, &[byte; KEY_BYTES]).unwrap()
    }

    /// A session with this number.
    fn session(id: i64) -> SessionRef {
        SessionRef::new(id, std::array::from_fn(|at| u8::try_from(at).unwrap()))
    }

    fn read(key: &RefreshKey, token: &str) -> Result<RefreshTicket> {
        Unverified::parse(token)?.verify(key)
    }

    #[test]
    fn a_token_is_its_session_and_counter_and_always_the_same() {
        let token = key(1, 7).token(session(5), 3).unwrap();
        let ticket = RefreshTicket { generation: 1, session: session(5), counter: 3 };
        assert_eq!(read(&key(1, 7), &token), Ok(ticket));
        assert_eq!(key(1, 7).token(session(5), 3).unwrap(), token);
        let others = [
            key(1, 7).token(session(5), 4),
            key(1, 7).token(session(6), 3),
            key(1, 7).token(SessionRef::new(5, [0; 16]), 3),
            key(2, 7).token(session(5), 3),
        ];
        for other in others {
            assert_ne!(other.unwrap()[54..], token[54..]);
        }
    }

    /// Clients hold these for weeks. The bytes were computed independently.
    #[test]
    fn a_token_is_generation_id_identity_counter_and_mac() {
        let token = key(1, 7).token(session(5), 3).unwrap();
        let (head, mac) = token.split_at(54);
        assert_eq!(head, "AAAAAAAAAAEAAAAAAAAABQABAgMEBQYHCAkKCwwNDg8AAAAAAAAAA1");
        assert_eq!(mac, "3_AI0ELPmwr1KKFUULr4sOConM9VhzPuM29aaYHFjI");
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        assert_eq!(bytes[..16], [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5]);
        assert_eq!(bytes[16..32], *session(5).identity());
        assert_eq!(bytes[32..40], [0, 0, 0, 0, 0, 0, 0, 3]);
        assert_eq!(bytes.len(), 72);
    }

    #[test]
    fn a_token_of_before_sessions_had_an_identity_is_refused() {
        let head = [1_i64, 5, 3].map(i64::to_be_bytes).concat();
        let mut mac = Hmac::<Sha256>::new_from_slice(&[7; KEY_BYTES]).unwrap();
        mac.update(PURPOSE);
        mac.update(&head);
        let bytes = [&head[..], &mac.finalize().into_bytes()].concat();
        let token = URL_SAFE_NO_PAD.encode(bytes);
        assert_eq!(read(&key(1, 7), &token), Err(Error::InvalidGrant));
    }

    #[test]
    fn a_token_of_another_key_or_generation_is_refused() {
        let token = key(1, 7).token(session(5), 3).unwrap();
        assert_eq!(read(&key(1, 8), &token), Err(Error::InvalidGrant));
        assert_eq!(read(&key(2, 7), &token), Err(Error::InvalidGrant));
    }

    #[test]
    fn no_part_of_a_token_can_be_changed() {
        let token = key(1, 7).token(session(5), 3).unwrap();
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
