//! What a hash may cost: one bound for every kind.
//!
//! A cost is counted in nanoseconds of a slow core. It is computed from the parameters and never
//! measured at run time. The slow core is half as fast as the one that the figures below come from,
//! a shared virtual core of an AMD EPYC (processor time, without SHA instructions where a kind
//! could use them). `cargo bench --bench hashing -- --bounds` prints how long the costliest hash of
//! each kind takes on a machine.
//!
//! | kind | unit | measured | counted |
//! |---|---|---|---|
//! | PBKDF2 with SHA-1 | iteration | 172 ns (87 with SHA instructions) | 400 |
//! | PBKDF2 with SHA-256, ours too | iteration | 367 ns (105) | 800 |
//! | PBKDF2 with SHA-512 | iteration | 476 ns, 1,200 beside other load | 1,200 |
//! | bcrypt | 2 to the power of the cost | 56.5 us | 120,000 |
//! | Argon2 | KiB of memory, each pass | 820 ns at 64 MiB, 1,350 at 1 GiB | 1,907: 1 GiB in all |
//! | scrypt | KiB of 128 N r p | 2.2 us at 128 MiB | 3,814: 512 MiB in all |
//!
//! The defaults of libraries cost half of the bound or less; Django's 1,200,000 iterations cost
//! most. Werkzeug's million with SHA-512, which is no library's default, costs three fifths.

use super::foreign::{Digest, Foreign};
use super::form::Form;
use super::not_a_hash::NotAHash;
use crate::config::MAX_ITERATIONS;

/// The bound on hashes from outside: two seconds. A login with a wrong password costs it in full,
/// so it is how long one guess can keep a core busy; twice as long where a hash of [`Form::Alike`]
/// is tried twice.
pub(super) const MAX: u64 = 2_000_000_000;

/// The bound on stored hashes: it admits all that were ever accepted, so an upgrade locks no user
/// out. The user's next login replaces a hash above [`MAX`].
pub(super) const MAX_STORED: u64 = 40 * MAX;

const SHA1: u64 = 400;
const SHA256: u64 = 800;
const SHA512: u64 = 1_200;
const BCRYPT: u64 = 120_000;
const ARGON2_KIB: u64 = 1_907;
const SCRYPT_KIB: u64 = 3_814;

// The setting allows exactly the iterations that an import takes: no hash of ours is above the
// bound.
const _: () = assert!(MAX_ITERATIONS as u64 == MAX / SHA256);

/// The cost of one iteration.
fn iteration(digest: Digest) -> u64 {
    match digest {
        Digest::Sha1 => SHA1,
        Digest::Sha256 => SHA256,
        Digest::Sha512 => SHA512,
    }
}

/// The cost of trying a password against a hash.
pub(super) fn of(form: &Form) -> u64 {
    match form {
        Form::Own(own) | Form::Alike(own) => of_iterations(own.iterations),
        Form::Foreign(foreign) => of_foreign(foreign),
    }
}

/// The cost of this many iterations with SHA-256.
pub(super) fn of_iterations(iterations: u32) -> u64 {
    u64::from(iterations) * SHA256
}

/// The cost of verifying a foreign hash.
pub(super) fn of_foreign(foreign: &Foreign) -> u64 {
    match foreign {
        Foreign::Pbkdf2 { digest, iterations, .. } => u64::from(*iterations) * iteration(*digest),
        Foreign::Bcrypt { cost, .. } => BCRYPT << cost,
        Foreign::Argon2 { kib, passes, .. } => {
            u64::from(*kib).saturating_mul(u64::from(*passes)).saturating_mul(ARGON2_KIB)
        }
        Foreign::Scrypt { log_n, r, p, .. } => {
            let blocks = (u64::from(*r) * u64::from(*p)).saturating_mul(1 << log_n);
            blocks.saturating_mul(SCRYPT_KIB) / 8
        }
    }
}

/// Refuses a hash that costs more than `most`, and says how much that is for its kind.
pub(super) fn check(form: &Form, most: u64) -> Result<(), NotAHash> {
    if of(form) <= most {
        return Ok(());
    }
    let of_kind = match form {
        Form::Own(_) | Form::Alike(_) => format!("{} iterations", most / SHA256),
        Form::Foreign(Foreign::Pbkdf2 { digest, .. }) => {
            format!("{} iterations", most / iteration(*digest))
        }
        Form::Foreign(Foreign::Bcrypt { .. }) => format!("cost={}", (most / BCRYPT).ilog2()),
        Form::Foreign(Foreign::Argon2 { .. }) => {
            format!("{} MiB written (m times t)", (most / ARGON2_KIB) >> 10)
        }
        Form::Foreign(Foreign::Scrypt { .. }) => {
            format!("{} MiB written (128 N r p)", (most / SCRYPT_KIB) >> 10)
        }
    };
    let kind = form.kind();
    Err(NotAHash::new(format!("{kind} costs more than is accepted, at most {of_kind}")))
}

