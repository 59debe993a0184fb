//! What all operations share: the database, the hasher, the keys, the settings.
//!
//! An [`App`] needs no listener: a program that embeds Gatepost may call the operations directly.

mod keys;
mod refresh_keys;

use crate::activity::{Activity, Answering};
use crate::config::Config;
use crate::db::managed::Managed;
use crate::db::migrate::{self, Standing};
use crate::db::{self, Database};
use crate::error::{Error, Result};
use crate::passwords::{Hasher, Password, PasswordHash, Verdict};
use crate::tokens::Keys;
use crate::tokens::refresh::RefreshKey;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// An opened Gatepost: everything but the HTTP server.
///
/// Dropping it, or [`close`](Self::close), stops the private PostgreSQL if it is ours.
pub struct App {
    config: Config,
    database: Database,
    hasher: Hasher,
    activity: Arc<Activity>,
    keys: OnceLock<Keys>,
    refresh_key: OnceLock<RefreshKey>,
    managed: Mutex<Option<Managed>>,
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
    /// older than this program. A database that is away is no error here: operations tell.
    pub fn open(config: Config) -> Result<Self> {
        Self::open_with(config, Sharing::Shared)
    }

    pub(crate) fn open_with(mut config: Config, sharing: Sharing) -> Result<Self> {
        config.validate()?;
        let (mut connect, managed) = match &config.database.url {
            Some(url) => (db::parse_url("database.url", url, &config.database)?, None),
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
        db::complete(&mut connect, &config.database);
        let activity = Arc::<Activity>::default();
        let (iterations, threads) = (config.passwords.iterations, config.server.hashing_threads());
        let app = Self {
            database: Database::open(connect, &config.database),
            hasher: Hasher::new(iterations, threads, Arc::clone(&activity))?,
            activity,
            keys: OnceLock::new(),
            refresh_key: OnceLock::new(),
            managed: Mutex::new(managed),
            config,
        };
        match app.keys() {
            Err(Error::Unavailable(cause) | Error::ConnectionLost(cause)) => {
                log::warn!("the database is away, trying on: {cause}");
            }
            outcome => drop(outcome?),
        }
        Ok(app)
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

    /// The keys that sign and verify tokens.
    ///
    /// # Errors
    /// As [`database`](Self::database).
    pub(crate) fn keys(&self) -> Result<&Keys> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys);
        }
        self.check_schema()?;
        let keys = keys::load(&self.database, &self.config.tokens)?;
        Ok(self.keys.get_or_init(|| keys))
    }

    /// The key that refresh tokens are derived from.
    ///
    /// # Errors
    /// As [`database`](Self::database).
    pub(crate) fn refresh_key(&self) -> Result<&RefreshKey> {
        if let Some(key) = self.refresh_key.get() {
            return Ok(key);
        }
        let key = refresh_keys::load(self.database()?)?;
        Ok(self.refresh_key.get_or_init(|| key))
    }

    /// Asks the database for its schema's version.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::SchemaBehind`].
    pub(crate) fn check_schema(&self) -> Result<()> {
        if self.database.read(|conn| migrate::standing(conn))? == Standing::Newer
            && self.keys.get().is_none()
        {
            log::warn!("the database's schema is newer than this program; running on");
        }
        Ok(())
    }

    /// Says that something quick is being answered, so that hashes give way to it.
    pub(crate) fn answering(&self) -> Answering<'_> {
        self.activity.begin()
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
