//! The keyed hashes of rows and seals: pure, and the same for writing and verifying.

use crate::app::keyed::HashKey;
use std::time::{SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;

/// What comes before the first seal.
pub(super) const BEGINNING: [u8; 32] = [0; 32];

/// A row as it is written, without the id, which the database assigns.
#[derive(Clone, Debug)]
pub(super) struct AuditRow {
    pub(super) at: OffsetDateTime,
    pub(super) actor: String,
    pub(super) actor_id: Option<i64>,
    pub(super) action: String,
    pub(super) user_id: Option<i64>,
    pub(super) login_hash: Option<Vec<u8>>,
    pub(super) address: Option<String>,
    pub(super) outcome: String,
    pub(super) detail: Option<String>,
    pub(super) nonce: Vec<u8>,
}

/// Encodes a part that may be missing, so that it differs from an empty one.
fn optional(part: Option<&[u8]>) -> Vec<u8> {
    part.map_or_else(Vec::new, |part| [&[1], part].concat())
}

impl AuditRow {
    pub(super) fn mac(&self, key: &HashKey) -> [u8; 32] {
        let number =
            |number: Option<i64>| optional(number.map(i64::to_be_bytes).as_ref().map(|b| &b[..]));
        let text = |text: &Option<String>| optional(text.as_deref().map(str::as_bytes));
        key.hash(&[
            b"row",
            &self.at.unix_timestamp_nanos().to_be_bytes(),
            self.actor.as_bytes(),
            &number(self.actor_id),
            self.action.as_bytes(),
            &number(self.user_id),
            &optional(self.login_hash.as_deref()),
            &text(&self.address),
            self.outcome.as_bytes(),
            &text(&self.detail),
            &self.nonce,
        ])
    }
}

/// Ids and hashes of rows.
pub(super) type Macs = Vec<(i64, Vec<u8>)>;

/// A seal without its hash.
#[derive(Clone, Debug)]
pub(super) struct SealContent<'a> {
    pub(super) number: i64,
    pub(super) sealed_at: OffsetDateTime,
    pub(super) last_id: i64,
    /// Ids and hashes of the rows, in the order in which they are sealed.
    pub(super) rows: &'a [(i64, Vec<u8>)],
}

impl SealContent<'_> {
    pub(super) fn mac(&self, key: &HashKey, before: &[u8]) -> [u8; 32] {
        let rows: Vec<u8> = self
            .rows
            .iter()
            .flat_map(|(id, mac)| id.to_be_bytes().into_iter().chain(mac.iter().copied()))
            .collect();
        key.hash(&[
            b"seal",
            before,
            &self.number.to_be_bytes(),
            &self.sealed_at.unix_timestamp_nanos().to_be_bytes(),
            &self.last_id.to_be_bytes(),
            &rows,
        ])
    }
}

/// The ids of rows as a seal holds them.
pub(super) fn encode(rows: &[(i64, Vec<u8>)]) -> Vec<u8> {
    rows.iter().flat_map(|(id, _)| id.to_be_bytes()).collect()
}

/// The ids in a seal. A length that is no multiple of eight bytes was not written by us. The
/// remainder is ignored, since the seal's hash will not match.
pub(super) fn decode(rows: &[u8]) -> Vec<i64> {
    rows.as_chunks::<8>().0.iter().map(|id| i64::from_be_bytes(*id)).collect()
}

/// Now, as precisely as the database keeps it.
pub(super) fn now() -> OffsetDateTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros = i128::try_from(since.as_micros()).unwrap_or(0);
    OffsetDateTime::from_unix_timestamp_nanos(micros * 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
