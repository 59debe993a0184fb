//! Reading users: one, by id or login, and a page of all.

use super::filter::{Filter, Position};
use super::types::User;
use super::{filtered, store};
use crate::access::{Caller, Right, authorize, read_as};
use crate::app::App;
use crate::domain::{Login, Page, UserId};
use crate::error::{Error, Result};

/// A page of users in the order of their ids, and whether more follow it.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`],
/// [`Error::ScopeMissing`]; database errors.
pub fn list(app: &App, caller: &Caller, page: Page) -> Result<(Vec<User>, bool)> {
    app.database()?.with_connection(|conn| {
        read_as(conn, caller, Right::SeeAll, |conn, rows| store::list(conn, rows, page))
    })
}

/// A page of the users who pass a filter, and whether more follow. With `after` the page begins
/// there, whatever its number.
///
/// # Errors
/// As [`list`], and [`Error::Unavailable`] when several filters together take longer than a
/// statement may.
pub fn search(
    app: &App,
    caller: &Caller,
    filter: &Filter,
    page: Page,
    after: Option<&Position>,
) -> Result<(Vec<User>, bool)> {
    app.database()?.with_connection(|conn| {
        authorize(conn, caller, Right::SeeAll)?;
        filtered::list(conn, filter, page, after)
    })
}

/// One user.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`]; [`Error::Forbidden`] and
/// [`Error::ScopeMissing`] whether or not there is such a user; [`Error::NoSuchUser`]; database
/// errors.
pub fn show(app: &App, caller: &Caller, id: UserId) -> Result<User> {
    find_as(app, caller, Right::See(id), id)
}

/// One user, for a caller who has this right.
///
/// # Errors
/// As [`show`].
pub(super) fn find_as(app: &App, caller: &Caller, right: Right, id: UserId) -> Result<User> {
    app.database()?.with_connection(|conn| {
        let user = read_as(conn, caller, right, |conn, rows| store::find(conn, rows, id))?;
        user.map(|user| user.seen_by(caller)).ok_or(Error::NoSuchUser)
    })
}

/// The user with this login, however it is spelled. A caller who may see nobody else learns nothing
/// about a login that is not their own: whether it exists or not, this is [`Error::Forbidden`].
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`], [`Error::ScopeMissing`],
/// [`Error::NoSuchUser`]; database errors.
pub fn find(app: &App, caller: &Caller, login: &Login) -> Result<User> {
    app.database()?.with_connection(|conn| {
        let user = store::find_by_login(conn, login)?;
        let right = user.as_ref().map_or(Right::SeeAll, |user| Right::See(user.id));
        authorize(conn, caller, right)?;
        user.map(|user| user.seen_by(caller)).ok_or(Error::NoSuchUser)
    })
}
