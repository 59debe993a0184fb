//! PBKDF2 around the SHA instructions. Keys and salts become the states that the loop starts from,
//! and jobs of any number and length take turns in its three slots.
//!
//! Everything derived from a password lives in one heap allocation of its own that is never moved
//! and is overwritten when its job is done.

use super::chain::Chain;
use super::job::{HASH_BYTES, IN_A_ROW, Job, SLOTS};
use super::sha_ni::ShaNi;
use sha2::block_api::compress256;
use zeroize::Zeroizing;

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

/// A job in a slot.
struct Running<'a> {
    chain: Box<Chain>,
    left: u32,
    out: &'a mut [u8; HASH_BYTES],
}

/// Computes the jobs, as many at once as there are slots. Each further one takes the first slot to
/// become free. Calls `between` after some iterations, as long as there are more.
pub(super) fn derive(sha_ni: ShaNi, jobs: &mut [Job<'_>], between: &dyn Fn()) {
    let mut waiting = jobs.iter_mut();
    let mut running = Vec::with_capacity(SLOTS);
    loop {
        running.extend(waiting.by_ref().take(SLOTS - running.len()).map(Running::start));
        let Some(shortest) = running.iter().map(|job| job.left).min() else { return };
        let shortest = shortest.min(IN_A_ROW);
        match running.as_mut_slice() {
            [a] => sha_ni.advance([&mut *a.chain], shortest),
            [a, b] => sha_ni.advance([&mut *a.chain, &mut *b.chain], shortest),
            [a, b, c] => {
                sha_ni.advance([&mut *a.chain, &mut *b.chain, &mut *c.chain], shortest);
            }
            _ => unreachable!("there are {SLOTS} slots"),
        }
        running.retain_mut(|job| job.pass(shortest));
        if !running.is_empty() {
            between();
        }
    }
}

impl<'a> Running<'a> {
    /// The first iteration, whose message is the salt.
    fn start(job: &'a mut Job<'_>) -> Self {
        let mut chain = Box::new(Chain { inner: START, outer: START, last: START, sum: START });
        chain.key(job.password);
        let Chain { inner, outer, last, sum } = &mut *chain;
        *last = *inner;
        // The salt is followed by the number of the output block; there is only the first.
        finish(last, BLOCK, [job.salt, &1_u32.to_be_bytes()]);
        let mut digest = Zeroizing::new([0; HASH_BYTES]);
        to_bytes(last, &mut *digest);
        *last = *outer;
        finish(last, BLOCK, [&*digest, &[]]);
        *sum = *last;
        Self { chain, left: job.iterations.saturating_sub(1), out: &mut *job.out }
    }

    /// Counts iterations as done. Says whether some are left. The last one gives the output.
    fn pass(&mut self, iterations: u32) -> bool {
        self.left -= iterations;
        if self.left == 0 {
            to_bytes(&self.chain.sum, self.out);
        }
        self.left > 0
    }
}

impl Chain {
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
