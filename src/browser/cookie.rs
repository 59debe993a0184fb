//! The cookie of a browser that is signed in.
//!
//! It names a session of ours, as an access token does, and is good for as long as the session is: it
//! ends with the session, and when a step-up gives another one. The code behind it can be made here
//! alone. Nothing is stored for it.

use super::origin::OwnOrigin;
use crate::access::Caller;
use crate::app::App;
use crate::app::keyed::HashKey;
use crate::domain::UserId;
use crate::error::{Error, Result};
use crate::http::Request;
use crate::tokens::{self, AccessClaims, Amr, Audience, Claims, SessionRef};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// The name where there is TLS. Its prefix makes browsers refuse one that another host, or a page
/// without TLS, has set (RFC 6265bis, 4.1.3.2).
const SECURE_NAME: &str = "__Host-gatepost";

/// The name on plain loopback, where browsers take no cookie with that prefix.
const PLAIN_NAME: &str = "gatepost";

/// Of what the code vouches for: user, token version, session, time of the sign-in and identity.
const HEAD_BYTES: usize = 4 * 8 + 16;

/// Most bytes of a value that is looked at. Ours have about 140.
const MOST_BYTES: usize = 512;

/// A cookie as the field `Set-Cookie` says it.
pub(crate) struct Cookie(String);

impl Cookie {
    /// Takes the cookie away.
    pub(crate) fn removal(own: &OwnOrigin) -> Self {
        Self::with(own, "", 0)
    }

    /// `SameSite=Lax`, so that whoever follows a link from elsewhere is signed in. What changes something
    /// asks for more.
    fn with(own: &OwnOrigin, value: &str, max_age: u64) -> Self {
        let (name, secure) =
            if own.is_secure() { (SECURE_NAME, "; Secure") } else { (PLAIN_NAME, "") };
        Self(format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}"))
    }

    pub(crate) fn into_field(self) -> String {
        self.0
    }
}

/// The cookie for the session of this access token, which was issued a moment ago.
///
/// # Errors
/// [`Error::TokenInvalid`]; database errors.
pub(crate) fn issue(app: &App, own: &OwnOrigin, access_token: &str) -> Result<Cookie> {
    let AccessClaims::User(claims) = app.verify_any_token(access_token)? else {
        return Err(Error::TokenInvalid);
    };
    let value = write(&key(app)?, &Shown::of(&claims));
    Ok(Cookie::with(own, &value, app.config().sessions.lifetime.as_secs()))
}

/// As whom a browser is signed in.
pub(crate) struct SignedIn {
    pub(crate) user: UserId,
    pub(crate) caller: Caller,
}

/// As whom a browser is signed in, as its cookie says. The operation finds out whether the session is
/// live.
///
/// # Errors
/// [`Error::InvalidRequest`] when there is an `Authorization` too; database errors.
pub(crate) fn signed_in(app: &App, request: &Request, own: &OwnOrigin) -> Result<Option<SignedIn>> {
    let name = if own.is_secure() { SECURE_NAME } else { PLAIN_NAME };
    let Some(value) = request.cookie(name).filter(|value| value.len() <= MOST_BYTES) else {
        return Ok(None);
    };
    if request.has_authorization() {
        let text = "a cookie and Authorization are both there; send one";
        return Err(Error::InvalidRequest(text.to_owned()));
    }
    let shown = read(&key(app)?, value);
    Ok(shown.map(|shown| SignedIn {
        user: UserId::stored(shown.user_id),
        caller: Caller::Bearer(shown.claims(app)),
    }))
}

fn key(app: &App) -> Result<HashKey> {
    app.keyed("sign-in cookies")
}

/// What a cookie says.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    user_id: i64,
    token_version: i64,
    session: SessionRef,
    auth_time: u64,
    admin: bool,
    amr: Amr,
}

fn write(key: &HashKey, shown: &Shown) -> String {
    let auth_time = i64::try_from(shown.auth_time).unwrap_or(i64::MAX);
    let numbers = [shown.user_id, shown.token_version, shown.session.id(), auth_time];
    let mut said = numbers.map(i64::to_be_bytes).concat();
    said.extend_from_slice(shown.session.identity());
    said.push(u8::from(shown.admin));
    said.extend_from_slice(shown.amr.to_string().as_bytes());
    URL_SAFE_NO_PAD.encode(key.vouch(&said))
}

fn read(key: &HashKey, value: &str) -> Option<Shown> {
    let bytes = URL_SAFE_NO_PAD.decode(value).map(Zeroizing::new).ok()?;
    let (said, _) = key.vouched(&bytes)?;
    let (head, rest) = said.split_at_checked(HEAD_BYTES)?;
    let (admin, amr) = rest.split_first()?;
    let number = |at: usize| Some(i64::from_be_bytes(*head.get(at * 8..)?.first_chunk()?));
    Some(Shown {
        user_id: number(0)?,
        token_version: number(1)?,
        session: SessionRef::new(number(2)?, *head.last_chunk()?),
        auth_time: u64::try_from(number(3)?).ok()?,
        admin: *admin == 1,
        amr: Amr::stored(str::from_utf8(amr).ok()?),
    })
}

impl Shown {
    fn of(claims: &Claims) -> Self {
        Self {
            user_id: claims.user_id,
            token_version: claims.token_version,
            session: claims.sid,
            auth_time: claims.auth_time,
            admin: claims.admin,
            amr: claims.amr,
        }
    }

    /// The same as the claims of an access token of that session, which none was issued for.
    fn claims(self, app: &App) -> Claims {
        let settings = &app.config().tokens;
        let now = tokens::now();
        Claims {
            user_id: self.user_id,
            exp: now,
            iss: settings.issuer.clone(),
            sub: self.user_id.to_string(),
            aud: Audience::whole(settings),
            client_id: settings.client_id.clone(),
            iat: now,
            auth_time: self.auth_time,
            amr: self.amr,
            acr: self.amr.acr(),
            jti: String::new(),
            sid: self.session,
            admin: self.admin,
            token_version: self.token_version,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::keyed::Root;

    #[test]
    fn a_cookie_is_read_with_every_byte_as_it_was_and_in_no_other_way() {
        let shown = Shown {
            user_id: 5,
            token_version: 3,
            session: SessionRef::new(7, [9; 16]),
            auth_time: 1_000,
            admin: true,
            amr: Amr::PASSWORD.and(Amr::CODE),
        };
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
