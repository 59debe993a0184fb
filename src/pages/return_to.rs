//! Where people go on once they are signed in: a path of ours, and nowhere else.
//!
//! An address that could lead elsewhere would let anyone send people through our sign-in to a page of
//! their own.

use crate::browser::OwnOrigin;
use crate::error::{Error, Result};

/// Most bytes of an address.
const MOST_BYTES: usize = 2_000;

/// A path, and perhaps a query, of our own origin.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReturnTo(String);

impl ReturnTo {
    /// Parses a path that begins with one `/`, or the address of one under our own origin.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for anything else.
    pub(super) fn parse(text: &str, own: &OwnOrigin) -> Result<Self> {
        let path = text.strip_prefix(own.as_str()).unwrap_or(text);
        // Browsers take a backslash for a slash, and leave out what does not print.
        let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let is_path = path.starts_with('/') && !path.starts_with("//");
        if is_path && is_plain && path.len() <= MOST_BYTES {
            return Ok(Self(path.to_owned()));
        }
        Err(Error::parameter("return", "must be a path of this service, such as /sign-in"))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}
