//! TOTP (RFC 6238): codes of six digits that change every 30 seconds, as authenticator apps show them.
//!
//! Apps know no other parameters with certainty: many ignore a hash, a number of digits or a period
//! that differs from these (SHA-1 is safe in HMAC).

use crate::error::{Error, Result};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes of a secret: those of the hash (RFC 4226, 4, R6).
pub(super) const SECRET_BYTES: usize = 20;

/// Seconds in which one code is shown (RFC 6238, 5.2).
pub(super) const PERIOD: i64 = 30;

/// Steps by which a clock may be ahead or behind: one, which also covers the time of typing (RFC 6238,
/// 5.2).
const DRIFT: i64 = 1;

const DIGITS: usize = 6;

/// What codes are made from.
#[derive(Clone)]
pub(super) struct TotpSecret(Zeroizing<Vec<u8>>);

/// A code as a user typed it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TotpCode([u8; DIGITS]);

impl TotpCode {
    /// Parses six digits. Spaces and hyphens between them are left out.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let digits = text.bytes().filter(|byte| !matches!(byte, b' ' | b'-'));
        let digits: Vec<u8> = digits.take(DIGITS + 1).collect();
        let code =
            digits.try_into().ok().filter(|code: &[u8; 6]| code.iter().all(u8::is_ascii_digit));
        code.map(Self).ok_or_else(|| Error::parameter("code", "must be six digits"))
    }
}

impl fmt::Debug for TotpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpCode(…)")
    }
}

impl TotpSecret {
    pub(super) fn generate() -> Self {
        Self(Zeroizing::new(rand::random::<[u8; SECRET_BYTES]>().to_vec()))
    }

    pub(super) fn stored(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// Reads base32 as apps write it, with or without padding: 10 to 64 bytes, as other services make them.
    pub(super) fn from_base32(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(64));
        let (mut word, mut bits) = (0_u32, 0);
        for letter in text.trim_end_matches('=').bytes() {
            let value = match letter.to_ascii_uppercase() {
                letter @ b'A'..=b'Z' => letter - b'A',
                letter @ b'2'..=b'7' => letter - b'2' + 26,
                _ => return None,
            };
            word = (word << 5 | u32::from(value)) & 0xffff;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push(u8::try_from(word >> bits & 0xff).ok()?);
            }
        }
        (10..=64).contains(&bytes.len()).then_some(Self(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The code of a time step (RFC 4226, 5.3).
    fn code(&self, step: i64) -> TotpCode {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mac = Hmac::<Sha1>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        let hash: [u8; 20] = mac.chain_update(step.to_be_bytes()).finalize().into_bytes().into();
        let offset = usize::from(hash[19] & 0xf);
        let word =
            hash[offset..offset + 4].iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let mut rest = word & 0x7fff_ffff;
        let mut digits = [b'0'; DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        TotpCode(digits)
    }

    /// The step of this code, if it is one of those around `now`.
    pub(super) fn step_of(&self, code: TotpCode, now: i64) -> Option<i64> {
        // All are compared, and each as a whole: the time says nothing.
        let steps = now.saturating_sub(DRIFT)..=now.saturating_add(DRIFT);
        let same = |step: i64| bool::from(self.code(step).0.ct_eq(&code.0));
        steps.fold(None, |found, step| if same(step) { Some(step) } else { found })
    }

    /// The secret as apps take it when it is typed: base32 (RFC 4648, 6) without padding.
    pub(super) fn base32(&self) -> Zeroizing<String> {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let mut text = Zeroizing::new(String::with_capacity(self.0.len() * 2));
        let (mut word, mut bits) = (0_u32, 0);
        for byte in self.0.iter() {
            word = word << 8 | u32::from(*byte);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                text.push(char::from(ALPHABET[(word >> bits) as usize % 32]));
            }
        }
        if bits > 0 {
            text.push(char::from(ALPHABET[(word << (5 - bits)) as usize % 32]));
        }
        text
    }

    /// What a QR code holds for an app (the form that Google Authenticator began with and others read).
    pub(super) fn uri(&self, issuer: &str, login: &str) -> Zeroizing<String> {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let (issuer, login) = (encoded(issuer), encoded(login));
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{login}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}\
             &period={PERIOD}",
            &*self.base32()
        ))
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> TotpSecret {
        TotpSecret::stored(Zeroizing::new(b"12345678901234567890".to_vec()))
    }

    fn code(text: &str) -> TotpCode {
        TotpCode::parse(text).unwrap()
    }

    /// RFC 6238, appendix B, the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        for (time, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret().step_of(code(expected), time / PERIOD), Some(time / PERIOD));
        }
    }

    #[test]
    fn a_code_is_good_for_one_step_more_and_one_less() {
        let found = |ahead: i64| secret().step_of(code("287082"), 1 + ahead);
        assert_eq!([-2, -1, 0, 1, 2].map(found), [None, Some(1), Some(1), Some(1), None]);
        assert_eq!(secret().step_of(code("287083"), 1), None);
        assert_eq!(secret().step_of(code("287082"), i64::MAX), None);
    }

    #[test]
    fn a_code_is_six_digits_however_they_are_grouped() {
        assert_eq!(code("287 082"), code("287082"));
        assert_eq!(code(" 28-70-82 "), code("287082"));
        for text in
            ["", "28708", "2870822", "28708a", "２８７０８２", "28708.", "+87082", "287\n082"]
        {
            assert!(TotpCode::parse(text).is_err(), "{text}");
        }
        assert_eq!(format!("{:?}{:?}", code("287082"), secret()), "TotpCode(…)TotpSecret(…)");
    }

    #[test]
    fn apps_get_the_secret_in_base32() {
        assert_eq!(*secret().base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (bytes, expected) in [(&b"f"[..], "MY"), (b"fo", "MZXQ"), (b"foo", "MZXW6"), (b"", "")]
        {
            assert_eq!(*TotpSecret::stored(Zeroizing::new(bytes.to_vec())).base32(), expected);
        }
        let again = TotpSecret::from_base32("gezdgnbvGY3TQOJQGEZDGNBVGY3TQOJQ====").unwrap();
        assert_eq!(again.bytes(), secret().bytes());
        for text in ["", "MZXW6", "GEZDGNBVGY3TQOJ1GEZDGNBV", "GEZDGNBV GY3TQOJQGEZDGNBV"] {
            assert!(TotpSecret::from_base32(text).is_none(), "{text}");
        }
        let uri = secret().uri("auth.example.com", "zoë@example");
        assert!(
            uri.starts_with("otpauth://totp/auth%2Eexample%2Ecom:zo%C3%AB%40example?secret=GEZ")
        );
        assert_eq!(TotpSecret::generate().bytes().len(), SECRET_BYTES);
        assert_ne!(TotpSecret::generate().bytes(), TotpSecret::generate().bytes());
    }
}
