//! Access tokens: JWTs (RFC 7519) that say who a user is, signed so that others can check it.
//!
//! A token's claims are information. Our own API asks the user's row what the bearer may do.

mod amr;
mod audience;
mod claims;
pub(crate) mod encryption;
mod extra;
#[cfg(feature = "pages")]
mod gate;
pub(crate) mod key;
mod provider;
pub(crate) mod refresh;
mod rsa;
mod session_ref;
mod status;
mod verified;

use crate::config;
use crate::error::{Error, Result};
pub use amr::Amr;
pub(crate) use amr::{MFA, SFA};
pub use audience::Audience;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
pub(crate) use claims::AccessClaims;
pub use claims::{Claims, ClientClaims};
use claims::{Payload, WithExtra, key_named_in};
pub(crate) use extra::AboutUser;
pub use extra::ExtraClaims;
#[cfg(feature = "pages")]
pub(crate) use gate::GateClaims;
use jsonwebtoken::{Algorithm, Header, Validation};
use key::{Jwk, Key, SigningHalf};
use serde::Serialize;
pub(crate) use session_ref::IDENTITY_BYTES;
pub use session_ref::{NotASession, SessionRef};
use status::Status;
pub(crate) use status::{SESSIONS as STATUS_SESSIONS, StatusBits, uri as status_uri};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use verified::VerifiedTokens;

/// Whom a token is issued to, as the user's row says while it is locked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    pub(crate) user_id: i64,
    pub(crate) admin: bool,
    pub(crate) token_version: i64,
}

/// How and when a user has proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Authentication {
    pub(crate) amr: Amr,
    /// Seconds since 1970-01-01 UTC.
    pub(crate) at: u64,
}

impl Authentication {
    /// As a session's row says, in seconds since 1970-01-01 UTC.
    pub(crate) fn stored(amr: Amr, at: i64) -> Self {
        Self { amr, at: u64::try_from(at).unwrap_or(0) }
    }
}

/// What an access token is issued for.
#[derive(Clone, Copy)]
pub(crate) struct Grant<'a> {
    pub(crate) subject: Subject,
    pub(crate) session: SessionRef,
    pub(crate) authentication: Authentication,
    /// How long the session lasts unless it is used.
    pub(crate) left: Duration,
    pub(crate) audience: &'a Audience,
    /// The claims of `tokens.claims`.
    pub(crate) extra: &'a ExtraClaims,
}

/// The media type of access tokens (RFC 9068, 2.1), without `application/`.
pub(crate) const ACCESS_TOKEN: &str = "at+jwt";

/// An access token, and how long it is valid.
pub(crate) struct Issued {
    pub(crate) access_token: String,
    pub(crate) lifetime: Duration,
}

/// A key and when its turn comes.
#[derive(Clone, Debug)]
pub(crate) struct Scheduled {
    pub(crate) key: Key,
    /// When it begins to sign: milliseconds since 1970-01-01 UTC by the database's clock.
    pub(crate) signs_from: i64,
}

/// The time by the database's clock, which all instances share: what the clock said once, and how
/// long ago that was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) said: i64,
    pub(crate) at: Instant,
}

impl Clock {
    pub(crate) fn now(&self) -> i64 {
        let since = i64::try_from(self.at.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.said.saturating_add(since)
    }
}

/// The keys of one moment: those that verify, and which of them signs when. They never change;
/// other keys are another `Keys`, which does not remember tokens that these have verified.
pub(crate) struct Keys {
    issuer: String,
    client_id: String,
    lifetime: Duration,
    /// Whether tokens name their place in the Token Status List.
    status_list: bool,
    /// The configured algorithm.
    own: Algorithm,
    keys: Vec<Scheduled>,
    clock: Clock,
    verified: VerifiedTokens,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.keys).finish()
    }
}

impl Keys {
    /// These keys, with room to remember the tokens that they have verified.
    pub(crate) fn new(settings: &config::Tokens, keys: Vec<Scheduled>, clock: Clock) -> Self {
        Self {
            issuer: settings.issuer.clone(),
            client_id: settings.client_id.clone(),
            lifetime: settings.access_ttl,
            status_list: settings.status_list,
            own: match settings.algorithm {
                config::Algorithm::EdDsa => Algorithm::EdDSA,
                config::Algorithm::Es256 => Algorithm::ES256,
                config::Algorithm::Rs256 | config::Algorithm::Rs256Bits3072 => Algorithm::RS256,
                config::Algorithm::Hs256 => Algorithm::HS256,
            },
            keys,
            clock,
            verified: VerifiedTokens::new(settings.tuning.verified_tokens),
        }
    }

