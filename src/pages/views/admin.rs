//! What the pages of administration show.

use crate::api_keys::ApiKey;
use crate::audit::{AuditEntry, Verification};
use crate::factors::Factor;
use crate::outbox::Waiting;
use crate::pages::views::Frame;
use crate::sessions::Session;
use crate::users::User;
use askama::Template;

/// Users, and what was typed to find them: the beginning of a login, an address, a role, a group, and
/// whether they are locked.
#[derive(Template)]
#[template(path = "admin_users.html")]
pub(crate) struct Users<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) users: &'a [User],
    /// The query of the next page.
    pub(crate) next: Option<String>,
    pub(crate) typed: &'a [String; 5],
}

/// What was typed of a new user.
#[derive(Default)]
pub(crate) struct Typed<'a> {
    pub(crate) login: &'a str,
    pub(crate) email: &'a str,
    pub(crate) roles: &'a str,
    pub(crate) groups: &'a str,
}

/// The form of a new user.
#[derive(Template)]
#[template(path = "admin_new.html")]
pub(crate) struct NewUserForm<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) typed: Typed<'a>,
}

/// A user, and what can be done.
#[derive(Template)]
#[template(path = "admin_user.html")]
pub(crate) struct OneUser<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) user: &'a User,
    pub(crate) roles: String,
    pub(crate) groups: String,
    pub(crate) expires_at: String,
    pub(crate) factors: &'a [Factor],
    pub(crate) sessions: &'a [Session],
    /// Whether there are more sessions than are shown.
    pub(crate) more: bool,
    /// Whether it is whoever looks.
    pub(crate) is_own: bool,
}

/// A way back into an account, which is shown once.
#[derive(Template)]
#[template(path = "admin_handed.html")]
pub(crate) struct Handed<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) id: i64,
    pub(crate) link: &'a str,
}

/// The API keys, and the form of a new one.
#[derive(Template)]
#[template(path = "admin_api_keys.html")]
pub(crate) struct ApiKeys<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) keys: &'a [ApiKey],
    pub(crate) more: bool,
    /// Each scope, and whether it was chosen.
    pub(crate) scopes: [(&'static str, bool); 6],
    pub(crate) name: &'a str,
}

/// An API key, which is shown once.
#[derive(Template)]
#[template(path = "admin_new_key.html")]
pub(crate) struct NewApiKey<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) name: &'a str,
    pub(crate) secret: &'a str,
}

/// The signing keys: name, algorithm and state, and from when each signs.
#[derive(Template)]
#[template(path = "admin_signing_keys.html")]
pub(crate) struct SigningKeys<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) rows: &'a [[String; 3]],
}

/// Entries of the audit log, and what is looked for.
#[derive(Template)]
#[template(path = "admin_audit.html")]
pub(crate) struct Audit<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) entries: &'a [AuditEntry],
    /// The query of the next page.
    pub(crate) next: Option<String>,
    pub(crate) user: &'a str,
    pub(crate) action: &'a str,
    pub(crate) outcome: &'a str,
    pub(crate) address: &'a str,
}

/// What a verification of the log found.
#[derive(Template)]
#[template(path = "admin_verified.html")]
pub(crate) struct Verified<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) verified: &'a Verification,
}

/// What waits in the outbox.
#[derive(Template)]
#[template(path = "admin_outbox.html")]
pub(crate) struct Outbox<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) waiting: &'a [Waiting],
}

/// A chart, and what it shows in words.
pub(crate) struct Chart {
    /// In SVG of our own.
    pub(crate) image: String,
    pub(crate) label: String,
}

/// How the service is.
#[derive(Template)]
#[template(path = "admin_health.html")]
pub(crate) struct Health<'a> {
    pub(crate) frame: Frame<'a>,
    /// What keeps it from being ready.
    pub(crate) ready: Option<&'a str>,
    pub(crate) version: &'a str,
    pub(crate) charts: &'a [Chart],
    pub(crate) connections: i64,
    /// Messages that wait, and for how many seconds the oldest has.
    pub(crate) waiting: i64,
    pub(crate) waited: u64,
    /// Signing keys that are not used because their row is not what it was.
    pub(crate) unusable_keys: usize,
}
