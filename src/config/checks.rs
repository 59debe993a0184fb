//! What does not go together, or makes no sense by itself. Every fault is named at once.

use super::values::Value;
use super::{
    AccessMode, Algorithm, Config, MAX_ITERATIONS, Profile, Registration, SAFE_ITERATIONS,
};
use super::{conninfo, inert};
use crate::error::{Error, Result};
use crate::secret::Secret;
use std::path::Path;
use std::time::Duration;

/// Fewest bytes of an encryption key: those of the cipher's own.
const ENCRYPTION_KEY_BYTES: usize = 32;

/// Fewest bytes of an HS256 secret: the size of the hash (RFC 7518, section 3.2).
const HS256_SECRET_BYTES: usize = 32;

/// Fewest bytes of a pepper: it must not be guessable.
const PEPPER_BYTES: usize = 32;

impl Config {
    /// Checks what the settings must be together.
    ///
    /// # Errors
    /// [`Error::Configuration`] with every fault, each naming its setting.
    pub fn validate(&self) -> Result<()> {
        let together = self.faults().into_iter().flatten();
        let faults = self.out_of_range().chain(together).chain(self.connection_strings());
        let faults: Vec<String> = faults.chain(inert::faults(self)).collect();
        if faults.is_empty() { Ok(()) } else { Err(Error::Configuration(faults)) }
    }

    /// The numbers and durations that are outside of what makes sense.
    fn out_of_range(&self) -> impl Iterator<Item = String> {
        let (s, d, sessions) = (&self.server, &self.database, &self.sessions);
        let tokens = &self.tokens;
        let l = &self.limits;
        let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
        let day = 24 * hour;
        let moment = Duration::from_millis(10);
        [
            between("server.workers", s.workers, 1, 256),
            between("server.hashing_threads", s.hashing_threads, 0, 256),
            between("server.head_bytes", s.head_bytes, 1024, 1 << 20),
            between("server.request_line_bytes", s.request_line_bytes, 256, 1 << 20),
            between("server.head_fields", s.head_fields, 8, 1024),
            between("server.body_bytes", s.body_bytes, 1024, 1 << 20),
            between("server.reply_bytes", s.reply_bytes, 4096, 16 << 20),
            between("server.buffered_bytes", s.buffered_bytes, 1 << 20, 1 << 34),
            between("server.requests_per_connection", s.requests_per_connection, 1, u32::MAX),
            between("server.ordinary_upstreams", s.ordinary_upstreams, 0, 1024),
            between("server.hashing_upstreams", s.hashing_upstreams, 0, 1024),
            between("server.max_handshakes", s.max_handshakes, 1, 65_536),
            between("tokens.verified_tokens", self.tokens.verified_tokens, 0, 1 << 20),
            within("server.stop_deadline", s.stop_deadline, Duration::ZERO, hour),
            within("server.head_deadline", s.head_deadline, moment, hour),
            within("server.body_deadline", s.body_deadline, moment, hour),
            within("server.request_deadline", s.request_deadline, moment, hour),
            within("server.idle_deadline", s.idle_deadline, moment, 24 * hour),
            within("server.write_deadline", s.write_deadline, moment, hour),
            within("server.hold_deadline", s.hold_deadline, moment, hour),
            within("server.ordinary_waiting_deadline", s.ordinary_waiting_deadline, moment, hour),
            within("server.hashing_waiting_deadline", s.hashing_waiting_deadline, moment, hour),
            within("server.handshake_deadline", s.handshake_deadline, moment, hour),
            within("server.tls_check_interval", s.tls_check_interval, second, 24 * hour),
            within("server.linger_deadline", s.linger_deadline, moment, hour),
            between("database.pool_size", d.pool_size, 1, 256),
            between("database.transaction_attempts", d.transaction_attempts, 1, 100),
            within("database.pool_wait", d.pool_wait, moment, 10 * second),
            within("database.connect_timeout", d.connect_timeout, moment, 10 * second),
            within("database.tcp_user_timeout", d.tcp_user_timeout, second, 60 * second),
            between("passwords.min_length", self.passwords.min_length, 1, 128),
            between("passwords.iterations", self.passwords.iterations, 1, MAX_ITERATIONS),
            between(
                "passwords.foreign_memory_bytes",
                self.passwords.foreign_memory_bytes,
                1 << 20,
                1 << 30,
            ),
            between("limits.account_failures", l.account_failures, 2, 1_000_000),
            within("limits.account_forget", l.account_forget, second, 24 * hour),
            between("limits.network_failures", l.network_failures, 2, 1_000_000),
            within("limits.network_forget", l.network_forget, second, 24 * hour),
            between("limits.registrations", l.registrations, 2, 10_000),
            within("limits.registration_forget", l.registration_forget, second, 24 * hour),
            between("limits.refreshes", l.refreshes, 2, 10_000),
            within("limits.refresh_forget", l.refresh_forget, second, 24 * hour),
            between("audit.failures_per_minute", self.audit.failures_per_minute, 0, 1_000_000),
            within("audit.keep", self.audit.keep, Duration::ZERO, 3_650 * day),
            within("limits.first_wait", l.first_wait, moment, hour),
            between("limits.remembered", l.remembered, 1_000, 1_000_000),
            within("tokens.access_ttl", self.tokens.access_ttl, second, 24 * hour),
            within("tokens.key_rotation", tokens.key_rotation, Duration::ZERO, 3_650 * day),
            within("tokens.key_publication", tokens.key_publication, second, 30 * day),
            within("tokens.key_check_interval", tokens.key_check_interval, second, hour),
            within("sessions.idle_timeout", sessions.idle_timeout, second, 365 * day),
            within("sessions.lifetime", sessions.lifetime, second, 3_650 * day),
            within("sessions.refresh_grace", sessions.refresh_grace, Duration::ZERO, 60 * second),
            between("sessions.per_user", sessions.per_user, 1, 100_000),
            within("sessions.sweep_interval", sessions.sweep_interval, second, day),
        ]
        .into_iter()
        .flatten()
    }

