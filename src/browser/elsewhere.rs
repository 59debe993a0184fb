//! Signing in at another host than our own, which shares no cookie with it.
//!
//! Before a browser leaves the host, it gets a cookie there, and takes what the cookie proves along to our
//! pages. From there it comes back with a code: good once, for half a minute, for that origin, and in the
//! browser that has the cookie. For it there is a cookie by which the browser is known at that origin alone.
//! Whoever gets to see that one, such as the program behind, can use it nowhere else.

use super::cookie::{Cookie, GATE, LEAVING, value};
use super::shown::{Shown, SignedIn};
use crate::app::keyed::HashKey;
use crate::app::{App, once};
use crate::config::WebOrigin;
use crate::error::{Error, Result};
use crate::http::Request;
use crate::tokens::now;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// How long a code is good, in seconds: a browser is sent on at once.
const GOOD_FOR: u64 = 30;

/// Bytes of a hash, of a state and of the cookie whose hash it is.
const HASH_BYTES: usize = 32;

/// Random bytes, so that no two codes are alike.
const RANDOM_BYTES: usize = 16;

/// What a browser proves with the cookie that it got before it left: its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State([u8; HASH_BYTES]);

impl State {
    /// The state of a cookie that is not set yet or was, and in the first case the cookie.
    pub(crate) fn leaving(request: &Request, origin: &WebOrigin) -> (Self, Option<Cookie>) {
        if let Some(state) = Self::of_cookie(request, origin) {
            return (state, None);
        }
        let secret = Zeroizing::new(rand::random::<[u8; HASH_BYTES]>());
        let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*secret));
        let cookie = Cookie::new(&LEAVING, origin.is_secure(), &text, None);
        (Self::of(&text), Some(cookie))
    }

    fn of_cookie(request: &Request, origin: &WebOrigin) -> Option<Self> {
        value(request, &LEAVING, origin.is_secure()).filter(|it| !it.is_empty()).map(Self::of)
    }

    fn of(cookie: &str) -> Self {
        Self(Sha256::digest(cookie).into())
    }

    /// Reads what [`text`](Self::text) has written.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`].
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes
            .map(Self)
            .ok_or_else(|| Error::parameter("state", "must be one that the gate has given"))
    }

    pub(crate) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// A code with which the browser comes back to a path of this origin.
///
/// # Errors
/// [`Error::TokenInvalid`] when nobody is signed in; database errors.
pub(crate) fn code(
    app: &App,
    signed_in: &SignedIn,
    origin: &WebOrigin,
    state: &State,
    path: &str,
) -> Result<String> {
    let shown = Shown::of(signed_in.claims()?);
    let returning = Returning { expires: now().saturating_add(GOOD_FOR), state: *state, shown };
    Ok(write_code(&code_key(app)?, origin, &returning, path))
}

/// Takes a code, and says where in its origin the browser goes on, with the cookie for there, and one that
/// takes away what it got before it left.
///
/// # Errors
/// [`Error::InvalidProof`] for a code that is not ours, over, for another origin or another browser, or was
/// taken before; database errors.
pub(crate) fn come_back(
    app: &App,
    request: &Request,
    origin: &WebOrigin,
    code: &str,
) -> Result<(String, [Cookie; 2])> {
    let bytes =
        URL_SAFE_NO_PAD.decode(code).map(Zeroizing::new).map_err(|_| Error::InvalidProof)?;
    let read = read_code(&code_key(app)?, origin, &bytes, now()).ok_or(Error::InvalidProof)?;
    let (returning, path, hash) = read;
    if State::of_cookie(request, origin) != Some(returning.state) {
        return Err(Error::InvalidProof);
    }
    let expires = i64::try_from(returning.expires).map_err(|_| Error::InvalidProof)?;
    if !app.database()?.with_transaction(|tx| once::use_up(tx, hash, expires))? {
        return Err(Error::InvalidProof);
    }
    let value = write(&gate_key(app)?, origin, &returning.shown);
    let lifetime = app.config().sessions.lifetime.as_secs();
    let is_secure = origin.is_secure();
    let cookie = Cookie::new(&GATE, is_secure, &value, Some(lifetime));
    Ok((path.to_owned(), [cookie, Cookie::taken_away(&LEAVING, is_secure)]))
}

