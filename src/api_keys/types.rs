//! The words of this slice: a key, its name, its scopes.

use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::users::Timestamp;
use sha2::{Digest, Sha256};
use std::fmt;

/// What every key begins with. No JWT does.
const PREFIX: &str = "gp_";

/// Random characters of a key: 43 of 62 kinds hold 256 bits.
const RANDOM: usize = 43;

/// Characters of the checksum: 6 of 62 kinds hold 32 bits.
const CHECKSUM: usize = 6;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Most characters of a name.
const MAX_NAME: usize = 64;

/// A new key: `gp_`, 43 random letters and digits, and 6 that are a checksum of those before them.
/// `gp_[0-9A-Za-z]{49}` finds one in a text, and the checksum tells it from what only looks so.
pub(super) fn generate() -> Secret {
    // In one piece from the start: growing would leave copies behind.
    let mut text = String::with_capacity(PREFIX.len() + RANDOM + CHECKSUM);
    text.push_str(PREFIX);
    for _ in 0..RANDOM {
        text.push(letter(rand::random_range(0..62)));
    }
    let checksum = checksum(&text);
    text.extend(checksum);
    Secret::new(text)
}

/// The first 32 bits of a SHA-256, in base 62.
fn checksum(text: &str) -> [char; CHECKSUM] {
    let hash = Sha256::digest(text);
    let mut rest = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    let mut letters = ['0'; CHECKSUM];
    for place in letters.iter_mut().rev() {
        *place = letter(rest % 62);
        rest /= 62;
    }
    letters
}

fn letter(digit: u32) -> char {
    char::from(ALPHABET[digit as usize % ALPHABET.len()])
}

/// A key that a caller has shown, as the hash under which it is stored.
///
/// A plain SHA-256: unlike a password, a key has 256 random bits, so a slow hash would protect
/// nothing and cost every request its time. It is found by an index over the hashes; what the
/// time of that search tells about them helps nobody to a key, since whoever asks cannot choose
/// the hash of what is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PresentedKey([u8; 32]);

impl PresentedKey {
    /// Whether a text claims to be a key of ours.
    pub(crate) fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Takes a key from outside.
    ///
    /// # Errors
    /// [`Error::KeyInvalid`] when it does not have the form of one, or the checksum is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let split = text.len().checked_sub(CHECKSUM).ok_or(Error::KeyInvalid)?;
        let ours = text.starts_with(PREFIX)
            && text.len() == PREFIX.len() + RANDOM + CHECKSUM
            && text[PREFIX.len()..].bytes().all(|byte| byte.is_ascii_alphanumeric())
            && text[split..].chars().eq(checksum(&text[..split]));
        if ours { Ok(Self(Sha256::digest(text).into())) } else { Err(Error::KeyInvalid) }
    }

    /// The hash.
    pub(super) fn hash(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedKey(…)")
    }
}

/// What a key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// `users:read`: to see users, one or all.
    UsersRead,
    /// `users:write`: to change and delete users who are no admins. Whoever sets an admin's
    /// password is one, and a key never is.
    UsersWrite,
    /// `register`: to register users where that is for admins.
    Register,
    /// `introspect`: to ask what a token is worth.
    Introspect,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::UsersRead, Self::UsersWrite, Self::Register, Self::Introspect];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::Register => "register",
            Self::Introspect => "introspect",
        }
    }

    fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == word)
    }
}

/// The scopes of a key, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Takes words in, with commas between them.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for none, or for a word that is no scope.
    pub fn parse(words: &str) -> Result<Self> {
        let mut scopes = Vec::new();
        for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            scopes.push(Scope::find(word).ok_or_else(|| {
                let all = Scope::ALL.map(Scope::name).join(", ");
                Error::parameter("scope", format!("{word:?} is none of {all}"))
            })?);
        }
        if scopes.is_empty() {
            return Err(Error::parameter("scope", "a key needs at least one"));
        }
        scopes.sort_unstable();
        scopes.dedup();
        Ok(Self(scopes))
    }

    /// Reads what [`Display`](fmt::Display) wrote. A word that only a later release knows allows
    /// nothing here.
    pub(super) fn stored(words: &str) -> Self {
        Self(words.split(' ').filter_map(Scope::find).collect())
    }

    /// Whether this one is among them.
    pub fn contain(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }
}

