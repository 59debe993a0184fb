//! Importing: from lines to rows, a batch at a time.

use super::batches::{Batch, Batches, Importing};
use super::line::{ExistingUser, IncomingUser, LineFault};
use super::store;
use crate::access::Actor;
use crate::app::App;
use crate::audit::{Action, Event, Writer};
use crate::database::with_owner;
use crate::db::connect::{Fault, patient};
use crate::db::{OWNER_ROLE, Transaction};
use crate::domain::Email;
use crate::error::{Error, Result};
use crate::factors::{self, MovedFactors};
use crate::outbox::{self, Asked};
use crate::proofs::ProofKind;
use std::collections::{HashMap, HashSet};
use std::io::BufRead;

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
/// Where ids are kept, this is one transaction of the owner of the schema: all is imported or
/// nothing, and nobody can register meanwhile. A source without ids is imported batch by batch.
///
/// # Errors
/// [`Error::File`] when the source cannot be read, or has ids to be kept and there are users
/// already; then [`Error::Configuration`] without `database.owner_url` and [`Error::Startup`] when
/// the owner's database refuses. Database errors, after which the earlier batches stay if ids are
/// not kept, and running it again continues.
pub fn import(
    app: &App,
    source: impl BufRead,
    importing: impl Into<Importing>,
    mut hear: impl FnMut(ImportEvent<'_>),
) -> Result<Imported> {
    let mut so_far = Imported::default();
    let mut batches = Batches::new(app, source, importing.into())?;
    while let Some(batch) = batches.next()? {
        if batches.has_ids() {
            return import_with_ids(app, so_far, batch, batches, &mut hear);
        }
        let users = so_far.take(batch, &mut hear);
        insert(app, &users, &mut so_far, &mut hear)?;
        hear(ImportEvent::Progress(&so_far));
    }
    Ok(so_far)
}

impl Imported {
    /// Counts a batch, reports its faults, and returns its users.
    fn take(&mut self, batch: Batch, hear: &mut impl FnMut(ImportEvent<'_>)) -> Vec<IncomingUser> {
        self.lines += batch.lines;
        self.refused += batch.faults.len() as u64;
        batch.faults.into_iter().for_each(|fault| hear(ImportEvent::Refused(fault)));
        batch.users
    }
}

/// The error where ids would be kept beside users that exist.
pub(super) fn not_empty() -> Error {
    Error::File(
        "has ids, which can be kept only where there are no users yet, and here are some; import \
         it into an empty Gatepost, or let its users have new ids with --renumber"
            .to_owned(),
    )
}

fn not_imported(fault: impl Into<Fault>) -> Error {
    Error::startup(format!("nothing was imported, as {OWNER_ROLE}: {}", fault.into()))
}

/// The rest of an import whose ids are kept, from the first batch on that has users.
fn import_with_ids<R: BufRead>(
    app: &App,
    mut so_far: Imported,
    first: Batch,
    mut batches: Batches<'_, R>,
    hear: &mut impl FnMut(ImportEvent<'_>),
) -> Result<Imported> {
    if app.database()?.with_connection(|conn| store::exist(conn))? {
        return Err(not_empty());
    }
    let audit = Writer::new(app)?;
    with_owner(app.config(), |owner| {
        let mut client = patient(owner).map_err(not_imported)?;
        let mut tx = client.transaction().map_err(not_imported)?;
        if !store::lock_if_empty(&mut tx)? {
            return Err(not_empty());
        }
        let mut next = Some(first);
        while let Some(batch) = next {
            let users = so_far.take(batch, hear);
            let (new, again) = apart(&users);
            let inserted = store::insert(&mut tx, &new, true)?;
            bring_factors(app, &mut tx, &new, &inserted)?;
            invite(app, &mut tx, &new, &inserted)?;
            so_far.imported += inserted.len() as u64;
            let there = not_inserted(new, again, &inserted);
            let existing = store::existing(&mut tx, &there)?;
            let addresses = store::verified_emails(&mut tx, &there)?;
            so_far.compare_all(there, &existing, &addresses, hear);
            hear(ImportEvent::Progress(&so_far));
            next = batches.next()?;
        }
        store::number_beyond(&mut tx, batches.greatest_id().max(1))?;
        let detail = format!("{} users with their ids", so_far.imported);
        let event = Event::new(Action::ImportUsers, None).with_detail(&detail);
        audit.record(&mut tx, Actor::Operator, &event)?;
        tx.commit().map_err(not_imported)?;
        Ok(so_far)
    })
}

/// The users of a batch apart: the first with each login, and those after them.
fn apart(users: &[IncomingUser]) -> (Vec<&IncomingUser>, Vec<&IncomingUser>) {
    let mut first = HashMap::new();
    for user in users {
        first.entry(user.login.canonical()).or_insert(user.line);
    }
    users.iter().partition(|user| first.get(user.login.canonical()) == Some(&user.line))
}

fn not_inserted<'a>(
    new: Vec<&'a IncomingUser>,
    again: Vec<&'a IncomingUser>,
    inserted: &HashSet<String>,
) -> Vec<&'a IncomingUser> {
    let there = new.into_iter().filter(|user| !inserted.contains(user.login.canonical()));
    there.chain(again).collect()
}

fn insert(
    app: &App,
    users: &[IncomingUser],
    so_far: &mut Imported,
    hear: &mut impl FnMut(ImportEvent<'_>),
) -> Result<()> {
    // If a login is twice in the batch, the first line is inserted, and the second finds it there.
    let (new, again) = apart(users);
    if new.is_empty() {
        return Ok(());
    }
    let database = app.database()?;
    let audit = Writer::new(app)?;
    let inserted = database.with_transaction(|tx| {
        let inserted = store::insert(tx, &new, false)?;
        bring_factors(app, tx, &new, &inserted)?;
        invite(app, tx, &new, &inserted)?;
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
    let there = not_inserted(new, again, &inserted);
    if !there.is_empty() {
        let (existing, addresses) = database.with_connection(|conn| {
            Ok((store::existing(conn, &there)?, store::verified_emails(conn, &there)?))
        })?;
        so_far.compare_all(there, &existing, &addresses, hear);
    }
    Ok(())
}

/// Gives the users who were inserted the factors that their lines have.
fn bring_factors(
    app: &App,
    tx: &mut Transaction<'_>,
    new: &[&IncomingUser],
    inserted: &HashSet<String>,
) -> Result<()> {
    let with = new.iter().filter(|user| inserted.contains(user.login.canonical()));
    let moved: HashMap<&str, &MovedFactors> =
        with.filter_map(|user| Some((user.login.canonical(), user.factors.as_ref()?))).collect();
    if moved.is_empty() { Ok(()) } else { factors::bring(app, tx, &moved) }
}

/// Sends invitations to the users who were inserted and have no password.
fn invite(
    app: &App,
    tx: &mut Transaction<'_>,
    new: &[&IncomingUser],
    inserted: &HashSet<String>,
) -> Result<()> {
    let is_one = |user: &&&IncomingUser| user.invited && inserted.contains(user.login.canonical());
    let invited: Vec<&IncomingUser> = new.iter().filter(is_one).copied().collect();
    if invited.is_empty() {
        return Ok(());
    }
    let ids = store::ids(tx, &invited)?;
    for user in invited {
        let (Some(id), Some(email)) = (ids.get(user.login.canonical()), &user.email) else {
            continue;
        };
        if !outbox::send_proof(tx, app, *id, ProofKind::Invitation, email, Asked::anew())? {
            return Err(outbox::no_way_out());
        }
    }
    Ok(())
}

impl Imported {
    /// Counts and reports the users who were not inserted, since their logins or addresses were taken.
    fn compare_all(
        &mut self,
        there: Vec<&IncomingUser>,
        existing: &HashMap<String, ExistingUser>,
        addresses: &HashSet<String>,
        hear: &mut impl FnMut(ImportEvent<'_>),
    ) {
        for user in there {
            let row = existing.get(user.login.canonical());
            match row.map_or(Comparison::Gone, |row| compare(user, row)) {
                Comparison::Same => self.present += 1,
                Comparison::Changed(fields) => {
                    self.changed += 1;
                    let text = format!("already exists with another {fields}; it was not changed");
                    hear(ImportEvent::Changed(user.fault(text)));
                }
                Comparison::Taken => {
                    self.refused += 1;
                    hear(ImportEvent::Refused(user.fault(TAKEN)));
                }
                Comparison::Gone
                    if user.verified_email().is_some_and(|it| addresses.contains(it)) =>
                {
                    self.refused += 1;
                    hear(ImportEvent::Refused(user.fault(ADDRESS_TAKEN)));
                }
                Comparison::Gone => {
                    self.refused += 1;
                    hear(ImportEvent::Refused(user.fault("was deleted while it was imported")));
                }
            }
        }
    }
}

pub(super) const TAKEN: &str = "this login, once normalised, belongs to another user";

pub(super) const ADDRESS_TAKEN: &str = "its verified email belongs to another user";

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
    // An invited user has set a password meanwhile, or not.
    let same_email = user.email.as_ref().map(Email::as_str) == row.email.as_deref();
    let same_hash = user.hash.is_that_of(&row.password_hash) || (user.invited && same_email);
    let same_time = user.created_at.map(|time| time == row.created_at);
    if row.login != user.login.as_str() || !(same_hash || same_time == Some(true)) {
        return Comparison::Taken;
    }
    let differs = |given: bool, same: bool, name| (given && !same).then_some(name);
    let fields: Vec<&str> = [
        differs(true, same_hash, "password_hash"),
        differs(user.admin.is_some(), user.admin == Some(row.admin), "admin"),
        differs(user.created_at.is_some(), same_time == Some(true), "created_at"),
        differs(
            user.token_version.is_some(),
            user.token_version == Some(row.token_version),
            "token_version",
        ),
        differs(
            user.email.is_some(),
            user.email.as_ref().map(Email::as_str) == row.email.as_deref(),
            "email",
        ),
        differs(
            user.email_verified.is_some(),
            user.email_verified == Some(row.email_verified),
            "email_verified",
        ),
        differs(user.locked.is_some(), user.locked == Some(row.locked), "locked"),
        differs(user.expires_at.is_some(), user.expires_at == row.expires_at, "expires_at"),
        differs(user.roles.is_some(), user.roles.as_ref() == Some(&row.roles), "roles"),
        differs(user.groups.is_some(), user.groups.as_ref() == Some(&row.groups), "groups"),
        differs(
            user.attributes.is_some(),
            user.attributes.as_ref() == Some(&row.attributes),
            "attributes",
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    if fields.is_empty() { Comparison::Same } else { Comparison::Changed(fields.join(", ")) }
}