/// As whom a browser is signed in at another origin, as its cookie for there says.
///
/// # Errors
/// Database errors.
pub(crate) fn signed_in_at(
    app: &App,
    request: &Request,
    origin: &WebOrigin,
) -> Result<Option<SignedIn>> {
    let Some(value) = value(request, &GATE, origin.is_secure()) else { return Ok(None) };
    Ok(read(&gate_key(app)?, origin, value).map(|shown| shown.signed_in(app)))
}

fn gate_key(app: &App) -> Result<HashKey> {
    app.keyed("gate cookies")
}

fn code_key(app: &App) -> Result<HashKey> {
    app.keyed("gate codes")
}

fn write(key: &HashKey, origin: &WebOrigin, shown: &Shown) -> String {
    URL_SAFE_NO_PAD.encode(key.vouch_for(origin.as_str(), &shown.bytes()))
}

fn read(key: &HashKey, origin: &WebOrigin, value: &str) -> Option<Shown> {
    let bytes = URL_SAFE_NO_PAD.decode(value).map(Zeroizing::new).ok()?;
    let (said, _) = key.vouched_for(origin.as_str(), &bytes)?;
    Shown::read(said)
}

/// What a code says beside the path.
#[derive(Debug, PartialEq, Eq)]
struct Returning {
    /// Seconds since 1970-01-01 UTC.
    expires: u64,
    state: State,
    shown: Shown,
}

fn write_code(key: &HashKey, origin: &WebOrigin, returning: &Returning, path: &str) -> String {
    let shown = returning.shown.bytes();
    let length = u16::try_from(shown.len()).unwrap_or(u16::MAX).to_be_bytes();
    let random: [u8; RANDOM_BYTES] = rand::random();
    let expires = returning.expires.to_be_bytes();
    let parts =
        [&expires[..], &random, &returning.state.0, &length, &shown, path.as_bytes()].concat();
    URL_SAFE_NO_PAD.encode(key.vouch_for(origin.as_str(), &parts))
}

/// What a code says until it expires, its path, and the hash that tells it from all others.
fn read_code<'a>(
    key: &HashKey,
    origin: &WebOrigin,
    bytes: &'a [u8],
    now: u64,
) -> Option<(Returning, &'a str, &'a [u8; HASH_BYTES])> {
    let (said, hash) = key.vouched_for(origin.as_str(), bytes)?;
    let (expires, rest) = said.split_first_chunk()?;
    let (state, rest) = rest.get(RANDOM_BYTES..)?.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (shown, path) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let shown = Shown::read(shown)?;
    let returning =
        Returning { expires: u64::from_be_bytes(*expires), state: State(*state), shown };
    if now >= returning.expires {
        return None;
    }
    Some((returning, str::from_utf8(path).ok()?, hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::keyed::Root;

    fn origin(text: &str) -> WebOrigin {
        text.parse().unwrap()
    }

    #[test]
    fn a_cookie_of_the_gate_is_good_at_its_origin_alone() {
        let key = Root::of(b"secret").key("gate cookies");
        let app = origin("https://app.example.com");
        let value = write(&key, &app, &Shown::example());
        assert_eq!(read(&key, &app, &value), Some(Shown::example()));
        for other in
            ["https://b.example.com", "http://app.example.com", "https://app.example.com:8443"]
        {
            assert_eq!(read(&key, &origin(other), &value), None, "{other}");
        }
        assert_eq!(read(&Root::of(b"secret").key("gate codes"), &app, &value), None);
        let sign_in = URL_SAFE_NO_PAD.encode(key.vouch(&Shown::example().bytes()));
        assert_eq!(read(&key, &app, &sign_in), None);
    }

    #[test]
    fn a_code_is_read_at_its_origin_with_every_byte_as_it_was() {
        let key = Root::of(b"secret").key("gate codes");
        let app = origin("https://app.example.com");
        let returning =
            Returning { expires: 9, state: State::of("cookie"), shown: Shown::example() };
        let code = write_code(&key, &app, &returning, "/x?y=1");
        let bytes = URL_SAFE_NO_PAD.decode(&code).unwrap();
        let (found, path, _) = read_code(&key, &app, &bytes, 8).unwrap();
        assert_eq!((found, path), (returning, "/x?y=1"));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(read_code(&key, &app, &changed, 8).is_none(), "byte {at}");
            assert!(read_code(&key, &app, &bytes[..at], 8).is_none(), "{at} bytes");
        }
        assert!(read_code(&key, &app, &bytes, 9).is_none());
        assert!(read_code(&key, &origin("https://b.example.com"), &bytes, 8).is_none());
    }
}
