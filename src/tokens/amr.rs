//! How a user has proved who they are: the claims `amr` and `acr`.

use serde::de::Error as _;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The authentication methods of a session (RFC 8176, 2): `pwd` for a password, `otp` for a code of an
/// authenticator app or a recovery code, `pop` with `user` for a passkey, `mfa` where there were two
/// factors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amr(u8);

/// The words, each under its bit.
const WORDS: [&str; 5] = ["pwd", "otp", "pop", "user", "mfa"];

/// Authentication with one factor (REFEDS SFA).
pub(crate) const SFA: &str = "https://refeds.org/profile/sfa";

/// Authentication with two factors (REFEDS MFA).
pub(crate) const MFA: &str = "https://refeds.org/profile/mfa";

impl Amr {
    /// A password.
    pub const PASSWORD: Self = Self(1);
    /// A code that is good once.
    pub const CODE: Self = Self(1 << 1);
    /// A passkey.
    pub const PASSKEY: Self = Self(1 << 2 | 1 << 3);
    /// A passkey whose authenticator has checked a PIN or a finger: two factors in one.
    pub const PASSKEY_VERIFIED: Self = Self(Self::PASSKEY.0 | Self::TWO_FACTORS.0);
    const TWO_FACTORS: Self = Self(1 << 4);

    /// The methods of both. A password and something else are two factors.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let both = Self(self.0 | other.0);
        let two = both.has(Self::PASSWORD) && (both.has(Self::CODE) || both.has(Self::PASSKEY));
        if two { Self(both.0 | Self::TWO_FACTORS.0) } else { both }
    }

    fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there were two factors.
    pub fn is_mfa(self) -> bool {
        self.has(Self::TWO_FACTORS)
    }

    /// The claim `acr`: the profile of REFEDS that this meets.
    pub fn acr(self) -> &'static str {
        if self.is_mfa() { MFA } else { SFA }
    }

    fn words(self) -> impl Iterator<Item = &'static str> {
        (0_u8..).zip(WORDS).filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, word)| word)
    }

    /// Reads what [`Display`](fmt::Display) writes. A word that is not known says nothing.
    pub(crate) fn stored(text: &str) -> Self {
        text.split(' ').fold(Self::default(), Self::with)
    }

    fn with(self, word: &str) -> Self {
        let bit = WORDS.iter().position(|known| *known == word);
        Self(bit.map_or(self.0, |bit| self.0 | 1 << bit))
    }
}

impl fmt::Display for Amr {
    /// The words, with a space between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.words().collect();
        f.write_str(&words.join(" "))
    }
}

impl Serialize for Amr {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut array = to.serialize_seq(None)?;
        self.words().try_for_each(|word| array.serialize_element(word))?;
        array.end()
    }
}

impl<'de> Deserialize<'de> for Amr {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(from)?;
        let amr = words.iter().fold(Self::default(), |amr, word| amr.with(word));
        if amr.words().eq(words.iter().map(String::as_str)) {
            Ok(amr)
        } else {
            Err(D::Error::custom("not methods of ours"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_and_a_code_are_two_factors_and_nothing_else_is() {
        let both = Amr::PASSWORD.and(Amr::CODE);
        assert_eq!(both.to_string(), "pwd otp mfa");
        assert_eq!(both.acr(), "https://refeds.org/profile/mfa");
        assert_eq!(Amr::PASSWORD.and(Amr::PASSKEY).to_string(), "pwd pop user mfa");
        assert_eq!(Amr::PASSKEY_VERIFIED.to_string(), "pop user mfa");
        assert!(Amr::default().and(Amr::PASSKEY_VERIFIED).is_mfa());
        for one in [
            Amr::PASSKEY,
            Amr::PASSWORD,
            Amr::CODE,
            Amr::PASSWORD.and(Amr::PASSWORD),
            Amr::default(),
        ] {
            assert!(!one.is_mfa());
            assert_eq!(one.acr(), "https://refeds.org/profile/sfa");
        }
    }

    #[test]
    fn it_is_a_text_in_a_row_and_an_array_in_a_token() {
        for amr in [Amr::PASSWORD, Amr::CODE.and(Amr::PASSWORD), Amr::default()] {
            assert_eq!(Amr::stored(&amr.to_string()), amr);
            let json = serde_json::to_string(&amr).unwrap();
            assert_eq!(serde_json::from_str::<Amr>(&json).unwrap(), amr);
        }
        assert_eq!(
            serde_json::to_string(&Amr::stored("pwd otp mfa")).unwrap(),
            r#"["pwd","otp","mfa"]"#
        );
        for json in [r#"["otp","pwd"]"#, r#"["pwd","pwd"]"#, r#"["face"]"#, "[1]", r#""pwd""#] {
            assert!(serde_json::from_str::<Amr>(json).is_err(), "{json}");
        }
    }
}