    /// Whether these are the same keys with the same turns, and their clock is right: it stands
    /// still while a machine sleeps.
    pub(crate) fn are(&self, others: &[Scheduled], clock: Clock) -> bool {
        if self.clock.now().abs_diff(clock.now()) > 1_000 {
            return false;
        }
        let outline = |it: &Scheduled| (it.key.kid.clone(), it.signs_from, it.key.signs.is_some());
        self.keys.iter().map(outline).eq(others.iter().map(outline))
    }

    /// The key that signs now: the latest of the configured algorithm whose turn has come or, while
    /// the first of that is only published, the latest of another.
    ///
    /// # Errors
    /// [`Error::Internal`] when there is none, which would be a bug.
    pub(crate) fn signer(&self) -> Result<&Key> {
        let now = self.clock.now();
        let able = || self.keys.iter().filter(|it| it.key.signs.is_some());
        let due = || able().filter(|it| it.signs_from <= now);
        let is_own = |it: &&Scheduled| it.key.algorithm == self.own;
        let latest = due().filter(is_own).max_by_key(|it| it.signs_from);
        let other = || due().max_by_key(|it| it.signs_from);
        // The oldest, since they are sorted. A later one is published first.
        let first = || able().find(is_own).or_else(|| able().next());
        let key = latest.or_else(other).or_else(first).map(|it| &it.key);
        key.ok_or_else(|| Error::Internal("there is no key that can sign".to_owned()))
    }

    /// When the key that signs now began to, in milliseconds since 1970-01-01 UTC, and for how long it
    /// has; `None` for a secret that was always there.
    pub(crate) fn signing_since(&self) -> Option<(i64, Duration)> {
        let kid = self.signer().ok()?.kid();
        let since = self.keys.iter().find(|it| it.key.kid() == kid)?.signs_from;
        let age = u64::try_from(self.clock.now().checked_sub(since)?).ok()?;
        (since >= 0).then(|| (since, Duration::from_millis(age)))
    }

    /// The public keys, for others, including those whose turn is yet to come.
    pub(crate) fn published(&self) -> impl Iterator<Item = Jwk> {
        self.keys.iter().filter_map(|it| it.key.jwk())
    }

    /// Issues an access token.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be signed, which would be a bug.
    pub(crate) fn issue(&self, grant: Grant<'_>) -> Result<Issued> {
        let Grant { subject, session, authentication, left, audience, extra } = grant;
        let lifetime = self.lifetime.min(left);
        let now = now();
        let jti: [u8; 16] = rand::random();
        let claims = Claims {
            user_id: subject.user_id,
            exp: now + lifetime.as_secs(),
            iss: self.issuer.clone(),
            sub: subject.user_id.to_string(),
            aud: audience.clone(),
            client_id: self.client_id.clone(),
            iat: now,
            auth_time: authentication.at,
            amr: authentication.amr,
            acr: authentication.amr.acr(),
            jti: URL_SAFE_NO_PAD.encode(jti),
            sid: session,
            admin: subject.admin,
            token_version: subject.token_version,
        };
        let Subject { token_version, admin, .. } = subject;
        let status =
            self.status_list.then(|| Status::of(&self.issuer, session.id(), token_version, admin));
        let access_token = if extra.is_empty() && status.is_none() {
            self.sign(ACCESS_TOKEN, &claims)?
        } else {
            self.sign(ACCESS_TOKEN, &WithExtra { claims: &claims, extra, status })?
        };
        Ok(Issued { access_token, lifetime })
    }

    /// Issues an access token for an API key of this name: a program's own, which no session stands
    /// behind.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be signed, which would be a bug.
    pub(crate) fn issue_to_client(
        &self,
        name: &str,
        fingerprint: &str,
        scope: String,
        audience: &Audience,
    ) -> Result<Issued> {
        let iat = now();
        let jti: [u8; 16] = rand::random();
        let claims = ClientClaims {
            iss: self.issuer.clone(),
            sub: name.to_owned(),
            aud: audience.clone(),
            client_id: name.to_owned(),
            iat,
            exp: iat + self.lifetime.as_secs(),
            jti: format!("{fingerprint}.{}", URL_SAFE_NO_PAD.encode(jti)),
            scope,
        };
        Ok(Issued { access_token: self.sign(ACCESS_TOKEN, &claims)?, lifetime: self.lifetime })
    }

