//! The request line (RFC 9112, section 3): method, the four forms of a target, and the version.

use std::borrow::Cow;

use super::problem::{Cause, Refusal};

/// The two versions that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// Splits the request line at exactly two single spaces.
pub(super) fn request_line(head: &[u8]) -> Result<(&str, &str, Version), Refusal> {
    let malformed = Refusal::invalid("malformed request line");
    let end = head.iter().position(|&b| b == b'\r').ok_or(malformed)?;
    let line = std::str::from_utf8(&head[..end]).map_err(|_| malformed)?;
    let mut parts = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed);
    };
    let version = match version.as_bytes() {
        b"HTTP/1.1" => Version::Http11,
        b"HTTP/1.0" => Version::Http10,
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            return Err(Refusal::new(
                Cause::VersionNotSupported,
                "only HTTP/1.1 and HTTP/1.0 are supported",
            ));
        }
        _ => return Err(malformed),
    };
    if method.is_empty() || target.is_empty() || target.contains(['\t', '#']) {
        return Err(malformed);
    }
    Ok((method, target, version))
}

/// Brings the target into origin-form (RFC 9112, section 3.2). Returns the authority of an
/// absolute-form target, which then overrides the Host field.
pub(super) fn target_forms<'a>(
    method: &str,
    target: &'a str,
) -> Result<(Cow<'a, str>, Option<&'a str>), Refusal> {
    if method == "CONNECT" {
        return Err(Refusal::new(Cause::NotImplemented, "CONNECT is for proxies"));
    }
    if target.starts_with('/') || (target == "*" && method == "OPTIONS") {
        return Ok((Cow::Borrowed(target), None));
    }
    let malformed = Refusal::invalid("malformed request target");
    let (scheme, rest) = target.split_once("://").ok_or(malformed)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(malformed);
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.is_empty() || !is_authority(authority) {
        return Err(malformed);
    }
    let path = match path {
        // RFC 9112, section 3.2.4: server-wide OPTIONS through a proxy.
        "" if method == "OPTIONS" => Cow::Borrowed("*"),
        "" => Cow::Borrowed("/"),
        _ if path.starts_with('?') => Cow::Owned(format!("/{path}")),
        _ => Cow::Borrowed(path),
    };
    Ok((path, Some(authority)))
}

/// Whether this is a host and a port in the characters of RFC 3986; no user information, no lists.
pub(super) fn is_authority(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:[]".contains(&b))
}
