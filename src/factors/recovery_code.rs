//! Recovery codes: for the day on which the other factors are gone.

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// Codes that a user has at most.
pub(super) const CODES: usize = 10;

/// Letters and digits of one, without what is easily mistaken for another (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Letters and digits in a code. They hold 120 bits, so a plain hash protects one: from 112 bits on it
/// needs no slow one (NIST SP 800-63B-4, 3.1.2.2).
const LENGTH: usize = 24;

/// How many are written together.
const GROUP: usize = 6;

/// A code as a user typed it, or a new one.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode(Zeroizing<[u8; LENGTH]>);

impl RecoveryCode {
    /// Parses a code. Spaces, hyphens and the case do not matter, and letters that are mistaken for
    /// digits count as these.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a text that cannot be one.
    pub fn parse(text: &str) -> Result<Self> {
        let mut code = Zeroizing::new([0; LENGTH]);
        let mut letters = text.bytes().filter(|byte| !matches!(byte, b' ' | b'-'));
        let known = |byte: u8| match byte.to_ascii_lowercase() {
            b'o' => Some(b'0'),
            b'i' | b'l' => Some(b'1'),
            byte => Some(byte).filter(|byte| ALPHABET.contains(byte)),
        };
        let read = code.iter_mut().try_for_each(|place| {
            *place = letters.next().and_then(known)?;
            Some(())
        });
        match (read, letters.next()) {
            (Some(()), None) => Ok(Self(code)),
            _ => Err(Error::parameter(
                "recovery_code",
                format!("must be {LENGTH} letters and digits, as it was shown"),
            )),
        }
    }

    pub(super) fn generate() -> Self {
        let mut code = Zeroizing::new([0; LENGTH]);
        code.fill_with(|| ALPHABET[rand::random_range(0..ALPHABET.len())]);
        Self(code)
    }

    /// What is stored.
    pub(super) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_slice()).into()
    }

    /// As it is shown to the user: four groups with hyphens between them.
    pub(super) fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(LENGTH + LENGTH / GROUP));
        for (at, letter) in self.0.iter().enumerate() {
            if at > 0 && at.is_multiple_of(GROUP) {
                text.push('-');
            }
            text.push(char::from(*letter));
        }
        text
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let text = "0123ab-cdefgh-jkmnpq-rstvwx";
        let code = RecoveryCode::parse(text).unwrap();
        assert_eq!(*code.text(), text);
        for typed in [
            "0123ABCDEFGHJKMNPQRSTVWX",
            " O1 2 3ab cdefgh jkmnpq rstvwx",
            "oI23ab-cdefgh-jkmnpq-rstvwx",
            "0L23ab-cdefgh-jkmnpq-rstvwx",
        ] {
            assert_eq!(RecoveryCode::parse(typed).unwrap(), code, "{typed}");
        }
        assert_eq!(code.hash()[..], Sha256::digest("0123abcdefghjkmnpqrstvwx")[..]);
        assert_eq!(format!("{code:?}"), "RecoveryCode(…)");
    }

    #[test]
    fn what_cannot_be_one_is_refused() {
        let long = "0".repeat(25);
        for text in ["", "0123ab-cdefgh-jkmnpq-rstvw", &long, &"u".repeat(24), &"é".repeat(12)] {
            assert!(RecoveryCode::parse(text).is_err(), "{text}");
        }
        let new = RecoveryCode::generate();
        assert_eq!(RecoveryCode::parse(&new.text()).unwrap(), new);
        assert_ne!(new, RecoveryCode::generate());
    }
}
