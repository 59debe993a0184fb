//! The format of the file: a head, then fingerprints in order.

use sha1::{Digest, Sha1};

/// How a list begins: a name, and the version of the format.
pub(super) const MAGIC: [u8; 16] = *b"gatepost-pwned\0\x01";

/// Magic, number of entries (big-endian, 64 bits), zeros.
pub(super) const HEAD_BYTES: usize = 32;

/// The beginning of a SHA-1.
pub(super) type Fingerprint = [u8; 8];

pub(super) const FINGERPRINT_BYTES: usize = size_of::<Fingerprint>();

/// The fingerprint of a password.
pub(super) fn fingerprint(password: &[u8]) -> Fingerprint {
    let mut begin = [0; FINGERPRINT_BYTES];
    begin.copy_from_slice(&Sha1::digest(password)[..FINGERPRINT_BYTES]);
    begin
}
