//! Keys, as operators and other services see them: list, rotate, seal anew; publish.
//!
//! What happens by itself, and how instances agree, is in `app::keys`. These operations are the
//! operator's: who may open the database with the service's own role may do them.

pub(crate) mod api;

use crate::app::App;
use crate::app::keyed;
use crate::app::keys::store::{self, Rows, SigningRow};
use crate::app::keys::{New, plan::Turn, refresh_place, signing_place};
use crate::audit::{Action, Event, Writer};
use crate::config::Algorithm;
use crate::error::{Error, Result};
use crate::sessions;
use crate::users::{Caller, Timestamp};
use std::time::Duration;

/// A signing key as `gatepost keys list` shows one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// Its name, which stands in the header of each token that it signed.
    pub kid: String,
    /// `EdDSA` or `ES256`.
    pub algorithm: &'static str,
    /// What it does now.
    pub state: KeyState,
    /// Since when it signs, or from when on it will.
    pub signs_from: Timestamp,
    /// How its private half lies in the database.
    pub private: PrivateHalf,
}

/// How the private half of a key lies in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateHalf {
    /// Encrypted.
    Encrypted,
    /// As it is.
    Plain,
    /// No longer: the key only verifies.
    Erased,
}

/// What a signing key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It is published, and does not sign yet.
    Next,
    /// It signs.
    Signing,
    /// It verifies what it has signed.
    Old,
}

/// The signing keys in the database, the oldest first. A secret of HS256 is not among them.
///
/// # Errors
/// The faults of the database.
pub fn list_keys(app: &App) -> Result<Vec<SigningKey>> {
    let rows = app.database()?.read(|conn| store::read(conn))?;
    let shown = |row: &SigningRow| {
        let is_later = |other: &&SigningRow| {
            other.algorithm == row.algorithm && other.signs_from > row.signs_from
        };
        let later = rows.signing.iter().filter(is_later);
        let state = match later.map(|other| other.signs_from).min() {
            _ if row.signs_from > rows.now => KeyState::Next,
            Some(next) if next <= rows.now => KeyState::Old,
            _ => KeyState::Signing,
        };
        Ok(SigningKey {
            kid: row.kid.clone(),
            algorithm: row.algorithm.name(),
            state,
            signs_from: Timestamp::from_millis(row.signs_from)?,
            private: match &row.private {
                Some(private) if private.with.is_some() => PrivateHalf::Encrypted,
                Some(_) => PrivateHalf::Plain,
                None => PrivateHalf::Erased,
            },
        })
    };
    rows.signing.iter().map(shown).collect()
}

/// Makes the next signing key, and the next refresh key with it. They are published now and used
/// after `tokens.key_publication`, when every instance and every cache knows them; the old ones
/// are kept until what was made with them is over. Where a next key is published already, that is
/// the one.
///
/// # Errors
/// [`Error::InvalidRequest`] with HS256, whose secret is the operator's; the faults of the
/// database.
pub fn rotate_keys(app: &App) -> Result<SigningKey> {
    let algorithm = own_algorithm(app)?;
    let database = app.database()?;
    let rows = database.read(|conn| store::read(conn))?;
    let published = |row: &&SigningRow| row.algorithm == algorithm && row.signs_from > rows.now;
    let audit = Writer::new(app, &Caller::Trusted)?;
    if !rows.signing.iter().any(|row| published(&row)) {
        let from = rows.now + millis(app.config().tokens.key_publication);
        let (signing, refresh) = new_keys(app, &rows, from)?;
        database.with_transaction(|tx| {
            // Where somebody else was first, theirs is the next one.
            store::insert_signing_key(tx, &signing)?;
            store::insert_refresh_key(tx, &refresh)?;
            audit.record(tx, &Event::new(Action::RotateKeys, None))
        })?;
    }
    newest(app, algorithm)
}

/// Replaces all keys at once, because they may be known to somebody: what was made with the old
/// ones is refused, which ends all sessions and all access tokens. Other instances follow within
/// `tokens.key_check_interval`, other services when they fetch the keys again.
///
/// # Errors
/// As [`rotate_keys`]; [`Error::Conflict`] when somebody else made a key meanwhile.
pub fn replace_keys(app: &App) -> Result<SigningKey> {
    let algorithm = own_algorithm(app)?;
    replace_all(app, 0, &Event::new(Action::ReplaceKeys, None))?;
    newest(app, algorithm)
}

