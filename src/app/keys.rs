//! The keys in force: read from the database, and again every so often, so that all instances on
//! one database come to the same without a word to each other.
//!
//! A key is known to every instance before its turn comes. Reading also does what is due: a first
//! key, the next one, erasing the private half of one that signs no more, removing one whose
//! tokens are over. Each of these is safe to be done by several at once.

pub(crate) mod plan;
pub(crate) mod store;

use crate::config::{Algorithm, Config};
use crate::db::Database;
use crate::error::{Error, Result};
use crate::tokens::key::{Key, generate};
use crate::tokens::refresh::RefreshKey;
use crate::tokens::seal::Seals;
use crate::tokens::{Clock, Keys, Scheduled};
use plan::Plan;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use store::Rows;

/// Least time between two readings that an unknown key, which anybody may name, can cause.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often it is tried when several instances want the same generation.
const ATTEMPTS: usize = 4;

/// The keys of one reading.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) signing: Arc<Keys>,
    refresh: Arc<[(RefreshKey, i64)]>,
    clock: Clock,
}

impl Loaded {
    pub(super) fn is_older_than(&self, age: Duration) -> bool {
        self.clock.at.elapsed() > age
    }

    /// The key of this generation.
    pub(crate) fn refresh_key(&self, generation: i64) -> Option<&RefreshKey> {
        self.refresh.iter().map(|(key, _)| key).find(|key| key.generation() == generation)
    }

    /// The key that new sessions take.
    ///
    /// # Errors
    /// [`Error::Internal`] when there is none, which would be a fault of ours.
    pub(crate) fn newest_refresh_key(&self) -> Result<&RefreshKey> {
        let now = self.clock.now();
        let due = self.refresh.iter().filter(|(_, used_from)| *used_from <= now);
        let newest = due.max_by_key(|(_, used_from)| *used_from).or(self.refresh.first());
        let key = newest.map(|(key, _)| key);
        key.ok_or_else(|| Error::Internal("there is no refresh key".to_owned()))
    }
}

/// Holds the keys of the last reading.
pub(super) struct Ring {
    seals: Seals,
    loaded: RwLock<Option<Loaded>>,
    /// When they were asked for last; locked while they are being read.
    asked: Mutex<Option<Instant>>,
}

impl Ring {
    /// # Errors
    /// [`Error::Internal`], which would be a fault of ours.
    pub(super) fn new(config: &Config) -> Result<Self> {
        let secrets = [&config.tokens.encryption_key, &config.tokens.encryption_key_previous];
        let seals = Seals::new(secrets.into_iter().flatten())?;
        Ok(Self { seals, loaded: RwLock::new(None), asked: Mutex::new(None) })
    }

    pub(super) fn seals(&self) -> &Seals {
        &self.seals
    }

    /// The keys of the last reading, if there was one.
    pub(super) fn get(&self) -> Option<Loaded> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads for the first time. Several threads may do this together.
    ///
    /// # Errors
    /// The faults of the database; [`Error::Startup`] when stored keys are sealed with an
    /// encryption key that we do not have.
    pub(super) fn load(&self, database: &Database, config: &Config) -> Result<Loaded> {
        let loaded = load(database, config, &self.seals, self.get().as_ref())?;
        let mut place = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        match place.as_ref() {
            // Another thread has read after us and was quicker.
            Some(newer) if newer.clock.at > loaded.clock.at => Ok(newer.clone()),
            _ => Ok(place.insert(loaded).clone()),
        }
    }

    /// Reads again if the last reading is older than this, and nobody is at it or was a moment
    /// ago. Where that fails, the keys that are there stay in force.
    pub(super) fn reload(&self, database: &Database, config: &Config, age: Duration) {
        if self.get().is_some_and(|loaded| loaded.clock.at.elapsed() < age) {
            return;
        }
        let Ok(mut asked) = self.asked.try_lock() else { return };
        if asked.is_some_and(|at| at.elapsed() < PATIENCE) {
            return;
        }
        *asked = Some(Instant::now());
        if let Err(error) = self.load(database, config) {
            log::warn!("the keys stay as they were read before: {error}");
        }
    }

    /// Reads again because of a key that is not known here, which somebody may just have made.
    pub(super) fn look_again(&self, database: &Database, config: &Config) {
        self.reload(database, config, PATIENCE);
    }
}

