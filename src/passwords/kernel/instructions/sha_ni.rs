//! The inner loop with the processor's SHA instructions: the iterations of up to three passwords
//! in one instruction stream.
//!
//! One password leaves the SHA unit idle half of the time, because every pair of rounds waits for
//! the pair before it; the rounds of other passwords fill the gap. A state stays in registers, in
//! the order the instructions want it (`ABEF`, `CDGH`), from the first iteration to the last: a
//! digest becomes the next message with two shuffles, and nothing swaps bytes.
//!
//! Limits: the registers are not wiped; the code that runs next overwrites them. The stack that the
//! compiler spills to is wiped as well as it can be from outside the frame.

use super::super::chain::Chain;
use super::rounds::{K, PADDING};
use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_castps_si128, _mm_castsi128_ps, _mm_extract_epi32,
    _mm_set_epi32, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32,
    _mm_shuffle_epi32, _mm_shuffle_ps, _mm_xor_si128, _mm256_zeroupper,
};

/// Passwords at once. A fourth was measured to gain a twelfth more on each.
pub(super) const MOST: usize = 3;

/// A state as the instructions want it, the first letter in the highest word.
#[derive(Clone, Copy)]
struct State {
    abef: __m128i,
    cdgh: __m128i,
}

/// Proof that this processor has the instructions used here: only [`ShaNi::detect`] makes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShaNi {
    /// Whether there are wide registers whose upper halves can be in use.
    avx: bool,
}

impl ShaNi {
    /// Asks the processor; the standard library caches the answer.
    pub(super) fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1");
        all.then(|| Self { avx: is_x86_feature_detected!("avx") })
    }

    /// Advances up to [`MOST`] chains by the same number of iterations.
    pub(super) fn advance(self, chains: &mut [&mut Chain], iterations: u32) {
        if self.avx {
            // SAFETY: `clear_upper_halves` needs AVX, which `avx` says there is: only `detect`
            // sets it, to what the processor answered. It takes nothing and has no other
            // precondition; the calling convention keeps no value in upper halves.
            unsafe { clear_upper_halves() }
        }
        match chains {
            [] => (),
            [a] => self.interleaved([a], iterations),
            [a, b] => self.interleaved([a, b], iterations),
            [a, b, c] => self.interleaved([a, b, c], iterations),
            _ => unreachable!("at most {MOST} chains are advanced at once"),
        }
    }

    fn interleaved<const SLOTS: usize>(self, mut chains: [&mut Chain; SLOTS], iterations: u32) {
        // SAFETY: calling `advance` is sound when the processor has the features it is compiled
        // for: sha, ssse3 and sse4.1 (sse and sse2 belong to every x86-64). `self` proves it: its
        // fields are private, `detect` is its only constructor and asks for these three, and a
        // processor does not lose a feature. `advance` takes only values and Rust references,
        // touches no raw pointer, and has no other precondition.
        unsafe { advance(&mut chains, iterations) }
    }
}

