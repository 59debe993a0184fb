//! What all operations share: the database, the hasher, the keys, the settings.
//!
//! An [`App`] needs no listener: a program that embeds Gatepost may call the operations directly.

pub(crate) mod board;
pub(crate) mod journal;
pub(crate) mod keyed;
pub(crate) mod keys;
pub(crate) mod once;
mod opening;
pub(crate) mod set_back;
pub(crate) mod statuses;

use crate::activity::{Activity, Answering};
use crate::config::Config;
use crate::db::managed::Managed;
use crate::db::{self, Database};
use crate::error::Result;
use crate::in_flight::InFlight;
use crate::passwords::{Hasher, Password, PasswordHash, Policy, Verdict};
use crate::tokens::encryption::EncryptionKeys;
use crate::tokens::refresh::RefreshKey;
use crate::tokens::{AccessClaims, Keys};
use keys::{KeyCache, LoadedKeys};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// An opened Gatepost: everything but the HTTP server.
///
/// Dropping it, or [`close`](Self::close), stops the private PostgreSQL if it is ours.
pub struct App {
    config: Config,
    database: Database,
    hasher: Hasher,
    policy: Policy,
    activity: Arc<Activity>,
    in_flight: Arc<InFlight>,
    key_cache: KeyCache,
    root: OnceLock<keyed::Root>,
    /// Attempts counted by this instance since it swept.
    counted: AtomicU32,
    journal: journal::Journal,
    set_back: set_back::SetBack,
    board: board::Board,
    statuses: statuses::Statuses,
    /// When a message or a request was last written here that somebody must look at.
    stirred: Mutex<Option<Instant>>,
    managed: Mutex<Option<Managed>>,
    /// Whether the role of `database.url` was checked and is acceptable.
    role_judged: AtomicBool,
}

/// Whether the private PostgreSQL of another process may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// For a service: it must be ours alone.
    Exclusive,
    /// For commands: it may belong to a service that is running.
    Shared,
}

/// Longer than a transaction of ours takes to be committed, but for the slowest.
const STIRRED_FOR: Duration = Duration::from_secs(5);