    /// Issues a token of the gate.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be signed, which would be a bug.
    #[cfg(feature = "pages")]
    pub(crate) fn issue_for_gate(&self, claims: &GateClaims<'_>) -> Result<String> {
        self.sign(gate::TYPE, &claims.issued(now()))
    }

    /// Signs any claims. `typ` (RFC 8725, 3.11) keeps one kind of token from being taken for
    /// another.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be signed, which would be a bug.
    pub(crate) fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String> {
        sign(self.signer()?, typ, claims)
    }

    /// As [`verify`](Self::verify), for a token that is shown to our own API, which must be among
    /// those whom it is for.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], whatever is wrong with it.
    pub(crate) fn verify_for_us(&self, token: &str) -> Result<AccessClaims> {
        let claims = self.verify(token)?;
        if claims.aud().has(&self.issuer) { Ok(claims) } else { Err(Error::TokenInvalid) }
    }

    /// Checks signature, key, algorithm, type, issuer and expiry of a token, without any leeway.
    /// Whom it is for is left to the caller.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], whatever is wrong with it.
    pub(crate) fn verify(&self, token: &str) -> Result<AccessClaims> {
        let claims = self.verified.get(token, || self.check(token))?;
        // RFC 7519, 4.1.4: not "on or after" its expiry. The library lets the second itself pass.
        if claims.exp() <= now() { Err(Error::TokenInvalid) } else { Ok(claims) }
    }

    /// Whether a token names a key that is not among these.
    pub(crate) fn lack_key_of(&self, token: &str) -> bool {
        key_named_in(token).is_some_and(|kid| self.find(&kid).is_none())
    }

    fn find(&self, kid: &str) -> Option<&Key> {
        self.keys.iter().map(|it| &it.key).find(|key| key.kid == kid)
    }

    fn check(&self, token: &str) -> Result<AccessClaims> {
        provider::install();
        let key = key_named_in(token).and_then(|kid| self.find(&kid)).ok_or(Error::TokenInvalid)?;
        if !claims::is_utf8(token) {
            return Err(Error::TokenInvalid);
        }
        // The key says which algorithm it is for. What the token says is compared with that.
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = 0;
        validation.set_issuer(&[&self.issuer]);
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["exp", "iss", "sub", "aud"]);
        let token = jsonwebtoken::decode::<Payload>(token, &key.verifies, &validation)
            .map_err(|_| Error::TokenInvalid)?;
        // RFC 9068, 4: what is signed for another purpose is no access token.
        let is_access_token = token.header.typ.as_deref() == Some(ACCESS_TOKEN);
        let claims = if is_access_token { token.claims.parse() } else { None };
        claims.ok_or(Error::TokenInvalid)
    }
}

fn sign(key: &Key, typ: &str, claims: &impl Serialize) -> Result<String> {
    provider::install();
    let fault =
        |why: &dyn std::fmt::Display| Error::Internal(format!("cannot sign a token: {why}"));
    let signs = key.signs.as_ref().ok_or_else(|| fault(&"this key only verifies"))?;
    let mut header = Header::new(key.algorithm);
    header.typ = Some(typ.to_owned());
    header.kid = Some(key.kid.clone());
    match signs {
        SigningHalf::Of(key) => jsonwebtoken::encode(&header, claims, key).map_err(|e| fault(&e)),
        // Taking such a key out of its bytes costs as much as signing with it, so it is kept, which the
        // library cannot.
        SigningHalf::Rsa(pair) => {
            let part = |value: serde_json::Result<Vec<u8>>| {
                value.map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|e| fault(&e))
            };
            let (header, claims) = (serde_json::to_vec(&header), serde_json::to_vec(claims));
            let message = format!("{}.{}", part(header)?, part(claims)?);
            let signature = rsa::sign(pair, message.as_bytes())?;
            Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
        }
    }
}

/// Seconds since 1970-01-01 UTC; 0 before.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
