//! The keys under which attempts are counted, and what counts as one network.
//!
//! A network is an IPv4 /24 or an IPv6 /64. It is a /24 and not a single address because anyone who
//! rents one has 256 addresses and would guess 256 times as fast. Innocent neighbours get in
//! because they have logged in before, and a household whose address changes overnight often stays
//! inside it. An IPv6 /64 is the least that a site gets.

use crate::app::keyed::HashKey;
use std::net::IpAddr;

/// What is counted; the first byte of its key.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum CounterKind {
    Login = b'l',
    Network = b'n',
    Pair = b'p',
    Registration = b'r',
    Recovery = b'w',
    Code = b'c',
}

/// A key in the table of attempts.
pub(super) type Counter = Vec<u8>;

pub(super) fn counter(key: &HashKey, kind: CounterKind, parts: &[&[u8]]) -> Counter {
    let kind = kind as u8;
    let hash = key.hash(&[&[&[kind][..]], parts].concat());
    [&[kind], &hash[..16]].concat()
}

/// The part of an address that counts as one client.
pub(super) fn network(address: IpAddr) -> [u8; 9] {
    let mut network = [0; 9];
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            network[0] = 4;
            network[1..4].copy_from_slice(&v4.octets()[..3]);
        }
        IpAddr::V6(v6) => {
            network[0] = 6;
            network[1..].copy_from_slice(&v6.octets()[..8]);
        }
    }
    network
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_an_ipv4_24_or_an_ipv6_64() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("192.0.2.1"), of("192.0.2.254"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.7"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::1"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
    }
}
