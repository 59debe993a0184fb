//! PBKDF2-HMAC-SHA256 (RFC 8018) as fast as the processor can. The time of a login is the time of
//! its hash.
//!
//! SHA-256's rounds wait for each other, so one password leaves a processor's SHA unit idle half
//! of the time. A [`Kernel`] therefore computes three passwords interleaved in one instruction
//! stream, and keeps their states in the instructions' own layout throughout. On one core with
//! SHA instructions (AMD Zen 5), 600,000 iterations were measured to take 23 ms a password with
//! three at once and 41 ms alone; the `pbkdf2` crate took 60 to 83 ms and OpenSSL 115 to 125 ms
//! (`benches/hashing.rs`).
//!
//! Other machines use the crate, and so does any whose kernel fails the check at the start.
//!
//! Limits: the output is one block, 32 bytes. Values derived from a password are overwritten after
//! use, except in registers, in spills of the compiler outside of [`sha_ni`], and in the crate's
//! own states.

#[cfg(target_arch = "x86_64")]
mod chain;
#[cfg(target_arch = "x86_64")]
mod interleaved;
mod job;
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "calls code compiled for instructions not every processor has")]
mod sha_ni;
#[cfg(test)]
mod tests;

use job::SLOTS;
pub(crate) use job::{HASH_BYTES, Job};
use pbkdf2::pbkdf2_hmac;
use sha2::Sha256;
use std::fmt;
use std::sync::OnceLock;

/// Computes jobs, and calls its second argument now and then.
type DeriveFn = dyn Fn(&mut [Job<'_>], &dyn Fn()) + Send + Sync;
type Derive = Box<DeriveFn>;

/// The way this process computes hashes.
pub(crate) struct Kernel {
    /// The interleaved way, where the machine has it and it passed the check.
    fast: Option<Derive>,
    failed_self_check: bool,
}

/// Whether the processor's SHA instructions compute the hashes of this process.
pub(crate) fn uses_sha_instructions() -> bool {
    #[cfg(target_arch = "x86_64")]
    return Kernel::detect().fast.is_some();
    // The crate that computes them here asks the processor for the same.
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("sha2");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

impl Kernel {
    /// The fastest way on this machine that agrees with the `pbkdf2` crate. It is chosen at the
    /// first call, which takes under a millisecond, for the life of the process.
    pub(crate) fn detect() -> &'static Self {
        static KERNEL: OnceLock<Kernel> = OnceLock::new();
        KERNEL.get_or_init(|| Self::checked(fast()))
    }

    fn checked(fast: Option<Derive>) -> Self {
        match fast {
            Some(wrong) if !self_check(&*wrong) => Self { fast: None, failed_self_check: true },
            fast => Self { fast, failed_self_check: false },
        }
    }

    /// A stand-in, for tests of code that uses a kernel.
    #[cfg(test)]
    pub(super) fn of(derive: Derive) -> Self {
        Self { fast: Some(derive), failed_self_check: false }
    }

    /// Computes every job, [`slots`](Self::slots) of them at once, and calls `between` about every
    /// quarter of a millisecond. The crate's loop cannot be interrupted, so with it only between
    /// jobs.
    pub(crate) fn derive(&self, jobs: &mut [Job<'_>], between: &dyn Fn()) {
        match &self.fast {
            Some(derive) => derive(jobs, between),
            None => jobs.iter_mut().for_each(|job| {
                derive_by_crate(job);
                between();
            }),
        }
    }

    /// How many jobs [`derive`](Self::derive) takes at once: 3, or 1 by the crate.
    pub(crate) fn slots(&self) -> usize {
        if self.fast.is_some() { SLOTS } else { 1 }
    }

    /// Whether this machine's fast way disagreed with the crate, and so is not used. That is worth
    /// a warning, because hashes are slower and the processor or the build is faulty.
    pub(crate) fn failed_self_check(&self) -> bool {
        self.failed_self_check
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel")
            .field("slots", &self.slots())
            .field("failed_self_check", &self.failed_self_check)
            .finish()
    }
}

#[cfg(target_arch = "x86_64")]
fn fast() -> Option<Derive> {
    let sha_ni = sha_ni::ShaNi::detect()?;
    Some(Box::new(move |jobs, between| interleaved::derive(sha_ni, jobs, between)))
}

#[cfg(not(target_arch = "x86_64"))]
fn fast() -> Option<Derive> {
    None
}

fn derive_by_crate(job: &mut Job<'_>) {
    pbkdf2_hmac::<Sha256>(job.password, job.salt, job.iterations, job.out);
}

/// Whether this agrees with the `pbkdf2` crate, for as many jobs as there are slots and fewer and
/// more. Each slot meets every kind of password (empty, short, a block, longer) and salts over one
/// block and under, and jobs end at different times.
fn self_check(derive: &DeriveFn) -> bool {
    let bytes: [u8; 100] = std::array::from_fn(|n| n as u8 ^ 0xa5);
    let lengths = [0, 13, 64, 65, 100];
    (1..=SLOTS + 2).all(|count| {
        (0..lengths.len()).all(|shift| {
            let job = |n: usize, out| Job {
                password: &bytes[..lengths[(n + shift) % lengths.len()]],
                salt: &bytes[..lengths[(n + 2 * shift) % lengths.len()]],
                iterations: 1 + ((3 * n + shift) % 7) as u32,
                out,
            };
            let (mut computed, mut expected) = ([[0; HASH_BYTES]; 5], [[0; HASH_BYTES]; 5]);
            let mut jobs: Vec<_> =
                computed.iter_mut().take(count).enumerate().map(|(n, out)| job(n, out)).collect();
            derive(&mut jobs, &|| ());
            for (n, out) in expected.iter_mut().take(count).enumerate() {
                derive_by_crate(&mut job(n, out));
            }
            computed == expected
        })
    })
}
