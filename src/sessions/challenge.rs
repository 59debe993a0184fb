//! What stands between the two calls of a login with a second factor: a token that says that the password
//! was right.
//!
//! It is no JWT, so nobody takes it for one that opens anything. It is readable, holds what it is
//! about, and a code under a key of ours. It may be shown again with another code for as long as it is
//! good; each wrong one counts as a wrong password does.

use super::store::Credentials;
use crate::app::App;
use crate::app::keyed::HashKey;
use crate::domain::{Login, UserId};
use crate::error::{Error, MfaChallenge, Result};
use crate::factors;
use crate::tokens::{Subject, now};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long the second call may follow the first: long enough to find the device and to wait for the
/// next code.
const GOOD_FOR: Duration = Duration::from_secs(5 * 60);

/// Bytes of user, token version and expiry, eight each, before the login.
const HEAD_BYTES: usize = 24;

/// What a token says, once its code is right.
pub(super) struct MfaTicket {
    pub(super) user: i64,
    pub(super) token_version: i64,
    pub(super) login: Login,
}

/// What the right password of a user with a second factor gives.
///
/// # Errors
/// Database errors.
pub(super) fn challenge(app: &App, login: &Login, verified: &Credentials) -> Result<MfaChallenge> {
    let subject = verified.subject;
    let mfa_token = token(&app.keyed("mfa tokens")?, login, subject, now() + GOOD_FOR.as_secs());
    let methods = factors::methods(app, UserId::stored(subject.user_id))?;
    Ok(MfaChallenge { mfa_token, expires_in: GOOD_FOR, methods })
}

fn token(key: &HashKey, login: &Login, subject: Subject, expires: u64) -> String {
    let login = login.canonical().as_bytes();
    let expires = i64::try_from(expires).unwrap_or(i64::MAX);
    let head = [subject.user_id, subject.token_version, expires].map(i64::to_be_bytes).concat();
    URL_SAFE_NO_PAD.encode(key.vouch(&[&head, login].concat()))
}

/// Reads a token as a client sent it. A forged one ends here, without a question to the database.
///
/// # Errors
/// [`Error::InvalidProof`] for one that is not ours, or over; database errors.
pub(super) fn ticket(app: &App, token: &str) -> Result<MfaTicket> {
    read(&app.keyed("mfa tokens")?, token, now()).ok_or(Error::InvalidProof)
}

fn read(key: &HashKey, token: &str, now: u64) -> Option<MfaTicket> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map(Zeroizing::new).ok()?;
    let (said, _) = key.vouched(&bytes)?;
    let (head, login) = said.split_at_checked(HEAD_BYTES)?;
    let number = |at: usize| Some(i64::from_be_bytes(*head.get(at..)?.first_chunk()?));
    let expires = u64::try_from(number(16)?).ok()?;
    let login = Login::parse(str::from_utf8(login).ok()?).ok()?;
    (now < expires).then_some(MfaTicket { user: number(0)?, token_version: number(8)?, login })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::keyed::Root;

    const ALICE: Subject = Subject { user_id: 5, admin: false, token_version: 3 };

    #[test]
    fn a_token_is_good_until_it_expires_and_with_every_byte_as_it_was() {
        let key = Root::of(b"secret").key("mfa tokens");
        let login = Login::parse("Alice").unwrap();
        let token = token(&key, &login, ALICE, 1_000);
        let told = |token: &str, now| {
            let ticket = read(&key, token, now)?;
            Some((ticket.user, ticket.token_version, ticket.login.canonical().to_owned()))
        };
        assert_eq!(told(&token, 999), Some((5, 3, "alice".to_owned())));
        assert_eq!(told(&token, 1_000), None);
        for position in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(told(&String::from_utf8(bytes).unwrap(), 999), None, "byte {position}");
        }
        for garbage in ["", "A", "é", &token[1..], &format!("{token}A"), &"A".repeat(10_000)] {
            assert_eq!(told(garbage, 999), None, "{garbage}");
        }
        assert!(read(&Root::of(b"secret").key("limits"), &token, 999).is_none());
    }
}
