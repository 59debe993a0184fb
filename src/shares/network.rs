//! The networks among which things are shared out.

use std::net::IpAddr;

/// What counts as one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Network {
    /// The IPv4 /24 or the IPv6 /56, below a tag in the topmost byte.
    pub(super) block: u64,
    /// The /64 within an IPv6 /56.
    pub(super) part: u8,
}

const V4: u64 = 4 << 56;
const V6: u64 = 6 << 56;
/// Added to the tag of a listed proxy that speaks for itself.
const PROXY: u64 = 1 << 56;

impl Network {
    /// Work that this process does for itself.
    pub(crate) const HERE: Self = Self { block: 0, part: 0 };

    /// The network of an address.
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self { block: V4 | u64::from(v4.to_bits() >> 8), part: 0 },
            IpAddr::V6(v6) => {
                let half = (v6.to_bits() >> 64) as u64;
                Self { block: V6 | half >> 8, part: half as u8 }
            }
        }
    }

    /// The network of a listed proxy, until it is known which client it speaks for.
    pub(crate) fn of_proxy(address: IpAddr) -> Self {
        let network = Self::of(address);
        Self { block: network.block | PROXY, ..network }
    }
}

pub(super) const fn is_proxy(block: u64) -> bool {
    block & PROXY != 0
}
