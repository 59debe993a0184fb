//! `gatepost user …`: works beside a running service, and without one.

mod filters;
mod transfer;

use super::ask::{self, ask, read_line};
use super::output::print_line;
use super::records::{Form, Records};
use super::{Context, Failure, Outcome};
use clap::Subcommand;
use filters::Filters;
use gatepost::domain::{AttributesPatch, Email, Login, Names, Page, Timestamp};
use gatepost::factors;
use gatepost::passwords::Password;
use gatepost::recovery;
use gatepost::transfer::{Ids, Importing};
use gatepost::users::{self, Change, Filter, NewUser, User};
use gatepost::{App, Caller};
use std::fmt::Display;
use std::io::Read;
use zeroize::Zeroizing;

/// Create, list, show, change, import and export users
///
/// These commands work with and without a running service, on the private PostgreSQL too. A user is
/// shown as id, login, `admin` or `user`, and the time of registration; `email ADDRESS`, `locked`,
/// `expires TIME`, `roles NAMES` and `groups NAMES` follow where they apply. Attributes are shown with --json.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Create a user; reads the password from standard input
    Create {
        /// The login of the new user
        login: String,
        /// Make the user an admin
        #[arg(long)]
        admin: bool,
        /// The user's address
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        /// A role of the new user; may be repeated
        #[arg(long, value_name = "ROLE")]
        role: Vec<String>,
        /// A group of the new user; may be repeated
        #[arg(long, value_name = "GROUP")]
        group: Vec<String>,
        #[command(flatten)]
        form: Form,
    },
    /// List the users
    ///
    /// Lists all users by id, or those who pass every filter that is given. With --created-after or
    /// --created-before they are listed by time of registration, else with --login-prefix by login.
    List {
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        form: Form,
    },
    /// Show a user
    Show(Named),
    /// Make a user an admin
    Promote(Named),
    /// Make an admin an ordinary user
    Demote(Named),
    /// Lock an account and end its sessions at once
    Lock(Named),
    /// Unlock an account
    Unlock(Named),
    /// Let an account expire
    Expire {
        /// The user's login
        login: String,
        /// A time such as 2027-01-31T18:00:00Z, or `never`
        time: String,
        #[command(flatten)]
        form: Form,
    },
    /// Set the roles of a user, instead of those so far
    ///
    /// Roles are names of your own. Without one the user has none afterwards.
    SetRoles(SetNames),
    /// Set the groups that a user is in, instead of those so far
    SetGroups(SetNames),
    /// Change the attributes of a user; reads JSON from standard input
    ///
    /// The JSON is an object such as {"public": {"plan": "pro"}, "private": {"score": 7}}. What it
    /// does not name stays, and null removes (RFC 7396).
    SetAttributes(Named),
    /// Set the address of a user
    ///
    /// One that was verified stays until mail to the new one was seen to arrive.
    SetEmail {
        /// The user's login
        login: String,
        /// The address, or `none`
        address: String,
        /// Take it as verified, and at once
        #[arg(long)]
        verified: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Make a user without a password, and send the address a link that lets its reader set one
    Invite {
        /// The login of the new user
        login: String,
        /// The address
        address: String,
        /// A role of the new user; may be repeated
        #[arg(long, value_name = "ROLE")]
        role: Vec<String>,
        /// A group of the new user; may be repeated
        #[arg(long, value_name = "GROUP")]
        group: Vec<String>,
        #[command(flatten)]
        form: Form,
    },
    /// Print a link, or a token for POST /recovery/confirm, that sets a new password
    ///
    /// It works once, for half an hour. Hand it to the user and to nobody else.
    Recover {
        /// The user's login
        login: String,
    },
    /// Delete a user
    Delete(Named),
    /// Set a password, read from standard input
    SetPassword(Named),
    /// Remove all second factors and recovery codes of a user who has lost them
    ///
    /// Where a second factor is required, the time to set one up begins anew.
    RemoveFactors(Named),
    /// Import users from another service
    ///
    /// Reads NDJSON in UTF-8, one object a line. An object has login and password_hash, and
    /// optionally id, admin, created_at, token_version, locked, expires_at, roles, groups,
    /// attributes, email, email_verified and factors. If there are ids, all lines have one and they ascend, as in an export; then all
    /// is imported or nothing, there must be no users yet, and database.owner_url is needed unless
    /// the PostgreSQL is the private one. With --renumber the users get new ids. A hash may be bcrypt, Argon2, scrypt or
    /// PBKDF2 in the forms of Django, Werkzeug, passlib and others, or come from an export, which
    /// marks Gatepost's own hashes with hashed_by. An imported hash is replaced by one of
    /// Gatepost's at the user's first login. Lines that cannot be imported are reported, and the
    /// others are imported. Running it again skips the users that are already there.
    Import {
        /// The file, or `-` for standard input
        file: String,
        /// Change nothing; print what would happen and what the first logins will cost
        #[arg(long)]
        dry_run: bool,
        /// Give the users new ids instead of those in the file
        #[arg(long)]
        renumber: bool,
        /// Invite the users who have an email and no password_hash
        #[arg(long)]
        invite: bool,
    },
    /// Write all users in the form that import reads
    ///
    /// Writes password hashes and secrets of second factors to standard output: keep the result safe.
    Export,
}

