//! Signing keys, as operators and other services see them: list, rotate, encrypt anew and publish.
//!
//! What happens by itself, and how instances agree, is in `app::keys`. These operations are the
//! operator's: anyone who can open the database with the service's own role may do them.

pub(crate) mod api;
mod reencrypt;

use crate::access::{Actor, Caller, Right, authorize, authorize_change};
use crate::app::App;
use crate::app::keys::judge::{Floor, Judged};
use crate::app::keys::new::NewKey;
use crate::app::keys::plan::{KeyRows, SigningRow, Turn};
use crate::app::keys::refused::KeyPlace;
use crate::app::keys::store::{self, FoundSigningKey};
use crate::audit::{Action, Event, Writer};
use crate::config::{Algorithm, Config};
use crate::domain::Timestamp;
use crate::error::{Error, Result};
use crate::moment::millis;
use crate::sessions;
pub use reencrypt::reencrypt;
use serde::Serialize;

/// A signing key as `gatepost signing-key list` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SigningKey {
    /// Its name, which is in the header of each token that it signed. For an unusable key it may be
    /// any text of limited length.
    pub kid: String,
    /// `EdDSA`, `ES256`, `RS256` or `RS256-3072`; for an unusable key, any text.
    pub algorithm: String,
    /// What it does now.
    pub state: SigningKeyState,
    /// When it began or will begin to sign; `None` if the row holds no such time.
    pub signs_from: Option<Timestamp>,
    /// How its private half is stored.
    pub private: PrivateHalf,
    /// Why it is unusable.
    pub fault: Option<String>,
    /// Its number, if its row has one.
    pub generation: Option<i64>,
}

/// How the private half of a key is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivateHalf {
    /// Encrypted.
    Encrypted,
    /// Not encrypted.
    Plain,
    /// No longer stored: the key only verifies. In JSON: `null`.
    #[serde(untagged)]
    Erased,
}

/// What a signing key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SigningKeyState {
    /// It is published, and does not sign yet.
    Next,
    /// It signs.
    Signing,
    /// It verifies what it has signed.
    Old,
    /// It is not used: the service did not write its row, or the row was changed since.
    Unusable,
}

/// The signing keys in the database, the oldest first, including unusable ones. An HS256 secret is
/// not among them.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`]; database errors.
pub fn list(app: &App, caller: &Caller) -> Result<Vec<SigningKey>> {
    // An operator sees them even when they let nothing else work.
    if !matches!(caller, Caller::Trusted) {
        app.database()?.with_connection(|conn| authorize(conn, caller, Right::Admin))?;
    }
    let (found, judged) = app.judge_keys()?;
    let shown = |(at, row): (usize, &FoundSigningKey)| {
        let fault = judged.refused.iter().find(|refused| refused.place == KeyPlace::Signing(at));
        let own = judged.rows.signing.iter().find(|own| own.at == at);
        SigningKey {
            generation: row.generation,
            kid: row.kid.clone().unwrap_or_default(),
            algorithm: row.algorithm.clone().unwrap_or_default(),
            state: own
                .map_or(SigningKeyState::Unusable, |own| state(own, &judged.rows, app.config())),
            signs_from: row.signs_from.and_then(|at| Timestamp::from_millis(at).ok()),
            private: match &row.private {
                Some(private) if private.with.is_some() => PrivateHalf::Encrypted,
                Some(_) => PrivateHalf::Plain,
                None => PrivateHalf::Erased,
            },
            fault: fault.map(|refused| refused.why.to_string()),
        }
    };
    Ok(found.signing.iter().enumerate().map(shown).collect())
}

fn state(row: &SigningRow, rows: &KeyRows, config: &Config) -> SigningKeyState {
    match rows.followed(row, config) {
        Some(next) if next <= rows.now => SigningKeyState::Old,
        _ if row.signs_from > rows.now && !rows.stands_in(row) => SigningKeyState::Next,
        _ => SigningKeyState::Signing,
    }
}

/// Makes the next signing key, and the next refresh key with it. They are published now and used
/// after `tokens.key_publication`, when every instance and every cache knows them; the old ones are
/// kept until what was made with them has expired. If a next key is published already, none is
/// made, unless its turn lies further ahead than that because the clock was ahead when it was made.
///
/// # Errors
/// [`Error::Configuration`] with HS256, whose secret is the operator's; [`Error::TokenMissing`],
/// [`Error::TokenInvalid`], [`Error::Forbidden`]; database errors.
pub fn rotate(app: &App, caller: &Caller) -> Result<SigningKey> {
    let database = app.database()?;
    database.with_connection(|conn| authorize(conn, caller, Right::Admin))?;
    let algorithm = own_algorithm(app)?;
    let (_, judged) = app.judge_keys()?;
    judged.stand(app.encryption())?;
    let rows = judged.rows;
    let published = |row: &&SigningRow| {
        let is_next = row.signs_from > rows.now && !rows.is_far_ahead(row, app.config());
        row.algorithm == algorithm && is_next
    };
    let audit = Writer::new(app)?;
    if !rows.signing.iter().any(|row| published(&row)) {
        let from = rows.now + millis(app.config().tokens.key_publication);
        let (signing, refresh) = new_keys(app, &rows, from)?;
        database.with_transaction(|tx| {
            let actor = authorize_change(tx, caller, Right::Admin)?;
            // If another process was first, its key is the next one.
            store::insert_signing_key(tx, &signing)?;
            store::insert_refresh_key(tx, &refresh)?;
            audit.record(tx, actor, &Event::new(Action::RotateKeys, None))
        })?;
    }
    newest(app, algorithm)
}

