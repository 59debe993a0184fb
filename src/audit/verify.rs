//! Verifying: does the log still say what was written?

use super::chain::{self, SealContent};
use super::event::Action;
use super::head::Head;
use super::store::{self, SealRow};
use crate::app::App;
use crate::app::keyed::HashKey;
use crate::error::Result;
use std::collections::HashMap;
use time::OffsetDateTime;

/// Rows read at once.
const BATCH: i64 = 5_000;

/// What a verification found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Verification {
    /// Sealed rows that are as they were written.
    pub sealed: usize,
    /// Rows that are too new to be sealed, and as they were written.
    pub unsealed: usize,
    /// Everything that is wrong, a line each.
    pub findings: Vec<String>,
    /// What is not wrong but worth knowing, a line each.
    pub notes: Vec<String>,
    /// Whether a restored backup could also explain a finding: something is later than what names
    /// it or follows it, or the head that was kept is missing.
    pub may_be_restored: bool,
}

/// Checks every row and every seal, that no row is there twice, and that the chain holds the head
/// that was kept elsewhere. Each row takes 24 bytes of memory.
///
/// # Errors
/// Database errors. A fault in the log is a finding and not an error.
pub fn verify(app: &App, kept: Option<&Head>) -> Result<Verification> {
    let row_key = app.keyed("audit rows")?;
    let chain_key = app.keyed("audit chain")?;
    let mut run = Run {
        app,
        row_key,
        chain_key,
        verified: Verification::default(),
        ids: Vec::new(),
        hashes: Vec::new(),
        before: None,
        before_at: None,
        kept: kept.cloned(),
        begins: None,
        pruned: Vec::new(),
    };
    loop {
        let number = run.before.as_ref().map_or(0, |head| head.number);
        let seals = app.database()?.with_connection(|conn| store::seals_after(conn, number))?;
        if seals.is_empty() {
            break;
        }
        seals.iter().try_for_each(|seal| run.seal(seal))?;
    }
    run.leftovers()?;
    run.repeated()?;
    run.ends();
    Ok(run.verified)
}

struct Run<'a> {
    app: &'a App,
    row_key: HashKey,
    chain_key: HashKey,
    verified: Verification,
    /// The ids that seals name.
    ids: Vec<i64>,
    /// The beginning of each row's keyed hash, and its id.
    hashes: Vec<(u64, i64)>,
    before: Option<Head>,
    /// When the previous seal was made.
    before_at: Option<OffsetDateTime>,
    /// The head that was kept, until its seal is met.
    kept: Option<Head>,
    /// Where the chain begins, if not at its first seal.
    begins: Option<Head>,
    /// Where the prunings that the log records let it begin.
    pruned: Vec<Head>,
}

