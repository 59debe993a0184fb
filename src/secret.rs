//! A text that must not be seen.
//!
//! [`Secret`] has no way to be printed by accident: `Debug` shows dots, there is no `Display`,
//! and the memory is overwritten when the value goes. What it cannot do is follow copies that
//! other libraries make, such as the pieces of a connection string inside the database driver.

use std::fmt;
use zeroize::Zeroizing;

/// A secret text: a password, a signing secret, a connection string that may hold a password.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text into keeping.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. Every call of this is a place to look at in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        let printed = format!("{:?} {:#?}", Secret::from("hunter2"), Some(Secret::from("hunter2")));
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
