//! The audit log: who did what to whom, from where, when, with which outcome.
//!
//! A row is written with what it records: in the same transaction where there is one. It carries a
//! keyed hash of its content, so nobody without the key can change or invent one. A sealer, in
//! every service about once a second, then chains the rows that are new: a seal is a keyed hash of
//! the seal before and of its rows. So logins never wait for each other's place in the chain.
//!
//! What a superuser of the database can do unseen: remove rows in the second or so before they are
//! sealed; and cut off the end of the log, rows and seals together, unless [`head`] was kept
//! somewhere else, to be compared. Who also has the key can do everything.
//!
//! Under a flood only so many failed logins a minute get a row of their own, whatever they failed
//! for, or it would fill the disk: the others, and attempts that were refused untried (429), are
//! counted, and a row a minute says how many there were. Refreshes that succeed leave none.

pub(crate) mod api;
mod chain;
mod prune;
mod sealing;
pub(crate) mod set_back;
mod store;
mod verify;

use crate::api_keys::id_of;
use crate::app::App;
use crate::app::journal::Counted;
use crate::app::keyed::Key;
use crate::client;
use crate::error::Result;
use crate::limits::Attempt;
use crate::users::access::{Right, authorize};
use crate::users::{Caller, Login, UserId};
use postgres::Transaction;
pub(crate) use prune::keep_to_age;
pub use prune::prune;
pub(crate) use sealing::Sealer;
use sealing::seal_all;
use std::fmt;
use std::str::FromStr;
pub use store::Entry;
pub use verify::{Verified, verify};

/// What happened, and how it ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event<'a> {
    action: Action,
    /// The user whom it happened to.
    user: Option<UserId>,
    /// The login that was given where no user has it. It is often a password, and only its keyed
    /// hash is kept.
    unknown: Option<&'a Login>,
    outcome: Outcome,
    /// More about it, in words of ours.
    detail: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// Something that was done, to a user if to one.
    pub(crate) fn new(action: Action, user: Option<UserId>) -> Self {
        Self { action, user, unknown: None, outcome: Outcome::Done, detail: None }
    }

    pub(crate) fn with_outcome(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }

    pub(crate) fn with_detail(self, detail: &'a str) -> Self {
        Self { detail: Some(detail), ..self }
    }

    /// Of a login that nobody has.
    pub(crate) fn with_unknown(self, login: &'a Login) -> Self {
        Self { unknown: Some(login), ..self }
    }
}

/// What somebody did. In the log: its name in lower case, with underscores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Any that was refused untried.
    Attempt,
    LogIn,
    LogOut,
    EndSession,
    ReuseRefreshToken,
    Register,
    ChangeUser,
    SetAdmin,
    DeleteUser,
    ImportUsers,
    ExportUsers,
    CreateApiKey,
    RevokeApiKey,
    RotateKeys,
    ReplaceKeys,
    ReencryptKeys,
    PruneAudit,
    SetBack,
    AfterRestore,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Attempt => "attempt",
            Self::LogIn => "log_in",
            Self::LogOut => "log_out",
            Self::EndSession => "end_session",
            Self::ReuseRefreshToken => "reuse_refresh_token",
            Self::Register => "register",
            Self::ChangeUser => "change_user",
            Self::SetAdmin => "set_admin",
            Self::DeleteUser => "delete_user",
            Self::ImportUsers => "import_users",
            Self::ExportUsers => "export_users",
            Self::CreateApiKey => "create_api_key",
            Self::RevokeApiKey => "revoke_api_key",
            Self::RotateKeys => "rotate_keys",
            Self::ReplaceKeys => "replace_keys",
            Self::ReencryptKeys => "reencrypt_keys",
            Self::PruneAudit => "prune_audit",
            Self::SetBack => "set_back",
            Self::AfterRestore => "after_restore",
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    WrongPassword,
    Locked,
    Expired,
    Refused,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::WrongPassword => "invalid_credentials",
            Self::Locked => "account_locked",
            Self::Expired => "account_expired",
            Self::Refused => "too_many_attempts",
        }
    }
}

/// Writes to the log on behalf of a caller. Made before a transaction begins, which holds the one
/// connection that making it may need.
pub(crate) struct Writer<'a> {
    app: &'a App,
    key: Option<Key>,
    actor: (&'static str, Option<i64>),
}

impl<'a> Writer<'a> {
    /// # Errors
    /// The faults of the database.
    pub(crate) fn new(app: &'a App, caller: &Caller) -> Result<Self> {
        let key = app.config().audit.enabled.then(|| app.keyed("audit rows")).transpose()?;
        let actor = match (&key, caller) {
            (None, _) | (_, Caller::Trusted) => ("operator", None),
            (_, Caller::Anonymous) => ("anonymous", None),
            (_, Caller::Bearer(claims)) => ("user", Some(claims.user_id)),
            (_, Caller::Key(key)) => ("key", app.database()?.read(|conn| id_of(conn, *key))?),
        };
        Ok(Self { app, key, actor })
    }

