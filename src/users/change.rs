//! Changing a user: the password, a lock, when the account expires, roles, groups and attributes.

use super::last_admin::Admins;
use super::proved::tell_old_address;
use super::read::find_as;
use super::store;
use super::types::{ATTRIBUTES, EMAIL, User, described};
use crate::access::{Caller, Right, authorize_change, authorize_fresh, authorize_fresh_change};
use crate::app::App;
use crate::audit::{Action, AuditOutcome, Event, Writer};
use crate::db::Transaction;
use crate::domain::{AttributesPatch, Email, Login, Names, Timestamp, UserId};
use crate::error::{Error, Result};
use crate::limits::{self, Attempt, Counters};
use crate::outbox::{self, Asked, MessageKind, UserEvent};
use crate::passwords::{Password, Verdict};
use crate::proofs::{self, ProofKind};
use crate::sessions;
use crate::tokens::SessionRef;

/// What to change about a user; `None` leaves a field as it is.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Change<'a> {
    /// The new password. Every access token issued before is refused from then on, and all sessions
    /// of the user end, except the one in which the user does this: that one can be refreshed.
    pub password: Option<&'a Password>,
    /// The current password. If it is given, it must be right; `passwords.require_current` says
    /// whether users must give it for a new one of their own.
    pub current_password: Option<&'a Password>,
    /// The address, `Some(None)` for none. One that is not verified is replaced at once. One that is stays
    /// until mail to the new one was seen to arrive.
    pub email: Option<Option<&'a Email>>,
    /// Takes that address as verified, and at once. For [`Caller::Trusted`].
    pub email_verified: bool,
    /// Locks the account or unlocks it: for admins, and for keys that may change the user. A lock
    /// ends all sessions, and unlocking does not bring them back.
    pub locked: Option<bool>,
    /// When the account expires, `Some(None)` for never: for the same callers. From then on its
    /// access and refresh tokens are refused. Its sessions are kept, and work again if a later time
    /// is set before they expire.
    pub expires_at: Option<Option<Timestamp>>,
    /// The user's roles, instead of those so far: for the same callers.
    pub roles: Option<&'a Names>,
    /// The groups that the user is in, instead of those so far: for the same callers.
    pub groups: Option<&'a Names>,
    /// A change of the user's attributes: for the same callers.
    pub attributes: Option<&'a AttributesPatch>,
}

