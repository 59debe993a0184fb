//! The names under which a service in open mode answers.
//!
//! In open mode anyone who reaches the service may do everything. A browser on the machine reaches
//! it, and runs any page's scripts. Such a page can point a name of its own at our address and then
//! ask us as its own site (DNS rebinding). Or it asks across sites, which a browser only half
//! prevents. So the host of a request must be one that strangers cannot point anywhere: an address,
//! localhost, or a configured name. If the request comes from a page, the same holds for the page's
//! host.
//!
//! This protects against browsers alone: any other client can write anything into both fields. In
//! protected mode a page has no token, and no page can reach a Unix socket.

use super::Request;
use crate::config::{AccessMode, Config, HostName};
use crate::error::{Error, Result};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The names, or that any will do.
#[derive(Debug)]
pub(crate) enum Hosts {
    Any,
    These(Vec<HostName>),
}

impl Hosts {
    /// The names as configured. `on_network` says whether the service can be reached over TCP.
    pub(crate) fn of(config: &Config, on_network: bool) -> Self {
        if config.access.mode == AccessMode::Open && on_network {
            Self::These(config.access.open_hosts.clone())
        } else {
            Self::Any
        }
    }

    /// Checks that a request may be answered.
    ///
    /// # Errors
    /// [`Error::ForbiddenOrigin`].
    pub(crate) fn admit(&self, request: &Request) -> Result<()> {
        let Self::These(names) = self else { return Ok(()) };
        // HTTP/1.0 has no Host, and no browser leaves it out.
        let host = request.host.is_empty() || is_answered(&request.host, names);
        let mut origins = request.origins.iter();
        if host && origins.all(|origin| authority(origin).is_some_and(|a| is_answered(a, names))) {
            Ok(())
        } else {
            Err(Error::ForbiddenOrigin)
        }
    }
}

/// Host and port of an origin (RFC 6454, 7); `None` for `null` and for any other without them.
fn authority(origin: &str) -> Option<&str> {
    let (scheme, authority) = origin.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    (is_scheme && !authority.is_empty()).then_some(authority)
}

/// Whether the host of `HOST[:PORT]` is one that we answer for. Text in any other form is not.
fn is_answered(authority: &str, names: &[HostName]) -> bool {
    let end = if authority.starts_with('[') {
        authority.find(']').map(|at| at + 1)
    } else {
        Some(authority.find(':').unwrap_or(authority.len()))
    };
    let Some((host, port)) = end.map(|end| authority.split_at(end)) else { return false };
    let is_port = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
        return false;
    }
    if let Some(v6) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return v6.parse::<Ipv6Addr>().is_ok();
    }
    // Browsers write other spellings of an address, such as 127.1, in this form.
    host.parse::<Ipv4Addr>().is_ok() || host.parse().is_ok_and(|name| is_listed(&name, names))
}

/// Names below localhost are this machine's (RFC 6761, 6.3).
fn is_listed(name: &HostName, names: &[HostName]) -> bool {
    let text = name.as_str();
    text == "localhost" || text.ends_with(".localhost") || names.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_without_its_port_its_final_dot_and_its_case() {
        let names = ["auth.example.net".parse().unwrap()];
        for authority in [
            "auth.example.net",
            "AUTH.example.net:8080",
            "auth.example.net.",
            "auth.example.net.:1",
            "auth.example.net:",
            "localhost.:80",
            "a.LOCALHOST",
            "127.0.0.1:",
            "[::ffff:127.0.0.1]:80",
        ] {
            assert!(is_answered(authority, &names), "{authority}");
        }
        for authority in [
            "",
            ":80",
            "x.auth.example.net",
            "example.net",
            "auth.example.net..",
            "auth.example.net:80:80",
            "auth.example.net:http",
            "auth.example.net:80@evil.example",
            "[::1",
            "[::1]80",
            "[::1%25lo]",
            "[127.0.0.1]",
            "::1",
            "localhost%00.evil.example",
        ] {
            assert!(!is_answered(authority, &names), "{authority}");
        }
    }

    #[test]
    fn an_origin_is_a_scheme_and_an_authority() {
        assert_eq!(authority("https://a:1"), Some("a:1"));
        for origin in ["null", "", "a", "://a", "http://", "1://a", "http//a"] {
            assert_eq!(authority(origin), None, "{origin}");
        }
    }
}
