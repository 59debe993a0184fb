//! The inner loop with the SHA2 extension of AArch64: the iterations of up to three passwords in one
//! instruction stream, for the reason that `sha_ni` gives. A digest is the next message as it is, since
//! these instructions take words in their order.
//!
//! Limits: as in `sha_ni`. It is tested in an emulator, so how fast it is was never measured.

use super::super::chain::Chain;
use super::rounds::{K, PADDING};
use core::arch::aarch64::{
    uint32x4_t, vaddq_u32, veorq_u32, vsha256h2q_u32, vsha256hq_u32, vsha256su0q_u32,
    vsha256su1q_u32,
};

/// Passwords at once.
pub(super) const MOST: usize = 3;

/// The first four words of a state, and the last four.
#[derive(Clone, Copy)]
struct State {
    abcd: uint32x4_t,
    efgh: uint32x4_t,
}

/// Proof that this processor has the instructions used here: only [`Sha2::detect`] makes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sha2(());

impl Sha2 {
    /// Asks the system; the standard library caches the answer.
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("sha2").then_some(Self(()))
    }

    /// Advances up to [`MOST`] chains by the same number of iterations.
    pub(super) fn advance(self, chains: &mut [&mut Chain], iterations: u32) {
        match chains {
            [] => (),
            [a] => self.interleaved([a], iterations),
            [a, b] => self.interleaved([a, b], iterations),
            [a, b, c] => self.interleaved([a, b, c], iterations),
            _ => unreachable!("at most {MOST} chains are advanced at once"),
        }
    }

    fn interleaved<const SLOTS: usize>(self, mut chains: [&mut Chain; SLOTS], iterations: u32) {
        // SAFETY: calling `advance` is sound when the processor has the features it is compiled for:
        // sha2, and neon, which belongs to every AArch64 that this is compiled for. `self` proves
        // it: its field is private, `detect` is its only constructor and asks for it, and a
        // processor does not lose a feature. `advance` takes only values and Rust references, and
        // has no other precondition.
        unsafe { advance(&mut chains, iterations) }
    }
}

#[target_feature(enable = "neon,sha2")]
fn advance<const SLOTS: usize>(chains: &mut [&mut Chain; SLOTS], iterations: u32) {
    let inner = chains.each_ref().map(|chain| load(&chain.inner));
    let outer = chains.each_ref().map(|chain| load(&chain.outer));
    let mut last = chains.each_ref().map(|chain| load(&chain.last));
    let mut sum = chains.each_ref().map(|chain| load(&chain.sum));
    for _ in 0..iterations {
        // A loop, so that there is only one call, which the compiler then inlines.
        for from in [&inner, &outer] {
            last = compress(from, &last);
        }
        for slot in 0..SLOTS {
            sum[slot].abcd = veorq_u32(sum[slot].abcd, last[slot].abcd);
            sum[slot].efgh = veorq_u32(sum[slot].efgh, last[slot].efgh);
        }
    }
    for (slot, chain) in chains.iter_mut().enumerate() {
        store(last[slot], &mut chain.last);
        store(sum[slot], &mut chain.sum);
    }
}

/// In every slot, the state after `from` and one block: the digest `message` and its padding.
#[inline]
#[target_feature(enable = "neon,sha2")]
fn compress<const SLOTS: usize>(from: &[State; SLOTS], message: &[State; SLOTS]) -> [State; SLOTS] {
    let mut state = *from;
    // Words of the message schedule, four to a register: at group g, w[g % 4] is that group's.
    let mut w = [[four(&PADDING, 4); 4]; SLOTS];
    for slot in 0..SLOTS {
        w[slot][0] = message[slot].abcd;
        w[slot][1] = message[slot].efgh;
        w[slot][2] = four(&PADDING, 0);
    }
    macro_rules! four_rounds {
        ($($group:literal)*) => {$(
            // The same step of every slot before the next step.
            let mut wk = [four(&K, 4 * $group); SLOTS];
            for slot in 0..SLOTS {
                wk[slot] = vaddq_u32(wk[slot], w[slot][$group % 4]);
            }
            for slot in 0..SLOTS {
                let State { abcd, efgh } = state[slot];
                state[slot].abcd = vsha256hq_u32(abcd, efgh, wk[slot]);
                state[slot].efgh = vsha256h2q_u32(efgh, abcd, wk[slot]);
            }
            if $group < 12 {
                for w in &mut w {
                    let begun = vsha256su0q_u32(w[$group % 4], w[($group + 1) % 4]);
                    w[$group % 4] =
                        vsha256su1q_u32(begun, w[($group + 2) % 4], w[($group + 3) % 4]);
                }
            }
        )*};
    }
    four_rounds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    for slot in 0..SLOTS {
        state[slot].abcd = vaddq_u32(state[slot].abcd, from[slot].abcd);
        state[slot].efgh = vaddq_u32(state[slot].efgh, from[slot].efgh);
    }
    state
}

/// Four of these words from the one at `at` on.
#[inline]
#[target_feature(enable = "neon")]
fn four(of: &[u32], at: usize) -> uint32x4_t {
    let words = [of[at], of[at + 1], of[at + 2], of[at + 3]];
    // SAFETY: both are 16 bytes of integers, of which every pattern is a value.
    unsafe { core::mem::transmute::<[u32; 4], uint32x4_t>(words) }
}

#[target_feature(enable = "neon")]
fn load(words: &[u32; 8]) -> State {
    State { abcd: four(words, 0), efgh: four(words, 4) }
}

#[target_feature(enable = "neon")]
fn store(State { abcd, efgh }: State, to: &mut [u32; 8]) {
    // SAFETY: both are 32 bytes of integers, of which every pattern is a value.
    *to = unsafe { core::mem::transmute::<[uint32x4_t; 2], [u32; 8]>([abcd, efgh]) };
}
