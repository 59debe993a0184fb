//! Which rows of keys count. Nothing here has side effects.
//!
//! With an encryption key, a row counts if a code under that key vouches for everything that
//! decides what it is used for, and its secret can be decrypted. Anyone who can write rows but
//! lacks that key can remove keys and add none. A row that does not count is named and skipped, so
//! that a single one stops nothing. A secret that is not encrypted, or keys that nothing vouches
//! for yet, stop a start: an operator then has to say whether they are the service's own.

pub(crate) mod row;

use super::codes;
use super::plan::KeyRows;
use super::refused::{KeyPlace, RefusedKey, Why};
use super::store::{FoundFloor, FoundKeys};
use crate::app::keyed;
use crate::error::{Error, Result};
use crate::tokens::Scheduled;
use crate::tokens::encryption::EncryptionKeys;
use crate::tokens::refresh::RefreshKey;

/// Generations below these are not accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Floor {
    pub(crate) signing: i64,
    pub(crate) refresh: i64,
}

impl Floor {
    pub(crate) fn or_above(self, other: Self) -> Self {
        Self { signing: self.signing.max(other.signing), refresh: self.refresh.max(other.refresh) }
    }

    /// As it is stored under the encryption key in force; `None` without one.
    pub(crate) fn stored(self, encryption: &EncryptionKeys) -> Option<FoundFloor> {
        let Self { signing, refresh } = self;
        let mac = encryption.vouch(&codes::floor(signing, refresh))?;
        Some(FoundFloor { mac, signing, refresh })
    }
}

/// All rows, judged.
pub(crate) struct Judged {
    /// Those that count. The next two fields hold their keys.
    pub(crate) rows: KeyRows,
    pub(crate) signing: Vec<Scheduled>,
    pub(crate) refresh: Vec<(RefreshKey, i64)>,
    pub(crate) refused: Vec<RefusedKey>,
    pub(crate) floor: Floor,
    /// Whether the database holds that floor under the encryption key in force.
    pub(crate) floor_stands: bool,
    /// Whether anything was vouched for, so that the database has codes.
    pub(crate) vouched: bool,
    /// Whether anything was decrypted or vouched for, so that the encryption key is the right one.
    pub(crate) opened: bool,
}

impl Judged {
    /// Judges rows. Generations below `remembered` are known to be replaced.
    pub(crate) fn of(found: &FoundKeys, encryption: &EncryptionKeys, remembered: Floor) -> Self {
        let floors = found.floors.iter().filter_map(|row| {
            let floor = Floor { signing: row.signing, refresh: row.refresh };
            let parts = codes::floor(row.signing, row.refresh);
            Some((floor, encryption.vouched_by(&parts, &row.mac)?))
        });
        let floors: Vec<(Floor, &str)> = floors.collect();
        let floor = floors.iter().fold(remembered, |all, (floor, _)| all.or_above(*floor));
        let stands = |(it, by): &(Floor, &str)| *it == floor && Some(*by) == encryption.name();
        let mut judged = Self {
            rows: KeyRows {
                now: found.now,
                floor: (floor.signing, floor.refresh),
                ..KeyRows::default()
            },
            signing: Vec::new(),
            refresh: Vec::new(),
            refused: Vec::new(),
            floor,
            floor_stands: encryption.name().is_none() || floors.iter().any(stands),
            vouched: !floors.is_empty(),
            opened: !floors.is_empty(),
        };
        judged.root(found, encryption);
        for (at, row) in found.signing.iter().enumerate() {
            judged.signing_key(at, row, encryption);
        }
        for (at, row) in found.refresh.iter().enumerate() {
            judged.refresh_key(at, row, encryption);
        }
        // Once there are codes, a row without one has lost it.
        for row in judged.refused.iter_mut().filter(|row| row.why == Why::Unvouched) {
            if judged.vouched {
                row.why = Why::Changed;
            }
        }
        judged
    }

    /// Whether a key that counts is encrypted with a key other than the encryption key in force.
    pub(crate) fn are_encrypted_otherwise(
        &self,
        found: &FoundKeys,
        encryption: &EncryptionKeys,
    ) -> bool {
        let signing = self.rows.signing.iter().filter_map(|row| found.signing.get(row.at));
        let private = signing.filter_map(|row| row.private.as_ref());
        let refresh = self.rows.refresh.iter().filter_map(|row| found.refresh.get(row.at));
        let mut all = private.chain(refresh.filter_map(|row| row.secret.as_ref()));
        all.any(|encrypted| encrypted.with.as_deref() != encryption.name())
    }

    /// Whether the service can start with these keys.
    ///
    /// # Errors
    /// [`Error::Startup`], which names the rows that prevent it, and the command to run.
    pub(crate) fn stand(&self, encryption: &EncryptionKeys) -> Result<()> {
        self.are_ours()?;
        if let Some(Why::Changed | Why::Foreign(_)) = self.of_root() {
            return Err(keyed::broken());
        }
        let is = |row: &&RefusedKey| matches!(row.why, Why::Plain | Why::Unvouched);
        let due: Vec<&RefusedKey> = self.refused.iter().filter(is).collect();
        let Some(due) = listed(&due, RefusedKey::to_string).filter(|_| encryption.name().is_some())
        else {
            return Ok(());
        };
        Err(Error::Startup(format!(
            "encryption.key is set, and the database holds keys that it does not protect: \
             {due}. Nothing was changed. `gatepost signing-key reencrypt` takes over what an earlier release \
             has encrypted, and keys that are not encrypted if nothing in this database ever was; it \
             says what to do if they were planted or restored"
        )))
    }

    /// Whether the encryption key is this database's.
    ///
    /// # Errors
    /// [`Error::Startup`].
    pub(crate) fn are_ours(&self) -> Result<()> {
        let foreign = self.refused.iter().find_map(|row| match &row.why {
            Why::Foreign(name) => Some(name),
            _ => None,
        });
        match foreign {
            Some(name) if !self.opened => Err(keyed::encrypted_otherwise(name)),
            _ => Ok(()),
        }
    }

    /// Why the root secret does not count, if it does not.
    pub(crate) fn of_root(&self) -> Option<&Why> {
        self.refused.iter().find(|row| row.place == KeyPlace::Root).map(|row| &row.why)
    }

    /// The rows that do not count, for the log; `None` when all do.
    pub(crate) fn complaint(&self) -> Option<String> {
        listed(&self.refused.iter().collect::<Vec<_>>(), RefusedKey::to_string)
    }

    fn refuse(&mut self, place: KeyPlace, name: String, why: Why) {
        self.refused.push(RefusedKey { place, name, why });
    }

    fn root(&mut self, found: &FoundKeys, encryption: &EncryptionKeys) {
        let Some(root) = &found.root else { return };
        match encryption.decrypt(keyed::PLACE, root) {
            Ok(_) => self.opened = true,
            Err(closed) => self.refuse(KeyPlace::Root, "the root secret".to_owned(), closed.into()),
        }
    }
}

/// The first rows by name, and the number of the others: anyone may have planted them.
pub(crate) fn listed(rows: &[&RefusedKey], name: impl Fn(&RefusedKey) -> String) -> Option<String> {
    const NAMED: usize = 20;
    let named = rows.iter().take(NAMED).map(|row| name(row));
    let named = named.collect::<Vec<_>>().join("; ");
    match rows.len() {
        0 => None,
        count if count > NAMED => Some(format!("{named}; and {} more", count - NAMED)),
        _ => Some(named),
    }
}
