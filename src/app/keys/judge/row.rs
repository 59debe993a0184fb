//! Judging one row of a key, and adding the result to [`Judged`].

use super::Judged;
use crate::app::keys::codes;
use crate::app::keys::new::{refresh_place, signing_place};
use crate::app::keys::plan::{RefreshRow, SigningRow};
use crate::app::keys::refused::{KeyPlace, Why};
use crate::app::keys::store::{FoundRefreshKey, FoundSigningKey};
use crate::config::Algorithm;
use crate::tokens::Scheduled;
use crate::tokens::encryption::{Encrypted, EncryptionKeys, NotDecrypted};
use crate::tokens::key::Key;
use crate::tokens::refresh::RefreshKey;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// The greatest valid generation. `gatepost database after-restore` takes them from the clock, in
/// milliseconds, and this one comes in the year 3084. Beyond it numbers could run out.
const GREATEST: i64 = 1 << 45;

impl Judged {
    pub(super) fn signing_key(
        &mut self,
        at: usize,
        row: &FoundSigningKey,
        encryption: &EncryptionKeys,
    ) {
        self.rows.occupied.0.extend(row.generation);
        match self.signing_row(at, row, encryption) {
            Ok(Some((row, key))) => {
                self.signing.push(Scheduled { key, signs_from: row.signs_from });
                self.rows.signing.push(row);
            }
            // Its algorithm is known to a later release, which has vouched for it.
            Ok(None) => (),
            Err(why) => {
                let generation = row.generation.map_or("NULL".to_owned(), |it| it.to_string());
                let kid = row.kid.as_deref().unwrap_or("NULL");
                self.refuse(
                    KeyPlace::Signing(at),
                    format!("signing key {generation} {kid:?}"),
                    why,
                );
            }
        }
    }

    fn signing_row(
        &mut self,
        at: usize,
        row: &FoundSigningKey,
        encryption: &EncryptionKeys,
    ) -> Result<Option<(SigningRow, Key)>, Why> {
        let (Some(generation), Some(kid), Some(name), Some(signs_from)) =
            (row.generation, row.kid.as_deref(), row.algorithm.as_deref(), row.signs_from)
        else {
            return Err(Why::Malformed);
        };
        is_in_range(generation, signs_from)?;
        let algorithm = Algorithm::named(name);
        let public = row.public.as_deref();
        let signs = row.private.is_some();
        let vouched = encryption.name().is_none() || {
            let public = public.unwrap_or_default();
            let parts = codes::signing((generation, kid), name, public, signs_from, signs);
            row.mac.as_ref().is_some_and(|mac| encryption.vouched_by(&parts, mac).is_some())
        };
        if vouched && encryption.name().is_some() {
            self.vouched = true;
            self.opened = true;
            if generation < self.floor.signing {
                return Err(Why::Replaced);
            }
            if algorithm.is_none() {
                return Ok(None);
            }
        }
        let (private, is_plain) = open(&signing_place(kid), row.private.as_ref(), encryption)?;
        let key = key_of(algorithm, private.as_ref().map(|it| it.as_slice()), public, kid)?;
        if is_plain {
            return Err(Why::Plain);
        }
        self.opened |= signs || vouched;
        if !vouched {
            return Err(if row.mac.is_some() { Why::Changed } else { Why::Unvouched });
        }
        if self.rows.signing.iter().any(|other| other.kid == kid) {
            return Err(Why::Malformed);
        }
        let public = key.public_bytes().unwrap_or_default().to_vec();
        let kid = kid.to_owned();
        let Some(algorithm) = algorithm else { return Ok(None) };
        let row = SigningRow { at, generation, kid, algorithm, signs, public, signs_from };
        Ok(Some((row, key)))
    }

    pub(super) fn refresh_key(
        &mut self,
        at: usize,
        row: &FoundRefreshKey,
        encryption: &EncryptionKeys,
    ) {
        self.rows.occupied.1.extend(row.generation);
        match self.refresh_row(at, row, encryption) {
            Ok((row, key)) => {
                self.refresh.push((key, row.used_from));
                self.rows.refresh.push(row);
            }
            Err(why) => {
                let generation = row.generation.map_or("NULL".to_owned(), |it| it.to_string());
                self.refuse(KeyPlace::Refresh(at), format!("refresh key {generation}"), why);
            }
        }
    }

    fn refresh_row(
        &mut self,
        at: usize,
        row: &FoundRefreshKey,
        encryption: &EncryptionKeys,
    ) -> Result<(RefreshRow, RefreshKey), Why> {
        let (Some(generation), Some(secret), Some(used_from)) =
            (row.generation, &row.secret, row.used_from)
        else {
            return Err(Why::Malformed);
        };
        is_in_range(generation, used_from)?;
        let (opened, is_plain) = open(&refresh_place(generation), Some(secret), encryption)?;
        let opened = opened.ok_or(Why::Malformed)?;
        let key = RefreshKey::stored(generation, &opened).map_err(|_| Why::Malformed)?;
        if is_plain {
            return Err(Why::Plain);
        }
        self.opened = true;
        if encryption.name().is_some() {
            let parts = codes::refresh(generation, &secret.bytes, used_from);
            let mac = row.mac.as_ref().ok_or(Why::Unvouched)?;
            encryption.vouched_by(&parts, mac).ok_or(Why::Changed)?;
            self.vouched = true;
            if generation < self.floor.refresh {
                return Err(Why::Replaced);
            }
        }
        if self.rows.refresh.iter().any(|other| other.generation == generation) {
            return Err(Why::Malformed);
        }
        Ok((RefreshRow { at, generation, used_from }, key))
    }
}

/// What a row held, if anything, and whether it was not encrypted although there is a key.
type Opened = (Option<Zeroizing<Vec<u8>>>, bool);

/// Decrypts a secret, if there is one. One that is not encrypted is taken as it is.
fn open(
    place: &str,
    encrypted: Option<&Encrypted>,
    encryption: &EncryptionKeys,
) -> Result<Opened, Why> {
    let Some(encrypted) = encrypted else { return Ok((None, false)) };
    match encryption.decrypt(place, encrypted) {
        Ok(bytes) => Ok((Some(bytes), false)),
        Err(NotDecrypted::Plain) => Ok((Some(Zeroizing::new(encrypted.bytes.clone())), true)),
        Err(closed) => Err(closed.into()),
    }
}

/// The key in a row, if its halves and its name belong together.
pub(crate) fn key_of(
    algorithm: Option<Algorithm>,
    private: Option<&[u8]>,
    public: Option<&[u8]>,
    kid: &str,
) -> Result<Key, Why> {
    let algorithm = algorithm.ok_or(Why::Malformed)?;
    let key = match (private, public) {
        (Some(private), _) => Key::private(algorithm, private),
        (None, Some(public)) => Key::public(algorithm, public),
        (None, None) => return Err(Why::Malformed),
    };
    let key = key.map_err(|_| Why::Malformed)?;
    let is_one = public.is_none_or(|public| key.public_bytes() == Some(public));
    if is_one && key.kid() == kid { Ok(key) } else { Err(Why::Malformed) }
}

/// Whether a generation leaves room to count on, and a time is one that the calendar has.
fn is_in_range(generation: i64, from: i64) -> Result<(), Why> {
    let is_time = OffsetDateTime::from_unix_timestamp(from.div_euclid(1_000)).is_ok();
    let right = (0..=GREATEST).contains(&generation) && is_time;
    right.then_some(()).ok_or(Why::Malformed)
}