/// Replaces all keys at once, because they may have leaked: anything made with the old ones is
/// refused, which ends all sessions and all access tokens. It also removes rows that the service
/// has not written. With an encryption key, no key of an earlier generation is accepted again,
/// wherever its row comes from. Other instances follow within `tokens.tuning.key_check_interval`,
/// other services when they fetch the keys again.
///
/// # Errors
/// As [`rotate`]; [`Error::Conflict`] when another process made a key meanwhile; [`Error::Startup`]
/// when the encryption key is not this database's.
pub fn replace(app: &App) -> Result<SigningKey> {
    let algorithm = own_algorithm(app)?;
    replace_all(app, 0, &Event::new(Action::ReplaceKeys, None))?;
    newest(app, algorithm)
}

/// Replaces all keys by ones of the next generation, at least this one, and ends the sessions of
/// the old ones. With HS256 there is no signing key of ours to be made.
///
/// # Errors
/// As [`replace`], except for HS256.
pub(crate) fn replace_all(app: &App, least: i64, event: &Event<'_>) -> Result<()> {
    let (found, judged) = app.judge_keys()?;
    judged.are_ours()?;
    let rows = above_all(judged, &found);
    let floor = Floor {
        signing: rows.next_signing_generation().max(least),
        refresh: rows.next_refresh_generation().max(least),
    };
    let turn = |generation| Turn { generation, from: rows.now };
    let signing = own_algorithm(app)
        .is_ok()
        .then(|| NewKey::signing(app.config(), app.encryption(), turn(floor.signing)))
        .transpose()?;
    let refresh = NewKey::refresh(app.encryption(), turn(floor.refresh))?;
    let floor = floor.stored(app.encryption());
    let audit = Writer::new(app)?;
    app.database_for_repair()?.with_transaction(|tx| {
        store::remove_all(tx)?;
        let stored = match &signing {
            Some(signing) => store::insert_signing_key(tx, signing)?,
            None => true,
        };
        if !(stored && store::insert_refresh_key(tx, &refresh)?) {
            return Err(Error::Conflict("another key was made meanwhile".to_owned()));
        }
        if let Some(floor) = &floor {
            store::insert_floor(tx, floor)?;
        }
        audit.record(tx, Actor::Operator, event)
    })?;
    sessions::end_of_earlier_keys(app, refresh.generation)?;
    app.reload_keys()
}

/// How far a generation that was taken from the clock of another machine may be ahead of ours.
const AHEAD: i64 = 86_400_000;

/// The rows, with floors above every plausible generation of any row, since a row that does not
/// count today may count under another encryption key. A generation far ahead of the clock was
/// planted. A floor above it, which nobody can lower, could leave no number for the keys to come.
fn above_all(judged: Judged, found: &store::FoundKeys) -> KeyRows {
    let latest = judged.rows.now.saturating_add(AHEAD);
    let above = |floor: i64, generations: &mut dyn Iterator<Item = i64>| {
        let greatest = generations.filter(|number| (0..=latest).contains(number)).max();
        floor.max(greatest.map_or(0, |number| number + 1))
    };
    let signing = &mut found.signing.iter().filter_map(|row| row.generation);
    let refresh = &mut found.refresh.iter().filter_map(|row| row.generation);
    let floor = judged.rows.floor;
    KeyRows { floor: (above(floor.0, signing), above(floor.1, refresh)), ..judged.rows }
}

fn own_algorithm(app: &App) -> Result<Algorithm> {
    match app.config().tokens.algorithm {
        Algorithm::Hs256 => Err(Error::Configuration(vec![
            "tokens.algorithm: is HS256, whose key is the setting tokens.hs256_secret".to_owned(),
        ])),
        algorithm => Ok(algorithm),
    }
}

fn new_keys(app: &App, rows: &KeyRows, from: i64) -> Result<(NewKey, NewKey)> {
    let turn = Turn { generation: rows.next_signing_generation(), from };
    let signing = NewKey::signing(app.config(), app.encryption(), turn)?;
    let turn = Turn { generation: rows.next_refresh_generation(), from };
    Ok((signing, NewKey::refresh(app.encryption(), turn)?))
}

fn newest(app: &App, algorithm: Algorithm) -> Result<SigningKey> {
    let keys = list(app, &Caller::Trusted)?;
    let is_own = |key: &SigningKey| {
        key.algorithm == algorithm.name() && key.state != SigningKeyState::Unusable
    };
    let own = keys.into_iter().filter(is_own);
    own.max_by_key(|key| key.generation)
        .ok_or_else(|| Error::Internal("the new key is not there".to_owned()))
}
