//! Importing: from lines to rows, a batch at a time.

use super::line::{ExistingUser, IncomingUser, LineFault};
use super::store;
use crate::access::Actor;
use crate::app::App;
use crate::audit::{Action, Event, Writer};
use crate::error::{Error, Result};
use crate::lines::Lines;
use std::collections::HashMap;
use std::io::BufRead;

/// Users inserted with one statement: enough for the statement's cost not to matter, and far from
/// the five seconds that a statement may take.
pub(super) const BATCH: usize = 1_000;

/// The longest line, in bytes. A login and a hash of the longest kinds, every character escaped,
/// fit many times.
const MAX_LINE: usize = 32 * 1024;

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// Lines read, without blank ones.
    pub lines: u64,
    /// Users made.
    pub imported: u64,
    /// Lines whose user already exists exactly as described.
    pub present: u64,
    /// Lines whose user was imported before and has changed since, by a first login for instance.
    pub changed: u64,
    /// Lines that were refused.
    pub refused: u64,
}

/// What an import reports while it runs.
#[derive(Debug)]
#[non_exhaustive]
pub enum ImportEvent<'a> {
    /// A line was refused.
    Refused(LineFault),
    /// The user of a line exists, was imported before and has changed since. It is left as it is.
    Changed(LineFault),
    /// The counts so far.
    Progress(&'a Imported),
}

/// Imports users from NDJSON. A line that cannot be imported is refused and reported to `hear`; all
/// others are imported.
///
/// # Errors
/// [`Error::File`] when the source cannot be read; database errors, after which the earlier batches
/// stay, and running it again continues.
pub fn import(
    app: &App,
    source: impl BufRead,
    mut hear: impl FnMut(ImportEvent<'_>),
) -> Result<Imported> {
    let mut so_far = Imported::default();
    in_batches(app, source, &mut |batch: Batch| {
        so_far.lines += batch.lines;
        so_far.refused += batch.faults.len() as u64;
        batch.faults.into_iter().for_each(|fault| hear(ImportEvent::Refused(fault)));
        insert(app, &batch.users, &mut so_far, &mut hear)?;
        hear(ImportEvent::Progress(&so_far));
        Ok(())
    })?;
    Ok(so_far)
}

/// A part of the source.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) lines: u64,
    pub(super) users: Vec<IncomingUser>,
    pub(super) faults: Vec<LineFault>,
}

/// Reads the source and hands it over batch by batch.
///
/// # Errors
/// [`Error::File`] when it cannot be read; the errors of `take`.
pub(super) fn in_batches(
    app: &App,
    source: impl BufRead,
    take: &mut impl FnMut(Batch) -> Result<()>,
) -> Result<()> {
    let fault = |e: std::io::Error| Error::File(format!("cannot be read: {e}"));
    let mut lines = Lines::new(source, MAX_LINE).map_err(fault)?;
    let mut batch = Batch::default();
    loop {
        let line = lines.next().map_err(fault)?;
        let Some((number, text)) = line else { return take(batch) };
        if text.is_some_and(is_blank) {
            continue;
        }
        batch.lines += 1;
        match IncomingUser::parse(number, text, |hash| app.can_verify(hash)) {
            Ok(user) => batch.users.push(user),
            Err(fault) => batch.faults.push(fault),
        }
        if batch.lines == BATCH as u64 {
            take(std::mem::take(&mut batch))?;
        }
    }
}

fn is_blank(line: &[u8]) -> bool {
    std::str::from_utf8(line).is_ok_and(|text| text.trim().is_empty())
}

fn insert(
    app: &App,
    users: &[IncomingUser],
    so_far: &mut Imported,
    hear: &mut impl FnMut(ImportEvent<'_>),
) -> Result<()> {
    // If a login is twice in the batch, the first line is inserted, and the second finds it there.
    let mut first = HashMap::new();
    for user in users {
        first.entry(user.login.canonical()).or_insert(user.line);
    }
    let (new, again): (Vec<&IncomingUser>, Vec<&IncomingUser>) =
        users.iter().partition(|user| first.get(user.login.canonical()) == Some(&user.line));
    if new.is_empty() {
        return Ok(());
    }
    let database = app.database()?;
    let audit = Writer::new(app)?;
    let inserted = database.with_transaction(|tx| {
        let inserted = store::insert(tx, &new)?;
        if !inserted.is_empty() {
            let detail = format!("{} users", inserted.len());
            audit.record(
                tx,
                Actor::Operator,
                &Event::new(Action::ImportUsers, None).with_detail(&detail),
            )?;
        }
        Ok(inserted)
    })?;
    so_far.imported += inserted.len() as u64;
    let there: Vec<&IncomingUser> =
        new.into_iter().filter(|user| !inserted.contains(user.login.canonical())).collect();
    let there: Vec<&IncomingUser> = there.into_iter().chain(again).collect();
    if there.is_empty() {
        return Ok(());
    }
    let existing = database.with_connection(|conn| store::existing(conn, &there))?;
    for user in there {
        match existing
            .get(user.login.canonical())
            .map_or(Comparison::Gone, |row| compare(user, row))
        {
            Comparison::Same => so_far.present += 1,
            Comparison::Changed(fields) => {
                so_far.changed += 1;
                let text = format!("already exists with another {fields}; it was not changed");
                hear(ImportEvent::Changed(user.fault(text)));
            }
            Comparison::Taken => {
                so_far.refused += 1;
                hear(ImportEvent::Refused(user.fault(TAKEN)));
            }
            Comparison::Gone => {
                so_far.refused += 1;
                hear(ImportEvent::Refused(user.fault("was deleted while it was imported")));
            }
        }
    }
    Ok(())
}

pub(super) const TAKEN: &str = "this login, once normalised, belongs to another user";

/// How a line compares with the row that has its login.
pub(super) enum Comparison {
    Same,
    /// Login and time of registration are the same, but the fields named here are not.
    Changed(String),
    Taken,
    Gone,
}

/// A user who registered here can have the same login by chance, but not in the same spelling and
/// with the same microsecond or the same hash.
pub(super) fn compare(user: &IncomingUser, row: &ExistingUser) -> Comparison {
    let same_hash = user.hash.is_that_of(&row.password_hash);
    let same_time = user.created_at.map(|time| time == row.created_at);
    if row.login != user.login.as_str() || !(same_hash || same_time == Some(true)) {
        return Comparison::Taken;
    }
    let differs = |given: bool, same: bool, name| (given && !same).then_some(name);
    let fields: Vec<&str> = [
        differs(true, same_hash, "password_hash"),
        differs(user.admin.is_some(), user.admin == Some(row.admin), "admin"),
        differs(user.created_at.is_some(), same_time == Some(true), "created_at"),
        differs(user.locked.is_some(), user.locked == Some(row.locked), "locked"),
        differs(user.expires_at.is_some(), user.expires_at == row.expires_at, "expires_at"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if fields.is_empty() { Comparison::Same } else { Comparison::Changed(fields.join(", ")) }
}
