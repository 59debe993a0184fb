//! The fast way against published vectors and, over lengths, slots and their positions, against
//! the `pbkdf2` crate; and the check at the start against kernels that are wrong.
//!
//! On a machine without SHA instructions the crate is compared with itself.

use super::chain::Chain;
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

    fn job(&self) -> Job<'_> {
        Job { password: &self.password, salt: &self.salt, iterations: self.iterations }
    }
}

fn random_bytes(rng: &mut StdRng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// Every way of this machine by itself, without the check that would leave it out, and all together.
fn unchecked() -> Vec<Kernel> {
    let mut kernels: Vec<_> = instructions::ways().into_iter().map(Kernel::of).collect();
    kernels.push(Kernel::of(Way::portable()));
    let mut ways = instructions::ways();
    ways.insert(0, Way::portable());
    kernels.push(Kernel { ways: Ways::measured(ways), failed_self_check: Vec::new() });
    kernels
}

fn derive(kernel: &Kernel, cases: &[Case]) -> Vec<[u8; HASH_BYTES]> {
    let jobs: Vec<_> = cases.iter().map(Case::job).collect();
    kernel.derive(&jobs, &|| ())
}

fn assert_equal_to_the_crate(kernel: &Kernel, cases: &[Case]) {
    for (n, (case, computed)) in cases.iter().zip(derive(kernel, cases)).enumerate() {
        assert_eq!(
            computed,
            by_crate(&case.job()),
            "{kernel:?}, job {n} of {}: {case:?}",
            cases.len()
        );
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
    for kernel in unchecked() {
        let together = derive(&kernel, &cases);
        for ((case, hash), (.., expected)) in cases.iter().zip(together).zip(vectors) {
            assert_eq!(hex(&hash), expected, "{kernel:?}: {case:?}");
            let alone = derive(&kernel, std::slice::from_ref(case))[0];
            assert_eq!(hex(&alone), expected, "{kernel:?}: {case:?}");
        }
    }
}

#[test]
fn every_length_in_every_lane() {
    let mut rng = StdRng::seed_from_u64(1);
    for kernel in unchecked() {
        for lane in 0..kernel.lanes() {
            for length in 0..=200 {
                let mut cases: Vec<_> =
                    (0..kernel.lanes()).map(|_| Case::random(&mut rng)).collect();
                cases[lane].password = random_bytes(&mut rng, length);
                if length <= 130 {
                    cases[lane].salt = random_bytes(&mut rng, length);
                }
                assert_equal_to_the_crate(&kernel, &cases);
            }
        }
    }
}

#[test]
fn every_number_of_iterations_in_every_lane_beside_any_number_of_others() {
    let mut rng = StdRng::seed_from_u64(2);
    for kernel in unchecked() {
        for lanes in 1..=kernel.lanes() {
            for lane in 0..lanes {
                for iterations in (1..=50).chain([2_000, 2_001, 2_002, 4_003]) {
                    let mut cases: Vec<_> = (0..lanes).map(|_| Case::random(&mut rng)).collect();
                    cases[lane].iterations = iterations;
                    assert_equal_to_the_crate(&kernel, &cases);
                }
            }
        }
    }
}

#[test]
fn any_number_of_jobs_of_any_lengths() {
    let mut rng = StdRng::seed_from_u64(3);
    for kernel in unchecked() {
        for count in (0..=7).chain(kernel.lanes() - 1..=kernel.lanes() + 2).chain([40]) {
            for _ in 0..60 {
                let cases: Vec<_> = (0..count).map(|_| Case::random(&mut rng)).collect();
                assert_equal_to_the_crate(&kernel, &cases);
            }
        }
    }
}

/// Not run by default: it takes ten minutes. `cargo test --release --lib -- --ignored ten_minutes`.
#[test]
#[ignore = "takes ten minutes"]
fn ten_minutes_of_random_numbers_of_lanes() {
    let mut rng = StdRng::seed_from_u64(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs());
    let begin = std::time::Instant::now();
    while begin.elapsed().as_secs() < 600 {
        for kernel in unchecked() {
            let count = rng.random_range(0..=40);
            let mut cases: Vec<_> = (0..count).map(|_| Case::random(&mut rng)).collect();
            for case in &mut cases {
                if rng.random_ratio(1, 8) {
                    case.iterations = rng.random_range(1..=3_000);
                }
            }
            assert_equal_to_the_crate(&kernel, &cases);
        }
    }
}

#[test]
fn hashes_that_come_and_go_at_any_time_do_not_disturb_each_other() {
    let mut rng = StdRng::seed_from_u64(4);
    for kernel in unchecked() {
        let (mut lanes, mut ended) = (Lanes::new(), 0);
        for n in 0..200 {
            let case = Case::random(&mut rng);
            lanes.add(&case.job(), by_crate(&case.job()));
            while lanes.len() > n % 19 {
                while let Some((expected, hash)) = lanes.finished() {
                    assert_eq!(hash, expected, "{kernel:?}");
                    ended += 1;
                }
                let held = lanes.len();
                let stretch = kernel.advance(&mut lanes);
                assert_eq!(stretch.at_once, kernel.at_once(held));
                assert!(held == 0 || stretch.iterations > 0);
            }
        }
        assert_eq!(ended + lanes.len(), 200);
    }
}

#[test]
fn those_with_the_least_left_go_first() {
    let kernel = Kernel::of(Way::portable());
    let mut lanes = Lanes::new();
    for (n, iterations) in [50_000, 20_000, 30_000].into_iter().enumerate() {
        let case = Case::new("password", "salt", iterations);
        lanes.add(&case.job(), n);
    }
    let mut order = Vec::new();
    while !lanes.is_empty() {
        order.extend(lanes.finished().map(|(n, _)| n));
        kernel.advance(&mut lanes);
    }
    assert_eq!(order, [1, 2, 0]);
}

#[test]
fn jobs_of_one_iteration_and_of_none_do_not_disturb_the_others() {
    let iterations = [1, 0, 7, 1, 1, 50, 0, 2];
    let cases = iterations.map(|n| Case::new(&format!("password {n}"), "salt", n));
    for kernel in unchecked() {
        assert_equal_to_the_crate(&kernel, &cases);
        let none_is_one = derive(&kernel, &[0, 1].map(|n| Case::new("password", "salt", n)));
        assert_eq!(none_is_one[0], none_is_one[1]);
    }
}

#[test]
fn a_long_job_can_be_interrupted_and_goes_on() {
    for kernel in unchecked() {
        let case = Case::new("password", "salt", 25_001);
        let interruptions = std::cell::Cell::new(0);
        let hashes = kernel.derive(&[case.job()], &|| interruptions.set(interruptions.get() + 1));
        assert_eq!(hashes, [by_crate(&case.job())]);
        assert_eq!(
            interruptions.get(),
            25_000_u32.div_ceil(kernel.ways.table.stretch(1)),
            "{kernel:?}"
        );
        assert!(interruptions.get() > 1);
    }
}

#[test]
fn this_machine_passes_the_self_check() {
    let kernel = Kernel::detect();
    assert!(kernel.failed_self_check().is_empty());
    assert_eq!(kernel.ways.all.len(), 1 + instructions::ways().len());
    let measured = kernel.measured();
    let most = kernel.ways.all.iter().map(|way| way.lanes).max();
    assert_eq!(Some(measured.len()), most);
    assert!(measured.iter().all(|one| one.nanoseconds > 0.0), "{measured:?}");
}

/// A way of so many lanes that gets something wrong in one of them.
fn wrong(lanes: usize, spoil: impl Fn(&mut [&mut Chain]) + Send + Sync + 'static) -> Way {
    let right = Way::portable();
    Way::new("wrong", lanes, true, move |chains, iterations| {
        right.advance(chains, iterations);
        spoil(chains);
    })
}

#[test]
fn the_self_check_notices_a_wrong_way_and_another_takes_over() {
    let kernel = Kernel::checked(vec![wrong(3, |_| ())]);
    assert!(kernel.failed_self_check().is_empty());
    assert_eq!(kernel.ways.all.len(), 2);

    let mut ways = Vec::new();
    for (lanes, lane) in
        [3, 8, 16].into_iter().flat_map(|lanes| (0..lanes).map(move |n| (lanes, n)))
    {
        ways.push(wrong(lanes, move |chains| {
            if let Some(chain) = chains.get_mut(lane) {
                chain.sum[7] ^= 1;
            }
        }));
        ways.push(wrong(lanes, move |chains| {
            let [first, others @ ..] = chains else { return };
            let other = others.get_mut(lane % (lanes - 1));
            other.into_iter().for_each(|other| std::mem::swap(&mut first.last, &mut other.last));
        }));
        ways.push(wrong(lanes, move |chains| {
            if let Some(chain) = chains.get_mut(lane) {
                chain.inner[0] ^= 1;
            }
        }));
        let right = Way::portable();
        ways.push(Way::new("wrong", lanes, true, move |chains, iterations| {
            let first = lane.min(chains.len());
            right.advance(&mut chains[..first], iterations);
        }));
    }
    for (n, way) in ways.into_iter().enumerate() {
        let kernel = Kernel::checked(vec![way]);
        assert_eq!(kernel.failed_self_check(), ["wrong"], "fault {n}");
        assert_eq!((kernel.ways.all.len(), kernel.lanes()), (1, 1));
        let cases = [64, 65, 80].map(|n| Case::new(&"x".repeat(n), "salt", 3));
        assert_equal_to_the_crate(&kernel, &cases);
    }
}
