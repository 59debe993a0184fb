//! Who may do what. A token proves who asks. The user's row says what that user may do now, and the
//! session's row says whether the token is still good. An API key proves that a program asks, and
//! the key's row says what it may do.

mod actor;
mod api;
mod client;
pub(crate) mod key;
mod scope;
pub(crate) mod standing;

use crate::app::App;
use crate::config;
use crate::db::{Client, Connection, Line, Transaction};
use crate::domain::UserId;
use crate::error::{Error, Result};
use crate::tokens::{self, AccessClaims, Claims, SessionRef};
pub(crate) use actor::Actor;
pub(crate) use client::ShownClient;
use key::PresentedApiKey;
pub use scope::{Scope, Scopes};
use standing::{CallerRows, CallerStanding};
use std::time::Duration;

/// On whose behalf an operation is done.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Caller {
    /// The program itself, or someone it has authorized by its own means. Everything is allowed.
    Trusted,
    /// A caller who showed neither a token nor a key.
    Anonymous,
    /// The bearer of an access token.
    Bearer(Claims),
    /// A program with an API key, or with a token that was issued for one.
    ApiKey(PresentedApiKey),
}

impl Caller {
    /// The bearer of an access token or of an API key. The operation finds out whether a key is
    /// valid.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], [`Error::ApiKeyInvalid`]; database errors while the keys are
    /// not loaded yet.
    pub fn bearer(app: &App, token: &str) -> Result<Self> {
        if PresentedApiKey::is_meant(token) {
            return PresentedApiKey::parse(token).map(Self::ApiKey);
        }
        Ok(match app.verify_token(token)? {
            AccessClaims::User(claims) => Self::Bearer(claims),
            AccessClaims::Client(claims) => Self::ApiKey(PresentedApiKey::of_token(claims)),
        })
    }

    /// The rows that say what the caller may do; none for a caller who may do everything or for a
    /// key. They are read together with what was asked for, in one round trip.
    ///
    /// # Errors
    /// [`Error::TokenMissing`].
    pub(crate) fn rows(&self) -> Result<Option<CallerRows>> {
        match self {
            Self::Trusted | Self::ApiKey(_) => Ok(None),
            Self::Anonymous => Err(Error::TokenMissing),
            Self::Bearer(claims) => Ok(Some(CallerRows::of(claims))),
        }
    }

    /// Refuses a caller who shows nothing, before more is said about what is asked.
    ///
    /// # Errors
    /// [`Error::TokenMissing`].
    pub(crate) fn shows_something(&self) -> Result<()> {
        self.rows().map(drop)
    }

    /// The session in which the caller acts as this very user.
    pub(crate) fn session_as(&self, user: UserId) -> Option<SessionRef> {
        match self {
            Self::Bearer(claims) if claims.user_id == user.get() => Some(claims.sid),
            _ => None,
        }
    }

    /// Who it is, for audit records of what needs no right.
    ///
    /// # Errors
    /// Database errors. The database is asked only for the number of an API key.
    pub(crate) fn actor(&self, conn: &mut Line) -> Result<Actor> {
        Ok(match self {
            Self::Trusted => Actor::Operator,
            Self::Anonymous => Actor::Anonymous,
            Self::Bearer(claims) => Actor::User(claims.user_id),
            Self::ApiKey(key) => Actor::ApiKey(key::id_of(conn, key)?),
        })
    }
}

/// The claims of a caller who acts as a user, in a session.
///
/// # Errors
/// [`Error::TokenMissing`]; for a key [`Error::ApiKeyInvalid`] and [`Error::ApiKeyForbidden`];
/// [`Error::InvalidRequest`] for a trusted caller; database errors.
pub(crate) fn user_of<'a>(app: &App, caller: &'a Caller) -> Result<&'a Claims> {
    match caller {
        Caller::Bearer(claims) => Ok(claims),
        Caller::Anonymous => Err(Error::TokenMissing),
        Caller::ApiKey(_) => {
            app.database()?.with_connection(|conn| authorize(conn, caller, Right::Admin))?;
            Err(Error::ApiKeyForbidden)
        }
        Caller::Trusted => Err(Error::InvalidRequest(
            "an access token is needed; it says which user and session this is about".to_owned(),
        )),
    }
}

/// What an operation asks of its caller. An admin has all of these rights.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Right {
    /// To be an admin. No key is.
    Admin,
    /// To see all users.
    SeeAll,
    /// To see this user, as that user or with a key that sees all.
    See(UserId),
    /// To change or delete this user, as that user or, if the user is not an admin, with a key.
    Change(UserId),
    /// To change users who are not admins.
    ChangeOthers,
    /// To lock this user, or set when the account expires, roles, groups or attributes; with a key,
    /// only if the user is not an admin.
    Manage(UserId),
    /// To make this user an admin, or no longer one. No key may.
    Appoint(UserId),
    /// To register users where not everyone may.
    Register,
    /// To ask whether a token is valid.
    Introspect,
    /// To see or remove the second factors of this user, as that user. No key may.
    Guard(UserId),
    /// To take messages and events from the outbox.
    Pull,
    /// To make users who are invited.
    Invite,
    /// To give this user a second factor, as that user and nobody else.
    Enrol(UserId),
}

