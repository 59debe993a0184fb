//! PBKDF2-HMAC-SHA256 (RFC 8018) as fast as the processor can. The time of a login is the time of
//! its hash.
//!
//! SHA-256's rounds wait for each other, so one password leaves most of a processor idle. There are
//! two ways of filling the gap. The SHA instructions compute up to three passwords interleaved in
//! one instruction stream, in the instructions' own layout throughout. Wide registers compute one
//! password in each of their lanes, which takes long, whether one lane is used or all. On one core of
//! a Xeon with AVX-512, 600,000 iterations were measured to take 49 ms alone, 33 ms a password with
//! three interleaved, and 15 ms a password with sixteen in AVX-512; OpenSSL took 124 ms
//! (`benches/hashing.rs`). Which way is the best for how many is measured at the start ([`table`]).
//!
//! A way that fails the check at the start is not used. What is left in any case is the `sha2` crate.
//!
//! Limits: the output is one block, 32 bytes. Values derived from a password are overwritten after
//! use, except in registers, in spills of the compiler outside of [`instructions`], and in the
//! crates' own states.

mod chain;
#[expect(unsafe_code, reason = "calls code compiled for instructions not every processor has")]
mod instructions;
mod job;
mod lanes;
mod table;
#[cfg(test)]
mod tests;
mod way;
mod ways;

pub(crate) use job::{HASH_BYTES, Job};
pub(crate) use lanes::{Lanes, Stretch};
use pbkdf2::pbkdf2_hmac;
use sha2::Sha256;
use std::fmt;
use std::sync::OnceLock;
use table::Table;
use way::Way;
use ways::Ways;

/// The ways in which this process computes hashes.
pub(crate) struct Kernel {
    ways: Ways,
    /// Those that computed something wrong.
    failed_self_check: Vec<&'static str>,
}

/// How so many hashes at once are computed here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measured {
    pub(crate) at_once: usize,
    /// The instructions: `sha_ni`, `avx2`, `avx512`, `sha2`, or `portable`.
    pub(crate) way: &'static str,
    /// Nanoseconds that an iteration of all of them takes.
    pub(crate) nanoseconds: f64,
}

impl Kernel {
    /// The ways of this machine that agree with the `pbkdf2` crate, and what each costs. They are
    /// looked at on the first call, which takes some milliseconds, for the life of the process.
    pub(crate) fn detect() -> &'static Self {
        static KERNEL: OnceLock<Kernel> = OnceLock::new();
        KERNEL.get_or_init(|| Self::checked(instructions::ways()))
    }

    fn checked(ways: Vec<Way>) -> Self {
        let (mut right, mut wrong) = (Vec::new(), Vec::new());
        for way in ways {
            let mut alone = Self::of(way);
            let list = if self_check(&alone) { &mut right } else { &mut wrong };
            list.append(&mut alone.ways.all);
        }
        let failed_self_check = wrong.iter().map(|way| way.name).collect();
        right.push(Way::portable());
        Self { ways: Ways::measured(right), failed_self_check }
    }

    /// A single way, with as many lanes in use as there are hashes.
    fn of(way: Way) -> Self {
        let ways = vec![way];
        let table = Table::new(&ways, |_, _| 100.0);
        Self { ways: Ways { all: ways, table }, failed_self_check: Vec::new() }
    }

    /// A kernel that computes nothing, for tests of code that uses one.
    #[cfg(test)]
    pub(super) fn stand_in(
        lanes: usize,
        compute: impl Fn(usize, u32) + Send + Sync + 'static,
    ) -> Self {
        Self::of(Way::new("stand-in", lanes, true, move |chains, n| compute(chains.len(), n)))
    }

    /// How many of so many hashes should be computed at once, so that all of them end soonest.
    pub(crate) fn at_once(&self, hashes: usize) -> usize {
        self.ways.table.at_once(hashes)
    }

    /// The most hashes that are worth computing at once: 16, 8, 3 or 1.
    pub(crate) fn lanes(&self) -> usize {
        self.at_once(usize::MAX)
    }

    /// Advances some of these for about a twentieth of a millisecond, or until one ends. Those that have
    /// ended must have been taken out.
    pub(crate) fn advance<T>(&self, lanes: &mut Lanes<T>) -> Stretch {
        lanes.advance(&self.ways)
    }

    /// Computes these hashes, and calls `between` about every twentieth of a millisecond.
    pub(crate) fn derive(&self, jobs: &[Job<'_>], between: &dyn Fn()) -> Vec<[u8; HASH_BYTES]> {
        let mut hashes = vec![[0; HASH_BYTES]; jobs.len()];
        let mut lanes = Lanes::new();
        let mut waiting = jobs.iter().enumerate();
        loop {
            let most = self.at_once(lanes.len() + waiting.len());
            for (number, job) in waiting.by_ref().take(most.saturating_sub(lanes.len())) {
                lanes.add(job, number);
            }
            while let Some((number, hash)) = lanes.finished() {
                hashes[number] = hash;
            }
            if !lanes.is_empty() {
                self.advance(&mut lanes);
                between();
            } else if waiting.len() == 0 {
                return hashes;
            }
        }
    }

    /// What was measured at the start: the best way for one hash, for two, and so on.
    pub(crate) fn measured(&self) -> Vec<Measured> {
        let best = self.ways.table.best.iter().enumerate();
        let measured = best.map(|(n, best)| Measured {
            at_once: n + 1,
            way: self.ways.all[best.way].name,
            nanoseconds: best.nanoseconds,
        });
        measured.collect()
    }

    /// Whether one password at a time is computed with instructions for SHA-256, by us or by the `sha2`
    /// crate.
    pub(crate) fn uses_sha_instructions(&self) -> bool {
        self.ways.all.iter().any(|way| ["sha_ni", "sha2"].contains(&way.name))
    }

    /// Those ways that disagreed with the crate, and so are not used. That is worth a warning,
    /// because hashes are slower and the processor or the build is faulty.
    pub(crate) fn failed_self_check(&self) -> &[&'static str] {
        &self.failed_self_check
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel")
            .field("measured", &self.measured())
            .field("failed_self_check", &self.failed_self_check)
            .finish()
    }
}

/// Whether this agrees with the `pbkdf2` crate, for as many hashes as there are lanes and fewer and
/// more. Each lane meets every kind of password (empty, short, a block, longer) and salts over one
/// block and under, and hashes end at different times.
fn self_check(kernel: &Kernel) -> bool {
    let bytes: [u8; 120] = std::array::from_fn(|n| n as u8 ^ 0xa5);
    let lengths = [0, 13, 64, 65, 100];
    let mut random = 1_u32;
    (1..=kernel.lanes() + 2).all(|count| {
        (0..lengths.len()).all(|shift| {
            let mut job = |n: usize| {
                // Any sequence without a pattern will do (Numerical Recipes, section 7.1).
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                Job {
                    password: &bytes[..lengths[(n + shift) % lengths.len()]],
                    salt: &bytes[n..n + lengths[(n + 2 * shift) % lengths.len()]],
                    iterations: 1 + (random >> 28),
                }
            };
            let jobs: Vec<_> = (0..count).map(&mut job).collect();
            kernel.derive(&jobs, &|| ()) == jobs.iter().map(by_crate).collect::<Vec<_>>()
        })
    })
}

fn by_crate(job: &Job<'_>) -> [u8; HASH_BYTES] {
    let mut hash = [0; HASH_BYTES];
    pbkdf2_hmac::<Sha256>(job.password, job.salt, job.iterations, &mut hash);
    hash
}
