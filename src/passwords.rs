//! Passwords: which are accepted, how they are stored, how they are checked.
//!
//! PBKDF2-HMAC-SHA256 (RFC 8018) with 16 random bytes of salt and a 32-byte hash, under a pepper if
//! there is one, stored as a PHC string. Hashes that other services made are verified too, until
//! the first login. A `Hasher` has threads of its own that compute; its callers wait. A `Policy`
//! judges new passwords.

pub(crate) mod breached;
pub(crate) mod common;
pub(crate) mod cost;
mod foreign;
mod form;
mod hashing_threads;
pub(crate) mod kernel;
mod not_a_hash;
mod password;
mod patterns;
mod pepper;
mod phc;
mod policy;
mod stored;

use crate::activity::{self, Activity};
use crate::config;
use crate::error::{Error, Result};
pub use breached::{BuildProgress, Built, build_breach_list};
use foreign::{Digest, Foreign};
use form::Form;
use hashing_threads::{Bounds, HashingThreads};
use kernel::{HASH_BYTES, Kernel};
pub use password::Password;
use pepper::Peppers;
use phc::{Own, SALT_BYTES};
pub(crate) use policy::Policy;
use std::sync::Arc;
pub(crate) use stored::PasswordHash;
use subtle::ConstantTimeEq;

/// Hashes that should be asked for at a time, for each hashing thread, so that it has always enough
/// to compute: as many as it computes at once, and an eighth more that are on their way; and not fewer
/// than six, so that a thread that has finished three finds three more.
pub(crate) fn callers_of_a_thread() -> usize {
    let lanes = Kernel::detect().lanes();
    (lanes + lanes / 8).max(6)
}

/// Whether a password was the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was, and its stored hash is as strong as configured.
    Right,
    /// It was, but its stored hash should be made anew: it has fewer iterations than configured or
    /// more than allowed, is not under the current pepper, or was made elsewhere.
    RightButWeak,
    /// It was not.
    Wrong,
}

/// Hashes and verifies at the configured strength.
pub(crate) struct Hasher {
    threads: HashingThreads,
    iterations: u32,
    peppers: Peppers,
    /// Stands in for the hash of an unknown login.
    nobody: PasswordHash,
}

impl Hasher {
    /// A hasher of the configured strength, pepper and memory, with this many threads, for this
    /// many callers at a time. The threads give way to `activity`.
    ///
    /// # Errors
    /// [`Error::Startup`] when a thread cannot be started.
    pub(crate) fn new(
        settings: &config::Passwords,
        threads: usize,
        callers: usize,
        activity: Arc<Activity>,
    ) -> Result<Self> {
        let iterations = settings.iterations;
        let peppers = Peppers::new(settings.pepper.as_ref(), &settings.previous_peppers)?;
        let pepper = peppers.current();
        let nobody = Own { iterations, pepper, salt: rand::random(), hash: rand::random() }.into();
        let bounds = Bounds {
            threads,
            budget: settings.tuning.foreign_memory_bytes,
            usual: iterations,
            // The other half of the callers is for cheaper hashes.
            most_costly: (callers / 2).max(1),
        };
        let threads = HashingThreads::start(bounds, activity)?;
        Ok(Self { threads, iterations, peppers, nobody })
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// [`Error::Internal`] when a hashing thread is gone.
    pub(crate) fn hash(&self, password: &Password) -> Result<PasswordHash> {
        may_wait_here()?;
        let salt: [u8; SALT_BYTES] = rand::random();
        let (iterations, pepper) = (self.iterations, self.peppers.current());
        let hash = self.peppers.apply(pepper, self.derive(password.bytes(), salt, iterations)?)?;
        Ok(Own { iterations, pepper, salt, hash }.into())
    }

    /// Checks a password against a stored hash; `None` stands for an unknown login. A wrong
    /// password takes the same work in both cases. If the stored hash is an older and cheaper one
    /// of ours, the difference is made up. A foreign hash takes its own time. A hash in our format
    /// that may be foreign is also tried with the password as it was typed, where that differs. It
    /// takes more work than an unknown login only where both trials together do.
    ///
    /// # Errors
    /// [`Error::Internal`] when a hashing thread is gone, when the configuration lacks the hash's
    /// pepper, or allows less memory than it needs; [`Error::Overloaded`] when too many hashes of a
    /// high cost wait.
    pub(crate) fn verify(
        &self,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<Verdict> {
        may_wait_here()?;
        let (against, alike) = match &stored.unwrap_or(&self.nobody).form {
            Form::Foreign(foreign) => return self.verify_foreign(password, foreign),
            Form::Own(own) => (own, false),
            Form::Alike(own) => (own, true),
        };
        self.peppers.check(against.pepper).map_err(Error::Internal)?;
        let Own { salt, iterations, .. } = *against;
        let equals = |typed: &[u8]| -> Result<bool> {
            let computed = self.derive(typed, salt, iterations)?;
            let computed = self.peppers.apply(against.pepper, computed)?;
            Ok(computed.ct_eq(&against.hash).into())
        };
        let mut equal = equals(password.bytes())? && stored.is_some();
        let mut spent = iterations;
        if let Some(received) = password.received.as_ref().filter(|_| alike && !equal) {
            (equal, spent) = (equals(received.as_bytes())?, spent.saturating_add(iterations));
        }
        let current = !alike
            && against.pepper == self.peppers.current()
            && !stored.is_some_and(PasswordHash::is_too_costly);
        Ok(match (equal, self.iterations.saturating_sub(spent)) {
            (true, 0) if current => Verdict::Right,
            (true, _) => Verdict::RightButWeak,
            (false, 0) => Verdict::Wrong,
            (false, missing) => {
                std::hint::black_box(self.derive(password.bytes(), salt, missing)?);
                Verdict::Wrong
            }
        })
    }

    fn verify_foreign(&self, password: &Password, foreign: &Foreign) -> Result<Verdict> {
        let right = match foreign {
            // The kernel computes these anyway, and faster than the crate.
            Foreign::Pbkdf2 { digest: Digest::Sha256, iterations, salt, hash } => {
                let computed = self.threads.derive(password.received(), salt, *iterations)?;
                computed.ct_eq(hash).into()
            }
            other => self.threads.verify(password.received(), other)?,
        };
        Ok(if right { Verdict::RightButWeak } else { Verdict::Wrong })
    }

    /// Stands in for the hash of an unknown login.
    pub(crate) fn nobody(&self) -> &PasswordHash {
        &self.nobody
    }

    /// Whether this configuration could verify a stored hash, or what is missing.
    pub(crate) fn check(&self, stored: &PasswordHash) -> std::result::Result<(), String> {
        match &stored.form {
            Form::Own(own) | Form::Alike(own) => self.peppers.check(own.pepper),
            Form::Foreign(foreign) => self.threads.check_budget(foreign),
        }
    }

    fn derive(
        &self,
        password: &[u8],
        salt: [u8; SALT_BYTES],
        iterations: u32,
    ) -> Result<[u8; HASH_BYTES]> {
        #[cfg(test)]
        tests::DERIVED.set(tests::DERIVED.get() + iterations);
        self.threads.derive(password, &salt, iterations)
    }
}

/// A thread that answers quick requests must never wait for a hash. A route in the wrong lane is a
/// fault that shows at its first request, not in the first flood.
pub(crate) fn may_wait_here() -> Result<()> {
    if activity::is_answering_here() {
        return Err(Error::Internal("an ordinary worker was asked for a hash".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
