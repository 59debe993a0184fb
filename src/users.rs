//! Users: register, list, show, change, delete.
//!
//! Each operation checks its caller's right itself, whether it is reached over HTTP or called by
//! a program that embeds us.

mod addresses;
mod admins;
pub(crate) mod api;
mod change;
mod export;
mod filter;
mod filtered;
mod last_admin;
pub(crate) mod proved;
mod read;
mod store;
mod types;

use crate::access::{
    Caller, Right, authorize, authorize_change, authorize_fresh, authorize_fresh_change,
};
use crate::app::App;
use crate::audit::{Action, Event, Writer};
use crate::config::Registration;
use crate::db::Transaction;
use crate::domain::{Email, Login, UserId};
use crate::error::{Error, Result};
use crate::limits;
use crate::outbox::{self, Asked, UserEvent};
use crate::passwords::Password;
use crate::proofs::{self, ProofKind};
use crate::sessions;
pub use change::{Change, change, change_password};
pub use export::{ExportPosition, UserExport, export};
pub use filter::{Filter, Position};
#[cfg(feature = "internals")]
pub(crate) use filtered::explain;
use last_admin::Admins;
use read::find_as;
pub use read::{find, list, search, show};
pub use types::{NewUser, User};

/// Registers a user.
///
/// # Errors
/// As [`register_with`].
pub fn register(app: &App, caller: &Caller, login: &Login, password: &Password) -> Result<User> {
    register_with(app, caller, login, password, None)
}

/// Registers a user, with an address or without one.
///
/// # Errors
/// [`Error::WeakPassword`]; [`Error::LoginTaken`], also for all but one of several callers who
/// register the same login at once. With `access.registration = "admin"`: [`Error::TokenMissing`],
/// [`Error::TokenInvalid`], [`Error::Forbidden`], [`Error::ScopeMissing`]. If anyone may register:
/// [`Error::TooManyAttempts`]. Database errors.
pub fn register_with(
    app: &App,
    caller: &Caller,
    login: &Login,
    password: &Password,
    email: Option<&Email>,
) -> Result<User> {
    let admins_only = app.config().access.registration == Registration::Admin;
    if admins_only {
        app.database()?.with_connection(|conn| authorize(conn, caller, Right::Register))?;
    }
    app.check_strength(password, login.canonical())?;
    let by_oneself = !admins_only && !matches!(caller, Caller::Trusted);
    if by_oneself {
        limits::registration(app)?;
    }
    let counters = limits::of_login(app, login)?;
    let audit = Writer::new(app)?;
    let database = app.database()?;
    let hash = app.hash(password)?.to_string();
    let new = NewUser { email: email.cloned(), ..NewUser::default() };
    database.with_transaction(|tx| {
        let actor = if admins_only {
            authorize_change(tx, caller, Right::Register)?
        } else {
            caller.actor(tx)?
        };
        let user = store::insert(tx, login, &hash, &new)?;
        begins(tx, app, &user)?;
        if by_oneself {
            limits::registered(tx, &counters, user.id)?;
        }
        audit.record(tx, actor, &Event::new(Action::Register, Some(user.id)))?;
        Ok(user)
    })
}

/// Tells of a new user, and sends the address what proves it.
fn begins(tx: &mut Transaction<'_>, app: &App, user: &User) -> Result<()> {
    outbox::tell(tx, app, user.id, &[UserEvent::Created])?;
    match &user.email {
        Some(email) => {
            let asked = Asked::anew();
            outbox::send_proof(tx, app, user.id, ProofKind::Verification, email, asked).map(drop)
        }
        None => Ok(()),
    }
}

/// Deletes a user and returns the user that was deleted. The user's sessions end, and their access
/// tokens are refused from then on.
///
/// # Errors
/// As [`show`], [`Error::InsufficientAuthentication`] and [`Error::LastAdmin`].
pub fn delete(app: &App, caller: &Caller, id: UserId) -> Result<User> {
    let audit = Writer::new(app)?;
    // A caller without the right must not lock the rows of others.
    find_as(app, caller, Right::Change(id), id)?;
    app.database()?.with_transaction(|tx| {
        let admins = Admins::lock_for(tx, caller, id)?;
        let access = &app.config().access;
        let actor = authorize_fresh_change(tx, caller, Right::Change(id), access)?;
        admins.can_spare(id, None)?;
        let user = store::delete(tx, id)?.ok_or(Error::NoSuchUser)?;
        admins.knew(&user)?;
        sessions::end_all(tx, app, id, None)?;
        outbox::tell(tx, app, id, &[UserEvent::Deleted])?;
        audit.record(tx, actor, &Event::new(Action::DeleteUser, Some(id)))?;
        Ok(user.seen_by(caller))
    })
}