    /// Writes one event, in the transaction of what happened.
    ///
    /// # Errors
    /// The faults of the database.
    pub(crate) fn record(&self, tx: &mut Transaction<'_>, event: &Event<'_>) -> Result<()> {
        let Some(key) = &self.key else { return Ok(()) };
        self.app.journal().row_begins();
        let login_hash =
            event.unknown.map(|login| key.hash(&[b"login", login.canonical().as_bytes()]).to_vec());
        let row = chain::Row {
            at: chain::now(),
            actor: self.actor.0.to_owned(),
            actor_id: self.actor.1,
            action: event.action.name().to_owned(),
            user_id: event.user.map(UserId::get),
            login_hash,
            address: client::address().map(|address| address.to_string()),
            outcome: event.outcome.name().to_owned(),
            detail: event.detail.map(str::to_owned),
            nonce: rand::random::<[u8; 16]>().to_vec(),
        };
        store::insert(tx, &row, &row.mac(key))
    }

    /// Writes one event of its own.
    ///
    /// # Errors
    /// The faults of the database.
    pub(crate) fn record_alone(&self, event: &Event<'_>) -> Result<()> {
        match self.key {
            Some(_) => self.app.database()?.with_transaction(|tx| self.record(tx, event)),
            None => Ok(()),
        }
    }

    /// Counts an attempt as failed and records it, in one transaction. Every attempt that cost a
    /// hash and gave nothing goes this way, whatever was wrong: a refusal that is not counted can be
    /// asked for without end, and one that is recorded without a bound fills the disk.
    ///
    /// # Errors
    /// The faults of the database.
    pub(crate) fn failure(&self, attempt: &Attempt, event: &Event<'_>) -> Result<()> {
        let written = self.takes_failure(event);
        attempt.failed(self.app, |tx| if written { self.record(tx, event) } else { Ok(()) })
    }

    /// Whether a failure gets a row of its own, or is only counted. Asked once for each.
    fn takes_failure(&self, event: &Event<'_>) -> bool {
        let what = match (event.outcome, event.user) {
            (Outcome::Locked, _) => Counted::OfLocked,
            (Outcome::Expired, _) => Counted::OfExpired,
            (_, Some(_)) => Counted::OfUser,
            (_, None) => Counted::OfNobody,
        };
        let most = self.app.config().audit.tuning.failures_per_minute;
        self.key.is_some() && self.app.journal().is_written(what, most)
    }
}

/// Writes what was counted instead of written, once a minute, or `now`.
///
/// # Errors
/// The faults of the database; nothing is forgotten then.
fn write_counted(app: &App, now: bool) -> Result<()> {
    if !app.config().audit.enabled {
        return Ok(());
    }
    let audit = Writer::new(app, &Caller::Anonymous)?;
    let Some(unwritten) = app.journal().take(now) else { return Ok(()) };
    let rows = [
        (unwritten.of_user, Action::LogIn, Outcome::WrongPassword, "more for users"),
        (unwritten.of_nobody, Action::LogIn, Outcome::WrongPassword, "more for logins of nobody"),
        (unwritten.of_locked, Action::LogIn, Outcome::Locked, "more for users"),
        (unwritten.of_expired, Action::LogIn, Outcome::Expired, "more for users"),
        (unwritten.refused, Action::Attempt, Outcome::Refused, "attempts"),
    ];
    let written = app.database()?.with_transaction(|tx| {
        for (count, action, outcome, what) in rows.iter().filter(|(count, ..)| *count > 0) {
            let detail = format!("{count} {what}");
            let event = Event::new(*action, None).with_outcome(*outcome);
            audit.record(tx, &event.with_detail(&detail))?;
        }
        Ok(())
    });
    written.inspect_err(|_| app.journal().put_back(unwritten))
}

/// The end of the chain: keep it elsewhere, and [`verify`] finds out whether the log was cut off
/// before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub(crate) number: i64,
    pub(crate) mac: Vec<u8>,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.number)?;
        self.mac.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let read = || {
            let (number, mac) = text.trim().split_once(':')?;
            let byte = |at: usize| u8::from_str_radix(mac.get(at..at + 2)?, 16).ok();
            let mac: Option<Vec<u8>> = (0..mac.len()).step_by(2).map(byte).collect();
            Some(Self { number: number.parse().ok()?, mac: mac.filter(|mac| mac.len() == 32)? })
        };
        read().ok_or_else(|| "not what `gatepost audit head` prints".to_owned())
    }
}

/// Seals what is new and returns the end of the chain; none when nothing was ever recorded.
///
/// # Errors
/// The faults of the database.
pub fn head(app: &App) -> Result<Option<Head>> {
    seal_all(app, true)?;
    app.database()?.read(|conn| Ok(store::last_seal(&mut **conn)?.map(|seal| seal.head())))
}

/// Up to `size` entries before the one with the id `before`, the newest first, and whether there
/// are more.
///
/// # Errors
/// `Error::TokenMissing`, `Error::TokenInvalid`, `Error::Forbidden`; the faults of the database.
pub fn entries(
    app: &App,
    caller: &Caller,
    before: Option<i64>,
    size: i64,
) -> Result<(Vec<Entry>, bool)> {
    app.database()?.read(|conn| authorize(conn, caller, Right::Admin))?;
    app.database()?.read(|conn| store::page(conn, before.unwrap_or(i64::MAX), size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_as_it_was_printed() {
        let head = Head { number: 17, mac: vec![0xab; 32] };
        assert_eq!(head.to_string().parse(), Ok(head.clone()));
        for text in ["", "17", "17:", "17:ab", "x:ab", &format!("{head}ab"), &format!("{head}é")] {
            assert!(text.parse::<Head>().is_err(), "{text}");
        }
    }
}
