//! Who the client is when a proxy stands in front (RFC 7239, and its older relative), and what the
//! proxy calls the request.
//!
//! Each proxy appends the address that called it, so the list is read from the right, and only as
//! long as the writer of the entry is trusted. Anything further left was written by the client and
//! proves nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::framing::{Field, trimmed};
use crate::config::{Cidr, ForwardedHeader};

/// The client's address: the peer's, unless trusted proxies say otherwise.
#[must_use]
pub fn client_address(
    peer: IpAddr,
    fields: &[Field<'_>],
    header: ForwardedHeader,
    trusted: &[Cidr],
) -> IpAddr {
    let peer = peer.to_canonical();
    let is_trusted = |address: IpAddr| is_listed(address, trusted);
    if !is_trusted(peer) {
        return peer;
    }
    let name = match header {
        ForwardedHeader::XForwardedFor => "x-forwarded-for",
        ForwardedHeader::Forwarded => "forwarded",
    };
    let lines = fields.iter().rev().filter(|field| field.name.eq_ignore_ascii_case(name));
    let mut client = peer;
    for line in lines {
        let addresses: Vec<Option<IpAddr>> = match header {
            ForwardedHeader::XForwardedFor => {
                line.value.rsplit(|byte| *byte == b',').map(|entry| node(ascii(entry)?)).collect()
            }
            ForwardedHeader::Forwarded => {
                rsplit_outside_quotes(line.value, b',').into_iter().map(forwarded_for).collect()
            }
        };
        for address in addresses {
            // "unknown", an obfuscated name, garbage, or bytes outside ASCII. The last address that
            // a proxy named is the best that is known.
            let Some(address) = address else { return client };
            client = address;
            if !is_trusted(client) {
                return client;
            }
        }
    }
    client
}

/// The longest id of a request that is taken over, in characters.
const REQUEST_ID_LENGTH: usize = 64;

/// The id that a trusted proxy has given the request in `X-Request-Id`, so that both logs name it
/// alike. None where the peer is not listed, where the id could be anything but a word, or where
/// there are two, since the log must not be made to say one and the proxy's the other.
#[must_use]
pub fn request_id<'a>(peer: IpAddr, fields: &[Field<'a>], trusted: &[Cidr]) -> Option<&'a str> {
    if !is_listed(peer.to_canonical(), trusted) {
        return None;
    }
    let is_id = |field: &&Field<'_>| field.name.eq_ignore_ascii_case("x-request-id");
    let mut ids = fields.iter().filter(is_id);
    let (Some(field), None) = (ids.next(), ids.next()) else { return None };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let fits = |id: &&str| (1..=REQUEST_ID_LENGTH).contains(&id.len()) && id.bytes().all(allowed);
    field.ascii().filter(fits)
}

/// Whether this peer is believed.
pub(super) fn is_listed(peer: IpAddr, trusted: &[Cidr]) -> bool {
    trusted.iter().any(|block| block.contains(peer))
}

/// Logs once in the life of a door that an unlisted peer names a client, as proxies do, and is not
/// believed. An operator who forgot to list a proxy would otherwise see all of its clients share
/// one part.
pub(super) fn say_if_unlisted(
    peer: IpAddr,
    fields: &[Field<'_>],
    trusted: &[Cidr],
    said: &mut bool,
) {
    let names = ["x-forwarded-for", "forwarded"];
    let names_a_client =
        |field: &Field<'_>| names.iter().any(|name| field.name.eq_ignore_ascii_case(name));
    if *said || is_listed(peer, trusted) || !fields.iter().any(names_a_client) {
        return;
    }
    *said = true;
    log::warn!(
        "front door: {peer} sends a forwarding header and is not in server.trusted_proxies, so the header is ignored. If it is a proxy, all clients behind it count as one. This is logged once"
    );
}

/// Splits from the right at a separator that does not stand within a quoted string. From the
/// right, because a quote that the client left open must not swallow what proxies added to it.
fn rsplit_outside_quotes(bytes: &[u8], separator: u8) -> Vec<&[u8]> {
    let (mut parts, mut end, mut quoted) = (Vec::new(), bytes.len(), false);
    for at in (0..bytes.len()).rev() {
        let escaped = at > 0 && bytes[at - 1] == b'\\';
        if bytes[at] == b'"' && !escaped {
            quoted = !quoted;
        } else if bytes[at] == separator && !quoted {
            parts.push(&bytes[at + 1..end]);
            end = at;
        }
    }
    parts.push(&bytes[..end]);
    parts
}

/// An entry without the white space around it, if it is ASCII.
fn ascii(entry: &[u8]) -> Option<&str> {
    std::str::from_utf8(trimmed(entry)).ok().filter(|text| text.is_ascii())
}

/// The one `for` of a `Forwarded` element.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    for pair in rsplit_outside_quotes(ascii(element)?.as_bytes(), b';') {
        let (name, value) = ascii(pair)?.split_once('=')?;
        if name.eq_ignore_ascii_case("for") && found.replace(value).is_some() {
            return None;
        }
    }
    let value = found?;
    node(value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn node(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    text.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(bracketed)
        .map(|address| address.to_canonical())
}

/// What counts as one address for the limit on connections: an IPv4 address or an IPv6 /64.
pub(super) fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & (u128::MAX << 64))),
    }
}

/// Peers on a Unix socket are on this machine, and are treated like its loopback address.
pub(super) const LOCAL_PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[cfg(test)]
mod tests;