#[derive(clap::Args)]
pub(super) struct Named {
    /// The user's login
    login: String,
    #[command(flatten)]
    form: Form,
}

#[derive(clap::Args)]
pub(super) struct SetNames {
    /// The user's login
    login: String,
    /// Lower-case letters, digits and . _ : - up to 64 characters each
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    form: Form,
}

pub(super) fn command(context: &Context, command: &Command) -> Outcome {
    let caller = Caller::Trusted;
    let open = || Ok::<App, Failure>(App::open(context.load()?)?);
    let changed = |named: &Named, change: &dyn Fn(&App, &User) -> gatepost::Result<User>| {
        let app = open()?;
        let user = users::find(&app, &caller, &Login::parse(&named.login)?)?;
        show(&change(&app, &user)?, &named.form)
    };
    let locked = |named: &Named, locked| {
        let mut change = Change::default();
        change.locked = Some(locked);
        changed(named, &|app, user| users::change(app, &caller, user.id, &change))
    };
    let admin = |named: &Named, admin| {
        changed(named, &|app, user| users::set_admin(app, &caller, user.id, admin))
    };
    match command {
        Command::Create { login, admin, email, role, group, form } => {
            let login = Login::parse(login)?;
            let mut new = NewUser::default();
            new.admin = *admin;
            new.email = email.as_deref().map(Email::parse).transpose()?;
            new.roles = Names::parse("role", role)?;
            new.groups = Names::parse("group", group)?;
            let password = read_password()?;
            show(&users::create(&open()?, &caller, &login, &password, &new)?, form)
        }
        Command::List { filters, form } => {
            let filter = filters.parse()?;
            list(&open()?, &caller, &filter, form)
        }
        Command::Show(named) => changed(named, &|_, user| Ok(user.clone())),
        Command::Promote(named) => admin(named, true),
        Command::Demote(named) => admin(named, false),
        Command::Lock(named) => locked(named, true),
        Command::Unlock(named) => locked(named, false),
        Command::Expire { login, time, form } => {
            let mut change = Change::default();
            change.expires_at = Some(parse_end(time)?);
            let app = open()?;
            let user = users::find(&app, &caller, &Login::parse(login)?)?;
            show(&users::change(&app, &caller, user.id, &change)?, form)
        }
        Command::SetRoles(set) => {
            let roles = Names::parse("role", &set.names)?;
            set_names(&open()?, &caller, set, |change| change.roles = Some(&roles))
        }
        Command::SetGroups(set) => {
            let groups = Names::parse("group", &set.names)?;
            set_names(&open()?, &caller, set, |change| change.groups = Some(&groups))
        }
        Command::SetAttributes(named) => {
            let patch = read_attributes()?;
            let mut change = Change::default();
            change.attributes = Some(&patch);
            changed(named, &|app, user| users::change(app, &caller, user.id, &change))
        }
        Command::SetEmail { login, address, verified, form } => {
            let email = match address.as_str() {
                "none" if *verified => {
                    return Err(Failure::Usage("--verified needs an address".to_owned()));
                }
                "none" => None,
                address => Some(Email::parse(address)?),
            };
            let mut change = Change::default();
            change.email = Some(email.as_ref());
            change.email_verified = *verified;
            let app = open()?;
            let user = users::find(&app, &caller, &Login::parse(login)?)?;
            show(&users::change(&app, &caller, user.id, &change)?, form)
        }
        Command::Invite { login, address, role, group, form } => {
            let (login, email) = (Login::parse(login)?, Email::parse(address)?);
            let mut new = NewUser::default();
            new.roles = Names::parse("role", role)?;
            new.groups = Names::parse("group", group)?;
            show(&recovery::invite(&open()?, &caller, &login, &email, &new)?, form)
        }
        Command::Recover { login } => {
            let app = open()?;
            let user = users::find(&app, &caller, &Login::parse(login)?)?;
            let way = recovery::hand_over(&app, &caller, user.id)?;
            print_line(way.link.as_ref().unwrap_or(&way.token).expose())
        }
        Command::Delete(named) => changed(named, &|app, user| users::delete(app, &caller, user.id)),
        Command::SetPassword(named) => {
            // Asked for first, so that the database is not held while someone types.
            let password = read_password()?;
            changed(named, &|app, user| users::change_password(app, &caller, user.id, &password))
        }
        Command::RemoveFactors(named) => changed(named, &|app, user| {
            factors::remove_all(app, &caller, user.id).map(|_| user.clone())
        }),
        Command::Import { file, dry_run, renumber, invite } => {
            let ids = if *renumber { Ids::Renumbered } else { Ids::Kept };
            let importing = Importing::from(ids);
            let importing = if *invite { importing.inviting() } else { importing };
            let work = if *dry_run { transfer::dry_run } else { transfer::import };
            work(context, file, importing)
        }
        Command::Export => transfer::export(&open()?),
    }
}