/// As OAuth writes scopes (RFC 6749, 3.3).
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" "))
    }
}

/// A name that tells an operator which program has the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName(String);

impl KeyName {
    /// Takes a name in.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] unless it is a letter and up to 63 letters, digits, dots, hyphens
    /// and underscores (of ASCII: it stands in listings and in commands).
    pub fn parse(text: &str) -> Result<Self> {
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
        let rest = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if !first || !rest || text.len() > MAX_NAME {
            let text = "must be a letter and up to 63 letters, digits, dots, hyphens, underscores";
            return Err(Error::parameter("name", text));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which key is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyRef {
    /// The key of this number.
    Id(i64),
    /// The key that has this name and is not revoked.
    Name(KeyName),
}

impl KeyRef {
    /// Takes a name or a number in; no name begins with a digit.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when it is neither.
    pub fn parse(text: &str) -> Result<Self> {
        match text.parse() {
            Ok(id) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Self::Id(id)),
            _ => KeyName::parse(text).map(Self::Name),
        }
    }
}

/// What is known of a key. The key itself is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// What it allows.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, at most a minute behind.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_recognised_and_no_two_are_alike() {
        let (one, two) = (generate(), generate());
        assert_ne!(one.expose(), two.expose());
        assert!(one.expose().starts_with("gp_") && one.expose().len() == 52);
        let parsed = PresentedKey::parse(one.expose()).unwrap();
        assert_eq!(parsed.hash(), &Sha256::digest(one.expose())[..]);
        assert_eq!(format!("{parsed:?}"), "PresentedKey(…)");
    }

    #[test]
    fn a_key_with_any_character_changed_lost_or_added_is_none() {
        let key = generate();
        let key = key.expose();
        for position in 0..key.len() {
            let mut changed = key.to_owned().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            assert!(PresentedKey::parse(&String::from_utf8(changed).unwrap()).is_err());
        }
        for text in ["", "gp_", &key[1..], &key[..51], &format!("{key}0"), &format!("{key} ")] {
            assert!(PresentedKey::parse(text).is_err(), "{text}");
        }
        let foreign: String = "é".repeat(26);
        assert!(PresentedKey::parse(&foreign).is_err());
        assert!(PresentedKey::parse(&format!("gp_{}", &foreign[..48])).is_err());
        assert!(PresentedKey::parse(&format!("gp_é{}", "0".repeat(47))).is_err());
    }

    #[test]
    fn the_checksum_can_be_computed_by_others() {
        // printf gp_000…0 | sha256sum, its first eight digits in base 62.
        let text = format!("gp_{}", "0".repeat(43));
        let hash = Sha256::digest(&text);
        let number = hash[..4].iter().fold(0_u64, |n, byte| n * 256 + u64::from(*byte));
        let value = checksum(&text).iter().fold(0_u64, |n, c| {
            n * 62 + ALPHABET.iter().position(|letter| char::from(*letter) == *c).unwrap() as u64
        });
        assert_eq!(number, value);
    }

    #[test]
    fn scopes_are_words_from_the_list_and_at_least_one() {
        let scopes = Scopes::parse("register, users:read,register").unwrap();
        assert_eq!(scopes.to_string(), "users:read register");
        assert_eq!(Scopes::stored(&scopes.to_string()), scopes);
        assert!(scopes.contain(Scope::Register) && !scopes.contain(Scope::UsersWrite));
        for words in ["", ",", "admin", "users:read users:write", "Users:read", "users:*"] {
            assert!(Scopes::parse(words).is_err(), "{words}");
        }
        assert_eq!(Scopes::stored("users:read later:word").to_string(), "users:read");
    }

    #[test]
    fn a_name_begins_with_a_letter_so_that_a_number_is_none() {
        for text in ["a", "billing-2.prod_x", &"x".repeat(64)] {
            assert_eq!(KeyName::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "1", "-a", "a b", "a\n", "é", "a/b", &"x".repeat(65)] {
            assert!(KeyName::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(KeyRef::parse("12").unwrap(), KeyRef::Id(12));
        assert!(matches!(KeyRef::parse("a12").unwrap(), KeyRef::Name(_)));
        for text in ["-1", "+1", "", "99999999999999999999"] {
            assert!(KeyRef::parse(text).is_err(), "{text:?}");
        }
    }
}