/// Replaces all keys by ones of the next generation, at least this one, and ends the sessions of
/// the old ones. With HS256 there is no signing key of ours to be made.
///
/// # Errors
/// [`Error::Conflict`] when somebody else made a key meanwhile; the faults of the database.
pub(crate) fn replace_all(app: &App, least: i64, event: &Event<'_>) -> Result<()> {
    let database = app.database()?;
    let rows = database.read(|conn| store::read(conn))?;
    let turn = |next: i64| Turn { generation: next.max(least), from: rows.now };
    let signing = own_algorithm(app)
        .is_ok()
        .then(|| New::signing(app.config(), app.seals(), turn(rows.next_signing_generation())));
    let signing = signing.transpose()?;
    let refresh = New::refresh(app.seals(), turn(rows.next_refresh_generation()))?;
    let old: Vec<i64> = rows.signing.iter().map(|row| row.generation).collect();
    let old_refresh: Vec<i64> = rows.refresh.iter().map(|row| row.generation).collect();
    let audit = Writer::new(app, &Caller::Trusted)?;
    database.with_transaction(|tx| {
        let stored = match &signing {
            Some(signing) => store::insert_signing_key(tx, signing)?,
            None => true,
        };
        if !(stored && store::insert_refresh_key(tx, &refresh)?) {
            return Err(Error::Conflict("another key was made meanwhile".to_owned()));
        }
        store::remove(tx, &old, &old_refresh)?;
        audit.record(tx, event)
    })?;
    sessions::end_of_earlier_keys(app, refresh.generation)?;
    app.reload_keys()
}

/// Seals anew, under `tokens.encryption_key`, all keys that are sealed with another one or not at
/// all. Returns how many there were.
///
/// # Errors
/// [`Error::InvalidRequest`] without `tokens.encryption_key`; [`Error::Startup`] for keys that are
/// sealed with neither that nor `tokens.encryption_key_previous`; the faults of the database.
pub fn reencrypt_keys(app: &App) -> Result<usize> {
    let seals = app.seals();
    let Some(name) = seals.name() else {
        return Err(Error::parameter("tokens.encryption_key", "is not set"));
    };
    let database = app.database()?;
    let rows = database.read(|conn| store::read(conn))?;
    let is_other = |with: &Option<String>| with.as_deref() != Some(name);
    let (mut signing, mut refresh) = (Vec::new(), Vec::new());
    for row in &rows.signing {
        let Some(old) = row.private.as_ref().filter(|old| is_other(&old.with)) else { continue };
        let place = signing_place(&row.kid);
        signing.push((row.generation, old, seals.seal(&place, &seals.open(&place, old)?)?));
    }
    for row in rows.refresh.iter().filter(|row| is_other(&row.secret.with)) {
        let (old, place) = (&row.secret, refresh_place(row.generation));
        refresh.push((row.generation, old, seals.seal(&place, &seals.open(&place, old)?)?));
    }
    let audit = Writer::new(app, &Caller::Trusted)?;
    database.with_transaction(|tx| {
        for (generation, old, new) in &signing {
            store::reseal_signing_key(tx, *generation, old, new)?;
        }
        for (generation, old, new) in &refresh {
            store::reseal_refresh_key(tx, *generation, old, new)?;
        }
        audit.record(tx, &Event::new(Action::ReencryptKeys, None))
    })?;
    let root = keyed::reseal(database, seals)?;
    Ok(signing.len() + refresh.len() + usize::from(root))
}

fn own_algorithm(app: &App) -> Result<Algorithm> {
    match app.config().tokens.algorithm {
        Algorithm::Hs256 => Err(Error::parameter(
            "tokens.algorithm",
            "is HS256, whose key is the setting tokens.hs256_secret",
        )),
        algorithm => Ok(algorithm),
    }
}

fn new_keys(app: &App, rows: &Rows, from: i64) -> Result<(New, New)> {
    let turn = Turn { generation: rows.next_signing_generation(), from };
    let signing = New::signing(app.config(), app.seals(), turn)?;
    let turn = Turn { generation: rows.next_refresh_generation(), from };
    Ok((signing, New::refresh(app.seals(), turn)?))
}

fn newest(app: &App, algorithm: Algorithm) -> Result<SigningKey> {
    let keys = list_keys(app)?;
    let mut own = keys.into_iter().filter(|key| key.algorithm == algorithm.name());
    own.next_back().ok_or_else(|| Error::Internal("the new key is not there".to_owned()))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
