//! The stored form: a PHC string,
//! `$pbkdf2-sha256$i=600000,l=32$SALT$HASH`, salt and hash in Base64 without padding.

use super::kernel::HASH_BYTES;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::fmt;
use std::str::FromStr;

/// Bytes of salt (NIST SP 800-132 asks for at least 16).
pub(super) const SALT_BYTES: usize = 16;

/// A password's hash with all that is needed to compute it again.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash {
    pub(super) iterations: u32,
    pub(super) salt: [u8; SALT_BYTES],
    pub(super) hash: [u8; HASH_BYTES],
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash(i={}, …)", self.iterations)
    }
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let salt = STANDARD_NO_PAD.encode(self.salt);
        let hash = STANDARD_NO_PAD.encode(self.hash);
        write!(f, "$pbkdf2-sha256$i={},l={HASH_BYTES}${salt}${hash}", self.iterations)
    }
}

/// The text is not a PHC string of ours.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotAHash;

impl FromStr for PasswordHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let mut parts = text.split('$');
        let (Some(""), Some("pbkdf2-sha256"), Some(parameters), Some(salt), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotAHash);
        };
        let iterations = parameters
            .strip_prefix("i=")
            .and_then(|rest| rest.strip_suffix(",l=32"))
            .and_then(|digits| digits.parse().ok())
            .filter(|iterations| *iterations > 0)
            .ok_or(NotAHash)?;
        Ok(Self { iterations, salt: bytes(salt)?, hash: bytes(hash)? })
    }
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], NotAHash> {
    let decoded = STANDARD_NO_PAD.decode(text).map_err(|_| NotAHash)?;
    decoded.try_into().map_err(|_| NotAHash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_back_as_it_was_written() {
        let hash = PasswordHash { iterations: 600_000, salt: [7; 16], hash: [9; 32] };
        let text = hash.to_string();
        assert!(text.starts_with("$pbkdf2-sha256$i=600000,l=32$BwcHBwcHBwcHBwcHBwcHBw$"), "{text}");
        assert_eq!(text.parse(), Ok(hash));
    }

    #[test]
    fn what_is_not_quite_a_hash_is_refused() {
        let good = PasswordHash { iterations: 5, salt: [7; 16], hash: [9; 32] }.to_string();
        assert!(good.parse::<PasswordHash>().is_ok());
        for bad in [
            good.replace("i=5", "i=0"),
            good.replace("i=5", "i=-5"),
            good.replace("i=5", "i=99999999999"),
            good.replace("sha256", "sha512"),
            good.replace("l=32", "l=31"),
            good.replace("$BwcH", "$"),
            format!("{good}$"),
            format!("{good}="),
            good[1..].to_owned(),
            String::new(),
        ] {
            assert_eq!(bad.parse::<PasswordHash>(), Err(NotAHash), "{bad}");
        }
    }
}
