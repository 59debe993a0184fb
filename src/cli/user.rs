//! `gatepost user …`: works beside a running service, and without one.

mod transfer;

use super::ask::{self, ask, read_line};
use super::records::{Form, Records};
use super::{Context, Failure, Outcome};
use clap::Subcommand;
use gatepost::domain::{Login, Page, Timestamp};
use gatepost::passwords::Password;
use gatepost::users::{self, Change, User};
use gatepost::{App, Caller};
use std::fmt::Display;

/// Create, list, show, change, import and export users
///
/// These commands work with and without a running service, on the private PostgreSQL too. A user is
/// shown as id, login, `admin` or `user`, and the time of registration; `locked` and `expires TIME`
/// follow where they apply.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Create a user; reads the password from standard input
    Create {
        /// The login of the new user
        login: String,
        /// Make the user an admin
        #[arg(long)]
        admin: bool,
        #[command(flatten)]
        form: Form,
    },
    /// List the users
    List {
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
    /// Delete a user
    Delete(Named),
    /// Set a password, read from standard input
    SetPassword(Named),
    /// Import users from another service
    ///
    /// Reads NDJSON in UTF-8, one object a line. An object has login and password_hash, and
    /// optionally admin, created_at, locked and expires_at. A hash may be bcrypt, Argon2, scrypt or
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
    },
    /// Write all users in the form that import reads
    ///
    /// Writes password hashes to standard output: keep the result safe.
    Export,
}

#[derive(clap::Args)]
pub(super) struct Named {
    /// The user's login
    login: String,
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
        Command::Create { login, admin, form } => {
            let login = Login::parse(login)?;
            let password = read_password()?;
            let create = if *admin { users::register_admin } else { users::register };
            show(&create(&open()?, &caller, &login, &password)?, form)
        }
        Command::List { form } => list(&open()?, &caller, form),
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
        Command::Delete(named) => changed(named, &|app, user| users::delete(app, &caller, user.id)),
        Command::SetPassword(named) => {
            // Asked for first, so that the database is not held while someone types.
            let password = read_password()?;
            changed(named, &|app, user| users::change_password(app, &caller, user.id, &password))
        }
        Command::Import { file, dry_run: true } => transfer::dry_run(context, file),
        Command::Import { file, dry_run: false } => transfer::import(context, file),
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
    if user.locked {
        columns.push(&"locked");
    }
    if let Some(expires) = &expires {
        columns.push(expires);
    }
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

fn list(app: &App, caller: &Caller, form: &Form) -> Outcome {
    let mut records = Records::new(form, HEADING);
    let mut after = 0;
    loop {
        let page = Page::parse(1, Page::MAX_SIZE, Some(after))?;
        let (users, more) = users::list(app, caller, page)?;
        users.iter().try_for_each(|user| add(&mut records, user))?;
        records.print()?;
        match users.last() {
            Some(last) if more => after = last.id.get(),
            _ => return Ok(()),
        }
    }
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
