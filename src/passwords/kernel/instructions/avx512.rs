//! Sixteen passwords at once in the registers of AVX-512, whose instructions rotate, and compute any
//! function of three operands.
//!
//! Limits: as in `sha_ni`.

use super::super::chain::Chain;
use super::rounds::{K, PADDING};
use super::wide::wide;
use core::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_ror_epi32, _mm512_set1_epi32, _mm512_srli_epi32,
    _mm512_ternarylogic_epi32, _mm512_xor_si512,
};
use zeroize::Zeroizing;

/// Passwords at once.
pub(super) const LANES: usize = 16;

/// Proof that this processor has the instructions used here: only [`Avx512::detect`] makes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512(());

impl Avx512 {
    /// Asks the processor and the system, which must keep the registers; the standard library caches
    /// the answer.
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self(()))
    }

    /// Advances up to [`LANES`] chains by the same number of iterations.
    pub(super) fn advance(self, chains: &mut [&mut Chain], iterations: u32) {
        // SAFETY: calling `advance_chains` is sound when the processor has the feature it is compiled
        // for, avx512f. `self` proves it: its field is private, `detect` is its only constructor and
        // asks for it, and a processor does not lose a feature. The function takes only values and
        // Rust references, and has no other precondition: with more chains than lanes it panics.
        unsafe { advance_chains(chains, iterations) }
    }
}

wide!("avx512f", __m512i, LANES);

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(word: u32) -> __m512i {
    _mm512_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add(a: __m512i, b: __m512i) -> __m512i {
    _mm512_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn rotate<const BITS: i32>(a: __m512i) -> __m512i {
    _mm512_ror_epi32::<BITS>(a)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn shift<const BITS: u32>(a: __m512i) -> __m512i {
    _mm512_srli_epi32::<BITS>(a)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor(a: __m512i, b: __m512i) -> __m512i {
    _mm512_xor_si512(a, b)
}

// The numbers are the tables of the three functions: bit n is the result for the three bits of n.

#[inline]
#[target_feature(enable = "avx512f")]
fn xor3(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0x96>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn choose(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0xca>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn majority(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0xe8>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(words: [u32; LANES]) -> __m512i {
    // SAFETY: both are 64 bytes of integers, of which every pattern is a value.
    unsafe { core::mem::transmute::<[u32; LANES], __m512i>(words) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(vector: __m512i) -> [u32; LANES] {
    // SAFETY: both are 64 bytes of integers, of which every pattern is a value.
    unsafe { core::mem::transmute::<__m512i, [u32; LANES]>(vector) }
}