/// For each kind, the costliest hash that is accepted and the cheapest that is not.
#[cfg(any(test, feature = "internals"))]
pub(crate) const BOUNDS: [[&str; 2]; 7] = [
    [
        "$pbkdf2-sha256$i=2500000,l=32$BwcHBwcHBwcHBwcHBwcHBw$CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk",
        "$pbkdf2-sha256$i=2500001,l=32$BwcHBwcHBwcHBwcHBwcHBw$CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk",
    ],
    [
        "pbkdf2_sha1$5000000$saltsaltsalt$AwqfYeoLQyExMNseD8jAJAm/tec=",
        "pbkdf2_sha1$5000001$saltsaltsalt$AwqfYeoLQyExMNseD8jAJAm/tec=",
    ],
    [
        "pbkdf2_sha256$2500000$saltsaltsalt$en+a81IaqrP0yDav+lVHzzSWjBz91dAE1Af/2HawpKk=",
        "pbkdf2_sha256$2500001$saltsaltsalt$en+a81IaqrP0yDav+lVHzzSWjBz91dAE1Af/2HawpKk=",
    ],
    [
        "$pbkdf2-sha512$1666666$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$pbkdf2-sha512$1666667$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ],
    [
        "$2b$14$dZRLeiaEYklbt.I3qgdFouLQXxL2DbD0RiOBJUklmVYWTU9UNZlHe",
        "$2b$15$dZRLeiaEYklbt.I3qgdFouLQXxL2DbD0RiOBJUklmVYWTU9UNZlHe",
    ],
    [
        "$argon2id$v=19$m=131072,t=8,p=1$c29tZXNhbHQ$AFQeApHkE9rBoyI8+cqHXw",
        "$argon2id$v=19$m=131072,t=9,p=1$c29tZXNhbHQ$AFQeApHkE9rBoyI8+cqHXw",
    ],
    [
        "$scrypt$ln=17,r=8,p=4$c29tZXNhbHQ$AFQeApHkE9rBoyI8+cqHXw",
        "$scrypt$ln=17,r=8,p=5$c29tZXNhbHQ$AFQeApHkE9rBoyI8+cqHXw",
    ],
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passwords::stored::PasswordHash;

    #[test]
    fn of_each_kind_the_costliest_hash_is_taken_and_the_next_one_is_not() {
        for [most, next] in BOUNDS {
            let hash: PasswordHash = most.parse().unwrap();
            let cost = of(&hash.form);
            assert!(cost <= MAX && cost > MAX * 9 / 10, "{most} costs {cost}");
            let refused = next.parse::<PasswordHash>().unwrap_err().to_string();
            assert!(refused.contains("costs more than is accepted"), "{next}: {refused}");
            assert!(PasswordHash::stored(next).is_ok(), "{next}");
        }
    }

    #[test]
    fn what_libraries_choose_costs_well_under_the_bound() {
        let salt_hash = "$c29tZXNhbHQ$AFQeApHkE9rBoyI8+cqHXw";
        for (text, part) in [
            // Django 6.0, bcrypt, argon2-cffi, Django's Argon2, OWASP's scrypt, Django's scrypt.
            (
                "pbkdf2_sha256$1200000$saltsaltsalt$en+a81IaqrP0yDav+lVHzzSWjBz91dAE1Af/2HawpKk="
                    .to_owned(),
                2,
            ),
            ("$2b$12$dZRLeiaEYklbt.I3qgdFouLQXxL2DbD0RiOBJUklmVYWTU9UNZlHe".to_owned(), 3),
            (format!("$argon2id$v=19$m=65536,t=3,p=4{salt_hash}"), 3),
            (format!("$argon2id$v=19$m=102400,t=2,p=8{salt_hash}"), 3),
            (format!("$scrypt$ln=17,r=8,p=1{salt_hash}"), 3),
            (format!("$scrypt$ln=14,r=8,p=5{salt_hash}"), 3),
        ] {
            let hash: PasswordHash = text.parse().unwrap();
            assert!(of(&hash.form) * part <= MAX, "{text}");
        }
    }

    #[test]
    fn the_cost_of_the_largest_parameters_does_not_overflow() {
        let hash = Foreign::Argon2 {
            algorithm: argon2::Algorithm::Argon2id,
            version: argon2::Version::V0x13,
            kib: u32::MAX,
            passes: u32::MAX,
            lanes: 1,
            salt: Vec::new(),
            hash: Vec::new(),
        };
        assert!(check(&Form::Foreign(hash), MAX_STORED).is_err());
        let (salt, hash) = (Vec::new(), Vec::new());
        let hash = Foreign::Scrypt { log_n: 63, r: u32::MAX, p: u32::MAX, salt, hash };
        assert!(check(&Form::Foreign(hash), MAX_STORED).is_err());
    }
}
