//! The settings: what there is, and the defaults.
//!
//! What does not go together is in `config/checks.rs`; where settings come from (files,
//! environment) in `config/load.rs`; how a value is written in `config/values.rs`. A new setting is
//! a field here or in `config/server.rs`, with its reason, and a line in the `table!` below.

mod checks;
pub(crate) mod conninfo;
mod host_name;
mod inert;
mod limits;
mod load;
mod net;
mod server;
mod values;

use crate::error::{Error, Result};
use crate::secret::Secret;
use std::path::PathBuf;
use std::time::Duration;

pub use host_name::{HostName, NotAHostName};
pub use limits::Limits;
pub use load::{Loaded, Origin};
pub use net::{Cidr, ForwardedHeader, Listen, NotACidr, NotListen};
pub use server::Server;
use values::Value;

/// Which of the three configurations is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// For a developer's own machine. The default.
    Development,
    /// For automated tests: cheap password hashes.
    Testing,
    /// For real users: strong settings, and nothing assumed that must be decided.
    Production,
}

/// Every setting of Gatepost. [`Config::new`] gives the defaults; change fields, then hand it to
/// [`Service::start`](crate::Service::start), which refuses what [`Config::validate`] refuses.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The configuration these settings belong to.
    pub profile: Profile,
    /// `[server]`
    pub server: Server,
    /// `[database]`
    pub database: Database,
    /// `[access]`
    pub access: Access,
    /// `[passwords]`
    pub passwords: Passwords,
    /// `[limits]`
    pub limits: Limits,
    /// `[audit]`
    pub audit: Audit,
    /// `[tokens]`
    pub tokens: Tokens,
    /// `[sessions]`
    pub sessions: Sessions,
    /// `[log]`
    pub log: Log,
}

/// `[database]`: which PostgreSQL, and how long to wait for it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Database {
    /// Connection string of the role `gatepost_app`, as a URL or as `key=value` words. Default
    /// none: a private PostgreSQL in `data_dir`. A secret: it may hold a password.
    pub url: Option<Secret>,
    /// Connection string of the role `gatepost_owner`, used by `database migrate`,
    /// `database after-restore` and `audit prune` and nothing else. Goes with `url`. Default none. A
    /// secret.
    pub owner_url: Option<Secret>,
    /// In production, says by name that the private PostgreSQL is wanted. Default `false`.
    pub private: bool,
    /// Directory of the private PostgreSQL. Default `/var/lib/gatepost/PROFILE` as root and
    /// `$XDG_DATA_HOME/gatepost/PROFILE` otherwise.
    pub data_dir: Option<PathBuf>,
    /// Connections kept open. Default 8, one a worker: more would idle, fewer would make workers
    /// wait for each other. 1 to 256.
    pub pool_size: usize,
    /// How long a request waits for a free connection. Default `2s`: then the answer is 503, and
    /// the client may try again.
    pub pool_wait: Duration,
    /// How long opening a connection may take, for each host named. Default `2s`.
    pub connect_timeout: Duration,
    /// How long the network may leave data unacknowledged before a connection counts as lost, in
    /// whole seconds. Default `3s`: without it a silent loss holds a worker for good.
    pub tcp_user_timeout: Duration,
    /// Whether the statements that are run all the time are prepared on each connection. Default
    /// `false`, because a pooler such as pgbouncer in transaction mode would mix up those of
    /// different connections; without one in between, `true` spares PostgreSQL parsing and planning.
    /// Always so with the private PostgreSQL.
    pub prepared_statements: bool,
    /// How often a transaction is run in all when others get in its way. Default 5. 1 to 100.
    pub transaction_attempts: u32,
}

/// `[access]`: who may do what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Access {
    /// `"protected"` (default): tokens prove who asks. `"open"`: the bare contract, no token
    /// asked, for a trusted private network or a program that authorizes by itself.
    pub mode: AccessMode,
    /// Who may register users: `"anyone"` (default) or `"admin"`.
    pub registration: Registration,
    /// Allows `mode = "open"` on an address that others can reach. Default `false`.
    pub open_to_network: bool,
    /// Names by which `mode = "open"` answers, beside addresses and localhost. Default none: a page
    /// in a browser can point any other name at this machine, and would then be asked nothing.
    pub open_hosts: Vec<HostName>,
}

/// Whether tokens are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessMode {
    /// An access token proves who asks.
    Protected,
    /// Everybody may do everything.
    Open,
}

/// Who may register users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Everybody.
    Anyone,
    /// Admins, with their access token.
    Admin,
}