impl Change<'_> {
    fn right(&self, id: UserId) -> Right {
        let own = self.locked.is_none()
            && self.expires_at.is_none()
            && self.roles.is_none()
            && self.groups.is_none()
            && self.attributes.is_none()
            && !self.email_verified;
        if own { Right::Change(id) } else { Right::Manage(id) }
    }

    /// What the audit log says about it.
    fn detail(&self) -> String {
        let end = |end: Option<Timestamp>| end.map_or("never".to_owned(), |end| end.to_string());
        let parts = [
            self.password.map(|_| "password".to_owned()),
            self.email.map(|_| EMAIL.to_owned()),
            self.locked.map(|locked| format!("locked {locked}")),
            self.expires_at.map(|at| format!("expires_at {}", end(at))),
            self.roles.map(|roles| described("roles", roles)),
            self.groups.map(|groups| described("groups", groups)),
            self.attributes.map(|_| ATTRIBUTES.to_owned()),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Whether it closes the account, and from when; `None` means now.
    fn closes(&self) -> Option<Option<Timestamp>> {
        match (self.locked, self.expires_at) {
            (Some(true), _) => Some(None),
            (_, Some(Some(end))) => Some(Some(end)),
            _ => None,
        }
    }

    /// Which session goes on, if any has to end.
    fn ends_all_but(&self, own: Option<SessionRef>) -> Option<Option<SessionRef>> {
        match (self.locked, self.password) {
            (Some(true), _) => Some(None),
            (_, Some(_)) => Some(own),
            _ => None,
        }
    }
}

/// Changes a user, effective on that user's next request.
///
/// # Errors
/// [`Error::InvalidRequest`] when the current password is needed and missing,
/// [`Error::InsufficientAuthentication`] for a new password or address when the caller signed in too long
/// ago, [`Error::InvalidCredentials`] when the current password is wrong, [`Error::TooManyAttempts`] when it was wrong too
/// often, [`Error::WeakPassword`], [`Error::EmailTaken`] for a verified address that is another
/// user's, [`Error::Forbidden`] for one from anybody but a trusted caller, and as [`delete`](super::delete).
pub fn change(app: &App, caller: &Caller, id: UserId, change: &Change<'_>) -> Result<User> {
    let right = change.right(id);
    if change.email_verified && !matches!(caller, Caller::Trusted) {
        return Err(Error::Forbidden);
    }
    let own_session = caller.session_as(id);
    let kept = change.ends_all_but(own_session);
    let audit = Writer::new(app)?;
    let user = find_as(app, caller, right, id)?;
    let access = &app.config().access;
    let is_sensitive = change.password.is_some() || change.email.is_some();
    if is_sensitive && matches!(caller, Caller::Bearer(_)) {
        // Before anything is hashed.
        app.database()?.with_connection(|conn| authorize_fresh(conn, caller, right, access))?;
    }
    let login = Login::parse(&user.login)?;
    let counters = limits::of_login(app, &login)?;
    if let Some(password) = change.password {
        let own = app.config().passwords.require_current && own_session.is_some();
        if own && change.current_password.is_none() {
            return Err(Error::parameter("current_password", "is needed for a new password"));
        }
        app.check_strength(password, login.canonical())?;
    }
    if let Some(current) = change.current_password {
        check_current(app, caller, id, counters.clone(), current)?;
    }
    let detail = change.detail();
    let closes = change.closes();
    let patch = change.attributes;
    let is_about_claims = patch.is_some() || change.roles.is_some() || change.groups.is_some();
    let mut change = store::ChangedColumns {
        hash: change.password.map(|new| app.hash(new)).transpose()?.map(|hash| hash.to_string()),
        email: change.email.map(Option::<&Email>::cloned),
        email_verified: change.email_verified,
        locked: change.locked,
        expires_at: change.expires_at,
        roles: change.roles.cloned(),
        groups: change.groups.cloned(),
        attributes: None,
    };
    // The right is checked again: hashing takes long enough for the caller to have lost it.
    app.database()?.with_transaction(|tx| {
        let admins = closes.map(|_| Admins::lock_for(tx, caller, id)).transpose()?;
        let actor = match is_sensitive {
            true => authorize_fresh_change(tx, caller, right, access)?,
            false => authorize_change(tx, caller, right)?,
        };
        if let (Some(admins), Some(from)) = (&admins, closes) {
            admins.can_spare(id, from.map(Timestamp::time))?;
        }
        let before = match is_about_claims || change.email.is_some() {
            true => Some(store::lock(tx, id)?.ok_or(Error::NoSuchUser)?),
            false => None,
        };
        if let (Some(patch), Some(before)) = (patch, &before) {
            change.attributes = Some(patch.applied_to(&before.attributes)?);
        }
        let user = store::change(tx, id, &change)?.ok_or(Error::NoSuchUser)?;
        if let Some(before) = before.as_ref().filter(|_| is_about_claims) {
            let templates = &app.config().tokens.claims;
            let now = user.extra_claims(templates)?;
            if before.extra_claims(templates).is_ok_and(|before| before != now) {
                // The user's tokens claim what is no longer so, and a refresh gives true ones.
                store::raise_token_version(tx, id)?;
                sessions::revoke_tokens(tx, id)?;
            }
        }
        admins.map_or(Ok(()), |admins| admins.knew(&user))?;
        if let Some(kept) = kept {
            sessions::end_all(tx, app, id, kept)?;
        }
        tell(tx, app, before.as_ref(), &user, &change)?;
        if change.hash.is_some() {
            limits::forget_networks(tx, &counters, id, own_session.is_some())?;
        }
        let opened = change.locked == Some(false) || change.expires_at.is_some();
        if own_session.is_none() && (change.hash.is_some() || opened) {
            limits::forgive(tx, &counters, id)?;
        }
        audit.record(tx, actor, &Event::new(Action::ChangeUser, Some(id)).with_detail(&detail))?;
        Ok(user.seen_by(caller))
    })
}

/// Tells the user and products of a change, ends what it makes void, and sends a new address what proves it.
fn tell(
    tx: &mut Transaction<'_>,
    app: &App,
    before: Option<&User>,
    user: &User,
    change: &store::ChangedColumns,
) -> Result<()> {
    let locks = change.locked == Some(true);
    if change.hash.is_some() || change.email.is_some() || locks {
        proofs::end_all(tx, user.id)?;
    }
    if change.hash.is_some() {
        outbox::notify(tx, app, user.id, MessageKind::PasswordChanged, None)?;
    }
    if locks {
        outbox::notify(tx, app, user.id, MessageKind::AccountLocked, None)?;
    }
    if let (Some(before), Some(new)) = (before, &change.email) {
        tell_old_address(tx, app, before, user)?;
        let waits =
            !change.email_verified && (user.pending_email.is_some() || !user.email_verified);
        if let Some(new) = new.as_ref().filter(|_| waits) {
            let asked = Asked::anew();
            outbox::send_proof(tx, app, user.id, ProofKind::Verification, new, asked)?;
        }
    }
    let changed = change.email.is_some()
        || change.locked == Some(false)
        || change.expires_at.is_some()
        || change.roles.is_some()
        || change.groups.is_some()
        || change.attributes.is_some();
    let events: Vec<UserEvent> = [
        change.hash.as_ref().map(|_| UserEvent::PasswordChanged),
        locks.then_some(UserEvent::Locked),
        changed.then_some(UserEvent::Changed),
    ]
    .into_iter()
    .flatten()
    .collect();
    outbox::tell(tx, app, user.id, &events)
}

/// Sets a new password: [`change`] with a password alone.
///
/// # Errors
/// As [`change`].
pub fn change_password(
    app: &App,
    caller: &Caller,
    id: UserId,
    password: &Password,
) -> Result<User> {
    change(app, caller, id, &Change { password: Some(password), ..Change::default() })
}

/// Checks the current password. Anyone who holds a token gets as many guesses as without one.
fn check_current(
    app: &App,
    caller: &Caller,
    id: UserId,
    counters: Counters,
    current: &Password,
) -> Result<()> {
    let audit = Writer::new(app)?;
    let attempt = Attempt::before_hash(app, counters)?;
    // Both together, so that nothing stands between a wrong password and its being counted.
    let (actor, stored) = app
        .database()?
        .with_connection(|conn| Ok((caller.actor(conn)?, store::password_hash(conn, id)?)))?;
    match app.verify(current, stored.as_ref())? {
        Verdict::Right | Verdict::RightButWeak => {
            app.database()?.with_transaction(|tx| attempt.succeeded(tx, None))
        }
        Verdict::Wrong => {
            let event = Event::new(Action::ChangeUser, Some(id));
            let event = event.with_outcome(AuditOutcome::WrongPassword);
            audit.failure(&attempt, actor, &event)?;
            Err(Error::InvalidCredentials)
        }
    }
}
