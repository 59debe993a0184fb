//! The audit log, and what waits in the outbox.

use crate::audit::{self, AuditEntry};
use crate::error::{Error, Result};
use crate::http::Response;
use crate::http::paging::encoded;
use crate::outbox;
use crate::pages::answer::{Alert, answer, frame, page};
use crate::pages::form::Form;
use crate::pages::member::Member;
use crate::pages::views::admin::{Audit, Outbox, Verified};
use std::sync::Mutex;
use std::time::Duration;

/// Entries of a page.
const SHOWN: usize = 50;

/// Entries that are read at once, and how often at most: one that looks for what is rare goes on from where it
/// came to.
const BATCH: i64 = 100;
const BATCHES: usize = 20;

/// What is looked for. Each is a word as the log has it, or nothing.
struct Wanted {
    user: Option<i64>,
    action: String,
    outcome: String,
    address: String,
}

impl Wanted {
    fn has(&self, entry: &AuditEntry) -> bool {
        let is_user = |id: i64| entry.user_id == Some(id) || entry.actor_id == Some(id);
        let is = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        self.user.is_none_or(is_user)
            && is(&self.action, &entry.action)
            && is(&self.outcome, &entry.outcome)
            && is(&self.address, entry.address.as_deref().unwrap_or_default())
    }

    fn page(
        &self,
        member: &Member<'_>,
        entries: &[AuditEntry],
        next: Option<String>,
        user: &str,
        alert: Option<Alert>,
    ) -> Result<Response> {
        answer(alert, |alert| Audit {
            frame: frame(member.app, member.request, alert),
            entries,
            next,
            user,
            action: &self.action,
            outcome: &self.outcome,
            address: &self.address,
        })
    }

    /// The same as a query.
    fn query(&self) -> String {
        let user = self.user.map(|id| id.to_string()).unwrap_or_default();
        let [action, outcome, address] =
            [&self.action, &self.outcome, &self.address].map(|text| encoded(text));
        format!("user={user}&action={action}&outcome={outcome}&address={address}")
    }
}

/// `GET /admin/audit`
pub(super) fn show_audit(member: &mut Member<'_>) -> Result<Response> {
    let mut parameters = member.request.parameters()?;
    let mut word = |name| parameters.optional_text(name).map(Option::unwrap_or_default);
    let typed = word("user")?;
    let user: Option<i64> = typed.parse().ok();
    let wanted = Wanted {
        user,
        action: word("action")?,
        outcome: word("outcome")?,
        address: word("address")?,
    };
    let mut before = parameters.optional_number("before", 1)?;
    parameters.end()?;
    if user.is_none() && !typed.is_empty() {
        let alert = Alert::of(member.request, &Error::parameter("user", "must be a number"));
        // It is for admins also where nothing is looked for.
        audit::entries(member.app, member.caller(), None, 1)?;
        return wanted.page(member, &[], None, &typed, Some(alert));
    }
    let mut found = Vec::new();
    let mut more = true;
    for _ in 0..BATCHES {
        let (entries, others) = audit::entries(member.app, member.caller(), before, BATCH)?;
        more = others;
        before = entries.last().map(|entry| entry.id).or(before);
        for entry in entries {
            if found.len() == SHOWN {
                more = true;
                break;
            }
            before = Some(entry.id);
            if wanted.has(&entry) {
                found.push(entry);
            }
        }
        if !more || found.len() == SHOWN {
            break;
        }
    }
    let next = before.filter(|_| more).map(|before| format!("{}&before={before}", wanted.query()));
    wanted.page(member, &found, next, &typed, None)
}

/// One verification at a time: it reads the whole log.
static VERIFYING: Mutex<()> = Mutex::new(());

/// `POST /admin/audit/verify`
pub(super) fn verify(member: &mut Member<'_>, _: &mut Form) -> Result<Response> {
    let Ok(_one) = VERIFYING.try_lock() else {
        return Err(Error::TooManyAttempts(Duration::from_secs(60)));
    };
    let verified = audit::verify_as(member.app, member.caller())?;
    let frame = frame(member.app, member.request, None);
    page(200, &Verified { frame, verified: &verified })
}

/// `GET /admin/outbox`
pub(super) fn show_outbox(member: &mut Member<'_>) -> Result<Response> {
    let waiting = outbox::look(member.app, member.caller())?;
    let frame = frame(member.app, member.request, None);
    page(200, &Outbox { frame, waiting: &waiting })
}
