//! What a user logs in with, and when two spellings are the same login.

use crate::error::{Error, Result};
use crate::printable::is_invisible;
use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

/// Maximum characters in a login.
const MAX_CHARS: usize = 128;

/// Maximum bytes in a login's canonical form. Compatibility forms can expand a character to
/// eighteen; a PostgreSQL index entry takes some 2,700 bytes.
const MAX_CANONICAL_BYTES: usize = 1024;

/// The Braille pattern without dots: a symbol by its category, but as blank as a space.
const BLANK: char = '\u{2800}';

/// The name that a user logs in with.
///
/// It is shown as it was typed. What identifies it is its canonical form: Unicode's compatibility
/// normalisation and case folding, without invisible characters, so that `Alice`, `ALICE` and
/// `Ａｌｉｃｅ` are one login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    typed: String,
    canonical: String,
}

impl Login {
    /// Parses a login.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when it is empty or over 128 characters, begins or ends with
    /// white space, holds a control, format, private-use or unassigned character or a line or
    /// paragraph separator, or when its canonical form is empty or over 1,024 bytes.
    pub fn parse(typed: &str) -> Result<Self> {
        let fault = |text: &str| Err(Error::parameter("login", text));
        if typed.is_empty() {
            return fault("must not be empty");
        }
        if typed.chars().nth(MAX_CHARS).is_some() {
            return fault("must have at most 128 characters");
        }
        let seen = typed.trim_matches(is_ignorable);
        if seen.starts_with(char::is_whitespace) || seen.ends_with(char::is_whitespace) {
            return fault("must not begin or end with a space");
        }
        if typed.chars().any(is_refused) {
            return fault("must not contain control, format, private-use or unassigned characters");
        }
        let canonical = canonical(typed);
        if canonical.is_empty() {
            return fault("must contain a visible character");
        }
        if canonical.len() > MAX_CANONICAL_BYTES {
            return fault("is too long once normalised");
        }
        Ok(Self { typed: typed.to_owned(), canonical })
    }

    /// As it was typed.
    pub fn as_str(&self) -> &str {
        &self.typed
    }

    /// The form that identifies it.
    pub(crate) fn canonical(&self) -> &str {
        &self.canonical
    }
}

/// What logins begin with, in any spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginPrefix(String);

impl LoginPrefix {
    /// Parses the beginning of a login. Unlike a login it may end with a space.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when it is empty or over 128 characters, begins with white space,
    /// or holds a character that no login may.
    pub fn parse(typed: &str) -> Result<Self> {
        let begun = format!("{typed}.");
        let too_long = typed.chars().nth(MAX_CHARS).is_some();
        let begun = if too_long || typed.is_empty() { typed } else { &begun };
        match Login::parse(begun) {
            Ok(_) => Ok(Self(canonical(typed))),
            Err(Error::InvalidRequest(text)) => {
                Err(Error::InvalidRequest(text.replacen("login", "login_prefix", 1)))
            }
            Err(other) => Err(other),
        }
    }

    /// The first canonical form that begins like this.
    pub(crate) fn first(&self) -> String {
        self.0.clone()
    }

    /// A text after all canonical forms that begin like this, compared byte by byte. Its last
    /// character is unassigned for ever, so no login has it.
    pub(crate) fn end(&self) -> String {
        format!("{}\u{10ffff}", self.0)
    }
}

/// Nobody can see an invisible character, or know how an unassigned one will fold some day.
fn is_refused(c: char) -> bool {
    is_invisible(c) || c == BLANK
}

/// The form under which compatibility caseless matches are equal (The Unicode Standard, section
/// 3.13, D146), composed at the end, without default ignorable characters.
fn canonical(typed: &str) -> String {
    let visible = typed.chars().filter(|c| !is_ignorable(*c));
    visible.nfd().default_case_fold().nfkd().default_case_fold().nfkc().collect()
}

/// The default ignorable characters (DerivedCoreProperties) that are not refused as format
/// characters: combining grapheme joiner, Hangul fillers, Khmer inherent vowels, Mongolian and
/// other variation selectors.
fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{034f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180d}'
            | '\u{180f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{e0100}'..='\u{e01ef}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical_of(text: &str) -> String {
        Login::parse(text).unwrap().canonical
    }

    #[test]
    fn spellings_of_one_login_have_one_canonical_form() {
        for (a, b) in [
            ("Alice", "ALICE"),
            ("Ａｌｉｃｅ", "alice"),
            ("straße", "STRASSE"),
            ("Å", "a\u{30a}"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("admin\u{fe0f}", "admin"),
            ("ad\u{034f}min", "admin"),
            ("ﬁ", "FI"),
            ("\u{1fc3}", "\u{3b7}\u{345}"),
        ] {
            assert_eq!(canonical_of(a), canonical_of(b), "{a} and {b}");
        }
    }

    #[test]
    fn different_logins_stay_different() {
        for (a, b) in [("alice", "alıce"), ("a.b", "ab"), ("a b", "ab"), ("é", "e")] {
            assert_ne!(canonical_of(a), canonical_of(b), "{a} and {b}");
        }
    }

    #[test]
    fn the_canonical_form_is_its_own_canonical_form() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            if let Ok(login) = Login::parse(&c.to_string()) {
                assert_eq!(canonical(&login.canonical), login.canonical, "U+{:04X}", c as u32);
            }
        }
    }

    #[test]
    fn a_login_has_1_to_128_characters() {
        assert!(Login::parse("").is_err());
        assert!(Login::parse(&"é".repeat(128)).is_ok());
        assert!(Login::parse(&"é".repeat(129)).is_err());
        assert!(Login::parse(&"\u{fdfa}".repeat(128)).is_err());
    }

    #[test]
    fn spaces_at_the_ends_and_invisible_characters_are_refused() {
        for text in [
            " a",
            "a ",
            "\u{a0}a",
            "a\u{3000}",
            "a\tb",
            "a\nb",
            "a\0b",
            "a\u{200b}b",
            "\u{feff}a",
            "a\u{202e}b",
            "\u{fe0f} a",
            "a \u{fe0f}",
            "\u{fe0f} \u{fe0f}",
            "a\u{2800}",
            "a\u{e000}",
            "a\u{2028}b",
            "a\u{7f}",
            "a\u{ad}b",
            "\u{fe0f}",
            "a\u{378}",
        ] {
            assert!(Login::parse(text).is_err(), "{text:?}");
        }
        assert!(Login::parse("two words").is_ok());
        assert!(Login::parse("日本語 ❤\u{fe0f}").is_ok());
    }
}
