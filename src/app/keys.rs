//! The keys in force. They are read from the database again and again, so that all instances on one
//! database arrive at the same ones without talking to each other.
//!
//! A key is known to every instance before its turn comes. Reading also does what is due: it makes
//! a first key or the next one, erases the private half of a key that no longer signs, and removes
//! a key whose tokens have expired. Several instances may safely do each of these at once.
//!
//! Rows are trusted only as far as `judge` says. An instance that finds keys it cannot trust does
//! not start; one that has keys already keeps them, and says so once.

pub(crate) mod codes;
pub(crate) mod judge;
pub(crate) mod new;
pub(crate) mod plan;
pub(crate) mod refused;
pub(crate) mod store;
mod workshop;

use crate::config::{Algorithm, Config};
use crate::db::{self, Database};
use crate::error::{Error, Result};
use crate::tokens::encryption::EncryptionKeys;
use crate::tokens::key::Key;
use crate::tokens::refresh::RefreshKey;
use crate::tokens::{Clock, Keys, Scheduled};
use judge::{Floor, Judged};
use new::NewKey;
use plan::{Plan, SigningRow, Turn};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use workshop::Workshop;

/// Least time between two readings because of an unknown key, which anyone may name.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many times to try when several instances want the same generation.
const ATTEMPTS: usize = 4;

/// The keys of one reading.
#[derive(Clone)]
pub(crate) struct LoadedKeys {
    pub(crate) signing: Arc<Keys>,
    refresh: Arc<[(RefreshKey, i64)]>,
    clock: Clock,
    /// The highest floor seen, so that a row copied back under an earlier one stays dead.
    floor: Floor,
}

impl LoadedKeys {
    pub(super) fn is_older_than(&self, age: Duration) -> bool {
        self.clock.at.elapsed() > age
    }

    /// The lowest generations that are accepted, as far as this instance has seen.
    pub(super) fn floor(&self) -> Floor {
        self.floor
    }

    /// The key of this generation.
    pub(crate) fn refresh_key(&self, generation: i64) -> Option<&RefreshKey> {
        self.refresh.iter().map(|(key, _)| key).find(|key| key.generation() == generation)
    }

    /// The key that new sessions use.
    ///
    /// # Errors
    /// [`Error::Internal`] when there is none, which would be a bug.
    pub(crate) fn newest_refresh_key(&self) -> Result<&RefreshKey> {
        let now = self.clock.now();
        let due = self.refresh.iter().filter(|(_, used_from)| *used_from <= now);
        let newest = due.max_by_key(|(_, used_from)| *used_from).or(self.refresh.first());
        let key = newest.map(|(key, _)| key);
        key.ok_or_else(|| Error::Internal("there is no refresh key".to_owned()))
    }
}

/// Holds the keys of the last reading.
pub(super) struct KeyCache {
    encryption: EncryptionKeys,
    workshop: Workshop,
    loaded: RwLock<Option<LoadedKeys>>,
    /// When they were asked for last; locked while they are being read.
    asked: Mutex<Option<Instant>>,
    /// What was last logged about rows that do not count.
    said: Mutex<Option<String>>,
}

impl KeyCache {
    /// No keys yet. If it `waits`, it makes RSA keys while others wait, and else meanwhile.
    ///
    /// # Errors
    /// [`Error::Internal`], which would be a bug.
    pub(super) fn new(config: &Config, waits: bool) -> Result<Self> {
        let secrets = [&config.encryption.key, &config.encryption.previous_key];
        let encryption = EncryptionKeys::new(secrets.into_iter().flatten())?;
        Ok(Self {
            encryption,
            workshop: Workshop::new(waits),
            loaded: RwLock::new(None),
            asked: Mutex::new(None),
            said: Mutex::new(None),
        })
    }

    pub(super) fn encryption(&self) -> &EncryptionKeys {
        &self.encryption
    }

    /// The keys of the last reading, if there was one.
    pub(super) fn get(&self) -> Option<LoadedKeys> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads for the first time. Several threads may do this together.
    ///
    /// # Errors
    /// Database errors; [`Error::Startup`] when stored keys are encrypted with an
    /// encryption key that we do not have, or not protected by the one that we have;
    /// [`Error::Overloaded`] while the first key is being made.
    pub(super) fn load(&self, database: &Database, config: &Config) -> Result<LoadedKeys> {
        let before = self.get();
        let (loaded, complaint) = self.read_and_tend(database, config, before.as_ref())?;
        self.say(complaint.as_deref(), |complaint| {
            format!(
                "ignored in the database: {complaint}; `gatepost signing-key list` shows them, `gatepost \
                 signing-key rotate --compromised` removes them"
            )
        });
        let mut place = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        match place.as_ref() {
            // Another thread has read after us and was quicker.
            Some(newer) if newer.clock.at > loaded.clock.at => Ok(newer.clone()),
            _ => Ok(place.insert(loaded).clone()),
        }
    }

    /// Logs what is wrong, once until it changes.
    fn say(&self, what: Option<&str>, text: impl Fn(&str) -> String) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.as_deref() == what {
            return;
        }
        match what {
            Some(what) => log::warn!("{}", text(what)),
            None => log::info!("all keys in the database are usable again"),
        }
        *said = what.map(str::to_owned);
    }

    /// Reads again if the last reading is older than this, and no thread is reading or did so a
    /// moment ago. If that fails, the present keys stay in force.
    pub(super) fn reload(&self, database: &Database, config: &Config, age: Duration) {
        if self.get().is_some_and(|loaded| loaded.clock.at.elapsed() < age) {
            return;
        }
        let Ok(mut asked) = self.asked.try_lock() else { return };
        if asked.is_some_and(|at| at.elapsed() < PATIENCE) {
            return;
        }
        *asked = Some(Instant::now());
        let kept = |error: &str| format!("the keys stay as they were read before: {error}");
        match self.load(database, config) {
            Ok(_) => (),
            // It stays so until an operator mends it.
            Err(Error::Startup(text)) => self.say(Some(&text), kept),
            Err(error) => log::log!(db::level(&error), "{}", kept(&error.to_string())),
        }
    }

    /// Reads again because of an unknown key, which another instance may just have made.
    pub(super) fn look_again(&self, database: &Database, config: &Config) {
        self.reload(database, config, PATIENCE);
    }
}

