//! Network addresses as settings: where to listen, and which proxies to believe.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// Where clients connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An IP address and port.
    Tcp(SocketAddr),
    /// A Unix socket at this path: `unix:/run/gatepost/http.sock`.
    Unix(PathBuf),
    /// The sockets that systemd passes (`LISTEN_FDS`): `systemd`.
    Systemd,
}

impl Listen {
    /// Whether only this machine can reach it. For systemd's sockets that is unknown.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
            Self::Systemd => false,
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Systemd => f.write_str("systemd"),
        }
    }
}

/// Why a text is not an address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotListen;

impl fmt::Display for NotListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected an address and port such as 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080, \
             or unix:/PATH, or systemd",
        )
    }
}

impl std::error::Error for NotListen {}

impl FromStr for Listen {
    type Err = NotListen;

    fn from_str(text: &str) -> Result<Self, NotListen> {
        if text == "systemd" {
            return Ok(Self::Systemd);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() { Ok(Self::Unix(path)) } else { Err(NotListen) };
        }
        let port = text.strip_prefix("localhost:");
        let numeric = port.map_or(text.to_owned(), |port| format!("127.0.0.1:{port}"));
        numeric.parse().map(Self::Tcp).map_err(|_| NotListen)
    }
}

/// The field in which the trusted proxies name the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, which nearly all proxies write.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// A block of addresses, such as `10.0.0.0/8`; a bare address is a block of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: u128,
    mask: u128,
    v6: bool,
}

/// Why a text is not a block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotACidr;

impl fmt::Display for NotACidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected an address block such as 10.0.0.0/8 or fd00::/8; IPv4 in IPv6 is \
             ::ffff:10.0.0.0/104, with a length of 96 or more",
        )
    }
}

impl std::error::Error for NotACidr {}

/// The address as a number, left-aligned, so that one mask works for both families.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
        IpAddr::V6(v6) => u128::from(v6),
    }
}

impl FromStr for Cidr {
    type Err = NotACidr;

    fn from_str(text: &str) -> Result<Self, NotACidr> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotACidr)?;
        let most: u32 = if address.is_ipv6() { 128 } else { 32 };
        let length = match length {
            None => most,
            Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().map_err(|_| NotACidr)?
            }
            Some(_) => return Err(NotACidr),
        };
        if length > most {
            return Err(NotACidr);
        }
        // Peers are compared in their canonical form, so a block of IPv4-mapped addresses becomes
        // the IPv4 block that it stands for. A block wider than the mapped prefix stands for none.
        let canonical = address.to_canonical();
        let prefix = if canonical.is_ipv4() { most - 32 } else { 0 };
        let length = length.checked_sub(prefix).ok_or(NotACidr)?;
        let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
        Ok(Self { network: bits(canonical) & mask, mask, v6: canonical.is_ipv6() })
    }
}

impl Cidr {
    /// Whether the address lies in the block. IPv4-mapped ones must be made canonical before.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.v6 == address.is_ipv6() && bits(address) & self.mask == self.network
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.mask.count_ones();
        if self.v6 {
            write!(f, "{}/{length}", Ipv6Addr::from(self.network))
        } else {
            let bits = u32::try_from(self.network >> 96).unwrap_or(0);
            write!(f, "{}/{length}", Ipv4Addr::from(bits))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_ipv4_written_in_ipv6_is_the_block_of_ipv4() {
        for (written, block) in [
            ("::ffff:127.0.0.0/104", "127.0.0.0/8"),
            ("::ffff:10.1.2.3", "10.1.2.3/32"),
            ("::ffff:0.0.0.0/96", "0.0.0.0/0"),
            ("127.0.0.0/8", "127.0.0.0/8"),
            ("fd00::/8", "fd00::/8"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(written.parse::<Cidr>().unwrap().to_string(), block, "{written}");
        }
        let loopback: Cidr = "::ffff:127.0.0.0/104".parse().unwrap();
        assert!(loopback.contains("::ffff:127.0.0.1".parse::<IpAddr>().unwrap().to_canonical()));
        for never in ["::ffff:127.0.0.0/95", "::ffff:0.0.0.0/0", "::ffff:10.0.0.0/129"] {
            assert_eq!(never.parse::<Cidr>(), Err(NotACidr), "{never}");
        }
    }
}
