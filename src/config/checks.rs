//! Combinations of settings that are refused, and values that make no sense. Every fault is named
//! at once.

use super::access::{AccessMode, Registration};
use super::conninfo::Conninfo;
use super::gate::GateRule;
use super::host_name::HostName;
use super::inert;
use super::monitoring::is_private;
use super::net::Listen;
use super::pages::{self, PagesEnabled};
use super::passwords::SAFE_ITERATIONS;
use super::profile::Profile;
use super::sections::Config;
use super::tokens::Algorithm;
use super::web_origin::WebOrigin;
use crate::error::{Error, Result};
use crate::secret::Secret;
use std::path::Path;

/// Fewest bytes of an encryption key: those of the cipher's own key.
const ENCRYPTION_KEY_BYTES: usize = 32;

/// Fewest bytes of an HS256 secret: the size of the hash (RFC 7518, section 3.2).
const HS256_SECRET_BYTES: usize = 32;

/// Fewest bytes of a pepper: it must not be guessable.
const PEPPER_BYTES: usize = 32;

/// Most services that a token is for: it is sent with each request, and proxies allow some 8 KiB of
/// headers.
const MOST_AUDIENCES: usize = 16;

/// Whether something is wrong, and what to say about it.
type Rule = (bool, &'static str);

impl Config {
    /// Checks the settings together.
    ///
    /// # Errors
    /// [`Error::Configuration`] with every fault, each naming its setting.
    pub fn validate(&self) -> Result<()> {
        let ranges = self.out_of_range().into_iter();
        let faults = ranges.chain(self.faults()).chain(self.connection_strings());
        let faults = faults.chain(self.ways_out());
        let faults: Vec<String> = faults.chain(inert::faults(self)).collect();
        if faults.is_empty() { Ok(()) } else { Err(Error::Configuration(faults)) }
    }

    /// Connection strings that cannot be used, whatever server there is.
    fn connection_strings(&self) -> impl Iterator<Item = String> {
        let urls = [
            ("database.url", &self.database.url),
            ("database.owner_url", &self.database.owner_url),
        ];
        urls.into_iter().filter_map(|(name, url)| Conninfo::parse(name, url.as_ref()?).err())
    }

    /// Faults of the settings together, or in production.
    fn faults(&self) -> impl Iterator<Item = String> {
        let sections = [
            self.of_keys(),
            self.of_tls(),
            self.of_passwords(),
            self.of_the_database(),
            self.of_tokens(),
            self.of_access(),
            self.of_metrics(),
            self.of_passkeys(),
            self.of_mail(),
            self.of_pages(),
            self.of_the_gate(),
        ];
        sections.into_iter().flatten().filter(|(wrong, _)| *wrong).map(|(_, text)| text.to_owned())
    }

    fn of_keys(&self) -> Vec<Rule> {
        let (encryption, tokens) = (&self.encryption, &self.tokens);
        let is_short = |key: &Secret| key.expose().len() < ENCRYPTION_KEY_BYTES;
        vec![
            (
                [&encryption.key, &encryption.previous_key].into_iter().flatten().any(is_short),
                "encryption.key and encryption.previous_key: each needs at least 32 bytes; \
                 `openssl rand -base64 48` makes one",
            ),
            (
                self.profile == Profile::Production && encryption.key.is_none(),
                "encryption.key: production needs it, to encrypt the keys in the database; \
                 `openssl rand -base64 48` makes one",
            ),
            (
                encryption.key.is_none() && encryption.previous_key.is_some(),
                "encryption.previous_key: goes with encryption.key, the new one",
            ),
            (
                !tokens.key_rotation.is_zero() && tokens.key_rotation < tokens.key_publication * 2,
                "tokens.key_rotation: must be 0 or at least twice tokens.key_publication",
            ),
        ]
    }

    fn of_passkeys(&self) -> Vec<Rule> {
        let (domain, origins) = (&self.passkeys.rp_id, &self.passkeys.origins);
        let is_below = |host: &str, domain: &str| {
            host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
        };
        let is_foreign = |origin: &WebOrigin| {
            let (_, host) = origin.scheme_and_host();
            domain.as_ref().is_some_and(|domain| !is_below(host, domain.as_str()))
        };
        let is_plain = |origin: &WebOrigin| {
            let (scheme, host) = origin.scheme_and_host();
            scheme != "https" && !(scheme == "http" && is_below(host, "localhost"))
        };
        vec![
            (
                domain.is_some() == origins.is_empty(),
                "passkeys.rp_id and passkeys.origins: both are needed for passkeys",
            ),
            (
                origins.iter().any(is_foreign),
                "passkeys.origins: each must be passkeys.rp_id, or a name below it",
            ),
            (
                origins.iter().any(is_plain),
                "passkeys.origins: browsers make passkeys on pages with https, and on localhost",
            ),
        ]
    }

    fn of_pages(&self) -> Vec<Rule> {
        let (pages, server) = (&self.pages, &self.server);
        let is_loopback = matches!(server.listen, Listen::Tcp(_)) && server.listen.is_local();
        let is_on = pages.enabled != PagesEnabled::Off;
        vec![
            (
                is_on && cfg!(not(feature = "pages")),
                "pages.enabled: this binary was built without the feature pages",
            ),
            (
                is_on && pages.origin.is_none() && !is_loopback,
                "pages.origin: needed for pages.enabled where server.listen is not on loopback; it is \
                 the origin under which browsers reach the pages, such as https://login.example.com",
            ),
            (
                pages.origin.as_ref().is_some_and(|origin| !origin.takes_secrets()),
                "pages.origin: must begin with https://, except on this machine; browsers would send \
                 passwords and cookies over a network that anyone may read",
            ),
            (
                !pages.cookie_api.iter().all(WebOrigin::takes_secrets),
                "pages.cookie_api: each must begin with https://, except on this machine",
            ),
            (
                pages.logo.as_ref().is_some_and(|file| pages::picture(file).is_none()),
                "pages.logo: must be the name of a file that ends with .svg, .png, .webp, .jpg or .jpeg",
            ),
            (
                pages.name.trim().is_empty() || pages.name.chars().any(char::is_control),
                "pages.name: must be a text that prints, in one line",
            ),
        ]
    }

    fn of_the_gate(&self) -> Vec<Rule> {
        let (gate, pages) = (&self.gate, &self.pages);
        let is_on = !gate.rules.0.is_empty();
        let origins = || gate.origins.iter().chain(&pages.origin);
        let is_known =
            |host: &HostName| origins().any(|origin| origin.scheme_and_host().1 == host.as_str());
        let leads_nowhere = |rule: &GateRule| {
            !rule.public && rule.host.as_ref().is_some_and(|host| !is_known(host))
        };
        vec![
            (
                is_on && pages.in_use().is_none(),
                "gate.rules: need pages.enabled and pages.origin, since people sign in there",
            ),
            (
                is_on && self.server.trusted_proxies.is_empty(),
                "gate.rules: need server.trusted_proxies, since only they are believed about what was \
                 asked of them",
            ),
            (
                !gate.origins.iter().all(WebOrigin::takes_secrets),
                "gate.origins: each must begin with https://, except on this machine",
            ),
            (
                gate.rules.0.iter().any(leads_nowhere),
                "gate.rules: a rule is for a host that no origin of gate.origins has, so nobody could \
                 come back to it after signing in",
            ),
        ]
    }

    fn of_tls(&self) -> Vec<Rule> {
        let (certificate, key) = (&self.server.tls_certificate, &self.server.tls_key);
        vec![
            (
                certificate.is_some() != key.is_some(),
                "server.tls_certificate and server.tls_key: both are needed for TLS",
            ),
            (
                [certificate, key].into_iter().flatten().any(|path| is_pem(path)),
                "server.tls_certificate and server.tls_key: each is the name of a file, not its \
                 content",
            ),
            (
                certificate.is_some() && cfg!(not(feature = "tls")),
                "server.tls_certificate: this binary was built without the feature tls",
            ),
        ]
    }

    fn of_passwords(&self) -> Vec<Rule> {
        let passwords = &self.passwords;
        let mut peppers = passwords.pepper.iter().chain(&passwords.previous_peppers);
        vec![
            (
                self.profile == Profile::Production && passwords.iterations < SAFE_ITERATIONS,
                "passwords.iterations: production needs at least 600000 (OWASP)",
            ),
            (
                peppers.any(|pepper| !is_pepper(pepper)),
                "passwords.pepper and previous_peppers: each needs at least 32 bytes, without \
                 white space or commas; `openssl rand -base64 48` makes one",
            ),
        ]
    }

    fn of_the_database(&self) -> Vec<Rule> {
        let database = &self.database;
        vec![
            (
                self.profile == Profile::Production && database.url.is_none() && !database.private,
                "database.url: production needs it; or set database.private = true for a private \
                 PostgreSQL",
            ),
            (
                database.private && database.url.is_some(),
                "database.private: true, and database.url is set as well; choose one",
            ),
        ]
    }

    fn of_tokens(&self) -> Vec<Rule> {
        let secret = self.tokens.hs256_secret.as_ref();
        let is_short = secret.is_none_or(|secret| secret.expose().len() < HS256_SECRET_BYTES);
        vec![
            (self.tokens.issuer.is_empty(), "tokens.issuer: must not be empty"),
            (
                self.profile == Profile::Production && !is_issuer_url(&self.tokens.issuer),
                "tokens.issuer: production needs a URL such as https://auth.example.com, without a \
                 query, a fragment or white space (RFC 8414); others compare it to the last \
                 character, so choose it once",
            ),
            (
                self.tokens.status_list && !is_issuer_url(&self.tokens.issuer),
                "tokens.status_list: needs a tokens.issuer that is a URL, since tokens say where the \
                 list is",
            ),
            (
                self.tokens.audience.iter().any(|name| !is_claim(name)),
                "tokens.audience: each name is 1 to 255 characters without white space",
            ),
            (
                self.tokens.audience.len() > MOST_AUDIENCES,
                "tokens.audience: at most 16 names, since every token carries them",
            ),
            (
                !is_claim(&self.tokens.client_id),
                "tokens.client_id: must be 1 to 255 characters without white space",
            ),
            (
                self.tokens.algorithm == Algorithm::Hs256 && is_short,
                "tokens.hs256_secret: HS256 needs a secret of at least 32 bytes (RFC 7518); \
                 `openssl rand -base64 48` makes one",
            ),
        ]
    }

    fn of_metrics(&self) -> Vec<Rule> {
        let Some(listen) = self.metrics.listen else { return Vec::new() };
        vec![
            (
                !is_private(listen.ip()) && !self.metrics.open_to_network,
                "metrics.listen: anyone could read the numbers at an address that is neither loopback \
                 nor private; set metrics.open_to_network = true if that is what you want",
            ),
            (
                listen.port() != 0 && self.server.listen == Listen::Tcp(listen),
                "metrics.listen: is the address of server.listen; the numbers need one of their own",
            ),
        ]
    }

    fn of_access(&self) -> Vec<Rule> {
        let is_open = self.access.mode == AccessMode::Open;
        vec![
            (
                is_open && self.access.registration == Registration::Admin,
                "access.registration: \"admin\" needs access.mode = \"protected\", since open mode \
                 asks nobody who they are",
            ),
            (
                is_open && !self.server.listen.is_local() && !self.access.open_to_network,
                "access.mode: \"open\" lets anyone do everything, and server.listen is not a \
                 loopback address; set access.open_to_network = true if that is what you want",
            ),
        ]
    }
}

/// Whether an issuer is a URL of the form that RFC 8414, 2 asks for. Plain `http` is for private
/// networks.
fn is_issuer_url(issuer: &str) -> bool {
    let rest = issuer.strip_prefix("https://").or_else(|| issuer.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '\\');
    !host.is_empty() && !host.contains('@') && !issuer.contains(is_odd)
}

/// Whether a text can be a name in a claim.
fn is_claim(name: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || c.is_control();
    (1..=255).contains(&name.chars().count()) && !name.contains(is_odd)
}

/// Whether this is the content of a certificate or key file instead of a path.
fn is_pem(path: &Path) -> bool {
    path.to_string_lossy().contains("-----BEGIN")
}

/// Whether a pepper is long enough, and reads the same alone and in a list.
fn is_pepper(pepper: &Secret) -> bool {
    let text = pepper.expose();
    text.len() >= PEPPER_BYTES && !text.contains(|c: char| c == ',' || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn faults(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::new(Profile::Development);
        change(&mut config);
        config.validate().map_or_else(|e| e.to_string(), |()| String::new())
    }

    #[test]
    fn the_defaults_of_development_are_valid() {
        assert_eq!(faults(|_| ()), "");
    }

    #[test]
    fn every_fault_is_named_once() {
        let text = faults(|c| {
            c.database.pool_size = 0;
            c.database.tuning.transaction_attempts = 0;
            c.passwords.min_length = 0;
            c.passwords.iterations = 0;
            c.tokens.access_ttl = Duration::ZERO;
        });
        for name in ["pool_size", "transaction_attempts", "min_length", "iterations", "access_ttl"]
        {
            assert_eq!(text.matches(name).count(), 1, "{name}: {text}");
        }
    }

    #[test]
    fn production_names_everything_it_lacks() {
        let text = faults(|c| {
            c.profile = Profile::Production;
            c.passwords.iterations = 599_999;
            c.tokens.algorithm = Algorithm::Hs256;
        });
        for name in [
            "database.url",
            "passwords.iterations",
            "tokens.hs256_secret",
            "encryption.key",
            "tokens.issuer",
        ] {
            assert!(text.contains(name), "{name} is missing in {text}");
        }
        let private = faults(|c| {
            c.profile = Profile::Production;
            c.database.private = true;
            c.encryption.key = Some(Secret::new("x".repeat(32)));
            c.tokens.issuer = "https://auth.example.com".to_owned();
        });
        assert_eq!(private, "");
    }

    #[test]
    fn a_token_says_where_its_status_list_is() {
        for (issuer, is_fault) in [("gatepost", true), ("http://localhost:8080", false)] {
            let text = faults(|c| {
                c.tokens.issuer = issuer.to_owned();
                c.tokens.status_list = true;
            });
            assert_eq!(text.contains("tokens.status_list"), is_fault, "{issuer}: {text}");
        }
    }

    #[test]
    fn the_issuer_of_production_is_a_url_and_names_in_claims_are_plain() {
        for issuer in ["https://a.example", "http://10.0.0.1:8080/auth", "https://a.example/"] {
            assert!(is_issuer_url(issuer), "{issuer}");
        }
        for issuer in [
            "gatepost",
            "https://",
            "https:///a",
            "ftp://a.example",
            "https://a.example?b",
            "https://a.example#b",
            "https://a.example/ b",
            "https://u@a.example",
            "HTTPS://a.example",
            "https://a.example/\n",
        ] {
            assert!(!is_issuer_url(issuer), "{issuer}");
        }
        let names = |names: &[&str], client_id: &str| {
            faults(|c| {
                c.tokens.audience = names.iter().map(ToString::to_string).collect();
                c.tokens.client_id = client_id.to_owned();
            })
        };
        assert_eq!(names(&["https://api.example", "b"], "shop"), "");
        assert!(names(&["a b"], "shop").contains("tokens.audience"));
        assert!(names(&[""], "shop").contains("tokens.audience"));
        assert!(names(&["a"; 17], "shop").contains("at most 16"));
        assert!(names(&[], "").contains("tokens.client_id"));
        assert!(names(&[], "a\tb").contains("tokens.client_id"));
    }

    #[test]
    fn open_mode_beyond_loopback_must_be_said_twice() {
        let open = |listen: &str, to_network: bool| {
            faults(|c| {
                c.access.mode = AccessMode::Open;
                c.server.listen = listen.parse().unwrap();
                c.access.open_to_network = to_network;
            })
        };
        assert_eq!(open("127.0.0.1:80", false), "");
        assert_eq!(open("[::1]:80", false), "");
        assert!(open("0.0.0.0:80", false).contains("open_to_network"));
        assert_eq!(open("0.0.0.0:80", true), "");
    }

    #[test]
    fn the_audit_log_is_kept_for_ever_or_for_a_second_at_least() {
        let keep = |millis| faults(|c| c.audit.keep = Duration::from_millis(millis));
        assert_eq!([keep(0), keep(1_000)], ["", ""]);
        assert!(keep(999).contains("audit.keep"));
        assert!(keep(3_651 * 86_400_000).contains("audit.keep"));
    }

    #[test]
    fn an_hs256_secret_of_31_bytes_is_too_short_and_of_32_is_enough() {
        let with = |n: usize| {
            faults(|c| {
                c.tokens.algorithm = Algorithm::Hs256;
                c.tokens.hs256_secret = Some(Secret::new("x".repeat(n)));
            })
        };
        assert!(with(31).contains("hs256_secret"));
        assert_eq!(with(32), "");
    }

    #[test]
    fn a_pepper_of_31_bytes_is_too_short_and_one_with_a_comma_would_be_two() {
        let with = |text: &str| faults(|c| c.passwords.pepper = Some(Secret::from(text)));
        assert!(with(&"x".repeat(31)).contains("passwords.pepper"));
        assert_eq!(with(&"x".repeat(32)), "");
        assert!(with(&format!("{},{}", "x".repeat(32), "y")).contains("passwords.pepper"));
        let old = faults(|c| c.passwords.previous_peppers = vec![Secret::from("short")]);
        assert!(old.contains("previous_peppers"), "{old}");
    }
}
