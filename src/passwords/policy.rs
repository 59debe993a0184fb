//! Which new passwords are accepted: long enough, even without repetitions and sequences, and not
//! one that guessers try first. There are no rules of composition (OWASP ASVS 5.0, 6.2.5): they
//! make passwords harder to remember and no harder to guess.

use super::breached::BreachList;
use super::common::is_common;
use super::password::{Password, fold};
use super::patterns;
use crate::config;
use crate::error::{Error, Result};

/// Fewest characters of a word that is refused with digits and signs beside it. A shorter word is
/// refused only alone.
const MIN_WORD: usize = 4;

/// How the answer begins when only the core of a password is too weak.
const PATTERNS: &str = "contains repetitions or sequences such as 1234 or qwerty; without them";

/// The rules, with their lists opened.
pub(crate) struct Policy {
    min_length: usize,
    /// The words as configured, and folded.
    words: Vec<(String, String)>,
    breached: Option<BreachList>,
}

impl Policy {
    /// Opens the breach list, if there is one.
    ///
    /// # Errors
    /// [`Error::Startup`] when the file cannot be read or is not a breach list.
    pub(crate) fn open(settings: &config::Passwords) -> Result<Self> {
        let words = settings.refused_words.iter();
        Ok(Self {
            min_length: settings.min_length,
            words: words.map(|word| (word.clone(), fold(word).to_string())).collect(),
            breached: settings.breach_list.as_deref().map(BreachList::open).transpose()?,
        })
    }

    /// Whether the user with this login (in canonical form) may have this new password.
    ///
    /// # Errors
    /// [`Error::WeakPassword`], saying why. The password has fewer than `passwords.min_length`
    /// characters (Unicode scalar values after normalisation). Or it is the login or a refused word
    /// with only digits and signs beside it. Or it is one of the most common. Or its core (see
    /// `patterns`) is too short or most common. Or it is breached. [`Error::Internal`] when the
    /// breach list cannot be read any more: no password passes that was not looked up.
    pub(crate) fn check(&self, password: &Password, login: &str) -> Result<()> {
        let weak = |cause: &str| Err(Error::WeakPassword(format!("password: {cause}")));
        if password.normalised.chars().count() < self.min_length {
            return weak(&format!("must have at least {} characters", self.min_length));
        }
        let folded = password.folded();
        if is_made_of(&folded, login) {
            return weak("must be more than the login");
        }
        if let Some((word, _)) = self.words.iter().find(|(_, word)| is_made_of(&folded, word)) {
            return weak(&format!("must be more than the word \"{word}\""));
        }
        let core = patterns::core(&folded);
        let left = core.chars().count();
        let least = self.min_length;
        if *core != *folded && left < least {
            return weak(&format!("{PATTERNS} it has {left} of at least {least} characters"));
        }
        if *core != *folded && is_common(&core) {
            return weak(&format!("{PATTERNS} it is one of the most common passwords"));
        }
        if is_common(&folded) {
            return weak("is one of the most common passwords");
        }
        match &self.breached {
            Some(list)
                if list.contains(password.received())? || list.contains(password.bytes())? =>
            {
                weak("appeared in a data breach of another service")
            }
            _ => Ok(()),
        }
    }
}

/// Whether only digits, signs and spaces are left of the text without the word.
fn is_made_of(folded: &str, word: &str) -> bool {
    if word.chars().count() < MIN_WORD {
        return folded == word;
    }
    folded.contains(word) && !folded.split(word).any(|rest| rest.chars().any(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Profile};

    fn verdict(password: &str, login: &str) -> String {
        let mut settings = Config::new(Profile::Development).passwords;
        settings.refused_words.push("Große Bühne".to_owned());
        let policy = Policy::open(&settings).unwrap();
        match policy.check(&Password::parse(password).unwrap(), login) {
            Ok(()) => String::new(),
            Err(Error::WeakPassword(text)) => text,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(verdict("ÄÖÜäöüß", "alice").contains("at least 8 characters"));
        assert_eq!(verdict("ÄÖÜäöüßẞ", "alice"), "");
    }

    #[test]
    fn the_most_common_ones_are_refused_in_any_case_and_width() {
        for text in ["password1", "PassWord1", "ｐａｓｓｗｏｒｄ１", "iloveyou", "Trustno1"]
        {
            assert!(verdict(text, "alice").contains("most common"), "{text}");
        }
        assert_eq!(verdict("password1 and more", "alice"), "");
    }

    #[test]
    fn repetitions_and_runs_add_nothing() {
        for (text, why) in [
            ("aaaaaaaaaaaaaaa", "it has 1 of at least 8 characters"),
            ("123456789012345", "it has 1 of at least 8"),
            ("passwordpassword", "it is one of the most common"),
            ("PasswordPassword1", "it is one of the most common"),
            ("horsehorsehorse", "it has 5 of"),
            ("q1w2e3r4t5y6u7i8", "it has 2 of"),
            ("tiger1234567890", "it has 6 of"),
        ] {
            assert!(verdict(text, "alice").contains(why), "{text}: {}", verdict(text, "alice"));
        }
        for text in ["correct horse correct horse", "tr0ub4dor and 12345", "mississippi queen"] {
            assert_eq!(verdict(text, "alice"), "");
        }
    }

    #[test]
    fn the_login_with_digits_and_signs_is_refused() {
        for text in ["alice.liddell", "Alice.Liddell", "alice.liddell2026!", "**ALICE.LIDDELL**"] {
            assert!(verdict(text, "alice.liddell").contains("login"), "{text}");
        }
        assert_eq!(verdict("alice.liddell in wonderland", "alice.liddell"), "");
        assert!(verdict("bob", "bob").contains("at least 8"));
    }

    #[test]
    fn a_short_login_forbids_itself_and_no_more() {
        assert_eq!(verdict("83029475615 a", "a"), "");
        assert!(!is_made_of("8302947561a", "a") && is_made_of("a", "a"));
    }

    #[test]
    fn configured_words_are_refused_in_any_spelling() {
        for text in
            ["gatepost", "Gatepost2026", "gatepostgatepost", "GROSSE BÜHNE 1", "große bühne!"]
        {
            assert!(verdict(text, "alice").contains("the word"), "{text}");
        }
        assert_eq!(verdict("the gatepost opens", "alice"), "");
    }
}
