//! Which of the three configurations is in force.

use crate::error::{Error, Result};

/// Which of the three configurations is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// For a developer's own machine. The default.
    Development,
    /// For automated tests: cheap password hashes.
    Testing,
    /// For real users: strong settings, and no default where the operator must decide.
    Production,
}

impl Profile {
    pub(super) const ALL: [Self; 3] = [Self::Development, Self::Testing, Self::Production];

    /// The word for it in `APP_SETTINGS`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Testing => "testing",
            Self::Production => "production",
        }
    }

    /// Reads the value of `APP_SETTINGS`.
    ///
    /// # Errors
    /// [`Error::Configuration`], listing the three words, for any other.
    pub fn parse(word: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == word).ok_or_else(|| {
            Error::Configuration(vec![format!(
                "APP_SETTINGS: {word:?} is not one of development, testing, production"
            )])
        })
    }
}
