//! Users over HTTP: JSON in, operation, JSON out.

use super::{Change, ExportPosition, Filter, NewUser, User};
use crate::access::Caller;
use crate::app::App;
use crate::config::Registration;
use crate::domain::{
    Attributes, AttributesPatch, Email, Login, LoginPrefix, Name, Names, Page, Timestamp, UserId,
};
use crate::error::{Error, Result};
use crate::http::paging::{encoded, page, page_and_after, with_next};
use crate::http::parameters::Parameters;
use crate::http::{Request, Response};
use crate::passwords::Password;
use serde::Serialize;
use zeroize::Zeroizing;

/// What only admins and programs may say about a user.
pub(crate) struct Managed {
    roles: Option<Names>,
    groups: Option<Names>,
    attributes: Option<AttributesPatch>,
}

impl Managed {
    pub(crate) fn of(parameters: &mut Parameters) -> Result<Self> {
        let mut names = |field| -> Result<Option<Names>> {
            let names = parameters.optional_texts(field)?;
            names.map(|names| Names::parse(field, names)).transpose()
        };
        let (roles, groups) = (names("roles")?, names("groups")?);
        let attributes = parameters.optional_value("attributes");
        let attributes = attributes.map(AttributesPatch::parse).transpose()?;
        Ok(Self { roles, groups, attributes })
    }

    fn is_empty(&self) -> bool {
        self.roles.is_none() && self.groups.is_none() && self.attributes.is_none()
    }

    pub(crate) fn new_user(self, email: Option<Email>) -> Result<NewUser> {
        let patch = self.attributes.map(|patch| patch.applied_to(&Attributes::default()));
        Ok(NewUser {
            admin: false,
            email,
            roles: self.roles.unwrap_or_default(),
            groups: self.groups.unwrap_or_default(),
            attributes: patch.transpose()?.unwrap_or_default(),
        })
    }
}

/// `POST /user`
pub(crate) fn register(app: &App, request: &Request) -> Result<Response> {
    let mut parameters = request.parameters()?;
    let login = Login::parse(&parameters.text("login")?)?;
    let password = Password::parse(&Zeroizing::new(parameters.text("password")?))?;
    let email = parameters.optional_text("email")?.map(|text| Email::parse(&text)).transpose()?;
    let managed = Managed::of(&mut parameters)?;
    parameters.end()?;
    let by_anyone = app.config().access.registration == Registration::Anyone && managed.is_empty();
    let caller = if by_anyone { Caller::Anonymous } else { Caller::of(app, request)? };
    let user = if managed.is_empty() {
        super::register_with(app, &caller, &login, &password, email.as_ref())?
    } else {
        super::create(app, &caller, &login, &password, &managed.new_user(email)?)?
    };
    let location = format!("?id={}", user.id.get());
    Ok(Response::json(201, &user).header("Location", location))
}

/// A page of users.
#[derive(Serialize)]
struct UsersPage<'a> {
    users: &'a [User],
    page_num: i64,
    page_size: i64,
}

/// The filters of `GET /users`.
const FILTERS: [&str; 7] =
    ["login_prefix", "email", "role", "group", "locked", "created_after", "created_before"];

/// The filters that the parameters name, and the same as a query, each followed by `&`.
fn filter(parameters: &mut Parameters) -> Result<(Filter, String)> {
    let mut filter = Filter::default();
    let mut query = String::new();
    for name in FILTERS {
        let Some(text) = parameters.optional_text(name)? else { continue };
        let time = || Timestamp::parse(&text).map_err(|fault| Error::parameter(name, fault));
        match name {
            "login_prefix" => filter.login_prefix = Some(LoginPrefix::parse(&text)?),
            "email" => filter.email = Some(Email::parse(&text)?),
            "role" => filter.role = Some(Name::parse(name, &text)?),
            "group" => filter.group = Some(Name::parse(name, &text)?),
            "locked" => {
                let locked = text.parse();
                let locked = locked.map_err(|_| Error::parameter(name, "must be true or false"))?;
                filter.locked = Some(locked);
            }
            "created_after" => filter.created_after = Some(time()?),
            _ => filter.created_before = Some(time()?),
        }
        query += &format!("{name}={}&", encoded(&text));
    }
    Ok((filter, query))
}

