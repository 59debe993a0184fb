//! What all operations share: the database, the hasher, the keys, the settings.
//!
//! An [`App`] needs no listener: a program that embeds Gatepost may call the operations directly.

pub(crate) mod board;
pub(crate) mod journal;
pub(crate) mod keyed;
pub(crate) mod keys;
pub(crate) mod set_back;

use crate::activity::{Activity, Answering};
use crate::config::{Config, Profile};
use crate::db::managed::Managed;
use crate::db::migrate::{self, SchemaStanding};
use crate::db::{self, Database};
use crate::error::{Error, Result};
use crate::passwords::{Hasher, Password, PasswordHash, Policy, Verdict};
use crate::room;
use crate::tokens::encryption::EncryptionKeys;
use crate::tokens::refresh::RefreshKey;
use crate::tokens::{Claims, Keys};
use keys::{KeyCache, LoadedKeys};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// An opened Gatepost: everything but the HTTP server.
///
/// Dropping it, or [`close`](Self::close), stops the private PostgreSQL if it is ours.
pub struct App {
    config: Config,
    database: Database,
    hasher: Hasher,
    policy: Policy,
    activity: Arc<Activity>,
    key_cache: KeyCache,
    root: OnceLock<keyed::Root>,
    /// Attempts counted by this instance since it swept.
    counted: AtomicU32,
    journal: journal::Journal,
    set_back: set_back::SetBack,
    board: board::Board,
    managed: Mutex<Option<Managed>>,
    /// Whether the role of `database.url` was looked at and may stay.
    role_judged: AtomicBool,
}

/// Whether the private PostgreSQL of another process may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// It must be ours alone: a service.
    Exclusive,
    /// It may be that of a service that runs already: commands.
    Shared,
}

impl App {
    /// Opens Gatepost. Without `database.url` that starts the private PostgreSQL, or uses the one
    /// that another process on this machine has started.
    ///
    /// # Errors
    /// [`Error::Configuration`] for settings that do not go together, [`Error::Startup`] when the
    /// private PostgreSQL does not start, [`Error::SchemaBehind`] when the database's schema is
    /// older than this program. A database that is away is no error here: operations tell. One that
    /// does not let us in, which waiting cannot heal, is an [`Error::Startup`], and so is in
    /// production a role that may do more than the service needs.
    pub fn open(config: Config) -> Result<Self> {
        Self::open_with(config, Sharing::Shared)
    }

    pub(crate) fn open_with(config: Config, sharing: Sharing) -> Result<Self> {
        let app = Self::open_unread(config, sharing)?;
        if app.database.is_away() {
            return Ok(app);
        }
        match app.database().and_then(|_| app.keyed("")).map(drop) {
            Err(error @ (Error::Unavailable(_) | Error::ConnectionLost(_))) => {
                log::log!(db::level(&error), "the database does not answer; trying again: {error}");
            }
            Err(error @ Error::ReadOnly(_)) => log::warn!("{error}; trying on"),
            outcome => outcome?,
        }
        Ok(app)
    }

    /// As [`open`](Self::open), without reading the keys: for [`list`](crate::signing_keys::list),
    /// [`reencrypt`](crate::signing_keys::reencrypt) and [`replace`](crate::signing_keys::replace), which
    /// must work where the keys in the database let nothing else begin.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for the keys.
    pub fn open_for_repair(config: Config) -> Result<Self> {
        Self::open_unread(config, Sharing::Shared)
    }

    fn open_unread(mut config: Config, sharing: Sharing) -> Result<Self> {
        config.validate()?;
        room::for_app(&config)?;
        let (mut connect, managed) = match &config.database.url {
            Some(url) => (db::connect::parse_url("database.url", url, &config.database)?, None),
            None => {
                let (dir, connections) = (config.data_dir()?, config.database.pool_size);
                let managed = match sharing {
                    Sharing::Exclusive => Managed::start(&dir, connections)?,
                    Sharing::Shared => Managed::start_or_attach(&dir, connections)?,
                };
                // Nothing is in between.
                config.database.prepared_statements = true;
                (managed.app(), Some(managed))
            }
        };
        db::connect::complete(&mut connect, &config.database);
        let away = match &managed {
            None => match db::connect::try_connect("database.url", &connect) {
                Err(Error::Unavailable(cause)) => Some(cause),
                outcome => outcome.map(|_| None)?,
            },
            Some(_) => None,
        };
        let database = Database::open(connect, &config.database);
        if let Some(cause) = away {
            database.say_away(&cause);
        }
        let activity = Arc::<Activity>::default();
        let (threads, callers) =
            (config.server.hashing_threads(), config.server.hashing_upstreams());
        Ok(Self {
            database,
            role_judged: AtomicBool::new(false),
            hasher: Hasher::new(&config.passwords, threads, callers, Arc::clone(&activity))?,
            policy: Policy::open(&config.passwords)?,
            activity,
            key_cache: KeyCache::new(&config)?,
            root: OnceLock::new(),
            counted: AtomicU32::new(0),
            journal: journal::Journal::new(),
            set_back: set_back::SetBack::default(),
            board: board::Board::default(),
            managed: Mutex::new(managed),
            config,
        })
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The database, once its schema is known to be one that we know and the keys are loaded.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::SchemaBehind`].
    pub(crate) fn database(&self) -> Result<&Database> {
        self.keys()?;
        Ok(&self.database)
    }

    /// The database with a schema that we know, whatever its keys are worth.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::SchemaBehind`].
    pub(crate) fn database_for_repair(&self) -> Result<&Database> {
        self.check_schema()?;
        Ok(&self.database)
    }

