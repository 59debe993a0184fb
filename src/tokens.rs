//! Access tokens: JWTs (RFC 7519) that say who somebody is, signed so that others can check it.
//!
//! A token's claims are information. What its bearer may do, our own API asks the user's row.

mod provider;
pub(crate) mod refresh;
mod verified;

use crate::error::{Error, Result};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use verified::Verified;

/// The claims of an access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user's id.
    pub user_id: i64,
    /// When the token ends, in seconds since 1970-01-01 UTC (RFC 7519, 4.1.4).
    pub exp: u64,
    /// Who issued it: `tokens.issuer`.
    pub iss: String,
    /// The user's id again, as the text that RFC 7519, 4.1.2 asks for.
    pub sub: String,
    /// When it was issued, in seconds since 1970-01-01 UTC.
    pub iat: u64,
    /// A random name of this one token.
    pub jti: String,
    /// The session that it belongs to, as text (as OpenID Connect has it). An ended session's
    /// tokens are refused.
    #[serde(with = "number_as_text")]
    pub sid: i64,
    /// Whether the user was an admin when it was issued. For others; our API asks the row.
    pub admin: bool,
    /// The user's token version when it was issued. A password change raises that of the row,
    /// and tokens of earlier versions are refused.
    pub token_version: i64,
}

/// Whom a token is issued to, read together with the password hash that was verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    pub(crate) user_id: i64,
    pub(crate) admin: bool,
    pub(crate) token_version: i64,
}

mod number_as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(number: &i64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// An access token, and how long it is valid.
pub(crate) struct Issued {
    pub(crate) access_token: String,
    pub(crate) lifetime: Duration,
}

/// The key that signs, and what is needed to check what it signed.
pub(crate) struct Keys {
    issuer: String,
    lifetime: Duration,
    kid: String,
    algorithm: Algorithm,
    encoding: EncodingKey,
    decoding: DecodingKey,
    verified: Verified,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys(kid={}, …)", self.kid)
    }
}

impl Keys {
    /// Signs with Ed25519 (`alg` `EdDSA`, RFC 8037).
    pub(crate) fn ed25519(private_key: &[u8; 32], issuer: &str, lifetime: Duration) -> Self {
        let public = SigningKey::from_bytes(private_key).verifying_key();
        Self {
            issuer: issuer.to_owned(),
            lifetime,
            kid: kid(private_key),
            algorithm: Algorithm::EdDSA,
            encoding: EncodingKey::from_ed_der(private_key),
            decoding: DecodingKey::from_ed_der(public.as_bytes()),
            verified: Verified::new(0),
        }
    }

    /// Signs with HMAC-SHA256 and a shared secret.
    pub(crate) fn hs256(secret: &Secret, issuer: &str, lifetime: Duration) -> Self {
        let bytes = secret.expose().as_bytes();
        Self {
            issuer: issuer.to_owned(),
            lifetime,
            kid: "hs256".to_owned(),
            algorithm: Algorithm::HS256,
            encoding: EncodingKey::from_secret(bytes),
            decoding: DecodingKey::from_secret(bytes),
            verified: Verified::new(0),
        }
    }

    /// Remembers up to this many tokens as verified.
    pub(crate) fn remembering(self, tokens: usize) -> Self {
        Self { verified: Verified::new(tokens), ..self }
    }

    /// Issues an access token of a session, which has so much time left.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be signed, which would be a fault of ours.
    pub(crate) fn issue(&self, subject: Subject, sid: i64, left: Duration) -> Result<Issued> {
        let lifetime = self.lifetime.min(left);
        let now = now();
        let jti: [u8; 16] = rand::random();
        let claims = Claims {
            user_id: subject.user_id,
            exp: now + lifetime.as_secs(),
            iss: self.issuer.clone(),
            sub: subject.user_id.to_string(),
            iat: now,
            jti: URL_SAFE_NO_PAD.encode(jti),
            sid,
            admin: subject.admin,
            token_version: subject.token_version,
        };
        Ok(Issued { access_token: self.sign(&claims)?, lifetime })
    }

    fn sign(&self, claims: &Claims) -> Result<String> {
        provider::install();
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.encoding)
            .map_err(|e| Error::Internal(format!("cannot sign a token: {e}")))
    }

    /// Checks signature, key, algorithm, issuer and end of a token, without any leeway.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], whatever is wrong with it.
    pub(crate) fn verify(&self, token: &str) -> Result<Claims> {
        let claims = self.verified.get(token, || self.check(token))?;
        // RFC 7519, 4.1.4: not "on or after" its end. The library lets the second itself pass.
        if claims.exp <= now() { Err(Error::TokenInvalid) } else { Ok(claims) }
    }

    fn check(&self, token: &str) -> Result<Claims> {
        provider::install();
        let header = jsonwebtoken::decode_header(token).map_err(|_| Error::TokenInvalid)?;
        if header.kid.as_deref() != Some(&self.kid) {
            return Err(Error::TokenInvalid);
        }
        let mut validation = Validation::new(self.algorithm);
        validation.leeway = 0;
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation)
            .map(|token| token.claims)
            .map_err(|_| Error::TokenInvalid)
    }
}

/// The name of an Ed25519 key: of its public half, so that it tells nothing of the other.
pub(crate) fn kid(private_key: &[u8; 32]) -> String {
    let public = SigningKey::from_bytes(private_key).verifying_key();
    URL_SAFE_NO_PAD.encode(&Sha256::digest(public.as_bytes())[..12])
}