/// Makes a user an admin or an ordinary user. It takes effect on the user's next request.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`], [`Error::ScopeMissing`],
/// [`Error::InsufficientAuthentication`], [`Error::NoSuchUser`], [`Error::LastAdmin`]; database errors.
pub fn set_admin(app: &App, caller: &Caller, id: UserId, admin: bool) -> Result<User> {
    let audit = Writer::new(app)?;
    let detail = if admin { "admin" } else { "no admin" };
    let access = &app.config().access;
    app.database()?.with_connection(|conn| authorize(conn, caller, Right::Admin))?;
    app.database()?.with_transaction(|tx| {
        // Only an admin can be the last one.
        let admins = (!admin).then(|| Admins::lock_for(tx, caller, id)).transpose()?;
        let actor = authorize_fresh_change(tx, caller, Right::Appoint(id), access)?;
        if let Some(admins) = &admins {
            admins.can_spare(id, None)?;
        }
        let user = store::set_admin(tx, id, admin)?.ok_or(Error::NoSuchUser)?;
        if admin {
            // Somebody may have pulled a link that would open an admin's account now.
            proofs::end_all(tx, id)?;
        } else {
            // The user's tokens claim more than is true now.
            sessions::revoke_tokens(tx, id)?;
        }
        outbox::tell(tx, app, id, &[UserEvent::Changed])?;
        audit.record(tx, actor, &Event::new(Action::SetAdmin, Some(id)).with_detail(detail))?;
        Ok(user.seen_by(caller))
    })
}

/// Registers a user on an admin's behalf: one who is an admin, or has roles, groups or attributes
/// from the start. This is for admins and, if the user is not to be one, for keys with both
/// `register` and `users:write`.
///
/// # Errors
/// [`Error::WeakPassword`], [`Error::LoginTaken`], [`Error::TokenMissing`],
/// [`Error::TokenInvalid`], [`Error::Forbidden`], [`Error::ScopeMissing`], for an admin
/// [`Error::InsufficientAuthentication`]; database errors.
pub fn create(
    app: &App,
    caller: &Caller,
    login: &Login,
    password: &Password,
    new: &NewUser,
) -> Result<User> {
    let rights = if new.admin { [Right::Admin; 2] } else { [Right::ChangeOthers, Right::Register] };
    let access = &app.config().access;
    app.database()?.with_connection(|conn| {
        rights.iter().try_for_each(|right| match new.admin {
            true => authorize_fresh(conn, caller, *right, access).map(drop),
            false => authorize(conn, caller, *right).map(drop),
        })
    })?;
    app.check_strength(password, login.canonical())?;
    let audit = Writer::new(app)?;
    let hash = app.hash(password)?.to_string();
    let detail = new.detail();
    app.database()?.with_transaction(|tx| {
        let [also, first] = rights;
        let actor = authorize_change(tx, caller, first)?;
        authorize_change(tx, caller, also)?;
        let user = store::insert(tx, login, &hash, new)?;
        user.extra_claims(&app.config().tokens.claims)?;
        begins(tx, app, &user)?;
        let event = Event::new(Action::Register, Some(user.id));
        let event = detail.as_deref().map_or(event, |detail| event.with_detail(detail));
        audit.record(tx, actor, &event)?;
        Ok(user)
    })
}

/// Registers a user who is an admin from the start: [`create`] with nothing else.
///
/// # Errors
/// As [`create`].
pub fn register_admin(
    app: &App,
    caller: &Caller,
    login: &Login,
    password: &Password,
) -> Result<User> {
    create(app, caller, login, password, &NewUser { admin: true, ..NewUser::default() })
}
