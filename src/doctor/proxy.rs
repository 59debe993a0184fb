//! Whether the addresses of clients arrive through the proxy in front. The sessions tell: they hold
//! the address from which each was opened.

use super::verdict::Verdict;
use crate::config::{Cidr, Config, Profile};
use crate::db::Client;
use crate::error::Result;
use std::net::IpAddr;

/// Sessions that are looked at, the newest.
const SESSIONS: i64 = 100;

/// Fewer sessions prove nothing: they may be the operator's own.
const FEWEST: usize = 5;

pub(super) fn examine(client: &mut Client, config: &Config) -> Verdict {
    if config.server.trusted_proxies.is_empty() && config.profile != Profile::Production {
        return Verdict::skipped("only production is expected to have a proxy in front");
    }
    match addresses(client) {
        Ok(addresses) => judge(&addresses, &config.server.trusted_proxies),
        Err(error) => Verdict::skipped(format!("the sessions cannot be read: {error}")),
    }
}

fn addresses(client: &mut Client) -> Result<Vec<IpAddr>> {
    let sql = format!(
        "SELECT address FROM gatepost.sessions WHERE address IS NOT NULL ORDER BY id DESC LIMIT {SESSIONS}"
    );
    let rows = client.query_typed(&sql, &[])?;
    Ok(rows.iter().filter_map(|row| row.get::<_, String>(0).parse().ok()).collect())
}

const WHY: &str = "all clients count as one network: one of them that guesses passwords, or a busy \
                   day, slows down everybody's logins, and the audit log names nobody";

fn judge(addresses: &[IpAddr], proxies: &[Cidr]) -> Verdict {
    let is_proxy = |address: &IpAddr| proxies.iter().any(|proxy| proxy.contains(*address));
    if addresses.len() < FEWEST {
        return Verdict::skipped(
            "there are too few sessions to tell from which addresses they come",
        );
    }
    let count = addresses.len();
    let first = addresses[0];
    if !proxies.is_empty() && addresses.iter().all(is_proxy) {
        return Verdict::fault(
            format!(
                "the last {count} sessions come from trusted proxies, such as {first}, and from nobody else"
            ),
            WHY,
            "let the proxy pass on its clients' addresses in the field of server.forwarded_header; \
             nginx: `proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`",
        );
    }
    if proxies.is_empty() && addresses.iter().all(IpAddr::is_loopback) {
        return Verdict::fault(
            format!("the last {count} sessions come from this machine itself ({first})"),
            WHY,
            format!("name the proxy in front: server.trusted_proxies = [\"{first}\"]"),
        );
    }
    Verdict::ok(format!("the last {count} sessions come from the addresses of clients"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_all_come_from_the_proxy_are_a_fault() {
        let proxies: Vec<Cidr> = vec!["10.0.0.0/8".parse().unwrap()];
        let of = |texts: [&str; 5]| texts.map(|text| text.parse::<IpAddr>().unwrap());
        let (inside, local) = (of(["10.0.0.1"; 5]), of(["127.0.0.1"; 5]));
        let mixed = of(["10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.1", "192.0.2.1"]);
        assert!(matches!(judge(&inside, &proxies), Verdict::Fault(_)));
        assert!(matches!(judge(&local, &[]), Verdict::Fault(_)));
        assert!(matches!(judge(&mixed, &proxies), Verdict::Ok(_)));
        assert!(matches!(judge(&mixed, &[]), Verdict::Ok(_)));
        assert!(matches!(judge(&inside[..4], &proxies), Verdict::Skipped(_)));
    }
}