/// How far a clock may be ahead of ours. A sign-in that is farther in the future was noted before the
/// clock was set back, and its age is not known.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

impl Right {
    /// The user who has this right without being an admin.
    fn own(self) -> Option<UserId> {
        match self {
            Self::See(id) | Self::Change(id) | Self::Guard(id) | Self::Enrol(id) => Some(id),
            Self::Admin
            | Self::SeeAll
            | Self::ChangeOthers
            | Self::Manage(_)
            | Self::Appoint(_)
            | Self::Register
            | Self::Pull
            | Self::Invite
            | Self::Introspect => None,
        }
    }

    /// The user whom it is about.
    fn whom(self) -> Option<UserId> {
        match self {
            Self::See(id)
            | Self::Change(id)
            | Self::Manage(id)
            | Self::Appoint(id)
            | Self::Guard(id)
            | Self::Enrol(id) => Some(id),
            Self::Admin
            | Self::SeeAll
            | Self::ChangeOthers
            | Self::Register
            | Self::Pull
            | Self::Invite
            | Self::Introspect => None,
        }
    }

    /// The scope that gives it to a key.
    fn scope(self) -> Option<Scope> {
        match self {
            Self::SeeAll | Self::See(_) => Some(Scope::UsersRead),
            Self::Change(_) | Self::ChangeOthers | Self::Manage(_) => Some(Scope::UsersWrite),
            Self::Register => Some(Scope::Register),
            Self::Introspect => Some(Scope::Introspect),
            Self::Pull => Some(Scope::Outbox),
            Self::Invite => Some(Scope::Invite),
            Self::Admin | Self::Appoint(_) | Self::Guard(_) | Self::Enrol(_) => None,
        }
    }
}

/// Reads something together with the caller's rows, in one round trip, and returns it if the caller
/// has the right. A key is looked up first. `read` gets the rows to read along with it, if there
/// are any.
pub(crate) fn read_as<T>(
    conn: &mut Connection,
    caller: &Caller,
    right: Right,
    read: impl FnOnce(&mut Connection, Option<CallerRows>) -> Result<(Option<CallerStanding>, T)>,
) -> Result<T> {
    match caller {
        Caller::Bearer(claims) => {
            let (standing, value) = read(conn, Some(CallerRows::of(claims)))?;
            judge(claims, right, standing)?;
            Ok(value)
        }
        Caller::Trusted | Caller::Anonymous | Caller::ApiKey(_) => {
            authorize(conn, caller, right)?;
            read(conn, None).map(|(_, value)| value)
        }
    }
}

/// Checks the right against the caller's row, and returns who the caller is.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`]; for a key
/// [`Error::ApiKeyInvalid`], [`Error::ApiKeyForbidden`], [`Error::ScopeMissing`]; database errors.
pub(crate) fn authorize(conn: &mut Client, caller: &Caller, right: Right) -> Result<Actor> {
    authorize_within(conn, caller, right, None)
}

/// As [`authorize`], for what could take an account over. The user of a token must have signed in no
/// longer ago than the settings say, and with the second factor, if there is one. Keys are exempt: programs cannot.
///
/// # Errors
/// As [`authorize`], and [`Error::InsufficientAuthentication`].
pub(crate) fn authorize_fresh(
    conn: &mut Client,
    caller: &Caller,
    right: Right,
    settings: &config::Access,
) -> Result<Actor> {
    authorize_within(conn, caller, right, settings.freshness())
}

fn authorize_within(
    conn: &mut Client,
    caller: &Caller,
    right: Right,
    fresh_for: Option<Duration>,
) -> Result<Actor> {
    match caller {
        Caller::Trusted => Ok(Actor::Operator),
        Caller::Anonymous => Err(Error::TokenMissing),
        Caller::Bearer(claims) => {
            let standing = judge(claims, right, standing::read(conn, CallerRows::of(claims))?)?;
            fresh_for.map_or(Ok(()), |within| judge_age(claims, standing, within))?;
            Ok(Actor::User(claims.user_id))
        }
        Caller::ApiKey(key) => {
            let key = key::read(conn, key)?;
            judge_key(&key.scopes, right)?;
            spare_admins(right, |rows| standing::read(conn, rows))?;
            Ok(Actor::ApiKey(Some(key.id)))
        }
    }
}

