//! Coming and going: users from another service with the hashes of their passwords, and back out.
//!
//! Both are for operators, who have hashes in hand: no caller is asked for a right, and nothing
//! here is reached over HTTP. Users are taken and written as NDJSON, an object a line, a batch at a
//! time, so that memory does not grow with their number.
//!
//! Whether a login is there already is for the constraint to say. So an import that was cut off is
//! simply run again: what is there as its line says is passed over, and nothing that is there is
//! ever changed.

mod line;
mod store;
mod survey;

use crate::app::App;
use crate::audit::{self, Action, Writer};
use crate::error::{Error, Result};
use crate::lines::Lines;
use crate::users::Caller;
pub use line::Fault;
use line::Incoming;
use std::collections::HashMap;
use std::io::{BufRead, Write};
use store::Existing;
pub use survey::{Kind, Survey, survey};

/// Users that are inserted with one statement: many enough for its cost not to matter, and far
/// from the five seconds that a statement may take.
const BATCH: usize = 1_000;

/// Longest line: a login and a hash of the longest kinds, every character escaped, fit many times.
const MAX_LINE: usize = 32 * 1024;

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Lines read, without blank ones.
    pub lines: u64,
    /// Users made.
    pub imported: u64,
    /// Lines whose user is there already, just so.
    pub present: u64,
    /// Lines whose user was imported before and has changed since, by a first login for instance.
    pub changed: u64,
    /// Lines that were refused.
    pub refused: u64,
}

/// What an import says while it runs.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A line was refused.
    Refused(Fault),
    /// The user of a line is there, imported before and changed since; left as it is.
    Changed(Fault),
    /// So far.
    Progress(&'a Imported),
}

/// Imports users from NDJSON. Lines that cannot be are refused one by one, and `hear` is told; all
/// others are imported.
///
/// # Errors
/// [`Error::File`] when the source cannot be read; the faults of the database, after which the
/// batches before stay, and running it again goes on.
pub fn import(
    app: &App,
    source: impl BufRead,
    mut hear: impl FnMut(Event<'_>),
) -> Result<Imported> {
    let mut so_far = Imported::default();
    in_batches(app, source, &mut |batch: Batch| {
        so_far.lines += batch.lines;
        so_far.refused += batch.faults.len() as u64;
        batch.faults.into_iter().for_each(|fault| hear(Event::Refused(fault)));
        insert(app, &batch.users, &mut so_far, &mut hear)?;
        hear(Event::Progress(&so_far));
        Ok(())
    })?;
    Ok(so_far)
}

/// A part of the source.
#[derive(Default)]
struct Batch {
    lines: u64,
    users: Vec<Incoming>,
    faults: Vec<Fault>,
}

fn in_batches(
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
        match Incoming::parse(number, text, |hash| app.can_verify(hash)) {
            Ok(user) => batch.users.push(user),
            Err(fault) => batch.faults.push(fault),
        }
        if batch.lines == BATCH as u64 {
            take(std::mem::take(&mut batch))?;
        }
    }
}

/// What an export writes of a user whom an import made of this line, or why it makes none.
#[cfg(any(test, feature = "internals"))]
pub(crate) fn again(text: &[u8]) -> std::result::Result<String, String> {
    let user = Incoming::parse(1, Some(text), |_| Ok(())).map_err(|fault| fault.cause)?;
    let row = Existing {
        login: user.login.as_str().to_owned(),
        password_hash: user.hash.to_string(),
        admin: user.admin.unwrap_or(false),
        created_at: user.created_at.unwrap_or(time::OffsetDateTime::UNIX_EPOCH),
        locked: user.locked.unwrap_or(false),
        expires_at: user.expires_at,
    };
    line::write(&row).map_err(|e| e.to_string())
}

fn is_blank(line: &[u8]) -> bool {
    std::str::from_utf8(line).is_ok_and(|text| text.trim().is_empty())
}

fn insert(
    app: &App,
    users: &[Incoming],
    so_far: &mut Imported,
    hear: &mut impl FnMut(Event<'_>),
) -> Result<()> {
    // Of a login that is twice in the batch the first comes, and the other finds it there.
    let mut first = HashMap::new();
    for user in users {
        first.entry(user.login.canonical()).or_insert(user.line);
    }
    let (new, again): (Vec<&Incoming>, Vec<&Incoming>) =
        users.iter().partition(|user| first.get(user.login.canonical()) == Some(&user.line));
    if new.is_empty() {
        return Ok(());
    }
    let database = app.database()?;
    let audit = Writer::new(app, &Caller::Trusted)?;
    let inserted = database.with_transaction(|tx| {
        let inserted = store::insert(tx, &new)?;
        if !inserted.is_empty() {
            let detail = format!("{} users", inserted.len());
            audit.record(tx, &audit::Event::new(Action::ImportUsers, None).with_detail(&detail))?;
        }
        Ok(inserted)
    })?;
    so_far.imported += inserted.len() as u64;
    let there: Vec<&Incoming> =
        new.into_iter().filter(|user| !inserted.contains(user.login.canonical())).collect();
    let there: Vec<&Incoming> = there.into_iter().chain(again).collect();
    if there.is_empty() {
        return Ok(());
    }
    let existing = database.read(|conn| store::existing(conn, &there))?;
    for user in there {
        match existing
            .get(user.login.canonical())
            .map_or(Comparison::Gone, |row| compare(user, row))
        {
            Comparison::Same => so_far.present += 1,
            Comparison::Changed(fields) => {
                so_far.changed += 1;
                let text = format!("is there with another {fields}; left as it is");
                hear(Event::Changed(user.fault(text)));
            }
            Comparison::Taken => {
                so_far.refused += 1;
                hear(Event::Refused(user.fault(TAKEN)));
            }
            Comparison::Gone => {
                so_far.refused += 1;
                hear(Event::Refused(user.fault("was deleted while it was imported")));
            }
        }
    }
    Ok(())
}

const TAKEN: &str = "this login, once normalised, belongs to another user";

/// How a line stands to the row with its login.
enum Comparison {
    Same,
    /// Login and time of registration are the same, and the fields named here are not.
    Changed(String),
    Taken,
    Gone,
}

/// A user who registered here can have the same login by chance, but not the same spelling of it
/// and the same microsecond, or the same hash.
fn compare(user: &Incoming, row: &Existing) -> Comparison {
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

/// Writes every user as [`import`] reads them, in the order of their ids, and returns their number.
/// Users who come or go meanwhile may be in it or not.
///
/// # Errors
/// [`Error::File`] when it cannot be written; the faults of the database.
pub fn export(app: &App, mut out: impl Write) -> Result<u64> {
    let fault = |e: std::io::Error| Error::File(format!("cannot be written: {e}"));
    let (mut after, mut count) = (0, 0);
    loop {
        let users = app.database()?.read(|conn| store::page(conn, after, BATCH as i64))?;
        for (id, user) in &users {
            let mut text = line::write(user)?;
            text.push('\n');
            out.write_all(text.as_bytes()).map_err(fault)?;
            after = *id;
            count += 1;
        }
        if users.len() < BATCH {
            out.flush().map_err(fault)?;
            let detail = format!("{count} users");
            let event = audit::Event::new(Action::ExportUsers, None).with_detail(&detail);
            Writer::new(app, &Caller::Trusted)?.record_alone(&event)?;
            return Ok(count);
        }
    }
}
