//! A text that must not be seen.
//!
//! [`Secret`] cannot be printed by accident: `Debug` shows dots, there is no `Display`, and the
//! memory is overwritten when the value is dropped. It cannot follow copies that other libraries
//! make, such as the pieces of a connection string inside the database driver.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{self, Path};
use zeroize::Zeroizing;

/// Size limit of a secret's file in bytes, far above any secret: a wrong name may lead to any file.
const MOST: u64 = 64 * 1024;

/// A secret text: a password, a signing secret, a connection string that may hold a password.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text into keeping.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret that a file holds, without the line end that editors leave.
    ///
    /// # Errors
    /// A text that says what is wrong. It names the file only if the name cannot be the secret:
    /// people put the secret itself where a file name is expected.
    pub fn read_file(path: &str) -> Result<Self, String> {
        let file = file_named_by("it", Path::new(path));
        let fault = |cause: &str| Err(format!("{file} {cause}"));
        let mut bytes = Zeroizing::new(Vec::new());
        let read = File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
        if let Err(error) = read {
            return fault(&format!("cannot be read: {error}"));
        }
        if bytes.len() as u64 > MOST {
            return fault(&format!("is longer than {MOST} bytes"));
        }
        match std::str::from_utf8(&bytes).map(|text| text.trim_end_matches(['\r', '\n'])) {
            Ok("") => fault("is empty"),
            Ok(text) => Ok(Self::from(text)),
            Err(_) => fault("is not UTF-8"),
        }
    }

    /// The text itself. A review should look at every call of this.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A path to a secret's file, if it cannot be the secret itself: it leads to an existing directory
/// other than the root, since a secret may well begin with a slash.
pub(crate) fn path_to_show(path: &Path) -> Option<path::Display<'_>> {
    let dir = path.parent().filter(|dir| dir.is_absolute() && dir.parent().is_some())?;
    dir.is_dir().then(|| path.display())
}

/// How a message speaks of a file that a setting names, with its path where that can be shown.
pub(crate) fn file_named_by(setting: &str, path: &Path) -> String {
    let name = path_to_show(path).map_or_else(String::new, |name| format!(" ({name})"));
    format!("the file that {setting} names{name}")
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
    fn the_file_of_a_secret_is_named_only_where_that_cannot_be_the_secret() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing").display().to_string();
        assert!(Secret::read_file(&missing).unwrap_err().contains(&missing));
        for text in ["hunter2", "/hunter2", "/nowhere/hunter2", "./hunter2", "a/hunter2", ""] {
            let fault = Secret::read_file(text).unwrap_err();
            assert!(!fault.contains("hunter2") && fault.contains("cannot be read"), "{fault}");
        }
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        let printed = format!("{:?} {:#?}", Secret::from("hunter2"), Some(Secret::from("hunter2")));
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