/// `[passwords]`: how they are judged and stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Passwords {
    /// Iterations of PBKDF2-HMAC-SHA256. Default 600000 (OWASP Password Storage Cheat Sheet,
    /// 2023), in testing 1000; production refuses fewer than 600000, and none takes more than 2500000. Raise it and
    /// stored hashes follow at the next login.
    /// Lowering it makes an unknown login answer sooner than a known one whose hash is older.
    pub iterations: u32,
    /// Fewest characters of a new password. Default 8 (OWASP ASVS 5.0, 6.2.1), in production 15
    /// (NIST SP 800-63B-4, a password as the only factor).
    pub min_length: usize,
    /// Whether users must give their current password with a new one (`current_password` of
    /// `PATCH /user`), so that a stolen access token cannot take the account over. Default
    /// `false`, since the bare contract knows no such parameter; in production `true` (OWASP ASVS
    /// 5.0, 6.2.3). Admins who change others need not know theirs.
    pub require_current: bool,
    /// Words that a new password may not consist of, beside its login: names that people here
    /// think of first (OWASP ASVS 5.0, 6.2.11). Default `["gatepost"]`; add the name of the
    /// service and of its organisation.
    pub refused_words: Vec<String>,
    /// File of breached passwords that new ones may not be, as `gatepost passwords build-list`
    /// makes it. Default none: the most common passwords are refused without it.
    pub breach_list: Option<PathBuf>,
    /// Kept outside of the database, so that its hashes alone are worth nothing: at least 32
    /// bytes, without white space or commas. Default none. A secret. Never change it: make it one
    /// of `previous_peppers` and set another.
    pub pepper: Option<Secret>,
    /// Earlier peppers, which stored hashes may still be under; those are made anew at the next
    /// login. Default none. Secrets, in a file one a line.
    pub previous_peppers: Vec<Secret>,
    /// Bytes of memory that imported Argon2 and scrypt hashes may take together while they are
    /// verified. Default 134217728: the largest default of a library (Django's Argon2, 100 MiB)
    /// fits. One that needs more is not imported. 1048576 to 1073741824.
    pub foreign_memory_bytes: usize,
}

/// `[audit]`: the record of who did what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Audit {
    /// Whether it is kept. Default `true`: it costs a row for each login, which `audit prune`
    /// removes.
    pub enabled: bool,
    /// Failed logins that an instance writes in a row of their own each minute. Default 100: a
    /// flood writes some 50 MB a day at most. The others are counted, in a row for each minute. 0
    /// to 1000000.
    pub failures_per_minute: u32,
    /// How long rows are kept. Default `365d`: a year answers most questions about what happened,
    /// and the 144,000 rows a day of a flood fit no small disk for ever. With the private PostgreSQL the service removes
    /// what is older once a day; elsewhere, where it has no right to, it says what is due. 1 s to
    /// 3650 d, below a day that often too; or 0 for ever.
    pub keep: Duration,
}

/// `[tokens]`: the JWTs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tokens {
    /// The claim `iss`. Default `gatepost`. Tokens of another issuer are refused.
    pub issuer: String,
    /// `"EdDSA"` (default) or `"ES256"`, for others who know no Ed25519: keys are generated, kept in
    /// the database, rotated and published. Or `"HS256"`: the secret is yours, and never published.
    pub algorithm: Algorithm,
    /// How long an access token is valid. Default `15m`; 1 s to 24 h. Our own API also asks the
    /// user's row, others who verify a token can only wait for its end.
    pub access_ttl: Duration,
    /// Tokens remembered as verified, so that a client's next request costs no signature check; the
    /// user's row and the token's end are looked at all the same. Default 1024, some 250 KiB: a
    /// small machine's clients of a quarter of an hour. 0 for none, at most 1048576.
    pub verified_tokens: usize,
    /// The secret of HS256, at least 32 bytes (RFC 7518, 3.2). Default none. A secret.
    pub hs256_secret: Option<Secret>,
    /// What private keys are encrypted with in the database, at least 32 bytes. Default none:
    /// then they lie there as they are, which production refuses. A secret.
    pub encryption_key: Option<Secret>,
    /// The encryption key of before, while keys are still encrypted with that one. Default none. A
    /// secret.
    pub encryption_key_previous: Option<Secret>,
    /// How long a key signs before the next one does. Default `90d`: short enough for a stolen key
    /// to end by itself, and for rotation to be something that happens and not an emergency. 1 s to
    /// 3650 d, or 0 for never but by `gatepost signing-key rotate`.
    pub key_rotation: Duration,
    /// How long a key is published before it signs. Default `1h`: others may keep the published
    /// keys for 5 minutes, at most half of this, and many keep them longer. 1 s to 30 d, no more
    /// than half of `key_rotation`.
    pub key_publication: Duration,
    /// How often each instance reads the keys again. Default `30s`: so long a key lives on
    /// elsewhere that was replaced because it leaked. 1 s to 1 h.
    pub key_check_interval: Duration,
}

