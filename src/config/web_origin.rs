//! The origin of a web page as a setting.

use super::endpoint::is_loopback;
use std::fmt;
use std::str::FromStr;

/// Most bytes of an origin: the longest name in DNS, a scheme and a port.
const MOST_BYTES: usize = 300;

/// An origin as browsers write it in the field `Origin` (RFC 6454, 6.2): scheme, host and, where it
/// is not the usual one, port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// The origin itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme and host, without the port.
    pub(crate) fn scheme_and_host(&self) -> (&str, &str) {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        (scheme, host_and_port(rest).0)
    }

    /// Whether it has TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Whether secrets can be sent to it: with TLS, or on the machine itself.
    pub(crate) fn takes_secrets(&self) -> bool {
        self.is_secure() || (self.0.starts_with("http://") && self.is_of_this_machine())
    }

    /// Whether its host is the machine itself, whose traffic nobody else can read.
    pub(crate) fn is_of_this_machine(&self) -> bool {
        let (_, host) = self.scheme_and_host();
        let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        // Browsers never ask the network for the names below `localhost` (RFC 6761, 6.3).
        is_loopback(address.unwrap_or(host)) || host.ends_with(".localhost")
    }
}

/// What stands behind the scheme, apart. The colons of an address in brackets are not before a port.
fn host_and_port(rest: &str) -> (&str, Option<&str>) {
    match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (rest, None),
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAWebOrigin(&'static str);

impl fmt::Display for NotAWebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotAWebOrigin {}

const FORM: NotAWebOrigin =
    NotAWebOrigin("expected an origin such as https://app.example.com or http://localhost:3000");

impl FromStr for WebOrigin {
    type Err = NotAWebOrigin;

    /// Takes what a browser can send. Schemes of apps, such as `capacitor://localhost`, are origins
    /// too.
    fn from_str(text: &str) -> Result<Self, NotAWebOrigin> {
        if text.contains('*') {
            return Err(NotAWebOrigin("a pattern; list each origin by itself"));
        }
        if text == "null" {
            return Err(NotAWebOrigin(
                "any page can have the origin null, such as one in a sandbox",
            ));
        }
        let (scheme, rest) = text.split_once("://").ok_or(FORM)?;
        if let Some(path) = rest.find(['/', '?', '#']) {
            let fault = "an origin ends with the host or the port; leave out what follows";
            return Err(if path > 0 { NotAWebOrigin(fault) } else { FORM });
        }
        let scheme = scheme.to_ascii_lowercase();
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        let (host, port) = host_and_port(rest);
        let of_name = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let of_address = |b: u8| b.is_ascii_hexdigit() || b":.".contains(&b);
        let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => !address.is_empty() && address.bytes().all(of_address),
            None => !host.is_empty() && host.bytes().all(of_name),
        };
        let number = port.map(str::parse::<u16>).transpose().map_err(|_| FORM)?;
        let is_port = port.is_none_or(|port| port.bytes().all(|b| b.is_ascii_digit()));
        if !is_scheme || !is_host || !is_port || text.len() > MOST_BYTES {
            return Err(FORM);
        }
        let usual = matches!((scheme.as_str(), number), ("http", Some(80)) | ("https", Some(443)));
        let port = number.filter(|_| !usual).map(|number| format!(":{number}"));
        let host = host.to_ascii_lowercase();
        Ok(Self(format!("{scheme}://{host}{}", port.unwrap_or_default())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_kept_as_browsers_write_it() {
        for (text, kept) in [
            ("https://app.example.com", "https://app.example.com"),
            ("HTTPS://App.Example.com:443", "https://app.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://a:80", "http://a"),
            ("https://a:80", "https://a:80"),
            ("http://[::1]:5173", "http://[::1]:5173"),
            ("http://127.0.0.1", "http://127.0.0.1"),
            ("capacitor://localhost", "capacitor://localhost"),
        ] {
            assert_eq!(text.parse::<WebOrigin>().unwrap().as_str(), kept);
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused_with_the_reason() {
        for (text, reason) in [
            ("*", "list each"),
            ("https://*.example.com", "list each"),
            ("null", "sandbox"),
            ("https://a.example/", "leave out"),
            ("https://a.example/path", "leave out"),
            ("https://a.example?b", "leave out"),
            ("a.example", "expected an origin"),
            ("https://", "expected an origin"),
            ("https:///", "expected an origin"),
            ("https://a b", "expected an origin"),
            ("https://a:", "expected an origin"),
            ("https://a:+80", "expected an origin"),
            ("https://a:65536", "expected an origin"),
            ("https://u@a", "expected an origin"),
            ("https://é.example", "expected an origin"),
            ("1ttp://a", "expected an origin"),
            ("http://[g]", "expected an origin"),
        ] {
            let fault = text.parse::<WebOrigin>().unwrap_err().to_string();
            assert!(fault.contains(reason), "{text}: {fault}");
        }
        assert!(format!("https://{}", "a".repeat(300)).parse::<WebOrigin>().is_err());
    }
}
