//! The state of one password's computation, carried from one iteration to the next.

use zeroize::Zeroize;

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
