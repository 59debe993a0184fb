//! How many logins are tried, and what is reported meanwhile.

use crate::domain::Login;
use crate::error::{Error, Result};
use std::time::Duration;

/// How many tries of each kind. The error of a comparison falls with the square root of their
/// number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries(u32);

impl Tries {
    /// The number for which the project promises the result.
    pub const DEFAULT: Self = Self(2_000);

    /// Parses a number from outside.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] outside 50 to 100,000: fewer could not show anything, and more
    /// take minutes to compare.
    pub fn parse(tries: u32) -> Result<Self> {
        if (50..=100_000).contains(&tries) {
            Ok(Self(tries))
        } else {
            Err(Error::parameter("tries", "must be 50 to 100000"))
        }
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// What is under way.
#[derive(Debug)]
pub enum Progress<'a> {
    /// These accounts are about to be made, and deleted at the end.
    Accounts([&'a Login; 2]),
    /// How many tries of each kind are done, and how long the rest will take.
    Tried(u32, Duration),
    /// All tries are done and are being compared.
    Comparing,
    /// This account could not be deleted.
    LeftBehind(&'a Login, &'a Error),
}
