//! The fast way against published vectors and, over lengths, slots and their positions, against
//! the `pbkdf2` crate; and the check at the start against kernels that are wrong.
//!
//! On a machine without SHA instructions the crate is compared with itself.

use super::*;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// A job that owns its inputs.
#[derive(Clone, Debug)]
struct Case {
    password: Vec<u8>,
    salt: Vec<u8>,
    iterations: u32,
}

impl Case {
    fn new(password: &str, salt: &str, iterations: u32) -> Self {
        Self { password: password.into(), salt: salt.into(), iterations }
    }

    fn random(rng: &mut StdRng) -> Self {
        let (password, salt) = (rng.random_range(0..=200), rng.random_range(0..=130));
        let iterations = rng.random_range(1..=50);
        Self { password: random_bytes(rng, password), salt: random_bytes(rng, salt), iterations }
    }

    fn job<'a>(&'a self, out: &'a mut [u8; HASH_BYTES]) -> Job<'a> {
        Job { password: &self.password, salt: &self.salt, iterations: self.iterations, out }
    }
}

fn random_bytes(rng: &mut StdRng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// The machine's fast way, without the check that would replace it with the crate.
fn unchecked() -> Kernel {
    Kernel { fast: fast(), failed_self_check: false }
}

fn derive(kernel: &Kernel, cases: &[Case]) -> Vec<[u8; HASH_BYTES]> {
    let mut hashes = vec![[0; HASH_BYTES]; cases.len()];
    let mut jobs: Vec<_> = cases.iter().zip(&mut hashes).map(|(case, out)| case.job(out)).collect();
    kernel.derive(&mut jobs, &|| ());
    hashes
}

fn assert_equal_to_the_crate(kernel: &Kernel, cases: &[Case]) {
    for (n, (case, computed)) in cases.iter().zip(derive(kernel, cases)).enumerate() {
        let mut expected = [0; HASH_BYTES];
        derive_by_crate(&mut case.job(&mut expected));
        assert_eq!(computed, expected, "job {n} of {}: {case:?}", cases.len());
    }
}

#[test]
fn published_vectors() {
    // RFC 7914, section 11 (the first block of two), then RFC 6070's inputs with SHA-256.
    let vectors = [
        ("passwd", "salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"),
        (
            "Password",
            "NaCl",
            80_000,
            "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56",
        ),
        ("password", "salt", 1, "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b"),
        ("password", "salt", 2, "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43"),
        (
            "password",
            "salt",
            4096,
            "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a",
        ),
        (
            "passwordPASSWORDpassword",
            "saltSALTsaltSALTsaltSALTsaltSALTsalt",
            4096,
            "348c89dbcbd32b2f32d814b8116e84cf2b17347ebc1800181c4e2a1fb8dd53e1",
        ),
    ];
    let cases = vectors.map(|(password, salt, n, _)| Case::new(password, salt, n));
    let hex = |hash: &[u8]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let together = derive(&unchecked(), &cases);
    for ((case, hash), (.., expected)) in cases.iter().zip(together).zip(vectors) {
        assert_eq!(hex(&hash), expected, "{case:?}");
        assert_eq!(hex(&derive(&unchecked(), std::slice::from_ref(case))[0]), expected, "{case:?}");
    }
}

#[test]
fn every_length_in_every_slot() {
    let mut rng = StdRng::seed_from_u64(1);
    let kernel = unchecked();
    for slots in 1..=SLOTS {
        for slot in 0..slots {
            for length in 0..=200 {
                let mut cases = vec![Case::random(&mut rng); slots];
                cases.fill_with(|| Case::random(&mut rng));
                cases[slot].password = random_bytes(&mut rng, length);
                if length <= 130 {
                    cases[slot].salt = random_bytes(&mut rng, length);
                }
                assert_equal_to_the_crate(&kernel, &cases);
            }
        }
    }
}

#[test]
fn every_number_of_iterations_in_every_slot() {
    let mut rng = StdRng::seed_from_u64(2);
    for slots in 1..=SLOTS {
        for slot in 0..slots {
            for iterations in (1..=50).chain([2_000, 2_001, 2_002, 4_003]) {
                let mut cases: Vec<_> = (0..slots).map(|_| Case::random(&mut rng)).collect();
                cases[slot].iterations = iterations;
                assert_equal_to_the_crate(&unchecked(), &cases);
            }
        }
    }
}

#[test]
fn any_number_of_jobs_of_any_lengths() {
    let mut rng = StdRng::seed_from_u64(3);
    for count in 0..=7 {
        for _ in 0..60 {
            let cases: Vec<_> = (0..count).map(|_| Case::random(&mut rng)).collect();
            assert_equal_to_the_crate(&unchecked(), &cases);
        }
    }
}

#[test]
fn jobs_of_one_iteration_and_of_none_do_not_disturb_the_others() {
    let iterations = [1, 0, 7, 1, 1, 50, 0, 2];
    let cases = iterations.map(|n| Case::new(&format!("password {n}"), "salt", n));
    assert_equal_to_the_crate(&unchecked(), &cases);
    let none_is_one = derive(&unchecked(), &[0, 1].map(|n| Case::new("password", "salt", n)));
    assert_eq!(none_is_one[0], none_is_one[1]);
}

#[test]
fn a_long_job_can_be_interrupted_and_goes_on() {
    let kernel = unchecked();
    let case = Case::new("password", "salt", 15_001);
    let mut hash = [0; HASH_BYTES];
    let interruptions = std::cell::Cell::new(0);
    kernel.derive(&mut [case.job(&mut hash)], &|| interruptions.set(interruptions.get() + 1));
    assert_eq!(hash, derive(&kernel, std::slice::from_ref(&case))[0]);
    let expected = if kernel.fast.is_some() { 15_000 / job::IN_A_ROW - 1 } else { 1 };
    assert_eq!(interruptions.get(), expected);
}

#[test]
fn this_machine_passes_the_self_check() {
    let kernel = Kernel::detect();
    assert!(!kernel.failed_self_check());
    assert_eq!(kernel.slots(), if fast().is_some() { 3 } else { 1 });
}

#[test]
fn the_self_check_notices_a_wrong_kernel_and_the_crate_takes_over() {
    let right = |jobs: &mut [Job<'_>]| jobs.iter_mut().for_each(derive_by_crate);
    let kernel = Kernel::checked(Some(Box::new(move |jobs, _| right(jobs))));
    assert!(!kernel.failed_self_check());
    assert_eq!(kernel.slots(), 3);

    let mut wrong: Vec<(String, Derive)> = Vec::new();
    for slot in 0..SLOTS {
        let one_bit = move |jobs: &mut [Job<'_>], _: &dyn Fn()| {
            right(jobs);
            jobs.iter_mut().skip(slot).step_by(SLOTS).for_each(|job| job.out[31] ^= 1);
        };
        wrong.push((format!("a bit in slot {slot}"), Box::new(one_bit)));
    }
    let swapped = move |jobs: &mut [Job<'_>], _: &dyn Fn()| {
        right(jobs);
        if let [a, b, ..] = jobs {
            std::mem::swap(a.out, b.out);
        }
    };
    wrong.push(("two slots swapped".into(), Box::new(swapped)));
    let forgetful = move |jobs: &mut [Job<'_>], _: &dyn Fn()| {
        let first = SLOTS.min(jobs.len());
        right(&mut jobs[..first]);
    };
    wrong.push(("only the first three".into(), Box::new(forgetful)));
    let cut = |jobs: &mut [Job<'_>], _: &dyn Fn()| {
        for job in jobs {
            let password = &job.password[..job.password.len().min(64)];
            pbkdf2_hmac::<Sha256>(password, job.salt, job.iterations, job.out);
        }
    };
    wrong.push(("long passwords cut".into(), Box::new(cut)));

    for (what, derive) in wrong {
        let kernel = Kernel::checked(Some(derive));
        assert!(kernel.failed_self_check(), "{what}");
        assert_eq!(kernel.slots(), 1);
        let cases = [64, 65, 80].map(|n| Case::new(&"x".repeat(n), "salt", 3));
        assert_equal_to_the_crate(&kernel, &cases);
    }
}
