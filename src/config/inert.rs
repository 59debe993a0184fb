//! Settings that can have no effect beside the others. Their author believes that they do, so each
//! is a fault and not ignored.
//!
//! A setting with its default value counts as not set. Settings that a switch turns off
//! (`limits.enabled`, `audit.enabled`) stay for the day when it is turned on. A limit that cannot
//! be reached because of another is no fault. `database.data_dir` beside `database.url` is only
//! logged: images and units set it for users of the private PostgreSQL.

use super::access::AccessMode;
use super::net::Listen;
use super::pages::PagesEnabled;
use super::sections::{Config, table};
use super::tokens::Algorithm;

/// A fault for each setting that has no effect.
pub(super) fn faults(config: &Config) -> Vec<String> {
    let defaults = Config::new(config.profile);
    let is_set = |name: &str| {
        table().any(|setting| {
            name.split_once('.') == Some((setting.section, setting.key))
                && config.show(setting) != defaults.show(setting)
        })
    };
    let without = rules(config).into_iter().filter(|rule| rule.0);
    without
        .flat_map(|(_, names, why)| names.iter().map(move |name| (*name, why)))
        .filter(|(name, _)| is_set(name))
        .map(|(name, why)| format!("{name}: has no effect {why}"))
        .collect()
}

type Rule = (bool, &'static [&'static str], &'static str);

/// Whether these settings are without effect, and why.
fn rules(config: &Config) -> [Rule; 10] {
    let server = &config.server;
    let is_unix = matches!(server.listen, Listen::Unix(_));
    [
        (
            config.database.url.is_none(),
            &["database.owner_url"],
            "without database.url: the private PostgreSQL would be used, which needs neither",
        ),
        (
            config.tokens.algorithm != Algorithm::Hs256,
            &["tokens.hs256_secret"],
            "without tokens.algorithm = \"HS256\"",
        ),
        (
            config.access.mode != AccessMode::Open,
            &["access.open_to_network", "access.open_hosts"],
            "without access.mode = \"open\"",
        ),
        (
            server.trusted_proxies.is_empty(),
            &["server.forwarded_header"],
            "without server.trusted_proxies, which names the proxies to believe",
        ),
        (
            is_unix,
            &["server.tls_certificate", "server.max_connections_per_address"],
            "where server.listen is a Unix socket",
        ),
        (
            config.mail.smtp.is_none(),
            &["mail.from", "mail.templates", "mail.language"],
            "without mail.smtp",
        ),
        (
            config.pages.enabled == PagesEnabled::Off,
            &["pages.logo", "pages.cookie_api"],
            "without pages.enabled",
        ),
        (config.gate.rules.0.is_empty(), &["gate.origins"], "without gate.rules"),
        (config.metrics.listen.is_none(), &["metrics.open_to_network"], "without metrics.listen"),
        (
            !is_unix,
            &["server.socket_mode", "server.socket_group"],
            "where server.listen is no Unix socket; for a socket that systemd passes, the socket unit \
             says it with SocketMode= and SocketGroup=",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ForwardedHeader, Profile};
    use crate::secret::Secret;

    fn fault(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::new(Profile::Development);
        change(&mut config);
        config.validate().map_or_else(|e| e.to_string(), |()| String::new())
    }

    #[test]
    fn a_setting_that_can_never_act_is_a_fault_that_names_it() {
        let secret = || Some(Secret::new("x".repeat(32)));
        let found = [
            ("database.owner_url", fault(|c| c.database.owner_url = Some("host=a".into()))),
            ("tokens.hs256_secret", fault(|c| c.tokens.hs256_secret = secret())),
            ("access.open_to_network", fault(|c| c.access.open_to_network = true)),
            ("access.open_hosts", fault(|c| c.access.open_hosts = vec!["a.b".parse().unwrap()])),
            (
                "server.forwarded_header",
                fault(|c| c.server.forwarded_header = ForwardedHeader::Forwarded),
            ),
            (
                "server.max_connections_per_address",
                fault(|c| {
                    c.server.listen = "unix:/run/x".parse().unwrap();
                    c.server.max_connections_per_address = 7;
                }),
            ),
        ];
        for (name, text) in found {
            assert!(text.starts_with(&format!("{name}: has no effect ")), "{name}: {text:?}");
        }
    }

    #[test]
    fn the_same_setting_beside_the_one_that_it_needs_is_none() {
        let text = fault(|c| {
            c.database.url = Some("host=a".into());
            c.database.owner_url = Some("host=a".into());
            c.tokens.algorithm = Algorithm::Hs256;
            c.tokens.hs256_secret = Some(Secret::new("x".repeat(32)));
            c.access.mode = AccessMode::Open;
            c.access.open_hosts = vec!["a.b".parse().unwrap()];
            c.server.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
            c.server.forwarded_header = ForwardedHeader::Forwarded;
        });
        assert_eq!(text, "");
    }
}
