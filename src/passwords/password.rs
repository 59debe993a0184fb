//! A password as it comes in: which are accepted, and the form in which they are compared.

use crate::error::{Error, Result};
use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Most bytes of a password after normalisation: enough for any passphrase, and a bound on what
/// one login can make us compute.
const MAX_BYTES: usize = 1024;

/// A password as a user typed it, normalised once (NFKC, as NIST SP 800-63B-4 section 3.1.1.2
/// asks), so that it is the same from every keyboard. It cannot be printed, and its memory is
/// overwritten when it is dropped.
pub struct Password {
    pub(super) normalised: Zeroizing<String>,
    /// The password as it came, where that differs: for hashes of services that did not normalise.
    pub(super) received: Option<Zeroizing<String>>,
}

impl Password {
    /// Takes a password in. It is never cut or trimmed, and only NFKC changes it.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when it is empty, holds a NUL, or has over 1,024 bytes (UTF-8,
    /// after normalisation).
    pub fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::parameter("password", "must not be empty"));
        }
        if text.contains('\0') {
            return Err(Error::parameter("password", "must not contain a NUL character"));
        }
        // One allocation that normalisation cannot outgrow, so no partial copies stay behind.
        let mut normalised = Zeroizing::new(String::with_capacity(MAX_BYTES + 4));
        for c in text.nfkc() {
            normalised.push(c);
            if normalised.len() > MAX_BYTES {
                return Err(Error::parameter("password", "must have at most 1024 bytes"));
            }
        }
        let received = (*normalised != text).then(|| Zeroizing::new(text.to_owned()));
        Ok(Self { normalised, received })
    }

    /// In a form in which spellings that differ only in case or width are equal.
    pub(super) fn folded(&self) -> Zeroizing<String> {
        fold(&self.normalised)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.normalised.as_bytes()
    }

    pub(super) fn received(&self) -> &[u8] {
        self.received.as_ref().unwrap_or(&self.normalised).as_bytes()
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Case-folded and normalised.
pub(super) fn fold(text: &str) -> Zeroizing<String> {
    // Folding makes at most three characters out of one.
    let mut folded = Zeroizing::new(String::with_capacity(3 * text.len()));
    folded.extend(text.nfkc().default_case_fold().nfkc());
    folded
}
