//! Encrypting anew: under another encryption key, or for the first time.
//!
//! The first time, nothing vouches for the rows, so an operator does by running this once, and is
//! told what was taken over. If anything is encrypted or vouched for already, a row that is not was
//! put there by someone else, and is refused.

use crate::access::Actor;
use crate::app::App;
use crate::app::keyed::{self, Root};
use crate::app::keys::codes;
use crate::app::keys::judge::row::key_of;
use crate::app::keys::judge::{Judged, listed};
use crate::app::keys::new::{refresh_place, signing_place};
use crate::app::keys::refused::{KeyPlace, RefusedKey, Why};
use crate::app::keys::store::{self, FoundFloor, FoundKeys, Reencrypted};
use crate::audit::{Action, Event, Writer};
use crate::config::Algorithm;
use crate::error::{Error, Result};
use crate::factors;
use crate::tokens::encryption::{Encrypted, EncryptionKeys, NotDecrypted};
use zeroize::Zeroizing;

/// A generation, its secret as it is and will be encrypted, and the code.
type ReencryptedRefreshKey = (i64, (Encrypted, Encrypted), Option<Vec<u8>>);

/// What is about to be written.
#[derive(Default)]
struct Work {
    signing: Vec<Reencrypted>,
    refresh: Vec<ReencryptedRefreshKey>,
    root: Option<(Encrypted, Encrypted)>,
    floor: Option<FoundFloor>,
    /// Generations of public keys that nothing can vouch for.
    dropped: Vec<i64>,
    /// What to report, a line each.
    lines: Vec<String>,
}

/// Encrypts anew, under `encryption.key`, all keys that are encrypted with
/// `encryption.previous_key`. If nothing in the database was ever encrypted, encrypts everything.
/// If keys are encrypted but nothing vouches for their rows yet, because an earlier release left
/// them, vouches for them. Returns what it did, a line for each key with its name.
///
/// # Errors
/// [`Error::Configuration`] without `encryption.key`; [`Error::Startup`] for keys that are
/// encrypted with neither that nor `encryption.previous_key`, and for keys that are not encrypted
/// among others that are; database errors. Nothing was changed then.
pub fn reencrypt(app: &App) -> Result<Vec<String>> {
    let encryption = app.encryption();
    if encryption.name().is_none() {
        return Err(Error::Configuration(vec!["encryption.key: is not set".to_owned()]));
    }
    let (found, judged) = app.judge_keys()?;
    judged.are_ours()?;
    refuse_planted(&judged)?;
    if let Some(Why::Changed | Why::Foreign(_)) = judged.of_root() {
        return Err(keyed::broken());
    }
    let mut work = Work::default();
    work.root(&found, encryption, app)?;
    for row in &judged.rows.signing {
        work.signing_key(&found, row.at, encryption)?;
    }
    for row in &judged.rows.refresh {
        work.refresh_key(&found, row.at, encryption)?;
    }
    for row in judged.refused.iter().filter(|row| is_due(row)) {
        match row.place {
            // Beside encrypted keys, a public one that nothing vouches for may be anyone's.
            KeyPlace::Signing(at) if judged.opened && is_public(&found, at) => {
                work.dropped.extend(found.signing.get(at).and_then(|row| row.generation));
                work.lines.push(format!("{}: removed, because nothing vouches for it", row.name));
            }
            KeyPlace::Signing(at) => work.signing_key(&found, at, encryption)?,
            KeyPlace::Refresh(at) => work.refresh_key(&found, at, encryption)?,
            KeyPlace::Root => (),
        }
    }
    work.floor = judged.floor.stored(encryption).filter(|_| !judged.floor_stands);
    let secrets = write(app, &work, !judged.opened)?;
    if secrets > 0 {
        work.lines.push(format!("{secrets} secrets of second factors"));
    }
    Ok(work.lines)
}

fn is_due(row: &RefusedKey) -> bool {
    matches!(row.why, Why::Plain | Why::Unvouched)
}

fn is_public(found: &FoundKeys, at: usize) -> bool {
    found.signing.get(at).is_some_and(|row| row.private.is_none())
}

fn refuse_planted(judged: &Judged) -> Result<()> {
    let plain: Vec<&RefusedKey> =
        judged.refused.iter().filter(|row| row.why == Why::Plain).collect();
    let names = listed(&plain, |row| row.name.clone());
    let Some(names) = names.filter(|_| judged.opened) else { return Ok(()) };
    let cure = match judged.of_root() {
        Some(_) => "restore the row 'root' of gatepost.server_secrets from a backup",
        None => "`gatepost signing-key rotate --compromised` replaces all keys",
    };
    Err(Error::Startup(format!(
        "these keys are not encrypted although others are, so they were planted or restored: {names}. Nothing \
         was changed. Find out who did it, then {cure}"
    )))
}

