//! Eight passwords at once in the registers of AVX2. It is for processors without SHA instructions,
//! such as Intel's before 2019: eight took 41 ms each where the `sha2` crate without them took 216.
//!
//! Limits: as in `sha_ni`.

use super::super::chain::Chain;
use super::rounds::{K, PADDING};
use super::wide::wide;
use core::arch::x86_64::{
    __m256i, _mm_cvtsi32_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_or_si256,
    _mm256_set1_epi32, _mm256_sll_epi32, _mm256_srl_epi32, _mm256_xor_si256,
};
use zeroize::Zeroizing;

/// Passwords at once.
pub(super) const LANES: usize = 8;

/// Proof that this processor has the instructions used here: only [`Avx2::detect`] makes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2(());

impl Avx2 {
    /// Asks the processor and the system, which must keep the registers; the standard library caches
    /// the answer.
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// Advances up to [`LANES`] chains by the same number of iterations.
    pub(super) fn advance(self, chains: &mut [&mut Chain], iterations: u32) {
        // SAFETY: calling `advance_chains` is sound when the processor has the feature it is compiled
        // for, avx2. `self` proves it: its field is private, `detect` is its only constructor and
        // asks for it, and a processor does not lose a feature. The function takes only values and
        // Rust references, and has no other precondition: with more chains than lanes it panics.
        unsafe { advance_chains(chains, iterations) }
    }
}

wide!("avx2", __m256i, LANES);

#[inline]
#[target_feature(enable = "avx2")]
fn splat(word: u32) -> __m256i {
    _mm256_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(a: __m256i, b: __m256i) -> __m256i {
    _mm256_add_epi32(a, b)
}

/// There is no instruction for it. The counts are constants once this is inlined, and the compiler
/// then takes the shifts that have them inside.
#[inline]
#[target_feature(enable = "avx2")]
fn rotate<const BITS: i32>(a: __m256i) -> __m256i {
    let right = _mm256_srl_epi32(a, _mm_cvtsi32_si128(BITS));
    _mm256_or_si256(right, _mm256_sll_epi32(a, _mm_cvtsi32_si128(32 - BITS)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn shift<const BITS: i32>(a: __m256i) -> __m256i {
    _mm256_srl_epi32(a, _mm_cvtsi32_si128(BITS))
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: __m256i, b: __m256i) -> __m256i {
    _mm256_xor_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor3(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    xor(xor(a, b), c)
}

#[inline]
#[target_feature(enable = "avx2")]
fn choose(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    xor(c, _mm256_and_si256(a, xor(b, c)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn majority(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    let either = _mm256_and_si256(c, _mm256_or_si256(a, b));
    _mm256_or_si256(_mm256_and_si256(a, b), either)
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(words: [u32; LANES]) -> __m256i {
    // SAFETY: both are 32 bytes of integers, of which every pattern is a value.
    unsafe { core::mem::transmute::<[u32; LANES], __m256i>(words) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(vector: __m256i) -> [u32; LANES] {
    // SAFETY: both are 32 bytes of integers, of which every pattern is a value.
    unsafe { core::mem::transmute::<__m256i, [u32; LANES]>(vector) }
}
