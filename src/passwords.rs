//! Passwords: what may be one, how it is stored, how it is checked.
//!
//! PBKDF2-HMAC-SHA256 (RFC 8018) with 16 random bytes of salt and a 32-byte hash, stored as a PHC
//! string. A [`Hasher`] has threads of its own that compute; whoever asks for a hash waits.

pub(crate) mod kernel;
mod lane;
mod phc;

use crate::activity::Activity;
use crate::error::{Error, Result};
use kernel::HASH_BYTES;
use lane::Lane;
pub(crate) use phc::PasswordHash;
use phc::SALT_BYTES;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Most bytes of a password after normalisation: enough for any passphrase, and a bound on what
/// one login can make us compute.
const MAX_BYTES: usize = 1024;

/// A password as somebody typed it, normalised once (NFKC, as NIST SP 800-63B-4 section 3.1.1.2
/// asks), so that it is the same from every keyboard. It cannot be printed, and its memory is
/// overwritten when it goes.
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password in. It is never cut, trimmed or otherwise changed but by NFKC.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when it is empty, holds a NUL, or has over 1,024 bytes (UTF-8,
    /// after normalisation).
    pub fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::parameter("password", "must not be empty"));
        }
        if text.contains('\0') {
            return Err(Error::parameter("password", "must not contain a NUL character"));
        }
        // One allocation that normalisation cannot outgrow: no copies stay behind half-made.
        let mut normalised = Zeroizing::new(String::with_capacity(MAX_BYTES + 4));
        for c in text.nfkc() {
            normalised.push(c);
            if normalised.len() > MAX_BYTES {
                return Err(Error::parameter("password", "must have at most 1024 bytes"));
            }
        }
        Ok(Self(normalised))
    }

    /// Whether this may be somebody's new password.
    ///
    /// # Errors
    /// [`Error::WeakPassword`] when it has fewer than `min_length` characters (Unicode scalar
    /// values after normalisation).
    pub(crate) fn check_strength(&self, min_length: usize) -> Result<()> {
        if self.0.chars().count() < min_length {
            let text = format!("password: must have at least {min_length} characters");
            return Err(Error::WeakPassword(text));
        }
        Ok(())
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Whether a password was the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was, and its stored hash is as strong as the configuration asks.
    Right,
    /// It was; its stored hash has fewer iterations than configured and should be made anew.
    RightButWeak,
    /// It was not.
    Wrong,
}

/// Hashes and verifies at the configured strength.
pub(crate) struct Hasher {
    lane: Lane,
    iterations: u32,
    /// Stands in for the hash of a login that nobody has.
    nobody: PasswordHash,
}

