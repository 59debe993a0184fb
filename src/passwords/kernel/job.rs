//! A hash to compute, and how many of them are computed together.

/// Bytes of a hash: one block of PBKDF2's output.
pub(crate) const HASH_BYTES: usize = 32;

/// Passwords computed at once, each in a slot of one instruction stream. A fourth was measured to
/// gain a twelfth more on each password, and would make the others wait for it.
pub(super) const SLOTS: usize = 3;

/// Iterations between two calls: about a quarter of a millisecond with all slots taken.
#[cfg(any(target_arch = "x86_64", test))]
pub(super) const IN_A_ROW: u32 = 1_500;

/// A hash to compute.
pub(crate) struct Job<'a> {
    /// Of any length.
    pub(crate) password: &'a [u8],
    /// Of any length.
    pub(crate) salt: &'a [u8],
    /// At least 1; 0 counts as 1, as in the `pbkdf2` crate.
    pub(crate) iterations: u32,
    /// Where the hash goes.
    pub(crate) out: &'a mut [u8; HASH_BYTES],
}
