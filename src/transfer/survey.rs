//! A dry run of an import: what it would do, and what the first logins would cost. It changes
//! nothing.

use super::batches::{Batches, Importing};
use super::import::{ADDRESS_TAKEN, Comparison, ImportEvent, Imported, TAKEN, compare, not_empty};
use super::line::{IncomingUser, LineFault};
use super::store;
use crate::app::App;
use crate::database::with_owner;
use crate::error::{Error, Result};
use crate::passwords::{Password, PasswordHash};
use crate::sorter::Sorter;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::BufRead;
use std::time::{Duration, Instant};

/// Kinds of hash that are counted separately; any further kinds are counted together.
const MAX_KINDS: usize = 64;

/// What an import would do, and the first logins after it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Survey {
    /// What an import would do now.
    pub outcome: Imported,
    /// The kinds of hash among the users who do not exist yet.
    pub kinds: Vec<HashKind>,
    /// The time to hash a password anew, which is added to every first login that needs it.
    pub rehash: Duration,
}

/// A kind of hash at one cost.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HashKind {
    /// The kind, and its parameters.
    pub name: String,
    /// Users who have it.
    pub users: u64,
    /// The time to verify one on this machine; `None` if there are too many kinds to measure.
    pub verify: Option<Duration>,
    /// Bytes of memory that verifying one takes.
    pub memory: usize,
}

