//! One way of advancing chains.

use super::chain::Chain;
use sha2::block_api::compress256;

/// Advances chains, at most as many as the way has lanes, by a number of iterations.
type Advance = dyn Fn(&mut [&mut Chain], u32) + Send + Sync;

/// One way of advancing chains.
pub(super) struct Way {
    /// As the processor's maker calls the instructions.
    pub(super) name: &'static str,
    /// The most chains that it advances at once.
    pub(super) lanes: usize,
    /// Whether fewer chains take less time. Where they are lanes of one register they do not.
    pub(super) fewer_are_quicker: bool,
    advance: Box<Advance>,
}

impl Way {
    pub(super) fn new(
        name: &'static str,
        lanes: usize,
        fewer_are_quicker: bool,
        advance: impl Fn(&mut [&mut Chain], u32) + Send + Sync + 'static,
    ) -> Self {
        Self { name, lanes, fewer_are_quicker, advance: Box::new(advance) }
    }

    /// One chain with the `sha2` crate, which every processor has.
    pub(super) fn portable() -> Self {
        Self::new("portable", 1, true, |chains, iterations| {
            chains.iter_mut().for_each(|chain| portable(chain, iterations));
        })
    }

    pub(super) fn advance(&self, chains: &mut [&mut Chain], iterations: u32) {
        (self.advance)(chains, iterations);
    }
}

fn portable(chain: &mut Chain, iterations: u32) {
    // The padding of a digest that follows a block: one bit, zeros, and 96 bytes in bits.
    let mut block = zeroize::Zeroizing::new([[0; 64]]);
    block[0][32] = 0x80;
    block[0][62..].copy_from_slice(&(96_u16 * 8).to_be_bytes());
    for _ in 0..iterations {
        for from in [chain.inner, chain.outer] {
            for (bytes, word) in block[0].chunks_exact_mut(4).zip(chain.last) {
                bytes.copy_from_slice(&word.to_be_bytes());
            }
            chain.last = from;
            compress256(&mut chain.last, &*block);
        }
        for (sum, last) in chain.sum.iter_mut().zip(chain.last) {
            *sum ^= last;
        }
    }
}
