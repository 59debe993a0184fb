//! Where the servers are that a connection string names.

use rand::seq::SliceRandom;
use std::net::IpAddr;
use tokio_postgres::config::{Host, LoadBalanceHosts};

/// One server, or the name of one or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) host: Host,
    /// Where it is, if that is known: as `hostaddr`, or from a look-up of the name.
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
}

impl Place {
    /// The servers in a connection string, in the order in which they are to be tried.
    pub(super) fn all(driver: &tokio_postgres::Config) -> Vec<Self> {
        let (hosts, addresses) = (driver.get_hosts(), driver.get_hostaddrs());
        let ports = driver.get_ports();
        let mut places: Vec<Self> = (0..hosts.len().max(addresses.len()))
            .filter_map(|at| {
                let address = addresses.get(at).copied();
                let host = hosts.get(at).cloned();
                let host = host.or_else(|| address.map(|ip| Host::Tcp(ip.to_string())))?;
                let port = ports.get(at).or_else(|| ports.first()).copied().unwrap_or(5432);
                Some(Self { host, address, port })
            })
            .collect();
        shuffle(driver, &mut places);
        places
    }

    /// Whether it is reached by a Unix socket. An address goes before a path.
    pub(crate) fn is_socket(&self) -> bool {
        self.address.is_none() && matches!(self.host, Host::Unix(_))
    }

    /// Whether it is on another machine. A name other than `localhost` is taken for one, unless its
    /// address is known.
    pub(crate) fn is_remote(&self) -> bool {
        let known = match &self.host {
            Host::Tcp(name) => self.address.or_else(|| name.parse().ok()),
            Host::Unix(_) => self.address,
        };
        match (known, &self.host) {
            (Some(address), _) => !address.is_loopback(),
            (None, Host::Tcp(name)) => !name.eq_ignore_ascii_case("localhost"),
            (None, Host::Unix(_)) => false,
        }
    }
}

/// Mixes what is to be tried, if the connection string asks for it (`load_balance_hosts=random`).
pub(crate) fn shuffle<T>(driver: &tokio_postgres::Config, places: &mut [T]) {
    if driver.get_load_balance_hosts() == LoadBalanceHosts::Random {
        places.shuffle(&mut rand::rng());
    }
}
