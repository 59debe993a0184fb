//! `gatepost database create`, `gatepost database migrate` and `gatepost database after-restore`

use super::output::tell;
use super::{Argument, Arguments, Failure, Outcome, api_key, ask, print};
use gatepost::config::Algorithm;
use gatepost::secret::Secret;
use gatepost::{App, database, restore};

pub(super) const HELP: &str = "\
Usage: gatepost database create --owner-password-file FILE --app-password-file FILE
                                [--admin-url URL | --admin-url-file FILE]
       gatepost database migrate [--dry-run]
       gatepost database after-restore

create     Creates the roles gatepost_owner and gatepost_app with the passwords in the two files,
           the database gatepost and its grants. Connects as a PostgreSQL superuser. Running it
           again changes nothing. It repairs what it finds where the intention is certain, and
           otherwise stops and says what it found.
           URL names the superuser. It must not hold a password, because other users can see the
           arguments of a command. The password is read from PGPASSWORD or from a terminal; or
           put the whole URL into a file and use --admin-url-file. The default is the role
           postgres on /var/run/postgresql, for `sudo -u postgres gatepost database create …`.
migrate    Applies the pending migrations. Needs database.owner_url. --dry-run prints them instead.
after-restore
           Run it after restoring a backup, or after a standby took over without the last commits,
           before anyone uses the service. It moves all ids beyond those already given out,
           replaces all keys and ends all sessions. It prints the API keys, as
           `gatepost api-key list` does; check them, because keys revoked since the backup are
           valid again. Needs database.owner_url. It is safe to run again, and beside a running
           service.

The private PostgreSQL needs neither create nor migrate, nor database.owner_url.
";

const DEFAULT_ADMIN_URL: &str = "host=/var/run/postgresql user=postgres dbname=postgres";

pub(super) fn command(mut arguments: Arguments) -> Outcome {
    match arguments.next(HELP)? {
        Some(Argument::Word(word)) if word == "create" => create(arguments),
        Some(Argument::Word(word)) if word == "migrate" => migrate(arguments),
        Some(Argument::Word(word)) if word == "after-restore" => after_restore(arguments),
        _ => Err(Failure::Usage("database takes create, migrate or after-restore".to_owned())),
    }
}

fn create(mut arguments: Arguments) -> Outcome {
    let mut url = None;
    let mut url_file = None;
    let mut owner = None;
    let mut app = None;
    while let Some(argument) = arguments.next(HELP)? {
        let slot = match &argument {
            Argument::Flag(name) => match name.as_str() {
                "admin-url" => &mut url,
                "admin-url-file" => &mut url_file,
                "owner-password-file" => &mut owner,
                "app-password-file" => &mut app,
                _ => return Err(Failure::Usage(format!("unknown option --{name}"))),
            },
            Argument::Word(_) => return Err(Failure::unexpected()),
        };
        *slot = Some(arguments.value()?);
    }
    let (Some(owner), Some(app)) = (owner, app) else {
        let text = "database create needs --owner-password-file and --app-password-file";
        return Err(Failure::Usage(text.to_owned()));
    };
    let admin = match (url, url_file) {
        (Some(_), Some(_)) => {
            let text = "--admin-url and --admin-url-file exclude each other";
            return Err(Failure::Usage(text.to_owned()));
        }
        (None, None) => Secret::from(DEFAULT_ADMIN_URL),
        (None, Some(file)) => secret("--admin-url-file", &file)?,
        (Some(url), None) => without_password(Secret::new(url))?,
    };
    arguments.without_file("database create")?;
    let owner = secret("--owner-password-file", &owner)?;
    let app = secret("--app-password-file", &app)?;
    let password = superuser_password(&admin)?;
    let lines = database::create_as(&admin, password.as_ref(), &owner, &app)?;
    print(&(lines.join("\n") + "\nnow: gatepost database migrate\n"))
}

/// The superuser's password, if the server wants one and none was given.
fn superuser_password(admin: &Secret) -> Result<Option<Secret>, Failure> {
    if !database::needs_password(admin)? {
        return Ok(None);
    }
    if ask::is_possible() {
        return ask::ask("Password of the PostgreSQL superuser: ").map(Some);
    }
    let text = "PostgreSQL wants the superuser's password: set PGPASSWORD, put the whole URL into a file \
                and use --admin-url-file, or run this at a terminal";
    Err(Failure::Failed(text.to_owned()))
}

fn without_password(url: Secret) -> Result<Secret, Failure> {
    if database::holds_password(&url)? {
        let text = "--admin-url must not hold a password, which other users of this machine \
                    could see: use PGPASSWORD or --admin-url-file";
        return Err(Failure::Usage(text.to_owned()));
    }
    Ok(url)
}

/// The secret in the file that an option names.
fn secret(option: &str, file: &str) -> Result<Secret, Failure> {
    Secret::read_file(file).map_err(|fault| Failure::Failed(format!("{option}: {fault}")))
}

fn migrate(mut arguments: Arguments) -> Outcome {
    let mut dry_run = false;
    while let Some(argument) = arguments.next(HELP)? {
        match argument {
            Argument::Flag(name) if name == "dry-run" => dry_run = true,
            Argument::Flag(name) => return Err(Failure::Usage(format!("unknown option --{name}"))),
            Argument::Word(_) => return Err(Failure::unexpected()),
        }
    }
    let config = arguments.load()?;
    if dry_run {
        let pending = database::pending(&config)?;
        let text = |(version, name, sql): &(i64, &str, &str)| {
            format!("-- migration {version} ({name})\n{sql}\n")
        };
        let all: String = pending.iter().map(text).collect();
        return print(if all.is_empty() { "-- nothing to do\n" } else { &all });
    }
    match database::migrate(&config)? {
        0 => print("nothing to do\n"),
        count => print(&format!("applied {count} migration(s)\n")),
    }
}

fn after_restore(mut arguments: Arguments) -> Outcome {
    arguments.end(HELP)?;
    let app = App::open(arguments.load()?)?;
    let keys = restore::after_restore(&app)?;
    tell("all sessions have ended, all keys are new, and no id is given out twice");
    if app.config().tokens.algorithm == Algorithm::Hs256 {
        tell(
            "tokens.hs256_secret was not changed: other services accept access tokens signed with it \
             until these expire; change the secret to end them at once",
        );
    }
    if !keys.is_empty() {
        tell("the API keys are as they were in the backup; revoke those that must not be valid:");
    }
    print(&keys.iter().map(api_key::line).collect::<String>())
}