    /// What cannot be connected with, whatever is there.
    fn connection_strings(&self) -> impl Iterator<Item = String> {
        let urls = [
            ("database.url", &self.database.url),
            ("database.owner_url", &self.database.owner_url),
        ];
        urls.into_iter().filter_map(|(name, url)| conninfo::parse(name, url.as_ref()?).err())
    }

    fn faults(&self) -> Vec<Option<String>> {
        let production = self.profile == Profile::Production;
        let hs256 = self.tokens.algorithm == Algorithm::Hs256;
        let secret = self.tokens.hs256_secret.as_ref();
        let open = self.access.mode == AccessMode::Open;
        let fault = |wrong: bool, text: &str| wrong.then(|| text.to_owned());
        let tokens = &self.tokens;
        let encryption = [&tokens.encryption_key, &tokens.encryption_key_previous];
        let is_short = |key: &Secret| key.expose().len() < ENCRYPTION_KEY_BYTES;
        let (pepper, previous) = (&self.passwords.pepper, &self.passwords.previous_peppers);
        vec![
            fault(
                encryption.into_iter().flatten().any(is_short),
                "tokens.encryption_key, tokens.encryption_key_previous: need at least 32 bytes; \
                 `openssl rand -base64 48` makes one",
            ),
            fault(
                production && tokens.encryption_key.is_none(),
                "tokens.encryption_key: production needs it, to encrypt the keys in the database; \
                 `openssl rand -base64 48` makes one",
            ),
            fault(
                tokens.encryption_key.is_none() && tokens.encryption_key_previous.is_some(),
                "tokens.encryption_key_previous: goes with tokens.encryption_key, the new one",
            ),
            fault(
                !tokens.key_rotation.is_zero() && tokens.key_rotation < tokens.key_publication * 2,
                "tokens.key_rotation: must be 0 or at least twice tokens.key_publication",
            ),
            fault(
                self.server.tls_certificate.is_some() != self.server.tls_key.is_some(),
                "server.tls_certificate and server.tls_key: both are needed for TLS",
            ),
            fault(
                [&self.server.tls_certificate, &self.server.tls_key]
                    .into_iter()
                    .flatten()
                    .any(|path| is_pem(path)),
                "server.tls_certificate and server.tls_key: each is the name of a file, not what \
                 stands in it",
            ),
            fault(
                self.server.tls_certificate.is_some() && cfg!(not(feature = "tls")),
                "server.tls_certificate: this binary was built without the feature tls",
            ),
            fault(
                !self.audit.keep.is_zero() && self.audit.keep < Duration::from_secs(1),
                "audit.keep: must be 0, for ever, or at least 1s",
            ),
            fault(self.tokens.issuer.is_empty(), "tokens.issuer: must not be empty"),
            fault(
                production && self.passwords.iterations < SAFE_ITERATIONS,
                "passwords.iterations: production needs at least 600000 (OWASP)",
            ),
            fault(
                pepper.iter().chain(previous).any(|pepper| !is_pepper(pepper)),
                "passwords.pepper and previous_peppers: each needs at least 32 bytes, without \
                 white space or commas; `openssl rand -base64 48` makes one",
            ),
            fault(
                production && self.database.url.is_none() && !self.database.private,
                "database.url: production needs it; or set database.private = true for a private \
                 PostgreSQL",
            ),
            fault(
                self.database.private && self.database.url.is_some(),
                "database.private: true, and database.url is set as well; choose one",
            ),
            fault(
                hs256 && secret.is_none_or(|s| s.expose().len() < HS256_SECRET_BYTES),
                "tokens.hs256_secret: HS256 needs a secret of at least 32 bytes (RFC 7518); \
                 `openssl rand -base64 48` makes one",
            ),
            fault(
                open && self.access.registration == Registration::Admin,
                "access.registration: \"admin\" needs access.mode = \"protected\", since open mode \
                 asks nobody who they are",
            ),
            fault(
                open && !self.server.listen.is_local() && !self.access.open_to_network,
                "access.mode: \"open\" lets everybody do everything, and server.listen is not a \
                 loopback address; set access.open_to_network = true if that is what you want",
            ),
        ]
    }
}