/// Seconds since 1970-01-01 UTC; 0 before.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: Subject = Subject { user_id: 1, admin: false, token_version: 1 };

    fn keys(byte: u8) -> Keys {
        Keys::ed25519(&[byte; 32], "gatepost", Duration::from_secs(60))
    }

    fn hs256(secret: &str) -> Keys {
        Keys::hs256(&Secret::from(secret), "gatepost", Duration::from_secs(60))
    }

    fn issue(keys: &Keys) -> String {
        keys.issue(ALICE, 5, Duration::from_secs(3_600)).unwrap().access_token
    }

    fn claims() -> Claims {
        keys(1).verify(&issue(&keys(1))).unwrap()
    }

    /// A token of these keys with any header and claims.
    fn forge(keys: &Keys, header: &serde_json::Value, claims: &serde_json::Value) -> String {
        provider::install();
        let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &keys.encoding, keys.algorithm).unwrap();
        format!("{message}.{signature}")
    }

    #[test]
    fn a_token_says_what_was_issued() {
        for keys in [keys(1), hs256("0123456789abcdef0123456789abcdef")] {
            let claims = keys.verify(&issue(&keys)).unwrap();
            assert_eq!((claims.user_id, claims.sub.as_str()), (1, "1"));
            assert_eq!((claims.exp - claims.iat, claims.iss.as_str()), (60, "gatepost"));
            assert_eq!(serde_json::to_value(&claims).unwrap()["sid"], "5");
        }
    }

    #[test]
    fn a_token_does_not_outlive_its_session() {
        let issued = keys(1).issue(ALICE, 5, Duration::from_millis(7_900)).unwrap();
        let claims = keys(1).verify(&issued.access_token).unwrap();
        assert_eq!((claims.exp - claims.iat, issued.lifetime.as_secs()), (7, 7));
    }

    #[test]
    fn a_token_of_another_key_secret_or_issuer_is_refused() {
        assert!(keys(1).verify(&issue(&keys(2))).is_err());
        let ours = hs256("0123456789abcdef0123456789abcdef");
        let theirs = hs256("0123456789abcdef0123456789abcdeF");
        assert!(ours.verify(&issue(&theirs)).is_err());
        let mut other = keys(1);
        other.issuer = "somebody".to_owned();
        assert!(keys(1).verify(&issue(&other)).is_err());
    }

    #[test]
    fn a_token_is_over_in_the_second_of_its_end() {
        let at = |exp: u64| {
            let claims = Claims { exp, ..claims() };
            keys(1).verify(&keys(1).sign(&claims).unwrap())
        };
        assert!(at(now()).is_err());
        assert!(at(now() - 30).is_err());
        assert!(at(now() + 30).is_ok());
    }

    #[test]
    fn a_token_that_was_verified_before_still_ends() {
        let keys = keys(1).remembering(1);
        let token = issue(&keys);
        assert!(keys.verify(&token).is_ok());
        let over = Claims { exp: now(), ..claims() };
        assert!(keys.verified.get("over", || Ok(over)).is_ok());
        assert!(keys.verify("over").is_err());
    }

    #[test]
    fn a_missing_or_misshapen_claim_is_refused() {
        let good = serde_json::to_value(claims()).unwrap();
        let header = serde_json::json!({"alg": "EdDSA", "kid": keys(1).kid});
        assert!(keys(1).verify(&forge(&keys(1), &header, &good)).is_ok());
        for (claim, value) in [
            ("iss", serde_json::Value::Null),
            ("iss", serde_json::json!(["gatepost"])),
            ("exp", serde_json::Value::Null),
            ("exp", serde_json::json!("9999999999")),
            ("user_id", serde_json::json!("1")),
            ("token_version", serde_json::Value::Null),
            ("sid", serde_json::json!(5)),
            ("sid", serde_json::json!("five")),
        ] {
            let mut bad = good.clone();
            bad[claim] = value.clone();
            assert!(keys(1).verify(&forge(&keys(1), &header, &bad)).is_err(), "{claim}: {value}");
            bad.as_object_mut().unwrap().remove(claim);
            assert!(keys(1).verify(&forge(&keys(1), &header, &bad)).is_err(), "no {claim}");
        }
    }

    #[test]
    fn the_algorithm_and_the_key_are_pinned() {
        let good = serde_json::to_value(claims()).unwrap();
        let kid = keys(1).kid;
        // The public key as an HMAC secret: the classic confusion.
        let public = SigningKey::from_bytes(&[1; 32]).verifying_key();
        let confused = Keys {
            encoding: EncodingKey::from_secret(public.as_bytes()),
            algorithm: Algorithm::HS256,
            ..keys(1)
        };
        let header = serde_json::json!({"alg": "HS256", "kid": kid});
        assert!(keys(1).verify(&forge(&confused, &header, &good)).is_err());
        let foreign = serde_json::json!({"alg": "EdDSA", "kid": "another"});
        assert!(keys(1).verify(&forge(&keys(1), &foreign, &good)).is_err());
        let unnamed = serde_json::json!({"alg": "EdDSA"});
        assert!(keys(1).verify(&forge(&keys(1), &unnamed, &good)).is_err());
        for alg in ["none", "None", "NONE", ""] {
            let header = serde_json::json!({"alg": alg, "kid": kid});
            let token = forge(&keys(1), &header, &good);
            let (message, _) = token.rsplit_once('.').unwrap();
            assert!(keys(1).verify(&token).is_err());
            assert!(keys(1).verify(&format!("{message}.")).is_err());
        }
    }

    #[test]
    fn no_part_of_a_token_can_be_changed() {
        let token = issue(&keys(1));
        for position in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(keys(1).verify(&changed).is_err(), "byte {position} of {token}");
        }
        for garbage in ["", ".", "..", "a.b.c", "é.é.é", &token[1..], &format!("{token}.")] {
            assert!(keys(1).verify(garbage).is_err());
        }
    }
}