/// Marks the upper halves of the wide registers as unused. Code that ran before may leave them in
/// use, and then every instruction of the loop also carries along the old half of its result: one
/// password was measured to take 72 ms instead of 41 that way, three 47 ms each instead of 23.
#[target_feature(enable = "avx")]
fn clear_upper_halves() {
    _mm256_zeroupper();
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn advance<const SLOTS: usize>(chains: &mut [&mut Chain; SLOTS], iterations: u32) {
    let inner = chains.each_ref().map(|chain| load(&chain.inner));
    let outer = chains.each_ref().map(|chain| load(&chain.outer));
    let mut last = chains.each_ref().map(|chain| load(&chain.last));
    let mut sum = chains.each_ref().map(|chain| load(&chain.sum));
    for _ in 0..iterations {
        // A loop, so that there is only one call, which the compiler then inlines for any number of
        // slots.
        for from in [&inner, &outer] {
            last = compress(from, &last);
        }
        for slot in 0..SLOTS {
            sum[slot].abef = _mm_xor_si128(sum[slot].abef, last[slot].abef);
            sum[slot].cdgh = _mm_xor_si128(sum[slot].cdgh, last[slot].cdgh);
        }
    }
    for (slot, chain) in chains.iter_mut().enumerate() {
        store(last[slot], &mut chain.last);
        store(sum[slot], &mut chain.sum);
    }
}

/// In every slot, the state after `from` and one block: the digest `message` and its padding.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn compress<const SLOTS: usize>(from: &[State; SLOTS], message: &[State; SLOTS]) -> [State; SLOTS] {
    let mut state = *from;
    // Words of the message schedule, four to a register: at group g, w[g % 4] is that group's.
    let mut w = [[four(&PADDING, 0); 4]; SLOTS];
    for slot in 0..SLOTS {
        w[slot][0] = first_half(message[slot]);
        w[slot][1] = second_half(message[slot]);
        w[slot][3] = four(&PADDING, 4);
    }
    macro_rules! four_rounds {
        ($($group:literal)*) => {$(
            // The same step of every slot before the next step: measured faster than slot by slot.
            let mut wk = [four(&K, 4 * $group); SLOTS];
            for slot in 0..SLOTS {
                let State { abef, cdgh } = &mut state[slot];
                wk[slot] = _mm_add_epi32(wk[slot], w[slot][$group % 4]);
                *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, wk[slot]);
            }
            for slot in 0..SLOTS {
                let State { abef, cdgh } = &mut state[slot];
                let high = _mm_shuffle_epi32::<0x0e>(wk[slot]);
                *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, high);
            }
            if $group < 12 {
                for w in &mut w {
                    let oldest = w[$group % 4];
                    // The first step of the schedule turns the padding back into what it was.
                    let begun = if $group == 2 {
                        oldest
                    } else {
                        _mm_sha256msg1_epu32(oldest, w[($group + 1) % 4])
                    };
                    let newest = w[($group + 3) % 4];
                    let middle = _mm_alignr_epi8::<4>(newest, w[($group + 2) % 4]);
                    w[$group % 4] = _mm_sha256msg2_epu32(_mm_add_epi32(begun, middle), newest);
                }
            }
        )*};
    }
    four_rounds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    for slot in 0..SLOTS {
        state[slot].abef = _mm_add_epi32(state[slot].abef, from[slot].abef);
        state[slot].cdgh = _mm_add_epi32(state[slot].cdgh, from[slot].cdgh);
    }
    state
}

/// Four of these words from the one at `at` on, the first in the lowest word.
#[inline]
#[target_feature(enable = "sse2")]
fn four(of: &[u32], at: usize) -> __m128i {
    words([of[at], of[at + 1], of[at + 2], of[at + 3]])
}

/// Four words of a message, the first in the lowest word.
#[inline]
#[target_feature(enable = "sse2")]
fn words([a, b, c, d]: [u32; 4]) -> __m128i {
    _mm_set_epi32(d.cast_signed(), c.cast_signed(), b.cast_signed(), a.cast_signed())
}

/// A, B, C, D of a state as words of a message.
#[inline]
#[target_feature(enable = "sse2")]
fn first_half(State { abef, cdgh }: State) -> __m128i {
    _mm_castps_si128(_mm_shuffle_ps::<0xbb>(_mm_castsi128_ps(abef), _mm_castsi128_ps(cdgh)))
}

/// E, F, G, H of a state as words of a message.
#[inline]
#[target_feature(enable = "sse2")]
fn second_half(State { abef, cdgh }: State) -> __m128i {
    _mm_castps_si128(_mm_shuffle_ps::<0x11>(_mm_castsi128_ps(abef), _mm_castsi128_ps(cdgh)))
}

#[target_feature(enable = "sse2")]
fn load(&[a, b, c, d, e, f, g, h]: &[u32; 8]) -> State {
    State { abef: words([f, e, b, a]), cdgh: words([h, g, d, c]) }
}

#[target_feature(enable = "sse4.1")]
fn store(state: State, to: &mut [u32; 8]) {
    let (abef, cdgh) = (state.abef, state.cdgh);
    to[0] = _mm_extract_epi32::<3>(abef).cast_unsigned();
    to[1] = _mm_extract_epi32::<2>(abef).cast_unsigned();
    to[2] = _mm_extract_epi32::<3>(cdgh).cast_unsigned();
    to[3] = _mm_extract_epi32::<2>(cdgh).cast_unsigned();
    to[4] = _mm_extract_epi32::<1>(abef).cast_unsigned();
    to[5] = _mm_extract_epi32::<0>(abef).cast_unsigned();
    to[6] = _mm_extract_epi32::<1>(cdgh).cast_unsigned();
    to[7] = _mm_extract_epi32::<0>(cdgh).cast_unsigned();
}
