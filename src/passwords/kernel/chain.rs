//! One password's computation: how it begins, the state that is carried from one iteration to the
//! next, and how it ends.
//!
//! Everything derived from a password lives in one heap allocation of its own that is never moved
//! and is overwritten when it is dropped.

use super::job::{HASH_BYTES, Job};
use sha2::block_api::compress256;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;

/// The state SHA-256 starts from (FIPS 180-4, section 5.3.3).
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// One password's computation between two iterations.
pub(super) struct Chain {
    /// HMAC's states after the key, inside and outside.
    pub(super) inner: [u32; 8],
    pub(super) outer: [u32; 8],
    /// The last iteration's HMAC (RFC 8018's U), and the exclusive or of all so far (its T).
    pub(super) last: [u32; 8],
    pub(super) sum: [u32; 8],
}

impl Drop for Chain {
    fn drop(&mut self) {
        for state in [&mut self.inner, &mut self.outer, &mut self.last, &mut self.sum] {
            state.zeroize();
        }
    }
}

impl Chain {
    /// The first iteration, whose message is the salt.
    pub(super) fn start(job: &Job<'_>) -> Box<Self> {
        let mut chain = Box::new(Self { inner: START, outer: START, last: START, sum: START });
        chain.key(job.password);
        let Self { inner, outer, last, sum } = &mut *chain;
        *last = *inner;
        // The salt is followed by the number of the output block; there is only the first.
        finish(last, BLOCK, [job.salt, &1_u32.to_be_bytes()]);
        let mut digest = Zeroizing::new([0; HASH_BYTES]);
        to_bytes(last, &mut *digest);
        *last = *outer;
        finish(last, BLOCK, [&*digest, &[]]);
        *sum = *last;
        chain
    }

    /// The hash, if these were all iterations.
    pub(super) fn hash(&self) -> [u8; HASH_BYTES] {
        let mut hash = [0; HASH_BYTES];
        to_bytes(&self.sum, &mut hash);
        hash
    }

    /// HMAC's two states after a key (RFC 2104): one longer than a block is hashed first.
    fn key(&mut self, password: &[u8]) {
        let mut block = Zeroizing::new([[0; BLOCK]]);
        if let Some(begin) = block[0].get_mut(..password.len()) {
            begin.copy_from_slice(password);
        } else {
            let mut state = Zeroizing::new(START);
            finish(&mut state, 0, [password, &[]]);
            to_bytes(&state, &mut block[0][..HASH_BYTES]);
        }
        block[0].iter_mut().for_each(|byte| *byte ^= 0x36);
        compress256(&mut self.inner, &*block);
        block[0].iter_mut().for_each(|byte| *byte ^= 0x36 ^ 0x5c);
        compress256(&mut self.outer, &*block);
    }
}

/// Hashes the rest of a message, in two parts, and the padding into the state after the message's
/// first `before` bytes (whole blocks).
fn finish(state: &mut [u32; 8], before: usize, parts: [&[u8]; 2]) {
    let mut block = Zeroizing::new([[0; BLOCK]]);
    let mut filled = 0;
    for &byte in parts.into_iter().flatten() {
        block[0][filled] = byte;
        filled += 1;
        if filled == BLOCK {
            compress256(state, &*block);
            filled = 0;
        }
    }
    block[0][filled] = 0x80;
    block[0][filled + 1..].fill(0);
    if filled >= BLOCK - 8 {
        compress256(state, &*block);
        block[0].fill(0);
    }
    let bytes = before + parts[0].len() + parts[1].len();
    block[0][BLOCK - 8..].copy_from_slice(&(bytes as u64 * 8).to_be_bytes());
    compress256(state, &*block);
}

fn to_bytes(state: &[u32; 8], to: &mut [u8]) {
    for (bytes, word) in to.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
}