/// Reads and judges the rows.
///
/// # Errors
/// Database errors.
pub(crate) fn read(
    database: &Database,
    encryption: &EncryptionKeys,
    floor: Floor,
) -> Result<(store::FoundKeys, Judged)> {
    let found = database.with_connection(|conn| store::read(conn))?;
    let judged = Judged::of(&found, encryption, floor);
    Ok((found, judged))
}

impl KeyCache {
    /// Reads the keys, after doing what is due. Also returns what to log about rows that do not count.
    fn read_and_tend(
        &self,
        database: &Database,
        config: &Config,
        before: Option<&LoadedKeys>,
    ) -> Result<(LoadedKeys, Option<String>)> {
        let encryption = &self.encryption;
        let floor = before.map(|loaded| loaded.floor).unwrap_or_default();
        for _ in 0..ATTEMPTS {
            let at = Instant::now();
            let (found, judged) = read(database, encryption, floor)?;
            judged.stand(encryption)?;
            let mut plan = Plan::of(&judged.rows, config);
            let signing = match plan.signing {
                None => None,
                Some(turn) => self.new_key(config.tokens.algorithm, turn)?,
            };
            if signing.is_none() && plan.signing.take().is_some() {
                let able = judged.rows.signing.iter().any(|row| row.signs);
                able.then_some(()).ok_or(Error::Overloaded(FIRST_KEY))?;
            }
            if plan.is_empty() && judged.floor_stands {
                if before.is_none() && judged.are_encrypted_otherwise(&found, encryption) {
                    log::warn!(
                        "keys in the database are still encrypted with encryption.previous_key; \
                     run `gatepost signing-key reencrypt`"
                    );
                }
                let complaint = judged.complaint();
                return Ok((build(judged, at, config, before)?, complaint));
            }
            carry_out(database, encryption, &judged, &plan, signing.as_ref())?;
        }
        Err(Error::Internal("other instances keep changing the keys".to_owned()))
    }

    /// A signing key for this turn; `None` while it is being made.
    fn new_key(&self, algorithm: Algorithm, turn: Turn) -> Result<Option<NewKey>> {
        let private = self.workshop.private_half(algorithm)?;
        let new = private
            .map(|private| NewKey::signing_with(algorithm, &private, &self.encryption, turn));
        new.transpose()
    }
}

/// What to answer while there is no key yet.
const FIRST_KEY: &str = "the first signing key is being made, which takes some seconds";

fn carry_out(
    database: &Database,
    encryption: &EncryptionKeys,
    judged: &Judged,
    plan: &Plan,
    signing: Option<&NewKey>,
) -> Result<()> {
    // Made outside the transaction, which may run more than once.
    let refresh = plan.refresh.map(|turn| NewKey::refresh(encryption, turn)).transpose()?;
    let floor = judged.floor.stored(encryption).filter(|_| !judged.floor_stands);
    let erased = judged.rows.signing.iter().filter(|row| plan.erased.contains(&row.generation));
    let erased: Vec<(&SigningRow, Option<Vec<u8>>)> =
        erased.map(|row| (row, vouch(encryption, row, false))).collect();
    database.with_transaction(|tx| {
        if let Some(floor) = &floor {
            store::insert_floor(tx, floor)?;
        }
        if let Some(new) = signing {
            store::insert_signing_key(tx, new)?;
        }
        if let Some(new) = &refresh {
            store::insert_refresh_key(tx, new)?;
        }
        for (row, mac) in &erased {
            store::erase(tx, (row.generation, &row.kid), &row.public, mac.as_ref())?;
        }
        store::remove(tx, &plan.removed, &plan.removed_refresh)
    })
}

/// The code of a row with, or from now on without, its private half.
pub(crate) fn vouch(encryption: &EncryptionKeys, row: &SigningRow, signs: bool) -> Option<Vec<u8>> {
    let name = (row.generation, row.kid.as_str());
    let algorithm = row.algorithm.name();
    encryption.vouch(&codes::signing(name, algorithm, &row.public, row.signs_from, signs))
}

fn build(
    judged: Judged,
    at: Instant,
    config: &Config,
    before: Option<&LoadedKeys>,
) -> Result<LoadedKeys> {
    let clock = Clock { said: judged.rows.now, at };
    let mut keys = judged.signing;
    if config.tokens.algorithm == Algorithm::Hs256 {
        let secret = config.tokens.hs256_secret.as_ref();
        let secret = secret.ok_or_else(|| Error::Internal("HS256 without a secret".to_owned()))?;
        keys.push(Scheduled { key: Key::hs256(secret), signs_from: i64::MIN });
    }
    let same = before.filter(|loaded| loaded.signing.are(&keys, clock));
    let signing = match same {
        // The old set still remembers the tokens that it has verified.
        Some(loaded) => Arc::clone(&loaded.signing),
        None => Arc::new(Keys::new(&config.tokens, keys, clock)),
    };
    Ok(LoadedKeys { signing, refresh: judged.refresh.into(), clock, floor: judged.floor })
}
