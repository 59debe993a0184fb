//! A host name as a setting.

use std::fmt;
use std::str::FromStr;

/// Most bytes of a name in DNS, and of one of its labels (RFC 1035, 2.3.4).
const NAME_BYTES: usize = 253;
const LABEL_BYTES: usize = 63;

/// A name such as `auth.example.net`, in lower case, without a port and without a final dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not a host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAHostName;

impl fmt::Display for NotAHostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected the name of a host such as auth.example.net, without scheme, port or `*`, \
             and in its xn-- form where it is not ASCII; addresses need not be listed",
        )
    }
}

impl std::error::Error for NotAHostName {}

impl FromStr for HostName {
    type Err = NotAHostName;

    /// Takes names that a browser can send. To a browser a name whose last label begins with a
    /// digit is an address or invalid, so listing it would have no effect.
    fn from_str(text: &str) -> Result<Self, NotAHostName> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let of_label = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let is_label =
            |label: &str| (1..=LABEL_BYTES).contains(&label.len()) && label.bytes().all(of_label);
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_number = last.starts_with(|c: char| c.is_ascii_digit());
        if name.len() > NAME_BYTES || !name.split('.').all(is_label) || is_number {
            return Err(NotAHostName);
        }
        Ok(Self(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_in_the_form_in_which_it_is_compared() {
        for (text, name) in [
            ("auth.example.net", "auth.example.net"),
            ("Auth.Example.NET.", "auth.example.net"),
            ("gatepost", "gatepost"),
            ("my_service-1", "my_service-1"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(text.parse::<HostName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn what_no_host_header_can_match_is_refused() {
        let long =
            [&["a".repeat(60).as_str(); 5].join("."), "a.", &"a".repeat(64)].map(str::to_owned);
        for text in [
            "",
            ".",
            "a..b",
            ".a",
            "a..",
            "*.example.net",
            "https://example.net",
            "example.net:8080",
            "example.net/",
            "bücher.example",
            "a b",
            "127.0.0.1",
            "10.1",
            "::1",
            "[::1]",
            &long[0],
            &long[2],
        ] {
            assert_eq!(text.parse::<HostName>(), Err(NotAHostName), "{text}");
        }
    }
}
