//! Which users a list holds, in which order, and where its next page begins.
//!
//! A page costs the same wherever it is in the list, so each list is in the order of an index:
//! with `created_after` or `created_before` by time of registration, else with `login_prefix` by
//! login, else by id. A single filter is answered from its index alone. Several read the index of one
//! and drop what the others do not want, which the statement's deadline bounds.

use super::types::User;
use crate::domain::{Email, Login, LoginPrefix, Name, Timestamp};
use crate::error::{Error, Result};
use crate::moment;
use time::OffsetDateTime;

/// Which users a list holds: those who pass all that is given.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Filter {
    /// Whose logins begin like this, in any spelling.
    pub login_prefix: Option<LoginPrefix>,
    /// Who have this address, verified or not.
    pub email: Option<Email>,
    /// Who have this role.
    pub role: Option<Name>,
    /// Who are in this group.
    pub group: Option<Name>,
    /// Who are locked, or who are not.
    pub locked: Option<bool>,
    /// Who registered at this time or later.
    pub created_after: Option<Timestamp>,
    /// Who registered before this time.
    pub created_before: Option<Timestamp>,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Id,
    Created,
    Login,
}

impl Filter {
    /// Whether it lets everybody pass.
    pub fn is_empty(&self) -> bool {
        self.login_prefix.is_none()
            && self.email.is_none()
            && self.role.is_none()
            && self.group.is_none()
            && self.locked.is_none()
            && self.created_after.is_none()
            && self.created_before.is_none()
    }

    pub(super) fn order(&self) -> Order {
        if self.created_after.is_some() || self.created_before.is_some() {
            Order::Created
        } else if self.login_prefix.is_some() {
            Order::Login
        } else {
            Order::Id
        }
    }

    /// Where a list with this filter goes on after this user.
    pub fn position_after(&self, user: &User) -> Result<Position> {
        let place = match self.order() {
            Order::Id => Place::Id(user.id.get()),
            Order::Created => Place::Created(user.created_at.time(), user.id.get()),
            Order::Login => Place::Login(Login::parse(&user.login)?.canonical().to_owned()),
        };
        Ok(Position(place))
    }

    /// Parses what [`Position::to_string`] wrote for a list with this filter.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for any other text.
    pub fn parse_position(&self, text: &str) -> Result<Position> {
        let fault = || {
            Error::parameter("after", "must be as in the Link to the next page of the same list")
        };
        let id = |text: &str| text.parse().ok().filter(|id| *id >= 0).ok_or_else(fault);
        let place = match self.order() {
            Order::Id => Place::Id(id(text)?),
            Order::Created => {
                let (micros, of) = text.split_once('.').ok_or_else(fault)?;
                let time = micros.parse().ok().and_then(moment::from_micros).ok_or_else(fault)?;
                Place::Created(time, id(of)?)
            }
            Order::Login => {
                let login = Login::parse(text).map_err(|_| fault())?;
                Place::Login(login.canonical().to_owned())
            }
        };
        Ok(Position(place))
    }
}

/// The end of a page, after which the next one begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position(pub(super) Place);

/// What the last user of a page is, in the order of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Id(i64),
    Created(OffsetDateTime, i64),
    Login(String),
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Place::Id(id) => write!(f, "{id}"),
            Place::Created(time, id) => write!(f, "{}.{id}", moment::micros(*time)),
            Place::Login(login) => f.write_str(login),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Attributes, Names, UserId};

    fn user() -> User {
        User {
            id: UserId::parse(17).unwrap(),
            login: "Ａlice Ö".to_owned(),
            admin: false,
            created_at: Timestamp::parse("1969-12-31T23:59:59Z").unwrap(),
            email: None,
            email_verified: false,
            pending_email: None,
            locked: false,
            expires_at: None,
            roles: Names::default(),
            groups: Names::default(),
            attributes: Attributes::default(),
        }
    }

    #[test]
    fn a_position_is_read_as_it_was_written() {
        let by_login =
            Filter { login_prefix: Some(LoginPrefix::parse("A").unwrap()), ..Filter::default() };
        let time = Some(Timestamp::parse("2026-01-31T18:00:00Z").unwrap());
        let by_time = Filter { created_before: time, ..by_login.clone() };
        let by_id = Filter { locked: Some(true), ..Filter::default() };
        for (filter, text) in [(&by_login, "alice ö"), (&by_time, "-1000000.17"), (&by_id, "17")] {
            let position = filter.position_after(&user()).unwrap();
            assert_eq!(position.to_string(), text);
            assert_eq!(filter.parse_position(text).unwrap(), position);
        }
        for (filter, text) in [
            (&by_id, "-1"),
            (&by_id, "1.2"),
            (&by_time, "17"),
            (&by_time, "x.17"),
            (&by_time, "9223372036854775807.1"),
            (&by_login, ""),
            (&by_login, "a\u{200b}"),
        ] {
            assert!(filter.parse_position(text).is_err(), "{text}");
        }
    }
}