impl Hasher {
    /// A hasher with this many PBKDF2 iterations and threads, which give way to `activity`.
    ///
    /// # Errors
    /// [`Error::Startup`] when a thread cannot be started.
    pub(crate) fn new(iterations: u32, threads: usize, activity: Arc<Activity>) -> Result<Self> {
        let nobody = PasswordHash { iterations, salt: rand::random(), hash: rand::random() };
        Ok(Self { lane: Lane::start(threads, activity)?, iterations, nobody })
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// [`Error::Internal`] when a hashing thread is gone.
    pub(crate) fn hash(&self, password: &Password) -> Result<PasswordHash> {
        let salt: [u8; SALT_BYTES] = rand::random();
        let hash = self.derive(password, salt, self.iterations)?;
        Ok(PasswordHash { iterations: self.iterations, salt, hash })
    }

    /// Checks a password against a stored hash; `None` is for a login that nobody has. A wrong
    /// password takes the same work in both cases, also where the stored hash is an older and
    /// cheaper one: the difference is made up.
    ///
    /// # Errors
    /// [`Error::Internal`] when a hashing thread is gone.
    pub(crate) fn verify(
        &self,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<Verdict> {
        let against = stored.unwrap_or(&self.nobody);
        let computed = self.derive(password, against.salt, against.iterations)?;
        let equal = bool::from(computed.ct_eq(&against.hash)) && stored.is_some();
        let missing = self.iterations.saturating_sub(against.iterations);
        Ok(match (equal, missing) {
            (true, 0) => Verdict::Right,
            (true, _) => Verdict::RightButWeak,
            (false, 0) => Verdict::Wrong,
            (false, _) => {
                std::hint::black_box(self.derive(password, against.salt, missing)?);
                Verdict::Wrong
            }
        })
    }

    fn derive(
        &self,
        password: &Password,
        salt: [u8; SALT_BYTES],
        iterations: u32,
    ) -> Result<[u8; HASH_BYTES]> {
        #[cfg(test)]
        tests::DERIVED.set(tests::DERIVED.get() + iterations);
        self.lane.derive(password.bytes(), salt, iterations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        /// Iterations computed on this thread.
        pub(super) static DERIVED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
    }

    fn with(iterations: u32) -> Hasher {
        Hasher::new(iterations, 1, Arc::default()).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    #[test]
    fn a_wrong_password_costs_the_same_whoever_it_is_for() {
        let hasher = with(50);
        let [older, current] =
            [10, 50].map(|iterations| with(iterations).hash(&password("correct horse")).unwrap());
        for stored in [None, Some(&older), Some(&current)] {
            DERIVED.set(0);
            assert_eq!(hasher.verify(&password("wrong horse"), stored), Ok(Verdict::Wrong));
            assert_eq!(DERIVED.get(), 50, "{stored:?}");
        }
    }

    #[test]
    fn a_password_verifies_against_its_own_hash_and_no_other_does() {
        let hasher = with(10);
        let stored = hasher.hash(&password("correct horse")).unwrap();
        assert_eq!(hasher.verify(&password("correct horse"), Some(&stored)), Ok(Verdict::Right));
        assert_eq!(hasher.verify(&password("correct horsf"), Some(&stored)), Ok(Verdict::Wrong));
        assert_eq!(hasher.verify(&password("correct horse"), None), Ok(Verdict::Wrong));
        assert_ne!(hasher.hash(&password("correct horse")).unwrap().salt, stored.salt);
    }

    #[test]
    fn a_hash_with_fewer_iterations_than_configured_is_right_but_weak() {
        let stored = with(10).hash(&password("correct horse")).unwrap();
        let verify = |n: u32| with(n).verify(&password("correct horse"), Some(&stored));
        assert_eq!(verify(11), Ok(Verdict::RightButWeak));
        assert_eq!(verify(9), Ok(Verdict::Right));
    }

    #[test]
    fn the_same_password_from_another_keyboard_is_the_same() {
        let hasher = with(10);
        let stored = hasher.hash(&password("Å①ﬁ")).unwrap();
        let decomposed = password("A\u{30a}1fi");
        assert_eq!(hasher.verify(&decomposed, Some(&stored)), Ok(Verdict::Right));
    }

    #[test]
    fn a_password_has_1_to_1024_bytes_after_normalisation() {
        assert!(Password::parse("").is_err());
        assert!(Password::parse(&"x".repeat(1024)).is_ok());
        assert!(Password::parse(&"x".repeat(1025)).is_err());
        assert!(Password::parse("nul\0nul").is_err());
        // One character of three bytes that NFKC makes eighteen of.
        assert!(Password::parse(&"\u{fdfa}".repeat(31)).is_ok());
        assert!(Password::parse(&"\u{fdfa}".repeat(32)).is_err());
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(password("ÄÖÜäöüß").check_strength(8).is_err());
        assert!(password("ÄÖÜäöüßẞ").check_strength(8).is_ok());
    }

    #[test]
    fn a_password_does_not_print_itself() {
        assert_eq!(format!("{:?}", password("hunter2hunter2")), "Password(…)");
    }
}
