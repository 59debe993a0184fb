//! A hash to compute.

/// Bytes of a hash: one block of PBKDF2's output.
pub(crate) const HASH_BYTES: usize = 32;

/// A hash to compute.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    /// Of any length.
    pub(crate) password: &'a [u8],
    /// Of any length.
    pub(crate) salt: &'a [u8],
    /// At least 1; 0 counts as 1, as in the `pbkdf2` crate.
    pub(crate) iterations: u32,
}
