//! What a cookie says of whoever is signed in.

use crate::access::Caller;
use crate::app::App;
use crate::domain::UserId;
use crate::error::{Error, Result};
use crate::tokens::{self, Amr, Audience, Claims, SessionRef};

/// Before the ways of signing in: user, token version, session, time of the sign-in, identity, and whether
/// it is an admin.
const HEAD_BYTES: usize = 4 * 8 + 16;

/// What a cookie says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) user_id: i64,
    pub(super) token_version: i64,
    pub(super) session: SessionRef,
    pub(super) auth_time: u64,
    pub(super) admin: bool,
    pub(super) amr: Amr,
}

/// As whom a browser is signed in.
pub(crate) struct SignedIn {
    pub(crate) user: UserId,
    pub(crate) caller: Caller,
}

impl SignedIn {
    /// What the cookie says.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], which cannot be.
    pub(crate) fn claims(&self) -> Result<&Claims> {
        match &self.caller {
            Caller::Bearer(claims) => Ok(claims),
            _ => Err(Error::TokenInvalid),
        }
    }
}

impl Shown {
    pub(super) fn of(claims: &Claims) -> Self {
        Self {
            user_id: claims.user_id,
            token_version: claims.token_version,
            session: claims.sid,
            auth_time: claims.auth_time,
            admin: claims.admin,
            amr: claims.amr,
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let auth_time = i64::try_from(self.auth_time).unwrap_or(i64::MAX);
        let numbers = [self.user_id, self.token_version, self.session.id(), auth_time];
        let mut bytes = numbers.map(i64::to_be_bytes).concat();
        bytes.extend_from_slice(self.session.identity());
        bytes.push(u8::from(self.admin));
        bytes.extend_from_slice(self.amr.to_string().as_bytes());
        bytes
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
        let (admin, amr) = rest.split_first()?;
        let number = |at: usize| Some(i64::from_be_bytes(*head.get(at * 8..)?.first_chunk()?));
        Some(Self {
            user_id: number(0)?,
            token_version: number(1)?,
            session: SessionRef::new(number(2)?, *head.last_chunk()?),
            auth_time: u64::try_from(number(3)?).ok()?,
            admin: *admin == 1,
            amr: Amr::stored(str::from_utf8(amr).ok()?),
        })
    }

    /// The operation finds out whether the session is live.
    pub(super) fn signed_in(self, app: &App) -> SignedIn {
        let user = UserId::stored(self.user_id);
        SignedIn { user, caller: Caller::Bearer(self.claims(app)) }
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
impl Shown {
    /// What the tests of cookies and codes write and read.
    pub(super) fn example() -> Self {
        Self {
            user_id: 5,
            token_version: 3,
            session: SessionRef::new(7, [9; 16]),
            auth_time: 1_000,
            admin: true,
            amr: Amr::PASSWORD.and(Amr::CODE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_written() {
        let shown = Shown::example();
        let bytes = shown.bytes();
        assert_eq!(Shown::read(&bytes), Some(shown));
        assert_eq!(Shown::read(&bytes[..HEAD_BYTES]), None);
        assert_eq!(Shown::read(b""), None);
    }
}
