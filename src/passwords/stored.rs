//! A stored hash: ours, a foreign one from an import, or one in our format from an import.
//!
//! Other services use the same format as ours, and a hash does not show whether its service
//! normalised passwords. So a hash in our format is stored with [`MARK`] before it unless it is
//! known to be ours, and it is exported that way. No other kind of hash begins with that word.

use super::cost;
use super::form::Form;
use super::not_a_hash::NotAHash;
use super::phc::{self, Own};
use std::fmt;
use std::str::FromStr;

/// A stored hash, with the text that it was read from: it may be replaced only where a row still
/// holds that text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash {
    text: String,
    pub(super) form: Form,
}

/// Stands before a hash in our format that may not be ours.
const MARK: &str = "foreign";

impl PasswordHash {
    /// A hash from an import that does not claim to be ours. One under a pepper is ours all the
    /// same: no other service has the pepper.
    ///
    /// # Errors
    /// As parsing does.
    pub(crate) fn from_elsewhere(text: &str) -> Result<Self, NotAHash> {
        let parsed: Self = text.parse()?;
        Ok(match parsed.form {
            Form::Own(own) if own.pepper.is_none() => {
                Self { text: format!("{MARK}{text}"), form: Form::Alike(own) }
            }
            form => Self { text: parsed.text, form },
        })
    }

    /// A hash that we made, read as an import does.
    ///
    /// # Errors
    /// For every other hash, and as parsing does.
    pub(crate) fn own(text: &str) -> Result<Self, NotAHash> {
        text.parse::<Own>()?;
        text.parse()
    }

    /// Whether a stored text is a hash that we made, whatever its cost.
    pub(crate) fn is_own(stored: &str) -> bool {
        stored.parse::<Own>().is_ok()
    }

    /// Whether a stored text is this hash, marked or not: before marks were introduced, none had
    /// one.
    pub(crate) fn is_that_of(&self, stored: &str) -> bool {
        let unmarked = |text: &str| text.strip_prefix(MARK).unwrap_or(text).to_owned();
        unmarked(&self.text) == unmarked(stored)
    }

    /// Reads the text of a row. It may cost more than is accepted from outside, since it may be
    /// older than that bound.
    ///
    /// # Errors
    /// [`NotAHash`].
    pub(crate) fn stored(text: &str) -> Result<Self, NotAHash> {
        Self::read(text, cost::MAX_STORED)
    }

    fn read(text: &str, most: u64) -> Result<Self, NotAHash> {
        let marked = text.strip_prefix(MARK).filter(|rest| rest.starts_with(phc::PREFIX));
        let form = if let Some(rest) = marked {
            let own: Own = rest.parse()?;
            if own.pepper.is_some() {
                return Err(NotAHash::new("a hash under a pepper is ours and carries no mark"));
            }
            Form::Alike(own)
        } else if text.starts_with(phc::PREFIX) {
            Form::Own(text.parse()?)
        } else {
            Form::Foreign(text.parse()?)
        };
        cost::check(&form, most)?;
        Ok(Self { text: text.to_owned(), form })
    }

    /// Whether it costs more than is accepted from outside, and should be made anew.
    pub(super) fn is_too_costly(&self) -> bool {
        cost::of(&self.form) > cost::MAX
    }

    /// The kind of hash and its cost, for an operator: nothing of salt or hash.
    pub(crate) fn kind(&self) -> String {
        self.form.kind()
    }

    /// Bytes of memory that verifying it takes, beyond some kilobytes.
    pub(crate) fn memory(&self) -> usize {
        match &self.form {
            Form::Own(_) | Form::Alike(_) => 0,
            Form::Foreign(foreign) => foreign.memory(),
        }
    }
}

impl From<Own> for PasswordHash {
    fn from(own: Own) -> Self {
        Self { text: own.to_string(), form: Form::Own(own) }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash({}, …)", self.kind())
    }
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads a hash that comes from outside.
impl FromStr for PasswordHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        Self::read(text, cost::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_shows_its_text_where_it_is_stored_and_its_kind_where_it_is_debugged() {
        let text = "$pbkdf2-sha256$i=5,l=32$BwcHBwcHBwcHBwcHBwcHBw$\
                    CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk";
        let hash: PasswordHash = text.parse().unwrap();
        assert_eq!(hash.to_string(), text);
        assert_eq!(format!("{hash:?}"), "PasswordHash(Gatepost's own i=5, …)");
        let text = "pbkdf2_sha1$1000$saltsaltsalt$AwqfYeoLQyExMNseD8jAJAm/tec=";
        let hash: PasswordHash = text.parse().unwrap();
        assert_eq!(hash.to_string(), text);
        assert_eq!(format!("{hash:?}"), "PasswordHash(pbkdf2-sha1 i=1000, …)");
    }

    const OURS: &str = "$pbkdf2-sha256$i=5,l=32$BwcHBwcHBwcHBwcHBwcHBw$\
                        CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk";

    #[test]
    fn the_mark_is_put_once_and_only_where_it_says_something() {
        let text = |hash: &str| PasswordHash::from_elsewhere(hash).map(|hash| hash.to_string());
        let marked = format!("foreign{OURS}");
        assert_eq!(text(OURS), Ok(marked.clone()));
        assert_eq!(text(&marked), Ok(marked.clone()));
        let django = "pbkdf2_sha1$1000$saltsaltsalt$AwqfYeoLQyExMNseD8jAJAm/tec=";
        let peppered = OURS.replace("l=32", "l=32,keyid=AAECAwQF");
        for unmarked in [django, &peppered] {
            assert_eq!(text(unmarked).as_deref(), Ok(unmarked));
        }
        assert!(PasswordHash::own(OURS).is_ok() && PasswordHash::own(&peppered).is_ok());
        for other in [&marked, django, &format!("foreignforeign{OURS}"), ""] {
            assert!(PasswordHash::own(other).is_err(), "{other}");
        }
        for bad in [
            format!("foreign{django}"),
            format!("foreign{peppered}"),
            format!("foreignforeign{OURS}"),
            OURS.replace("i=5", "i=2500001"),
            marked.replace("i=5", "i=2500001"),
        ] {
            assert!(text(&bad).is_err(), "{bad}");
        }
        for most in [OURS, &marked].map(|hash| hash.replace("i=5", "i=2500000")) {
            assert!(text(&most).is_ok(), "{most}");
        }
        // A hash from before there was this bound is still ours, and is read where it is stored.
        let costly = OURS.replace("i=5", "i=10000001");
        assert!(PasswordHash::own(&costly).is_err() && PasswordHash::is_own(&costly));
        for stored in [&costly, &format!("foreign{costly}")] {
            assert!(PasswordHash::stored(stored).is_ok(), "{stored}");
        }
    }

    #[test]
    fn a_hash_is_the_same_with_and_without_the_mark() {
        let marked = PasswordHash::from_elsewhere(OURS).unwrap();
        let ours = PasswordHash::own(OURS).unwrap();
        for hash in [&marked, &ours] {
            assert!(hash.is_that_of(OURS) && hash.is_that_of(&format!("foreign{OURS}")));
            assert!(!hash.is_that_of(&OURS.replace("i=5", "i=6")));
        }
    }
}
