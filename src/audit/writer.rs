//! Writing to the log: who did it, in the transaction of what was done.

use super::chain;
use super::event::{Action, AuditOutcome, Event};
use super::store;
use crate::access::Actor;
use crate::app::App;
use crate::app::journal::Counted;
use crate::app::keyed::HashKey;
use crate::client;
use crate::db::Transaction;
use crate::domain::UserId;
use crate::error::Result;
use crate::limits::Attempt;
use crate::metrics;

/// Writes to the log. It is made before a transaction begins, which holds the one connection that
/// making it may need.
pub(crate) struct Writer<'a> {
    app: &'a App,
    key: Option<HashKey>,
}

impl<'a> Writer<'a> {
    /// # Errors
    /// Database errors.
    pub(crate) fn new(app: &'a App) -> Result<Self> {
        let key = app.config().audit.enabled.then(|| app.keyed("audit rows")).transpose()?;
        Ok(Self { app, key })
    }

    /// Writes one event, in the transaction of what happened.
    ///
    /// # Errors
    /// Database errors.
    pub(crate) fn record(
        &self,
        tx: &mut Transaction<'_>,
        actor: Actor,
        event: &Event<'_>,
    ) -> Result<()> {
        let Some(key) = &self.key else { return Ok(()) };
        self.app.journal().row_begins();
        let login_hash =
            event.unknown.map(|login| key.hash(&[b"login", login.canonical().as_bytes()]).to_vec());
        let row = chain::AuditRow {
            at: chain::now(),
            actor: actor.word().to_owned(),
            actor_id: actor.id(),
            action: event.action.name().to_owned(),
            user_id: event.user.map(UserId::get),
            login_hash,
            address: client::address().map(|address| address.to_string()),
            outcome: event.outcome.name().to_owned(),
            detail: event.detail.map(str::to_owned),
            nonce: rand::random::<[u8; 16]>().to_vec(),
        };
        store::insert(tx, &row, &row.mac(key))?;
        metrics::AUDIT_ROWS.add(1);
        Ok(())
    }

    /// Writes one event in a transaction of its own.
    ///
    /// # Errors
    /// Database errors.
    pub(crate) fn record_alone(&self, actor: Actor, event: &Event<'_>) -> Result<()> {
        match self.key {
            Some(_) => self.app.database()?.with_transaction(|tx| self.record(tx, actor, event)),
            None => Ok(()),
        }
    }

    /// Counts an attempt as failed and records it, in one transaction. Every attempt that cost a
    /// hash and gave nothing goes this way, whatever was wrong: refusals that are not counted could
    /// be caused without end, and refusals that are recorded without a bound would fill the disk.
    ///
    /// # Errors
    /// Database errors.
    pub(crate) fn failure(&self, attempt: &Attempt, actor: Actor, event: &Event<'_>) -> Result<()> {
        let written = self.takes_failure(event);
        attempt.failed(self.app, |tx| if written { self.record(tx, actor, event) } else { Ok(()) })
    }

    /// The right password, where a second factor must follow: takes back what was counted for the
    /// attempt, since it has not failed. It is recorded as failures are, within the same bound.
    ///
    /// # Errors
    /// Database errors.
    pub(crate) fn unfinished(
        &self,
        attempt: &Attempt,
        actor: Actor,
        event: &Event<'_>,
    ) -> Result<()> {
        let written = self.takes_failure(event);
        self.app.database()?.with_transaction(|tx| {
            attempt.succeeded(tx, None)?;
            if written { self.record(tx, actor, event) } else { Ok(()) }
        })
    }

    /// Whether a failure gets a row of its own, or is only counted. To be asked once for each
    /// failure.
    fn takes_failure(&self, event: &Event<'_>) -> bool {
        let what = match (event.outcome, event.user) {
            (AuditOutcome::Locked, _) => Counted::OfLocked,
            (AuditOutcome::Expired, _) => Counted::OfExpired,
            (AuditOutcome::MfaRequired, _) => Counted::Unfinished,
            (AuditOutcome::WrongCode, _) => Counted::OfCode,
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
/// Database errors; nothing is forgotten then.
pub(super) fn write_counted(app: &App, now: bool) -> Result<()> {
    if !app.config().audit.enabled {
        return Ok(());
    }
    let audit = Writer::new(app)?;
    let Some(unwritten) = app.journal().take(now) else { return Ok(()) };
    let written = app.database()?.with_transaction(|tx| {
        for (kind, count) in unwritten.counts() {
            let (action, outcome, what) = match kind {
                Counted::OfUser => (Action::LogIn, AuditOutcome::WrongPassword, "more for users"),
                Counted::OfNobody => {
                    (Action::LogIn, AuditOutcome::WrongPassword, "more for unknown logins")
                }
                Counted::OfLocked => (Action::LogIn, AuditOutcome::Locked, "more for users"),
                Counted::OfExpired => (Action::LogIn, AuditOutcome::Expired, "more for users"),
                Counted::Unfinished => (Action::LogIn, AuditOutcome::MfaRequired, "more for users"),
                Counted::OfCode => (Action::LogIn, AuditOutcome::WrongCode, "more for users"),
                Counted::Refused => (Action::Attempt, AuditOutcome::Refused, "attempts"),
            };
            let detail = format!("{count} {what}");
            let event = Event::new(action, None).with_outcome(outcome);
            audit.record(tx, Actor::Anonymous, &event.with_detail(&detail))?;
        }
        Ok(())
    });
    written.inspect_err(|_| app.journal().put_back(unwritten))
}
