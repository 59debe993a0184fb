//! The cookies of a browser, and the one by which it is known to be signed in at our own pages.
//!
//! It names a session of ours, as an access token does, and is good for as long as the session is: it
//! ends with the session, and when a step-up gives another one. The code behind it can be made here
//! alone. Nothing is stored for it.

use super::origin::OwnOrigin;
use super::shown::{Shown, SignedIn};
use crate::app::App;
use crate::app::keyed::HashKey;
use crate::error::{Error, Result};
use crate::http::Request;
use crate::tokens::{AccessClaims, Claims};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// The name of a cookie. Where there is TLS its prefix makes browsers refuse one that another host, or a
/// page without TLS, has set (RFC 6265bis, 4.1.3.2). On plain loopback they take none with that prefix.
pub(super) struct CookieName {
    secure: &'static str,
    plain: &'static str,
}

impl CookieName {
    pub(super) fn at(&self, is_secure: bool) -> &'static str {
        if is_secure { self.secure } else { self.plain }
    }
}

/// At our own pages.
const SIGN_IN: CookieName = CookieName { secure: "__Host-gatepost", plain: "gatepost" };

/// At the gate, for one other host.
pub(super) const GATE: CookieName =
    CookieName { secure: "__Host-gatepost-gate", plain: "gatepost-gate" };

/// At another host, before leaving it to sign in.
pub(super) const LEAVING: CookieName =
    CookieName { secure: "__Host-gatepost-return", plain: "gatepost-return" };

/// Most bytes of a value that is looked at. Ours have about 140.
const MOST_BYTES: usize = 512;

/// A cookie as the field `Set-Cookie` says it.
pub(crate) struct Cookie(String);

impl Cookie {
    /// Takes the cookie of our own pages away.
    pub(crate) fn removal(own: &OwnOrigin) -> Self {
        Self::taken_away(&SIGN_IN, own.is_secure())
    }

    pub(super) fn taken_away(name: &CookieName, is_secure: bool) -> Self {
        Self::new(name, is_secure, "", Some(0))
    }

    /// A cookie that lasts for so many seconds, or until the browser is closed. `SameSite=Lax`, so that
    /// whoever follows a link from elsewhere is signed in. What changes something asks for more.
    pub(super) fn new(
        name: &CookieName,
        is_secure: bool,
        value: &str,
        max_age: Option<u64>,
    ) -> Self {
        let secure = if is_secure { "; Secure" } else { "" };
        let age = max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let name = name.at(is_secure);
        Self(format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure}"))
    }

    pub(crate) fn into_field(self) -> String {
        self.0
    }
}

/// The cookies of a request that are not ours, as a field has them.
pub(crate) fn of_others(request: &Request) -> Zeroizing<String> {
    let names = [SIGN_IN, GATE, LEAVING].map(|name| [name.secure, name.plain]);
    request.cookies_but(names.as_flattened())
}

/// The value of a cookie, if there is one that could be ours.
pub(super) fn value<'a>(
    request: &'a Request,
    name: &CookieName,
    is_secure: bool,
) -> Option<&'a str> {
    request.cookie(name.at(is_secure)).filter(|value| value.len() <= MOST_BYTES)
}

/// The cookie for the session of this access token, which was issued a moment ago, and as whom the browser
/// is signed in with it.
///
/// # Errors
/// [`Error::TokenInvalid`]; database errors.
pub(crate) fn issue(app: &App, own: &OwnOrigin, access_token: &str) -> Result<(Cookie, SignedIn)> {
    let AccessClaims::User(claims) = app.verify_any_token(access_token)? else {
        return Err(Error::TokenInvalid);
    };
    renewed(app, own, &claims)
}

/// The cookie for a session that goes on with these claims, and as whom the browser is signed in with it.
///
/// # Errors
/// Database errors.
pub(crate) fn renewed(app: &App, own: &OwnOrigin, claims: &Claims) -> Result<(Cookie, SignedIn)> {
    let shown = Shown::of(claims);
    let value = write(&key(app)?, &shown);
    let lifetime = app.config().sessions.lifetime.as_secs();
    let cookie = Cookie::new(&SIGN_IN, own.is_secure(), &value, Some(lifetime));
    Ok((cookie, shown.signed_in(app)))
}

/// As whom a browser is signed in, as its cookie says.
///
/// # Errors
/// [`Error::InvalidRequest`] when there is an `Authorization` too; database errors.
pub(crate) fn signed_in(app: &App, request: &Request, own: &OwnOrigin) -> Result<Option<SignedIn>> {
    let signed_in = signed_in_beside_authorization(app, request, own)?;
    if request.has_authorization() && value(request, &SIGN_IN, own.is_secure()).is_some() {
        let text = "a cookie and Authorization are both there; send one";
        return Err(Error::InvalidRequest(text.to_owned()));
    }
    Ok(signed_in)
}

/// The same where an `Authorization` is for somebody else.
///
/// # Errors
/// Database errors.
pub(crate) fn signed_in_beside_authorization(
    app: &App,
    request: &Request,
    own: &OwnOrigin,
) -> Result<Option<SignedIn>> {
    let Some(value) = value(request, &SIGN_IN, own.is_secure()) else { return Ok(None) };
    Ok(read(&key(app)?, value).map(|shown| shown.signed_in(app)))
}

fn key(app: &App) -> Result<HashKey> {
    app.keyed("sign-in cookies")
}

fn write(key: &HashKey, shown: &Shown) -> String {
    URL_SAFE_NO_PAD.encode(key.vouch(&shown.bytes()))
}

fn read(key: &HashKey, value: &str) -> Option<Shown> {
    let bytes = URL_SAFE_NO_PAD.decode(value).map(Zeroizing::new).ok()?;
    let (said, _) = key.vouched(&bytes)?;
    Shown::read(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::keyed::Root;

    #[test]
    fn a_cookie_is_read_with_every_byte_as_it_was_and_in_no_other_way() {
        let shown = Shown::example();
        let key = Root::of(b"secret").key("sign-in cookies");
        let value = write(&key, &shown);
        assert!(value.len() < MOST_BYTES / 2);
        assert_eq!(read(&key, &value), Some(shown));
        for position in 0..value.len() {
            let mut bytes = value.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(read(&key, &String::from_utf8(bytes).unwrap()), None, "byte {position}");
        }
        for garbage in ["", "A", "é", &value[1..], &format!("{value}A"), &"A".repeat(500)] {
            assert_eq!(read(&key, garbage), None, "{garbage}");
        }
        assert_eq!(read(&Root::of(b"secret").key("mfa tokens"), &value), None);
    }
}