impl Work {
    fn root(&mut self, found: &FoundKeys, encryption: &EncryptionKeys, app: &App) -> Result<()> {
        let Some(old) = &found.root else { return Ok(()) };
        if old.with.as_deref() == encryption.name() {
            return Ok(());
        }
        let secret = opened(keyed::PLACE, old, encryption)?;
        // The audit log's row about this is hashed under it, before it can be read as encrypted.
        app.adopt_root(Root::of(&secret));
        self.root = Some((old.clone(), encryption.encrypt(keyed::PLACE, &secret)?));
        self.lines.push("root secret".to_owned());
        Ok(())
    }

    fn signing_key(
        &mut self,
        found: &FoundKeys,
        at: usize,
        encryption: &EncryptionKeys,
    ) -> Result<()> {
        let Some(row) = found.signing.get(at) else { return Ok(()) };
        let (Some(generation), Some(kid), Some(name), Some(signs_from)) =
            (row.generation, row.kid.as_deref(), row.algorithm.as_deref(), row.signs_from)
        else {
            return Ok(());
        };
        let place = signing_place(kid);
        let private =
            row.private.as_ref().map(|old| opened(&place, old, encryption)).transpose()?;
        let bytes = private.as_ref().map(|it| it.as_slice());
        let key = key_of(Algorithm::named(name), bytes, row.public.as_deref(), kid);
        let Ok(key) = key else { return Ok(()) };
        let public = key.public_bytes().unwrap_or_default().to_vec();
        let code = codes::signing((generation, kid), name, &public, signs_from, bytes.is_some());
        let is_encrypted =
            row.private.as_ref().is_none_or(|it| it.with.as_deref() == encryption.name());
        if is_encrypted && stands(encryption, &code, row.mac.as_ref()) {
            return Ok(());
        }
        let encrypted = match (&row.private, private) {
            (Some(old), Some(_)) if is_encrypted => Some((old.clone(), old.clone())),
            (Some(old), Some(private)) => {
                Some((old.clone(), encryption.encrypt(&place, &private)?))
            }
            _ => None,
        };
        let kid = kid.to_owned();
        let mac = encryption.vouch(&code);
        self.lines.push(format!("signing key {kid}"));
        self.signing.push(Reencrypted { generation, kid, public, private: encrypted, mac });
        Ok(())
    }

    fn refresh_key(
        &mut self,
        found: &FoundKeys,
        at: usize,
        encryption: &EncryptionKeys,
    ) -> Result<()> {
        let Some(row) = found.refresh.get(at) else { return Ok(()) };
        let (Some(generation), Some(old), Some(used_from)) =
            (row.generation, &row.secret, row.used_from)
        else {
            return Ok(());
        };
        let place = refresh_place(generation);
        let is_encrypted = old.with.as_deref() == encryption.name();
        let code = codes::refresh(generation, &old.bytes, used_from);
        if is_encrypted && stands(encryption, &code, row.mac.as_ref()) {
            return Ok(());
        }
        let new = if is_encrypted {
            old.clone()
        } else {
            encryption.encrypt(&place, &opened(&place, old, encryption)?)?
        };
        let mac = encryption.vouch(&codes::refresh(generation, &new.bytes, used_from));
        self.lines.push(format!("refresh key {generation}"));
        self.refresh.push((generation, (old.clone(), new), mac));
        Ok(())
    }
}

/// The decrypted bytes, or those that were stored unencrypted.
fn opened(
    place: &str,
    encrypted: &Encrypted,
    encryption: &EncryptionKeys,
) -> Result<Zeroizing<Vec<u8>>> {
    match encryption.decrypt(place, encrypted) {
        Ok(bytes) => Ok(bytes),
        Err(NotDecrypted::Plain) => Ok(Zeroizing::new(encrypted.bytes.clone())),
        Err(_) => Err(Error::Internal(format!("{place} could be decrypted a moment ago"))),
    }
}

/// Whether the encryption key in force has vouched for it.
fn stands(encryption: &EncryptionKeys, code: &[Vec<u8>], mac: Option<&Vec<u8>>) -> bool {
    mac.is_some_and(|mac| encryption.vouched_by(code, mac) == encryption.name())
}

/// Returns how many secrets of second factors were encrypted anew.
fn write(app: &App, work: &Work, plain: bool) -> Result<u64> {
    let audit = Writer::new(app)?;
    app.database_for_repair()?.with_transaction(|tx| {
        for row in &work.signing {
            store::reencrypt_signing_key(tx, row)?;
        }
        for (generation, secrets, mac) in &work.refresh {
            store::reencrypt_refresh_key(tx, *generation, secrets, mac.as_ref())?;
        }
        if let Some((old, new)) = &work.root {
            keyed::reencrypt(tx, old, new)?;
        }
        if let Some(floor) = &work.floor {
            store::insert_floor(tx, floor)?;
        }
        store::remove(tx, &work.dropped, &[])?;
        let secrets = factors::reencrypt(tx, app, plain)?;
        audit.record(tx, Actor::Operator, &Event::new(Action::ReencryptKeys, None))?;
        Ok(secrets)
    })
}