impl Survey {
    /// The time that the first logins of all users take together, on one core.
    pub fn first_logins(&self) -> Duration {
        let of = |kind: &HashKind| {
            let users = u32::try_from(kind.users).unwrap_or(u32::MAX);
            (kind.verify.unwrap_or_default() + self.rehash).saturating_mul(users)
        };
        self.kinds.iter().map(of).fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The most memory that one first login takes, in bytes.
    pub fn largest_memory(&self) -> usize {
        self.kinds.iter().map(|kind| kind.memory).max().unwrap_or_default()
    }
}

/// Reads NDJSON as [`import`](super::import) does and says what that would do, without doing it.
/// Every line that would be refused is reported to `hear`, logins and verified addresses that are twice in the
/// source last.
///
/// # Errors
/// As [`import`](super::import), and [`Error::File`] when there is no room for temporary files,
/// which only a source of more than a million users needs.
pub fn survey(
    app: &App,
    source: impl BufRead,
    importing: impl Into<Importing>,
    mut hear: impl FnMut(ImportEvent<'_>),
) -> Result<Survey> {
    let mut outcome = Imported::default();
    let mut kinds = Kinds::default();
    let dir = std::env::temp_dir();
    let at_dir = |e: std::io::Error| Error::File(format!("{}: {e}", dir.display()));
    let mut seen = Sorter::new(&dir);
    let mut batches = Batches::new(app, source, importing.into())?;
    while let Some(batch) = batches.next()? {
        if batches.has_ids() && outcome.imported == 0 {
            check_empty(app)?;
        }
        outcome.lines += batch.lines;
        outcome.refused += batch.faults.len() as u64;
        batch.faults.into_iter().for_each(|fault| hear(ImportEvent::Refused(fault)));
        let users: Vec<&IncomingUser> = batch.users.iter().collect();
        let (existing, addresses) = app.database()?.with_connection(|conn| {
            Ok((store::existing(conn, &users)?, store::verified_emails(conn, &users)?))
        })?;
        for user in users {
            match existing.get(user.login.canonical()).map(|row| compare(user, row)) {
                None if user.verified_email().is_some_and(|it| addresses.contains(it)) => {
                    outcome.refused += 1;
                    hear(ImportEvent::Refused(user.fault(ADDRESS_TAKEN)));
                }
                None | Some(Comparison::Gone) => {
                    outcome.imported += 1;
                    if !user.invited {
                        kinds.count(&user.hash);
                    }
                    seen.push(record(user)).map_err(at_dir)?;
                    if let Some(address) = record_of_address(user) {
                        seen.push(address).map_err(at_dir)?;
                    }
                }
                Some(Comparison::Same) => outcome.present += 1,
                Some(Comparison::Changed(_)) => outcome.changed += 1,
                Some(Comparison::Taken) => {
                    outcome.refused += 1;
                    hear(ImportEvent::Refused(user.fault(TAKEN)));
                }
            }
        }
        hear(ImportEvent::Progress(&outcome));
    }
    let repeated = |what: What, first: u64, line: u64, same: bool| {
        if same && what == What::Address {
            // It is one user twice, whom the login tells of.
            return;
        }
        outcome.imported = outcome.imported.saturating_sub(1);
        if same {
            outcome.present += 1;
            return;
        }
        outcome.refused += 1;
        let cause = match what {
            What::Login => format!("its login, once normalised, is the same as on line {first}"),
            What::Address => format!("its verified email is the same as on line {first}"),
        };
        hear(ImportEvent::Refused(LineFault { line, cause }));
    };
    find_repeated(seen, repeated).map_err(at_dir)?;
    let (kinds, rehash) = kinds.measure(app)?;
    Ok(Survey { outcome, kinds, rehash })
}

/// Checks what an import needs that keeps ids: nobody here, and the owner of the schema.
fn check_empty(app: &App) -> Result<()> {
    if app.database()?.with_connection(|conn| store::exist(conn))? {
        return Err(not_empty());
    }
    with_owner(app.config(), |_| Ok(()))
}

/// What two lines have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Login,
    Address,
}

/// Fingerprint of the canonical login or address, of which one bit says which of them; line; fingerprint of what
/// would make two lines one user.
type Record = [u8; 24];

/// The bit of the eighth byte that says which.
const IS_ADDRESS: u8 = 1;

fn record(user: &IncomingUser) -> Record {
    let content = format!("{}\n{}", user.login.as_str(), user.hash);
    record_of(What::Login, user.login.canonical(), user.line, &content)
}

fn record_of_address(user: &IncomingUser) -> Option<Record> {
    let address = user.verified_email()?;
    Some(record_of(What::Address, address, user.line, user.login.canonical()))
}

fn record_of(what: What, identity: &str, line: u64, same: &str) -> Record {
    let fingerprint = |text: &str| <[u8; 32]>::from(Sha256::digest(text));
    let mut record = [0; 24];
    record[..8].copy_from_slice(&fingerprint(identity)[..8]);
    record[7] = match what {
        What::Login => record[7] & !IS_ADDRESS,
        What::Address => record[7] | IS_ADDRESS,
    };
    record[8..16].copy_from_slice(&line.to_be_bytes());
    record[16..].copy_from_slice(&fingerprint(same)[..8]);
    record
}

/// Calls `repeated` for every record whose login or address an earlier line has, with the number of that line, its
/// own, and whether both describe the same user.
fn find_repeated(
    seen: Sorter<24>,
    mut repeated: impl FnMut(What, u64, u64, bool),
) -> std::io::Result<()> {
    let line = |record: &Record| u64::from_be_bytes(std::array::from_fn(|n| record[8 + n]));
    let mut first: Option<Record> = None;
    seen.finish(|record| {
        match &first {
            Some(first) if first[..8] == record[..8] => {
                let what = if record[7] & IS_ADDRESS == 0 { What::Login } else { What::Address };
                repeated(what, line(first), line(&record), first[16..] == record[16..]);
            }
            _ => first = Some(record),
        }
        Ok(())
    })
}

/// How many hashes of each kind there are, and one of them to measure.
#[derive(Default)]
struct Kinds {
    known: BTreeMap<String, (u64, PasswordHash)>,
    /// How many there are of further kinds, and the most memory that one takes.
    others: (u64, usize),
}

impl Kinds {
    fn count(&mut self, hash: &PasswordHash) {
        let name = hash.kind();
        if let Some((count, _)) = self.known.get_mut(&name) {
            *count += 1;
        } else if self.known.len() < MAX_KINDS {
            self.known.insert(name, (1, hash.clone()));
        } else {
            self.others = (self.others.0 + 1, self.others.1.max(hash.memory()));
        }
    }

    fn measure(self, app: &App) -> Result<(Vec<HashKind>, Duration)> {
        let password = Password::parse("a password to measure with")?;
        let begin = Instant::now();
        app.hash(&password)?;
        let rehash = begin.elapsed();
        let mut kinds = Vec::new();
        for (name, (users, hash)) in self.known {
            let begin = Instant::now();
            app.verify(&password, Some(&hash))?;
            let verify = Some(begin.elapsed());
            let memory = hash.memory();
            kinds.push(HashKind { name, users, verify, memory });
        }
        if self.others.0 > 0 {
            let (users, memory) = self.others;
            kinds.push(HashKind { name: "others".to_owned(), users, verify: None, memory });
        }
        Ok((kinds, rehash))
    }
}