    /// The rows of keys as they are, and what they are worth.
    ///
    /// # Errors
    /// As [`database_for_repair`](Self::database_for_repair).
    pub(crate) fn judge_keys(&self) -> Result<(keys::store::FoundKeys, keys::judge::Judged)> {
        let floor = self.key_cache.get().map(|loaded| loaded.floor()).unwrap_or_default();
        keys::read(self.database_for_repair()?, self.encryption(), floor)
    }

    /// The keys that sign and verify tokens.
    ///
    /// # Errors
    /// As [`database`](Self::database).
    pub(crate) fn keys(&self) -> Result<Arc<Keys>> {
        Ok(self.loaded()?.signing)
    }

    /// The claims of an access token, whichever instance has issued it.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`]; as [`database`](Self::database).
    pub(crate) fn verify_token(&self, token: &str) -> Result<Claims> {
        let keys = self.keys()?;
        if !keys.lack_key_of(token) {
            return keys.verify(token);
        }
        self.key_cache.look_again(&self.database, &self.config);
        self.keys()?.verify(token)
    }

    /// The key that refresh tokens of this generation are derived from, if there is one.
    ///
    /// # Errors
    /// As [`database`](Self::database).
    pub(crate) fn refresh_key(&self, generation: i64) -> Result<Option<RefreshKey>> {
        if let Some(key) = self.loaded()?.refresh_key(generation) {
            return Ok(Some(key.clone()));
        }
        self.key_cache.look_again(&self.database, &self.config);
        Ok(self.loaded()?.refresh_key(generation).cloned())
    }

    /// The key that refresh tokens of new sessions are derived from.
    ///
    /// # Errors
    /// As [`database`](Self::database).
    pub(crate) fn newest_refresh_key(&self) -> Result<RefreshKey> {
        self.loaded()?.newest_refresh_key().cloned()
    }

    /// The key that hashes for a purpose.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::SchemaBehind`]; [`Error::Startup`] where the secret behind
    /// it is none that we can believe.
    pub(crate) fn keyed(&self, purpose: &str) -> Result<keyed::HashKey> {
        if let Some(root) = self.root.get() {
            return Ok(root.key(purpose));
        }
        let root = keyed::Root::load(self.database_for_repair()?, self.encryption())?;
        Ok(self.root.get_or_init(|| root).key(purpose))
    }

    /// Takes the secret behind keyed hashes over, where it was not read before.
    pub(crate) fn adopt_root(&self, root: keyed::Root) {
        self.root.get_or_init(|| root);
    }

