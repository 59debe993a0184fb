//! `[metrics]`: numbers for Prometheus.

use std::net::{IpAddr, SocketAddr};

section! {
    /// Numbers for Prometheus, on an address of their own.
    metrics: Metrics {
        /// Where `GET /metrics` is answered: an address and port, where port 0 takes a free one. Without
        /// it nothing is.
        ///
        /// The numbers tell how many people log in and how often that fails, so they are for a
        /// private network. They name no login, no address and no token.
        listen: Option<SocketAddr> = "";

        /// Allows an address in `metrics.listen` that is neither loopback nor private.
        ///
        /// Anyone who reaches it reads the numbers, without a password.
        open_to_network: bool = "false";
    }
}

/// Whether an address is one that the internet does not route to: loopback, private (RFC 1918, RFC
/// 4193), link-local (RFC 3927, RFC 4291) or shared between a carrier's customers (RFC 6598), which
/// virtual private networks use too.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let is_shared = first == 100 && second & 0xc0 == 64;
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || is_shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_internet_does_not_route_to_is_private() {
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        for address in [
            "0.0.0.0",
            "::",
            "192.0.2.1",
            "8.8.8.8",
            "100.63.0.1",
            "100.128.0.1",
            "172.32.0.1",
            "2001:db8::1",
        ] {
            assert!(!is_private(address.parse().unwrap()), "{address}");
        }
    }
}