impl Run<'_> {
    fn finding(&mut self, text: String) {
        self.verified.findings.push(text);
    }

    /// A finding that a restored backup could also explain.
    fn restored_or(&mut self, text: String) {
        self.verified.may_be_restored = true;
        self.finding(text);
    }

    fn seal(&mut self, seal: &SealRow) -> Result<()> {
        if self.before.is_none() && seal.number != 1 {
            // Its rows seem to be pruned. A later row must confirm that.
            self.begins = Some(seal.head());
            self.meet(seal);
            self.before = Some(seal.head());
            self.before_at = Some(seal.sealed_at);
            return Ok(());
        }
        let expected = self.before.as_ref().map_or(0, |head| head.number) + 1;
        if seal.number != expected {
            let last = seal.number - 1;
            self.finding(format!("seals {expected} to {last} are missing, with their rows"));
        }
        let complete = self.rows(seal)?;
        if let Some(rows) = complete {
            let before = self.before.as_ref().map_or(&chain::BEGINNING[..], |head| &head.mac);
            let number = seal.number;
            let sealed_at = seal.sealed_at;
            let last_id = seal.last_id;
            let content = SealContent { number, sealed_at, last_id, rows: &rows };
            let fits = content.mac(&self.chain_key, before)[..] == seal.mac[..];
            if !fits && seal.number == expected {
                self.verified.may_be_restored |= self.before_at.is_some_and(|at| at > sealed_at);
                self.finding(format!(
                    "seal {number} does not fit: it or one before it was changed"
                ));
            }
        }
        self.meet(seal);
        self.before = Some(seal.head());
        self.before_at = Some(seal.sealed_at);
        Ok(())
    }

    /// Checks the rows of a seal. Returns all of them with their hashes if nothing is wrong.
    fn rows(&mut self, seal: &SealRow) -> Result<Option<chain::Macs>> {
        let found = self.app.database()?.with_connection(|conn| store::rows(conn, &seal.rows))?;
        let mut found: HashMap<i64, _> =
            found.into_iter().map(|(id, row, mac)| (id, (row, mac))).collect();
        let mut rows = Vec::new();
        let mut good = true;
        for id in &seal.rows {
            self.ids.push(*id);
            let Some((row, mac)) = found.remove(id) else {
                self.finding(format!("row {id} is missing"));
                good = false;
                continue;
            };
            self.hashes.push((beginning(&mac), *id));
            if row.mac(&self.row_key)[..] == mac[..] {
                self.verified.sealed += 1;
                let detail =
                    row.detail.as_deref().filter(|_| row.action == Action::PruneAudit.name());
                self.pruned.extend(detail.and_then(|detail| detail.parse().ok()));
            } else {
                self.verified.may_be_restored |= row.at > seal.sealed_at;
                self.finding(format!("row {id} was changed"));
                good = false;
            }
            rows.push((*id, mac));
        }
        Ok(good.then_some(rows))
    }

    fn meet(&mut self, seal: &SealRow) {
        if self.kept.as_ref().is_some_and(|kept| kept.number == seal.number)
            && self.kept.take() != Some(seal.head())
        {
            self.restored_or(format!("seal {} is not the head that was kept", seal.number));
        }
    }

    /// Rows that no seal names: new ones, or ones that were slipped in.
    fn leftovers(&mut self) -> Result<()> {
        self.ids.sort_unstable();
        if let Some(twice) = self.ids.windows(2).find(|pair| pair[0] == pair[1]) {
            let id = twice[0];
            self.restored_or(format!("row {id} is sealed twice"));
        }
        let mut after = i64::MIN;
        loop {
            let ids = self
                .app
                .database()?
                .with_connection(|conn| store::macs_after(conn, after, BATCH))?;
            let Some((last, _)) = ids.last() else { return Ok(()) };
            after = *last;
            let unsealed: Vec<i64> = ids
                .iter()
                .map(|(id, _)| *id)
                .filter(|id| self.ids.binary_search(id).is_err())
                .collect();
            let oldest = chain::now() - super::sealing::LATEST;
            for (id, row, mac) in
                self.app.database()?.with_connection(|conn| store::rows(conn, &unsealed))?
            {
                self.hashes.push((beginning(&mac), id));
                if row.mac(&self.row_key)[..] != mac[..] {
                    self.finding(format!("row {id}, which is not sealed, was changed"));
                } else if row.at < oldest && self.ids.last().is_some_and(|last| id < *last) {
                    self.finding(format!("row {id} was never sealed"));
                } else {
                    self.verified.unsealed += 1;
                }
            }
        }
    }

    /// Rows that exist twice. A constraint forbids it, but a superuser can drop that. An unchanged
    /// row then repeats what happened once, since its hash does not cover the id.
    fn repeated(&mut self) -> Result<()> {
        self.hashes.sort_unstable();
        let alike: Vec<[i64; 2]> = self
            .hashes
            .windows(2)
            .filter(|pair| pair[0].0 == pair[1].0 && pair[0].1 != pair[1].1)
            .map(|pair| [pair[0].1, pair[1].1])
            .collect();
        for ids in alike {
            // Beginnings may be equal by chance, in one of millions of logs of a million rows.
            let rows = self.app.database()?.with_connection(|conn| store::rows(conn, &ids))?;
            if let [(_, _, one), (_, _, other)] = rows.as_slice()
                && one == other
            {
                let [first, again] = ids;
                self.finding(format!("row {again} repeats row {first}"));
            }
        }
        Ok(())
    }

    fn ends(&mut self) {
        let first = self.begins.as_ref().map_or(0, |begins| begins.number);
        let begins = self.begins.take();
        let vouched = begins.as_ref().is_none_or(|begins| self.pruned.contains(begins));
        if !vouched {
            self.finding(format!(
                "the log begins with seal {first}, and no pruning accounts for it"
            ));
        }
        if let Some(kept) = self.kept.take_if(|kept| kept.number < first) {
            let number = kept.number;
            match self.before.as_ref().filter(|_| vouched) {
                Some(newer) => self.verified.notes.push(format!(
                    "the log begins with seal {first}: the head kept, of seal {number}, has been pruned and proves nothing any more; keep this newer one: {newer}"
                )),
                None => self.finding(format!(
                    "the log begins with seal {first}: the head that was kept, of seal {number}, is missing"
                )),
            }
        }
        if let Some(kept) = self.kept.take() {
            let last = self.before.as_ref().map_or(0, |head| head.number);
            let number = kept.number;
            self.restored_or(format!(
                "the log ends with seal {last}, but the head that was kept is seal {number}"
            ));
        }
    }
}

fn beginning(mac: &[u8]) -> u64 {
    mac.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
