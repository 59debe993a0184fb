//! Challenges of passkeys. Nothing is stored for one until it is answered: it says itself what it is for
//! and until when, and a code under a key of ours vouches for that.

use crate::app::App;
use crate::app::keyed::{BYTES, HashKey};
use crate::error::{Error, Result};
use crate::tokens::now;
use std::time::Duration;

/// How long one is good: five minutes, as the browser is told too (WebAuthn, 15.1, recommends five to
/// ten).
pub(super) const GOOD_FOR: Duration = Duration::from_secs(5 * 60);

/// Random bytes (WebAuthn, 13.4.3, asks for 16).
const RANDOM: usize = 16;

/// What a challenge is for; its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Purpose {
    /// A new passkey. The context is the user, and what the user calls it.
    Create = b'c',
    /// A passkey in place of a password, or to step up.
    SignIn = b's',
    /// A passkey after a password. The context is the user.
    SecondFactor = b'2',
}

/// A challenge that was answered.
pub(super) struct Answered {
    pub(super) context: Vec<u8>,
    pub(super) code: [u8; BYTES],
    /// Seconds since 1970-01-01 UTC.
    pub(super) expires: i64,
}

/// A new challenge.
///
/// # Errors
/// Database errors, before the key is loaded.
pub(super) fn make(app: &App, purpose: Purpose, context: &[u8]) -> Result<Vec<u8>> {
    Ok(made(&key(app)?, purpose, context, now().saturating_add(GOOD_FOR.as_secs())))
}

/// Reads a challenge that was answered. Whether that has happened before is left to the transaction in
/// which it is used up.
///
/// # Errors
/// [`Error::InvalidProof`] for one that is not ours, for something else, or over; database errors.
pub(super) fn read(app: &App, purpose: Purpose, challenge: &[u8]) -> Result<Answered> {
    answered(&key(app)?, purpose, challenge, now()).ok_or(Error::InvalidProof)
}

fn key(app: &App) -> Result<HashKey> {
    app.keyed("passkey challenges")
}

fn made(key: &HashKey, purpose: Purpose, context: &[u8], expires: u64) -> Vec<u8> {
    let random: [u8; RANDOM] = rand::random();
    key.vouch(&[&[purpose as u8][..], &expires.to_be_bytes(), &random, context].concat())
}

fn answered(key: &HashKey, purpose: Purpose, challenge: &[u8], now: u64) -> Option<Answered> {
    let (said, code) = key.vouched(challenge)?;
    let (kind, rest) = said.split_first()?;
    let (expires, rest) = rest.split_first_chunk()?;
    let context = rest.get(RANDOM..)?.to_vec();
    let expires = u64::from_be_bytes(*expires);
    let good = *kind == purpose as u8 && now < expires;
    let expires = i64::try_from(expires).ok()?;
    good.then_some(Answered { context, code: *code, expires })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::keyed::Root;

    #[test]
    fn a_challenge_is_good_for_its_purpose_until_it_expires_and_with_every_byte_as_it_was() {
        let key = Root::of(b"secret").key("passkey challenges");
        let challenge = made(&key, Purpose::Create, b"context", 1_000);
        let read = |purpose, bytes: &[u8], now| answered(&key, purpose, bytes, now);
        let found = read(Purpose::Create, &challenge, 999).unwrap();
        assert_eq!((found.context.as_slice(), found.expires), (&b"context"[..], 1_000));
        assert!(read(Purpose::Create, &challenge, 1_000).is_none());
        for purpose in [Purpose::SignIn, Purpose::SecondFactor] {
            assert!(read(purpose, &challenge, 999).is_none());
        }
        for at in 0..challenge.len() {
            let mut changed = challenge.clone();
            changed[at] ^= 1;
            assert!(read(Purpose::Create, &changed, 999).is_none(), "byte {at}");
            assert!(read(Purpose::Create, &challenge[..at], 999).is_none(), "{at} bytes");
        }
        assert_ne!(
            made(&key, Purpose::SignIn, b"", 1_000),
            made(&key, Purpose::SignIn, b"", 1_000)
        );
        let other = Root::of(b"secret").key("mfa tokens");
        assert!(answered(&other, Purpose::Create, &challenge, 999).is_none());
    }
}