/// Reads the keys, after doing what is due.
fn load(
    database: &Database,
    config: &Config,
    seals: &Seals,
    before: Option<&Loaded>,
) -> Result<Loaded> {
    for _ in 0..ATTEMPTS {
        let at = Instant::now();
        let rows = database.read(|conn| store::read(conn))?;
        let plan = Plan::of(&rows, config);
        if plan.is_empty() {
            return build(&rows, at, config, seals, before);
        }
        carry_out(database, config, seals, &plan)?;
    }
    Err(Error::Internal("other instances keep making keys under our hands".to_owned()))
}

fn carry_out(database: &Database, config: &Config, seals: &Seals, plan: &Plan) -> Result<()> {
    // Made outside of the transaction, which may be run more than once.
    let signing = plan.signing.map(|turn| New::signing(config, seals, turn)).transpose()?;
    let refresh = plan.refresh.map(|turn| New::refresh(seals, turn)).transpose()?;
    database.with_transaction(|tx| {
        if let Some(new) = &signing {
            store::insert_signing_key(tx, new)?;
        }
        if let Some(new) = &refresh {
            store::insert_refresh_key(tx, new)?;
        }
        store::erase(tx, &plan.erased)?;
        store::remove(tx, &plan.removed, &plan.removed_refresh)
    })
}

/// A key that is about to be stored.
pub(crate) struct New {
    pub(crate) generation: i64,
    pub(crate) from: i64,
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: String,
    pub(crate) public: Vec<u8>,
    pub(crate) sealed: crate::tokens::seal::Sealed,
}

impl New {
    pub(crate) fn signing(config: &Config, seals: &Seals, turn: plan::Turn) -> Result<Self> {
        let algorithm = config.tokens.algorithm;
        let private = generate(algorithm)?;
        let key = Key::private(algorithm, &private)?;
        Ok(Self {
            generation: turn.generation,
            from: turn.from,
            algorithm,
            kid: key.kid().to_owned(),
            public: key.public_bytes().unwrap_or_default().to_vec(),
            sealed: seals.seal(&signing_place(key.kid()), &private)?,
        })
    }

    pub(crate) fn refresh(seals: &Seals, turn: plan::Turn) -> Result<Self> {
        let secret = RefreshKey::generate();
        Ok(Self {
            generation: turn.generation,
            from: turn.from,
            algorithm: Algorithm::Hs256,
            kid: String::new(),
            public: Vec::new(),
            sealed: seals.seal(&refresh_place(turn.generation), secret.as_slice())?,
        })
    }
}

/// What a sealed private key is bound to.
pub(crate) fn signing_place(kid: &str) -> String {
    format!("signing key {kid}")
}

/// What a sealed refresh key is bound to.
pub(crate) fn refresh_place(generation: i64) -> String {
    format!("refresh key {generation}")
}

fn build(
    rows: &Rows,
    at: Instant,
    config: &Config,
    seals: &Seals,
    before: Option<&Loaded>,
) -> Result<Loaded> {
    let clock = Clock { said: rows.now, at };
    let mut keys = Vec::with_capacity(rows.signing.len() + 1);
    for row in &rows.signing {
        let key = match (&row.private, &row.public) {
            (Some(private), _) => {
                Key::private(row.algorithm, &seals.open(&signing_place(&row.kid), private)?)?
            }
            (None, Some(public)) => Key::public(row.algorithm, public)?,
            (None, None) => continue,
        };
        if key.kid() != row.kid {
            return Err(Error::Internal(format!("the stored key {} is another one", row.kid)));
        }
        keys.push(Scheduled { key, signs_from: row.signs_from });
    }
    if config.tokens.algorithm == Algorithm::Hs256 {
        let secret = config.tokens.hs256_secret.as_ref();
        let secret = secret.ok_or_else(|| Error::Internal("HS256 without a secret".to_owned()))?;
        keys.push(Scheduled { key: Key::hs256(secret), signs_from: i64::MIN });
    }
    if before.is_none() && seals.name().is_some() && rows.are_sealed_otherwise(seals.name()) {
        log::warn!(
            "keys in the database are not encrypted with tokens.encryption_key; run `gatepost keys \
             reencrypt`"
        );
    }
    let same = before.filter(|loaded| loaded.signing.are(&keys, clock));
    let signing = match same {
        // They keep what they remember of tokens that they have verified.
        Some(loaded) => Arc::clone(&loaded.signing),
        None => Arc::new(Keys::new(&config.tokens, keys, clock)),
    };
    let refresh = rows.refresh.iter().map(|row| {
        let secret = seals.open(&refresh_place(row.generation), &row.secret)?;
        Ok((RefreshKey::stored(row.generation, &secret)?, row.used_from))
    });
    let refresh = refresh.collect::<Result<Vec<_>>>()?;
    Ok(Loaded { signing, refresh: refresh.into(), clock })
}
