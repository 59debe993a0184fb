//! The ways of advancing chains that need instructions not every processor has, and the only unsafe
//! code of the crate. Each file has the proof beside each
//! of its calls.
//!
//! What is known of a chain is in `chain`; when which way is taken, in `table`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod rounds;
#[cfg(target_arch = "aarch64")]
mod sha2;
#[cfg(target_arch = "x86_64")]
mod sha_ni;
#[cfg(target_arch = "x86_64")]
mod wide;

use super::way::Way;

/// The ways that this processor has.
pub(super) fn ways() -> Vec<Way> {
    let mut ways = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(sha_ni) = sha_ni::ShaNi::detect() {
            ways.push(Way::new("sha_ni", sha_ni::MOST, true, move |chains, n| {
                sha_ni.advance(chains, n);
            }));
        }
        if let Some(avx2) = avx2::Avx2::detect() {
            ways.push(Way::new("avx2", avx2::LANES, false, move |chains, n| {
                avx2.advance(chains, n);
            }));
        }
        if let Some(avx512) = avx512::Avx512::detect() {
            ways.push(Way::new("avx512", avx512::LANES, false, move |chains, n| {
                avx512.advance(chains, n);
            }));
        }
    }
    #[cfg(target_arch = "aarch64")]
    if let Some(sha2) = sha2::Sha2::detect() {
        ways.push(Way::new("sha2", sha2::MOST, true, move |chains, n| sha2.advance(chains, n)));
    }
    ways
}