impl App {
    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The database, once its schema is known to be supported and the keys are loaded.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::SchemaBehind`].
    pub(crate) fn database(&self) -> Result<&Database> {
        self.keys()?;
        Ok(&self.database)
    }

    /// Connections to the database that are open, and those of them that are idle.
    pub(crate) fn connections(&self) -> (u32, u32) {
        self.database.connections()
    }

    /// The database, unless it is known to be away.
    pub(crate) fn database_at_hand(&self) -> Option<&Database> {
        if self.database.is_away() { None } else { self.database().ok() }
    }

    /// The database with a supported schema, whether or not its keys count.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::SchemaBehind`].
    pub(crate) fn database_for_repair(&self) -> Result<&Database> {
        self.check_schema()?;
        Ok(&self.database)
    }

    /// The rows of keys as they are, and which of them count.
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

    /// The claims of an access token that is shown to our own API, whichever instance has issued
    /// it.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`]; as [`database`](Self::database).
    pub(crate) fn verify_token(&self, token: &str) -> Result<AccessClaims> {
        self.keys_for(token)?.verify_for_us(token)
    }

    /// The claims of an access token, whomever it is for.
    ///
    /// # Errors
    /// As [`verify_token`](Self::verify_token).
    pub(crate) fn verify_any_token(&self, token: &str) -> Result<AccessClaims> {
        self.keys_for(token)?.verify(token)
    }

    /// The keys in force, read again if this token names one that is not among them.
    fn keys_for(&self, token: &str) -> Result<Arc<Keys>> {
        let keys = self.keys()?;
        if !keys.lack_key_of(token) {
            return Ok(keys);
        }
        self.key_cache.look_again(&self.database, &self.config);
        self.keys()
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
    /// [`Error::Unavailable`], [`Error::SchemaBehind`]; [`Error::Startup`] if the secret behind it
    /// cannot be trusted.
    pub(crate) fn keyed(&self, purpose: &str) -> Result<keyed::HashKey> {
        if let Some(root) = self.root.get() {
            return Ok(root.key(purpose));
        }
        let root = keyed::Root::load(self.database_for_repair()?, self.encryption())?;
        Ok(self.root.get_or_init(|| root).key(purpose))
    }

    /// Takes over the secret behind keyed hashes, unless one was read before.
    pub(crate) fn adopt_root(&self, root: keyed::Root) {
        self.root.get_or_init(|| root);
    }

    /// The attempts that take a hash and are under way.
    pub(crate) fn in_flight(&self) -> &Arc<InFlight> {
        &self.in_flight
    }

    /// Counts up to a number. Returns whether it is reached, and then begins anew.
    pub(crate) fn count_towards(&self, number: u32) -> bool {
        (self.counted.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(number)
    }

    /// What this instance remembers of the audit log.
    pub(crate) fn journal(&self) -> &journal::Journal {
        &self.journal
    }

    /// What this instance remembers about the database being set back.
    pub(crate) fn set_back(&self) -> &set_back::SetBack {
        &self.set_back
    }

    /// What this instance remembers of the list of revocations.
    pub(crate) fn board(&self) -> &board::Board {
        &self.board
    }

    /// The Token Status Lists that this instance made a moment ago.
    pub(crate) fn statuses(&self) -> &statuses::Statuses {
        &self.statuses
    }

    /// Says that a transaction is about to leave something for the threads that hand messages over.
    pub(crate) fn stir(&self) {
        *self.stirred.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether that was so lately that the transaction may not have been committed by then, or was a moment ago.
    pub(crate) fn is_stirred(&self) -> bool {
        let stirred = *self.stirred.lock().unwrap_or_else(PoisonError::into_inner);
        stirred.is_some_and(|at| at.elapsed() < STIRRED_FOR)
    }

    /// What keys are encrypted with in the database.
    pub(crate) fn encryption(&self) -> &EncryptionKeys {
        self.key_cache.encryption()
    }

    /// Reads the keys again now, and does what is due with them. This happens by itself every
    /// `tokens.tuning.key_check_interval`.
    ///
    /// # Errors
    /// Database errors; [`Error::Startup`](crate::Error::Startup) when keys are encrypted with an
    /// encryption key that is not configured. The keys that are there stay in force then.
    pub fn reload_keys(&self) -> Result<()> {
        self.database()?;
        self.key_cache.load(&self.database, &self.config).map(drop)
    }

    /// Reads the keys again if the last reading is older than this. An error is logged.
    pub(crate) fn tend_keys(&self, age: Duration) {
        if self.key_cache.get().is_some() {
            self.key_cache.reload(&self.database, &self.config, age);
        }
    }

    /// Reads the keys again because something shows that the database holds others by now, at most
    /// once a second. An error is logged.
    pub(crate) fn look_again_for_keys(&self) {
        self.key_cache.look_again(&self.database, &self.config);
    }

    fn loaded(&self) -> Result<LoadedKeys> {
        let Some(loaded) = self.key_cache.get() else {
            self.check_schema()?;
            return self.key_cache.load(&self.database, &self.config);
        };
        // A service has a thread that does this in time; a program that only embeds us does not.
        let late = self.config.tokens.tuning.key_check_interval * 2;
        if !loaded.is_older_than(late) {
            return Ok(loaded);
        }
        self.key_cache.reload(&self.database, &self.config, late);
        Ok(self.key_cache.get().unwrap_or(loaded))
    }

    /// Whether what operations need is there: a supported schema, a database that takes changes,
    /// and keys.
    ///
    /// # Errors
    /// As [`database`](Self::database); [`Error::ReadOnly`].
    pub(crate) fn check_ready(&self) -> Result<()> {
        self.check_schema()?;
        self.database.check_writable()?;
        self.loaded().map(drop)
    }

    /// Says that something quick is being answered, so that hashes give way to it.
    pub(crate) fn answering(&self) -> Answering<'_> {
        self.activity.begin()
    }

    /// Whether this may be the new password of the user with this login, given in its canonical
    /// form.
    ///
    /// # Errors
    /// [`Error::WeakPassword`], saying why not.
    pub(crate) fn check_strength(&self, password: &Password, login: &str) -> Result<()> {
        self.policy.check(password, login)
    }

    /// Hashes a new password. Must not be called while a connection is held: nobody else could use
    /// it for as long as the hash takes.
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

    /// A hash of the configured strength that no password matches.
    pub(crate) fn nobody(&self) -> &PasswordHash {
        self.hasher.nobody()
    }

    /// Whether a stored hash could be verified under these settings, or what is missing.
    pub(crate) fn can_verify(&self, stored: &PasswordHash) -> std::result::Result<(), String> {
        self.hasher.check(stored)
    }

    /// Says that the process is about to end. If something else then stops the private PostgreSQL
    /// first, such as a service manager that ends all processes at once, that is not reported.
    pub(crate) fn expect_end(&self) {
        let managed = self.managed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(managed) = managed.as_ref() {
            self.database.close();
            managed.expect_end();
        }
    }

    /// Whether errors are to be expected, since the private PostgreSQL is being stopped.
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