    /// Counts up to a number; says that it is reached and begins anew.
    pub(crate) fn count_towards(&self, number: u32) -> bool {
        (self.counted.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(number)
    }

    /// What this instance keeps in mind of the audit log.
    pub(crate) fn journal(&self) -> &journal::Journal {
        &self.journal
    }

    /// What this instance keeps in mind about the database being set back.
    pub(crate) fn set_back(&self) -> &set_back::SetBack {
        &self.set_back
    }

    /// What this instance keeps in mind of the list of revocations.
    pub(crate) fn board(&self) -> &board::Board {
        &self.board
    }

    /// What keys are encrypted with in the database.
    pub(crate) fn encryption(&self) -> &EncryptionKeys {
        self.key_cache.encryption()
    }

    /// Reads the keys again now, and does what is due with them. It happens by itself every
    /// `tokens.tuning.key_check_interval`.
    ///
    /// # Errors
    /// The faults of the database; [`Error::Startup`] when keys are encrypted with an encryption
    /// key that is not configured. The keys that are there stay in force then.
    pub fn reload_keys(&self) -> Result<()> {
        self.database()?;
        self.key_cache.load(&self.database, &self.config).map(drop)
    }

    /// Reads the keys again if the last reading is older than this. A fault is logged.
    pub(crate) fn tend_keys(&self, age: Duration) {
        if self.key_cache.get().is_some() {
            self.key_cache.reload(&self.database, &self.config, age);
        }
    }

    /// Reads the keys again because something shows that the database holds others by now, once a
    /// second at most. A fault is logged.
    pub(crate) fn look_again_for_keys(&self) {
        self.key_cache.look_again(&self.database, &self.config);
    }

    fn loaded(&self) -> Result<LoadedKeys> {
        let Some(loaded) = self.key_cache.get() else {
            self.check_schema()?;
            return self.key_cache.load(&self.database, &self.config);
        };
        // A service has a thread that does this in time; whoever only embeds us has not.
        let late = self.config.tokens.tuning.key_check_interval * 2;
        if !loaded.is_older_than(late) {
            return Ok(loaded);
        }
        self.key_cache.reload(&self.database, &self.config, late);
        Ok(self.key_cache.get().unwrap_or(loaded))
    }

    /// Asks the database for its schema's version.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::SchemaBehind`].
    pub(crate) fn check_schema(&self) -> Result<()> {
        let at_start = self.key_cache.get().is_none();
        if at_start {
            self.database.with_connection(|conn| db::soundness::check(conn))?;
        }
        self.judge_role()?;
        if self.database.with_connection(|conn| migrate::standing(conn))? == SchemaStanding::Newer
            && at_start
        {
            log::warn!("the database's schema is newer than this program; starting anyway");
        }
        Ok(())
    }

    /// Whether what operations need is there: a schema that we know, a database that takes changes,
    /// and keys.
    ///
    /// # Errors
    /// As [`database`](Self::database); [`Error::ReadOnly`].
    pub(crate) fn check_ready(&self) -> Result<()> {
        self.check_schema()?;
        self.database.check_writable()?;
        self.loaded().map(drop)
    }

    /// Looks once at what the role of `database.url` may do; that of the private PostgreSQL is ours.
    ///
    /// # Errors
    /// [`Error::Startup`] in production, where it may do more than it should.
    fn judge_role(&self) -> Result<()> {
        if self.config.database.url.is_none() || self.role_judged.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.database.with_connection(|conn| db::role::excess(conn))? {
            Some(text) if self.config.profile == Profile::Production => {
                return Err(Error::startup(text));
            }
            Some(text) if !self.role_judged.load(Ordering::Relaxed) => log::warn!("{text}"),
            _ => (),
        }
        self.role_judged.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Says that something quick is being answered, so that hashes give way to it.
    pub(crate) fn answering(&self) -> Answering<'_> {
        self.activity.begin()
    }

    /// Whether this may be the new password of whoever has this login, in its canonical form.
    ///
    /// # Errors
    /// [`Error::WeakPassword`], saying why not.
    pub(crate) fn check_strength(&self, password: &Password, login: &str) -> Result<()> {
        self.policy.check(password, login)
    }

    /// Hashes a new password. Must not be called while a connection is held: it would be missing
    /// to everybody else for as long as the hash takes.
    pub(crate) fn hash(&self, password: &Password) -> Result<PasswordHash> {
        debug_assert!(!db::is_holding_connection(), "hashing while holding a connection");
        self.hasher.hash(password)
    }

    /// Verifies a password; the same holds as for [`hash`](Self::hash).
    pub(crate) fn verify(
        &self,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<Verdict> {
        debug_assert!(!db::is_holding_connection(), "hashing while holding a connection");
        self.hasher.verify(password, stored)
    }

    /// A hash of the configured strength that no password has.
    pub(crate) fn nobody(&self) -> &PasswordHash {
        self.hasher.nobody()
    }

    /// Whether a stored hash could be verified under these settings, or what is missing.
    pub(crate) fn can_verify(&self, stored: &PasswordHash) -> std::result::Result<(), String> {
        self.hasher.check(stored)
    }

    /// Says that the end is near: should the private PostgreSQL be stopped by somebody else before
    /// we do it, as by a service manager that ends all processes at once, that is no news.
    pub(crate) fn expect_end(&self) {
        let managed = self.managed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(managed) = managed.as_ref() {
            self.database.close();
            managed.expect_end();
        }
    }

    /// Whether what fails now fails since the private PostgreSQL is being stopped.
    pub(crate) fn is_ending(&self) -> bool {
        self.database.is_closing()
    }

    /// Stops the private PostgreSQL if it is ours, and waits for its end. Operations fail
    /// afterwards.
    pub fn close(&self) {
        self.database.close();
        drop(self.managed.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("config", &self.config).finish_non_exhaustive()
    }
}
