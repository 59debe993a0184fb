//! The kinds of proofs, and what links and codes are made of.

use crate::app::App;
use crate::app::keyed::HashKey;
use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// Digits of a code. With five guesses for each of ten requests a day, a stranger who asks in somebody's name every
/// day needs a hundred years for a chance of 2 %.
const DIGITS: usize = 8;

/// Bytes of an identity.
const IDENTITY: usize = 16;

/// What is proved by the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProofKind {
    /// That an address is the user's.
    Verification,
    /// That somebody may set a new password.
    Recovery,
    /// That somebody may set the first password.
    Invitation,
    /// That a change of the address may be taken back.
    Undo,
}

impl ProofKind {
    const ALL: [Self; 4] = [Self::Verification, Self::Recovery, Self::Invitation, Self::Undo];

    /// Its name, in rows and links.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Verification => "verification",
            Self::Recovery => "recovery",
            Self::Invitation => "invitation",
            Self::Undo => "undo",
        }
    }

    pub(super) fn stored(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// How long it is good once its message has left. NIST SP 800-63B-4, 4.2.1.2 lets a recovery code that is sent by
    /// mail live for 24 hours; half an hour is enough to open a mailbox. An invitation waits for somebody who does not
    /// expect it.
    pub(crate) fn good_for(self, app: &App) -> Duration {
        match self {
            Self::Verification | Self::Recovery => Duration::from_secs(30 * 60),
            Self::Invitation => Duration::from_secs(7 * 86_400),
            Self::Undo => app.config().recovery.undo,
        }
    }
}

/// What identifies a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProofIdentity([u8; IDENTITY]);

impl ProofIdentity {
    pub(crate) fn generate() -> Self {
        Self(rand::random())
    }

    /// As the answer to a request says it.
    pub(crate) fn text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// # Errors
    /// [`Error::InvalidProof`].
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(Error::InvalidProof)
    }

    pub(crate) fn stored(bytes: &[u8]) -> Self {
        let mut identity = [0; IDENTITY];
        let length = bytes.len().min(IDENTITY);
        identity[..length].copy_from_slice(&bytes[..length]);
        Self(identity)
    }
}

/// What makes links and codes.
pub(crate) struct ProofKey(HashKey);

impl ProofKey {
    /// # Errors
    /// Database errors, before the secret is loaded.
    pub(crate) fn of(app: &App) -> Result<Self> {
        app.keyed("proofs").map(Self)
    }

    /// What stands in the link.
    pub(crate) fn token(&self, kind: ProofKind, identity: ProofIdentity) -> String {
        let code = self.0.hash(&[b"token", kind.name().as_bytes(), &identity.0]);
        URL_SAFE_NO_PAD.encode([&identity.0[..], &code].concat())
    }

    /// What can be typed instead.
    pub(crate) fn code(&self, identity: ProofIdentity) -> String {
        let hash = self.0.hash(&[b"code", &identity.0]);
        let number = u64::from_be_bytes(*hash.first_chunk().unwrap_or(&[0; 8]));
        format!("{:0DIGITS$}", number % 10_u64.pow(DIGITS as u32))
    }

    /// The identity in a token, if it is one of this kind.
    pub(super) fn identity(&self, kind: ProofKind, token: &str) -> Option<ProofIdentity> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (identity, code) = bytes.split_first_chunk()?;
        let right = self.0.hash(&[b"token", kind.name().as_bytes(), identity]);
        bool::from(right[..].ct_eq(code)).then_some(ProofIdentity(*identity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::keyed::Root;

    #[test]
    fn a_token_is_good_for_its_kind_and_with_every_byte_as_it_was() {
        let key = ProofKey(Root::of(b"secret").key("proofs"));
        let identity = ProofIdentity([7; IDENTITY]);
        let token = key.token(ProofKind::Recovery, identity);
        assert_eq!(key.identity(ProofKind::Recovery, &token), Some(identity));
        for kind in [ProofKind::Verification, ProofKind::Invitation, ProofKind::Undo] {
            assert_eq!(key.identity(kind, &token), None);
        }
        for position in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(key.identity(ProofKind::Recovery, &changed), None, "byte {position}");
        }
        for garbage in ["", "A", "é", &token[1..], &format!("{token}A"), &"A".repeat(10_000)] {
            assert_eq!(key.identity(ProofKind::Recovery, garbage), None, "{garbage}");
        }
        let other = ProofKey(Root::of(b"another").key("proofs"));
        assert_eq!(other.identity(ProofKind::Recovery, &token), None);
    }

    #[test]
    fn a_code_has_eight_digits_and_depends_on_the_key() {
        let key = |secret: &[u8]| ProofKey(Root::of(secret).key("proofs"));
        let codes: std::collections::BTreeSet<String> =
            (0..200).map(|n| key(b"secret").code(ProofIdentity([n; IDENTITY]))).collect();
        assert_eq!(codes.len(), 200);
        assert!(
            codes.iter().all(|code| code.len() == 8 && code.bytes().all(|b| b.is_ascii_digit()))
        );
        let identity = ProofIdentity([7; IDENTITY]);
        assert_ne!(key(b"secret").code(identity), key(b"another").code(identity));
    }
}
