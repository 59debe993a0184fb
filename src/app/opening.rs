//! Opening an [`App`], and checking the database that it finds: schema and role.

use super::keys::KeyCache;
use super::{App, Sharing, board, journal, set_back, statuses};
use crate::activity::Activity;
use crate::config::{Config, MOST_UPSTREAMS, Profile};
use crate::db::managed::Managed;
use crate::db::migrate::{self, SchemaStanding};
use crate::db::{self, Database};
use crate::error::{Error, Result};
use crate::passwords::{self, Hasher, Policy};
use crate::room;
use crate::threads;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

impl App {
    /// Opens Gatepost. Without `database.url` that starts the private PostgreSQL, or uses the one
    /// that another process on this machine has started.
    ///
    /// # Errors
    /// [`Error::Configuration`] for settings that do not go together, [`Error::Startup`] when the
    /// private PostgreSQL does not start, [`Error::SchemaBehind`] when the database's schema is
    /// older than this program. A database that is away is not an error here: operations report it.
    /// One that does not let us in, which waiting cannot cure, is an [`Error::Startup`]. So is, in
    /// production, a role that may do more than the service needs.
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
            Err(error @ Error::ReadOnly(_)) => log::warn!("{error}; still trying"),
            Err(error @ Error::Overloaded(_)) => log::info!("{error}"),
            outcome => outcome?,
        }
        Ok(app)
    }

    /// As [`open`](Self::open), without reading the keys: for [`list`](crate::signing_keys::list),
    /// [`reencrypt`](crate::signing_keys::reencrypt) and [`replace`](crate::signing_keys::replace),
    /// which must work even when the keys in the database let nothing else start.
    ///
    /// # Errors
    /// As [`open`](Self::open), except those about keys.
    pub fn open_for_repair(config: Config) -> Result<Self> {
        Self::open_unread(config, Sharing::Shared)
    }

    fn open_unread(mut config: Config, sharing: Sharing) -> Result<Self> {
        config.validate()?;
        room::for_app(&config)?;
        // The processor is looked at while the database is.
        threads::start("kernel", passwords::callers_of_a_thread)?;
        let (mut connect, managed) = match &config.database.url {
            Some(url) => {
                let connect = db::connect::parse_url("database.url", url, &config)?;
                if let Some(text) = connect.caution() {
                    log::warn!("database.url: {text}");
                }
                (connect, None)
            }
            None => {
                let dir = config.data_dir()?;
                let connections = config.database.pool_size;
                let managed = match sharing {
                    Sharing::Exclusive => Managed::start(&dir, connections)?,
                    Sharing::Shared => Managed::start_or_attach(&dir, connections)?,
                };
                // No pooler is in between.
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
        let threads = config.server.hashing_threads();
        if config.server.tuning.hashing_upstreams == 0 {
            // What this processor can use, now that it has been looked at.
            let callers = passwords::callers_of_a_thread() * threads;
            config.server.tuning.hashing_upstreams = callers.min(MOST_UPSTREAMS);
        }
        let callers = config.server.hashing_upstreams();
        Ok(Self {
            database,
            role_judged: AtomicBool::new(false),
            hasher: Hasher::new(&config.passwords, threads, callers, Arc::clone(&activity))?,
            policy: Policy::open(&config.passwords)?,
            activity,
            in_flight: Arc::default(),
            key_cache: KeyCache::new(&config, sharing == Sharing::Shared)?,
            root: OnceLock::new(),
            counted: AtomicU32::new(0),
            journal: journal::Journal::new(),
            set_back: set_back::SetBack::default(),
            board: board::Board::default(),
            statuses: statuses::Statuses::default(),
            stirred: Mutex::default(),
            managed: Mutex::new(managed),
            config,
        })
    }

    /// Checks the version of the database's schema.
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

    /// Checks once what the role of `database.url` may do. The private PostgreSQL's role is ours.
    ///
    /// # Errors
    /// [`Error::Startup`] in production, if it may do more than it should.
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
}