/// Whether this is no path but what a file of certificates or keys holds.
fn is_pem(path: &Path) -> bool {
    path.to_string_lossy().contains("-----BEGIN")
}

/// Whether a pepper is long enough, and reads the same alone and in a list.
fn is_pepper(pepper: &Secret) -> bool {
    let text = pepper.expose();
    text.len() >= PEPPER_BYTES && !text.contains(|c: char| c == ',' || c.is_whitespace())
}

/// A fault when a number is outside its range.
fn between<T: Copy + PartialOrd + std::fmt::Display>(
    name: &str,
    value: T,
    least: T,
    most: T,
) -> Option<String> {
    (value < least || value > most)
        .then(|| format!("{name}: {value} is outside the range {least} to {most}"))
}

/// A fault when a duration is outside its range.
fn within(name: &str, value: Duration, least: Duration, most: Duration) -> Option<String> {
    let (value, least, most) = (Written(value), Written(least), Written(most));
    between(name, value, least, most)
}

/// A duration as a setting writes it.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
struct Written(Duration);

impl std::fmt::Display for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.show())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            c.database.transaction_attempts = 0;
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
        for name in
            ["database.url", "passwords.iterations", "tokens.hs256_secret", "tokens.encryption_key"]
        {
            assert!(text.contains(name), "{name} is missing in {text}");
        }
        let private = faults(|c| {
            c.profile = Profile::Production;
            c.database.private = true;
            c.tokens.encryption_key = Some(Secret::new("x".repeat(32)));
        });
        assert_eq!(private, "");
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