/// `GET /users`
pub(crate) fn list(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    // Only then is more said about what is asked.
    caller.shows_something()?;
    let mut parameters = request.parameters()?;
    let (filter, query) = filter(&mut parameters)?;
    let (page, users, next) = if filter.is_empty() {
        let page = page(&mut parameters)?;
        no_more_filters(&parameters)?;
        let (users, more) = super::list(app, &caller, page)?;
        let last = users.last().filter(|_| more).map(|user| user.id.get().to_string());
        (page, users, last)
    } else {
        let (page, after) = page_and_after(&mut parameters)?;
        no_more_filters(&parameters)?;
        let after = after.map(|after| filter.parse_position(&after)).transpose()?;
        let (users, more) = super::search(app, &caller, &filter, page, after.as_ref())?;
        let last = users.last().filter(|_| more).map(|user| filter.position_after(user));
        (page, users, last.transpose()?.map(|position| position.to_string()))
    };
    let body = UsersPage { users: &users, page_num: page.number(), page_size: page.size() };
    Ok(with_next(Response::json(200, &body), &query, page, next))
}

/// Refuses what is neither a filter nor a parameter of pages.
fn no_more_filters(parameters: &Parameters) -> Result<()> {
    parameters.end().map_err(|error| match error {
        Error::InvalidRequest(text) => {
            Error::InvalidRequest(format!("{text}; filters are {}", FILTERS.join(", ")))
        }
        other => other,
    })
}

/// `GET /user`
pub(crate) fn show(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let user = match parameters.optional_text("login")? {
        None => {
            let id = UserId::parse(parameters.number("id", 1)?)?;
            parameters.end()?;
            super::show(app, &caller, id)?
        }
        Some(login) => {
            let id = parameters.optional_number("id", 1)?;
            parameters.end()?;
            let user = super::find(app, &caller, &Login::parse(&login)?)?;
            // Only now: a caller without a token is told that first, as everywhere.
            if id.is_some() {
                return Err(Error::parameter("login", "stands in place of id, not beside it"));
            }
            user
        }
    };
    Ok(Response::json(200, &user))
}

/// `GET /user/export`
pub(crate) fn export(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let id = UserId::parse(parameters.number("id", 1)?)?;
    let size = parameters.optional_number("page_size", 1)?.unwrap_or(Page::MAX_SIZE);
    let after = parameters.optional_number("after", 0)?.unwrap_or(ExportPosition::START.after);
    let before = parameters.optional_number("before", 1)?.unwrap_or(ExportPosition::START.before);
    parameters.end()?;
    let from = ExportPosition::new(after, before);
    let (export, next) = super::export(app, &caller, id, from, size)?;
    let response = Response::json(200, &export);
    Ok(match next {
        Some(ExportPosition { after, before }) => {
            let id = id.get();
            response.next(&format!("id={id}&page_size={size}&after={after}&before={before}"))
        }
        None => response,
    })
}

/// `PATCH /user`
pub(crate) fn change(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let id = UserId::parse(parameters.number("id", 1)?)?;
    let mut password = |name| -> Result<Option<Password>> {
        let text = parameters.optional_text(name)?.map(Zeroizing::new);
        text.map(|text| Password::parse(&text)).transpose()
    };
    let new = password("password")?;
    let current = password("current_password")?;
    let locked = parameters.optional_flag("locked")?;
    let expires_at = match parameters.nullable_text("expires_at")? {
        Some(Some(text)) => {
            let time = Timestamp::parse(&text);
            Some(Some(time.map_err(|fault| Error::parameter("expires_at", fault))?))
        }
        other => other.map(|_| None),
    };
    let email = match parameters.nullable_text("email")? {
        Some(text) => Some(text.map(|text| Email::parse(&text)).transpose()?),
        None => None,
    };
    let managed = Managed::of(&mut parameters)?;
    parameters.end()?;
    let own = new.is_some() || email.is_some();
    if !own && locked.is_none() && expires_at.is_none() && managed.is_empty() {
        let text = "is missing, as are email, locked, expires_at, roles, groups and attributes: \
                    there is nothing to change";
        return Err(Error::parameter("password", text));
    }
    let change = Change {
        password: new.as_ref(),
        current_password: current.as_ref(),
        email: email.as_ref().map(Option::as_ref),
        email_verified: false,
        locked,
        expires_at,
        roles: managed.roles.as_ref(),
        groups: managed.groups.as_ref(),
        attributes: managed.attributes.as_ref(),
    };
    Ok(Response::json(200, &super::change(app, &caller, id, &change)?))
}

/// `DELETE /user`
pub(crate) fn delete(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let id = UserId::parse(parameters.number("id", 1)?)?;
    parameters.end()?;
    Ok(Response::json(200, &super::delete(app, &caller, id)?))
}