/// The same in a transaction that changes something. The row is locked, and read afterwards: if one
/// token asks for two changes at once, the second sees what the first did to the token and its
/// session.
///
/// The user concerned is locked together with the caller, so that two users who change each other
/// do not deadlock. That happens only for an admin; otherwise anyone could hold anyone's row.
pub(crate) fn authorize_change(
    tx: &mut Transaction<'_>,
    caller: &Caller,
    right: Right,
) -> Result<Actor> {
    authorize_change_within(tx, caller, right, None)
}

/// As [`authorize_change`] and [`authorize_fresh`] together.
///
/// # Errors
/// As [`authorize_fresh`].
pub(crate) fn authorize_fresh_change(
    tx: &mut Transaction<'_>,
    caller: &Caller,
    right: Right,
    settings: &config::Access,
) -> Result<Actor> {
    authorize_change_within(tx, caller, right, settings.freshness())
}

fn authorize_change_within(
    tx: &mut Transaction<'_>,
    caller: &Caller,
    right: Right,
    fresh_for: Option<Duration>,
) -> Result<Actor> {
    match caller {
        Caller::Trusted => Ok(Actor::Operator),
        Caller::Anonymous => Err(Error::TokenMissing),
        Caller::Bearer(claims) => {
            let rows = CallerRows::of(claims);
            let is_admin = |it: Option<CallerStanding>| it.is_some_and(|standing| standing.admin);
            let other = right.whom().map(UserId::get).filter(|id| *id != rows.user);
            // The caller may have become an admin after the token was issued, so that is read
            // first.
            let both = other.is_some() && (claims.admin || is_admin(standing::read(tx, rows)?));
            standing::lock(tx, &[Some(rows.user), other.filter(|_| both)])?;
            let standing = standing::read(tx, rows)?;
            if other.is_some() && !both && is_admin(standing) {
                // The caller became an admin a moment ago. It is too late to lock in order, so the
                // transaction runs again.
                return Err(Error::Conflict("the caller was just made an admin".to_owned()));
            }
            let standing = judge(claims, right, standing)?;
            fresh_for.map_or(Ok(()), |within| judge_age(claims, standing, within))?;
            Ok(Actor::User(claims.user_id))
        }
        Caller::ApiKey(key) => {
            let key = key::lock(tx, key)?;
            judge_key(&key.scopes, right)?;
            spare_admins(right, |rows| {
                standing::lock(tx, &[Some(rows.user)])?;
                standing::read(tx, rows)
            })?;
            Ok(Actor::ApiKey(Some(key.id)))
        }
    }
}

fn judge(
    claims: &Claims,
    right: Right,
    standing: Option<CallerStanding>,
) -> Result<CallerStanding> {
    let standing = standing
        .filter(|it| it.token_version == claims.token_version)
        .filter(|it| it.takes(claims.auth_time))
        .ok_or(Error::TokenInvalid)?;
    let own = right.own().is_some_and(|id| id.get() == claims.user_id);
    let as_admin = standing.admin && !matches!(right, Right::Enrol(_));
    if as_admin || own { Ok(standing) } else { Err(Error::Forbidden) }
}

/// The token is as old as its session's row says, so its claims tell when and how the user signed in.
fn judge_age(claims: &Claims, standing: CallerStanding, fresh_for: Duration) -> Result<()> {
    let now = tokens::now();
    let is_fresh = claims.auth_time <= now.saturating_add(CLOCK_SKEW.as_secs())
        && now.saturating_sub(claims.auth_time) <= fresh_for.as_secs();
    if is_fresh && (claims.amr.is_mfa() || !standing.second_factor) {
        return Ok(());
    }
    Err(Error::InsufficientAuthentication { max_age: fresh_for, mfa: standing.second_factor })
}

fn judge_key(scopes: &Scopes, right: Right) -> Result<()> {
    match right.scope() {
        None => Err(Error::ApiKeyForbidden),
        Some(scope) if scopes.contain(scope) => Ok(()),
        Some(scope) => Err(Error::ScopeMissing(scope.name())),
    }
}

/// A key must not change an admin: anyone who sets an admin's password can act as one, and anyone
/// who locks the admins takes the service from them.
fn spare_admins(
    right: Right,
    standing: impl FnOnce(CallerRows) -> Result<Option<CallerStanding>>,
) -> Result<()> {
    let (Right::Change(id) | Right::Manage(id)) = right else { return Ok(()) };
    // No session has the number 0; only the user's row matters here.
    let rows = CallerRows { user: id.get(), session: SessionRef::new(0, Default::default()) };
    let admin = standing(rows)?.is_some_and(|standing| standing.admin);
    if admin { Err(Error::ApiKeyForbidden) } else { Ok(()) }
}