const HEADING: &[&str] = &["ID", "LOGIN", "KIND", "REGISTERED"];

fn show(user: &User, form: &Form) -> Outcome {
    let mut records = Records::new(form, HEADING);
    add(&mut records, user)?;
    records.print()
}

fn add(records: &mut Records, user: &User) -> Outcome {
    let kind = if user.admin { "admin" } else { "user" };
    let id = user.id.get();
    let expires = user.expires_at.map(|time| format!("expires {time}"));
    let mut columns: Vec<&dyn Display> = vec![&id, &user.login, &kind, &user.created_at];
    let email = user.email.as_ref().map(|email| match user.email_verified {
        true => format!("email {email}"),
        false => format!("email {email} (not verified)"),
    });
    if let Some(email) = &email {
        columns.push(email);
    }
    if user.locked {
        columns.push(&"locked");
    }
    if let Some(expires) = &expires {
        columns.push(expires);
    }
    let names = |what, names: &Names| match names.is_empty() {
        true => None,
        false => Some(format!("{what} {}", names.as_slice().join(" "))),
    };
    let (roles, groups) = (names("roles", &user.roles), names("groups", &user.groups));
    columns.extend(roles.iter().chain(&groups).map(|names| names as &dyn Display));
    records.push(&columns, || user)
}

/// The time at which an account expires; `None` for `never`.
fn parse_end(text: &str) -> Result<Option<Timestamp>, Failure> {
    if text == "never" {
        return Ok(None);
    }
    let fault = |fault| Failure::Usage(format!("the time {fault}, or never"));
    Timestamp::parse(text).map(Some).map_err(fault)
}

fn list(app: &App, caller: &Caller, filter: &Filter, form: &Form) -> Outcome {
    let mut records = Records::new(form, HEADING);
    let page = Page::parse(1, Page::MAX_SIZE, None)?;
    let mut after = None;
    loop {
        let (users, more) = users::search(app, caller, filter, page, after.as_ref())?;
        users.iter().try_for_each(|user| add(&mut records, user))?;
        records.print()?;
        match users.last() {
            Some(last) if more => after = Some(filter.position_after(last)?),
            _ => return Ok(()),
        }
    }
}

fn set_names<'a>(
    app: &App,
    caller: &Caller,
    set: &SetNames,
    name: impl FnOnce(&mut Change<'a>),
) -> Outcome {
    let mut change = Change::default();
    name(&mut change);
    let user = users::find(app, caller, &Login::parse(&set.login)?)?;
    show(&users::change(app, caller, user.id, &change)?, &set.form)
}

/// Most bytes of a change of attributes: what either part may hold, twice, and its own form.
const MOST_ATTRIBUTES: u64 = 16 * 1024;

/// Reads a change of attributes from standard input. They may be secret, so no argument takes them.
fn read_attributes() -> Result<AttributesPatch, Failure> {
    let mut text = Zeroizing::new(Vec::new());
    std::io::stdin().lock().take(MOST_ATTRIBUTES + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MOST_ATTRIBUTES {
        return Err(Failure::Failed("standard input: is too long for attributes".to_owned()));
    }
    let fault = |e: serde_json::Error| {
        Failure::Failed(format!(
            "standard input: not JSON (line {}, column {})",
            e.line(),
            e.column()
        ))
    };
    Ok(AttributesPatch::parse(serde_json::from_slice(&text).map_err(fault)?)?)
}

/// Reads a password: twice from a terminal, without showing it, or the first line of standard input
/// if that is no terminal.
fn read_password() -> Result<Password, Failure> {
    if !ask::is_possible() {
        return Ok(Password::parse(read_line()?.expose())?);
    }
    let first = ask("Password: ")?;
    let second = ask("Again: ")?;
    if first.expose() != second.expose() {
        return Err(Failure::Failed("the two passwords differ".to_owned()));
    }
    Ok(Password::parse(first.expose())?)
}
