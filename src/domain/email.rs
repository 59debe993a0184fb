//! An address of electronic mail, and when two spellings are the same address.
//!
//! What is taken is a mailbox as RFC 5321 (4.1.2) writes it, with a domain and not an address literal: nobody
//! receives mail at one by intention. The local part is ASCII, since the extension for others (RFC 6531) is not
//! spoken by every server on the way.

use crate::error::{Error, Result};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::{Serialize, Serializer};
use std::fmt;

/// Most octets of a local part (RFC 5321, 4.5.3.1.1).
const MAX_LOCAL: usize = 64;

/// Most octets of an address: a path has 256 with its angle brackets (RFC 5321, 4.5.3.1.3).
const MAX_BYTES: usize = 254;

/// What may stand in a local part without quotes, beside letters and digits (RFC 5322, 3.2.3).
const ATOM: &str = "!#$%&'*+-/=?^_`{|}~";

/// An address to which mail can be sent.
///
/// It is shown as it was typed. Two are the same if their local parts are, letter by letter, and their domains
/// are after IDNA (UTS 46) in lower case. Nothing is folded in the local part, neither dots nor what follows a plus
/// sign nor case: what these mean is the business of the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    typed: String,
    canonical: String,
}

impl Email {
    /// Parses an address.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], saying why it is none.
    pub fn parse(typed: &str) -> Result<Self> {
        let canonical = canonical(typed).map_err(|fault| Error::parameter("email", fault))?;
        Ok(Self { typed: typed.to_owned(), canonical })
    }

    /// As it was typed.
    pub fn as_str(&self) -> &str {
        &self.typed
    }

    /// The form that identifies it, and to which mail is sent: with the domain as DNS has it.
    pub(crate) fn canonical(&self) -> &str {
        &self.canonical
    }

    /// Reads a column. What another release has let in is shown as it is, and sent nothing.
    pub(crate) fn stored(typed: Option<String>) -> Option<Self> {
        let typed = typed?;
        Some(Self::parse(&typed).unwrap_or(Self { typed, canonical: String::new() }))
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

impl Serialize for Email {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.typed)
    }
}

/// The canonical form of an address, or why it is none.
fn canonical(typed: &str) -> std::result::Result<String, &'static str> {
    let (local, domain) =
        typed.rsplit_once('@').ok_or("must be an address such as alice@example.com")?;
    if local.len() > MAX_LOCAL {
        return Err("must have at most 64 characters before the @");
    }
    if !is_dot_string(local) && !is_quoted_string(local) {
        return Err(
            "must have letters, digits and .!#$%&'*+-/=?^_`{|}~ of ASCII before the @, and a dot only \
                    between others",
        );
    }
    if domain.starts_with('[') {
        return Err("must name a domain after the @, and not a network address");
    }
    let fault = "must name a domain after the @";
    // One name has one spelling, and no dot at its end (RFC 5321, 2.3.5).
    let ascii = Uts46::new()
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .map_err(|_| fault)?;
    let canonical = format!("{local}@{ascii}");
    if typed.len() > MAX_BYTES || canonical.len() > MAX_BYTES {
        return Err("must have at most 254 bytes");
    }
    Ok(canonical)
}

/// RFC 5321, 4.1.2: `Dot-string`.
fn is_dot_string(local: &str) -> bool {
    let is_atom = |atom: &str| {
        !atom.is_empty() && atom.chars().all(|c| c.is_ascii_alphanumeric() || ATOM.contains(c))
    };
    local.split('.').all(is_atom)
}

/// RFC 5321, 4.1.2: `Quoted-string`.
fn is_quoted_string(local: &str) -> bool {
    let inside = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inside) = inside.filter(|inside| !inside.is_empty()) else { return false };
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        let fits = match c {
            '"' => false,
            '\\' => chars.next().is_some_and(|escaped| matches!(escaped, ' '..='~')),
            c => matches!(c, ' '..='~'),
        };
        if !fits {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_compared_after_idna_and_a_local_part_as_typed() {
        let canonical = |text: &str| Email::parse(text).unwrap().canonical;
        assert_eq!(canonical("Alice@EXAMPLE.com"), "Alice@example.com");
        assert_eq!(canonical("a@bücher.example"), "a@xn--bcher-kva.example");
        assert_eq!(canonical("a@BU\u{308}CHER.example"), canonical("a@xn--bcher-kva.example"));
        assert_eq!(canonical("a@straße.example"), "a@xn--strae-oqa.example");
        assert_eq!(canonical("a.b+c@x.org"), "a.b+c@x.org");
        assert_ne!(canonical("Alice@x.org"), canonical("alice@x.org"));
        assert_eq!(Email::parse("Alice@EXAMPLE.com").unwrap().as_str(), "Alice@EXAMPLE.com");
    }

    #[test]
    fn an_address_is_a_mailbox_of_rfc_5321_with_a_domain() {
        for text in [
            "a@b",
            "a@localhost",
            "o'brien+tag=1@x.org",
            "\"a b\"@x.org",
            "\"a\\\"@b\"@x.org",
            &format!("{}@x.org", "a".repeat(64)),
        ] {
            assert!(Email::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "a",
            "@x.org",
            "a@",
            ".a@x.org",
            "a.@x.org",
            "a..b@x.org",
            "a b@x.org",
            " a@x.org",
            "a@x.org ",
            "a@x.org\n",
            "a\r\nBcc: b@x.org",
            "a@x.org\r\nBcc: b@x.org",
            "Alice <a@x.org>",
            "é@x.org",
            "\"a\"b@x.org",
            "\"\"@x.org",
            "\"a\\\"@x.org",
            "a@[192.0.2.1]",
            "a@-x.org",
            "a@x..org",
            "a@x.org.",
            "a@x_y.org",
            "a@x,b@y.org",
            "a@\u{202e}x.org",
            "a@\0x.org",
            &format!("{}@x.org", "a".repeat(65)),
            &format!("a@{}.org", "x".repeat(64)),
            &format!("a@{}", "x.".repeat(130) + "org"),
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }
}
