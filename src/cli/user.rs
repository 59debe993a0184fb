//! `gatepost user …`: works beside a running service, and without one.

mod transfer;

use super::ask::{self, ask, read_line};
use super::output::record;
use super::{Argument, Arguments, Failure, Outcome, print};
use gatepost::domain::{Login, Page, Timestamp};
use gatepost::passwords::Password;
use gatepost::users::{self, Change, User};
use gatepost::{App, Caller};
use std::fmt::Display;

pub(super) const HELP: &str = "\
Usage: gatepost user create LOGIN [--admin]    Create a user; reads the password from standard input
       gatepost user list                      List the users
       gatepost user show LOGIN                Show a user
       gatepost user promote LOGIN             Make a user an admin
       gatepost user demote LOGIN              Make an admin an ordinary user
       gatepost user lock LOGIN                Lock an account and end its sessions at once
       gatepost user unlock LOGIN              Unlock an account
       gatepost user expire LOGIN TIME         Let an account expire at a time such as
                                               2027-01-31T18:00:00Z, or `never`
       gatepost user delete LOGIN              Delete a user
       gatepost user set-password LOGIN        Set a password, read from standard input
       gatepost user import FILE [--dry-run]   Import users from another service
       gatepost user export                    Write all users in the form that import reads

Works with and without a running service, on the private PostgreSQL too. A user is shown as id,
login, `admin` or `user`, and the time of registration, separated by tabs; `locked` and
`expires TIME` follow where they apply.

import reads NDJSON in UTF-8, one object a line, from FILE or, with `-`, from standard input. An
object has login and password_hash, and optionally admin, created_at, locked and expires_at. A hash
may be bcrypt, Argon2, scrypt or PBKDF2 in the forms of Django, Werkzeug, passlib and others, or come
from an export, which marks Gatepost's own hashes with hashed_by. An imported hash is replaced by one
of Gatepost's at the user's first login. Lines that cannot be imported are reported, and the others
are imported. Running it again skips the users that are already there. --dry-run changes nothing; it
prints what would happen and what the first logins will cost.
export writes password hashes to standard output: keep the result safe.
";

pub(super) fn command(mut arguments: Arguments) -> Outcome {
    let mut words = Vec::new();
    let mut admin = false;
    let mut dry_run = false;
    while let Some(argument) = arguments.next(HELP)? {
        match argument {
            Argument::Word(word) => words.push(word),
            Argument::Flag(name) if name == "admin" => admin = true,
            Argument::Flag(name) if name == "dry-run" => dry_run = true,
            Argument::Flag(name) => return Err(Failure::Usage(format!("unknown option --{name}"))),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if admin && words.first() != Some(&"create") {
        return Err(Failure::Usage("--admin goes with user create".to_owned()));
    }
    if dry_run && words.first() != Some(&"import") {
        return Err(Failure::Usage("--dry-run goes with user import".to_owned()));
    }
    let caller = Caller::Trusted;
    let open = || Ok::<App, Failure>(App::open(arguments.load()?)?);
    let find = |app: &App, login: &str| users::find(app, &caller, &Login::parse(login)?);
    let user = match words.as_slice() {
        ["list"] => return list(&open()?, &caller),
        ["import", file] if dry_run => return transfer::dry_run(&arguments, file),
        ["import", file] => return transfer::import(&arguments, file),
        ["export"] => return transfer::export(&open()?),
        ["show", login] => find(&open()?, login)?,
        ["create", login] => {
            let login = Login::parse(login)?;
            let password = read_password()?;
            let create = if admin { users::register_admin } else { users::register };
            create(&open()?, &caller, &login, &password)?
        }
        ["promote" | "demote", login] => {
            let app = open()?;
            let id = find(&app, login)?.id;
            users::set_admin(&app, &caller, id, words[0] == "promote")?
        }
        ["lock" | "unlock", login] => {
            let app = open()?;
            let id = find(&app, login)?.id;
            let mut change = Change::default();
            change.locked = Some(words[0] == "lock");
            users::change(&app, &caller, id, &change)?
        }
        ["expire", login, time] => {
            let mut change = Change::default();
            change.expires_at = Some(parse_end(time)?);
            let app = open()?;
            let id = find(&app, login)?.id;
            users::change(&app, &caller, id, &change)?
        }
        ["delete", login] => {
            let app = open()?;
            let id = find(&app, login)?.id;
            users::delete(&app, &caller, id)?
        }
        ["set-password", login] => {
            // Asked for first, so that the database is not held while someone types.
            let password = read_password()?;
            let app = open()?;
            let id = find(&app, login)?.id;
            users::change_password(&app, &caller, id, &password)?
        }
        ["expire"] | ["expire", _] => {
            return Err(Failure::Usage("user expire needs a LOGIN and a TIME".to_owned()));
        }
        [
            "create" | "show" | "promote" | "demote" | "lock" | "unlock" | "delete"
            | "set-password",
        ] => {
            return Err(Failure::Usage(format!("user {} needs a LOGIN", words[0])));
        }
        ["import"] => return Err(Failure::Usage("user import needs a FILE".to_owned())),
        _ => {
            let text = "user takes create, list, show, promote, demote, lock, unlock, expire, \
                        delete, set-password, import or export";
            return Err(Failure::Usage(text.to_owned()));
        }
    };
    print(&line(&user))
}

fn line(user: &User) -> String {
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
    record(&columns)
}

/// The time at which an account expires; `None` for `never`.
fn parse_end(text: &str) -> Result<Option<Timestamp>, Failure> {
    if text == "never" {
        return Ok(None);
    }
    let fault = |fault| Failure::Usage(format!("the time {fault}, or never"));
    Timestamp::parse(text).map(Some).map_err(fault)
}

fn list(app: &App, caller: &Caller) -> Outcome {
    let mut after = 0;
    loop {
        let page = Page::parse(1, Page::MAX_SIZE, Some(after))?;
        let (users, more) = users::list(app, caller, page)?;
        print(&users.iter().map(line).collect::<String>())?;
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