/// `[sessions]`: how long somebody stays logged in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sessions {
    /// How long a session lives after its last refresh. Default `7d`: a client that is opened once
    /// a week stays logged in, one that is forgotten does not. 1 s to 365 d.
    pub idle_timeout: Duration,
    /// How long a session lives at most. Default `30d` (NIST SP 800-63B-4, 2.1.3: at AAL1 no
    /// longer without a new login). 1 s to 3650 d.
    pub lifetime: Duration,
    /// How long a retired refresh token gets its same successor again. Default `10s`: long enough
    /// for a client that lost the answer to try again, too short for a thief to come first
    /// unnoticed. 0 to 60 s; with 0 a lost answer logs the user out.
    pub refresh_grace: Duration,
    /// Sessions of one user; a login beyond that ends the oldest. Default 1000: more than devices
    /// and scripts of one user, and a bound on what one user can fill the table with. 1 to 100000.
    pub per_user: u32,
    /// How often the rows of sessions that are over are removed. Default `1m`. 1 s to 24 h.
    pub sweep_interval: Duration,
}

/// How tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA with P-256 and SHA-256 (RFC 7518, 3.4).
    Es256,
    /// HMAC with SHA-256 (RFC 7518, 3.2).
    Hs256,
}

impl Algorithm {
    const ALL: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Hs256];

    /// Its name in a token's header (RFC 7518, 3.1; RFC 8037, 3.1).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Hs256 => "HS256",
        }
    }

    /// The algorithm of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// `[log]`: what goes to standard error.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Log {
    /// `"off"`, `"error"`, `"warn"`, `"info"` (default: one line a request), `"debug"` (also what is
    /// polled: `/livez`, `/readyz`, `/revocations`) or `"trace"`.
    pub level: log::LevelFilter,
}

/// One setting: its name, and how it is read and shown.
pub(crate) struct Setting {
    pub(crate) section: &'static str,
    pub(crate) key: &'static str,
    pub(crate) secret: bool,
    pub(crate) list: bool,
    pub(crate) set: fn(&mut Config, &str) -> std::result::Result<(), String>,
    pub(crate) show: fn(&Config) -> String,
}

fn is_secret<T: Value>(_: fn(&Config) -> &T) -> bool {
    T::SECRET
}

fn is_list<T: Value>(_: fn(&Config) -> &T) -> bool {
    T::LIST
}

macro_rules! table {
    ($($section:ident.$key:ident)*) => {
        /// Every setting there is.
        pub(crate) fn table() -> Vec<Setting> {
            vec![$(Setting {
                section: stringify!($section),
                key: stringify!($key),
                secret: is_secret(|config| &config.$section.$key),
                list: is_list(|config| &config.$section.$key),
                set: |config, text| {
                    config.$section.$key = Value::parse(text)?;
                    Ok(())
                },
                show: |config| config.$section.$key.show(),
            }),*]
        }
    };
}

table! {
    server.listen
    server.workers
    server.hashing_threads
    server.stop_deadline
    server.tls_certificate
    server.tls_key
    server.trusted_proxies
    server.forwarded_header
    server.max_connections
    server.max_connections_per_address
    server.head_bytes
    server.request_line_bytes
    server.head_fields
    server.body_bytes
    server.reply_bytes
    server.buffered_bytes
    server.head_deadline
    server.body_deadline
    server.request_deadline
    server.idle_deadline
    server.write_deadline
    server.hold_deadline
    server.requests_per_connection
    server.ordinary_upstreams
    server.ordinary_waiting
    server.ordinary_waiting_bytes
    server.ordinary_waiting_deadline
    server.hashing_upstreams
    server.hashing_waiting
    server.hashing_waiting_bytes
    server.hashing_waiting_deadline
    server.handshake_deadline
    server.max_handshakes
    server.tls_check_interval
    server.linger_deadline
    server.linger_bytes
    database.url
    database.owner_url
    database.private
    database.data_dir
    database.pool_size
    database.pool_wait
    database.connect_timeout
    database.tcp_user_timeout
    database.prepared_statements
    database.transaction_attempts
    access.mode
    access.registration
    access.open_to_network
    access.open_hosts
    passwords.iterations
    passwords.min_length
    passwords.require_current
    passwords.refused_words
    passwords.breach_list
    passwords.pepper
    passwords.previous_peppers
    passwords.foreign_memory_bytes
    limits.enabled
    limits.account_failures
    limits.account_forget
    limits.network_failures
    limits.network_forget
    limits.registrations
    limits.registration_forget
    limits.refreshes
    limits.refresh_forget
    limits.first_wait
    limits.remembered
    audit.enabled
    audit.failures_per_minute
    audit.keep
    tokens.issuer
    tokens.algorithm
    tokens.access_ttl
    tokens.verified_tokens
    tokens.hs256_secret
    tokens.encryption_key
    tokens.encryption_key_previous
    tokens.key_rotation
    tokens.key_publication
    tokens.key_check_interval
    sessions.idle_timeout
    sessions.lifetime
    sessions.refresh_grace
    sessions.per_user
    sessions.sweep_interval
    log.level
}

/// PBKDF2 iterations unless somebody asks for more, and the fewest in production (OWASP Password Storage Cheat Sheet, 2023).
const SAFE_ITERATIONS: u32 = 600_000;

/// The most PBKDF2 iterations: two seconds of a slow core. Why a hash may cost that much and no more
/// stands in `src/passwords/cost.rs`.
pub(crate) const MAX_ITERATIONS: u32 = 2_500_000;

impl Config {
    /// The defaults of a profile, before any file or the environment.
    ///
    /// `production` also needs [`Tokens::encryption_key`], and [`Database::url`] or
    /// [`Database::private`].
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            server: Server::default(),
            database: Database {
                url: None,
                owner_url: None,
                private: false,
                data_dir: None,
                pool_size: 8,
                pool_wait: Duration::from_secs(2),
                connect_timeout: Duration::from_secs(2),
                tcp_user_timeout: Duration::from_secs(3),
                prepared_statements: false,
                transaction_attempts: 5,
            },
            access: Access {
                mode: AccessMode::Protected,
                registration: Registration::Anyone,
                open_to_network: false,
                open_hosts: Vec::new(),
            },
            passwords: Passwords {
                iterations: if profile == Profile::Testing { 1_000 } else { SAFE_ITERATIONS },
                min_length: if profile == Profile::Production { 15 } else { 8 },
                require_current: profile == Profile::Production,
                refused_words: vec!["gatepost".to_owned()],
                breach_list: None,
                pepper: None,
                previous_peppers: Vec::new(),
                foreign_memory_bytes: 128 << 20,
            },
            limits: Limits::default(),
            audit: Audit {
                enabled: true,
                failures_per_minute: 100,
                keep: Duration::from_secs(365 * 86_400),
            },
            tokens: Tokens {
                issuer: "gatepost".to_owned(),
                algorithm: Algorithm::EdDsa,
                access_ttl: Duration::from_secs(15 * 60),
                verified_tokens: 1024,
                hs256_secret: None,
                encryption_key: None,
                encryption_key_previous: None,
                key_rotation: Duration::from_secs(90 * 86_400),
                key_publication: Duration::from_secs(3_600),
                key_check_interval: Duration::from_secs(30),
            },
            sessions: Sessions {
                idle_timeout: Duration::from_secs(7 * 86_400),
                lifetime: Duration::from_secs(30 * 86_400),
                refresh_grace: Duration::from_secs(10),
                per_user: 1_000,
                sweep_interval: Duration::from_secs(60),
            },
            log: Log { level: log::LevelFilter::Info },
        }
    }

    /// The directory of the private PostgreSQL.
    ///
    /// # Errors
    /// [`Error::Configuration`] when none is set and none can be derived.
    pub fn data_dir(&self) -> Result<PathBuf> {
        if let Some(dir) = &self.database.data_dir {
            return std::path::absolute(dir)
                .map_err(|e| Error::Configuration(vec![format!("database.data_dir: {e}")]));
        }
        if rustix::process::geteuid().is_root() {
            return Ok(PathBuf::from("/var/lib/gatepost").join(self.profile.name()));
        }
        let absolute = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
        };
        absolute("XDG_DATA_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
            .map(|base| base.join("gatepost").join(self.profile.name()))
            .ok_or_else(|| {
                Error::Configuration(vec![
                    "database.data_dir: not set, and neither XDG_DATA_HOME nor HOME names a place"
                        .to_owned(),
                ])
            })
    }
}

impl Profile {
    /// The word that `APP_SETTINGS` holds.
    pub fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Testing => "testing",
            Self::Production => "production",
        }
    }

    /// Reads the word that `APP_SETTINGS` holds.
    ///
    /// # Errors
    /// [`Error::Configuration`], listing the three words, for any other.
    pub fn parse(word: &str) -> Result<Self> {
        [Self::Development, Self::Testing, Self::Production]
            .into_iter()
            .find(|profile| profile.name() == word)
            .ok_or_else(|| {
                Error::Configuration(vec![format!(
                    "APP_SETTINGS: {word:?} is none of development, testing, production"
                )])
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_on_settings_lists_every_setting() {
        let page = include_str!("../docs/settings.md");
        for setting in table() {
            let name = format!("`{}.{}`", setting.section, setting.key);
            assert!(page.contains(&name), "docs/settings.md does not mention {name}");
        }
    }

    #[test]
    fn no_section_has_the_name_of_what_a_container_platform_sets() {
        for setting in table() {
            assert!(!matches!(setting.section, "port" | "service"), "[{}]", setting.section);
        }
    }
}
