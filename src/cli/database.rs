//! `gatepost database create`, `gatepost database migrate` and `gatepost database after-restore`

use super::output::tell;
use super::{Argument, Arguments, Failure, Outcome, ask, key, print};
use gatepost::config::Algorithm;
use gatepost::secret::Secret;
use gatepost::{App, database, restore};

pub(super) const HELP: &str = "\
Usage: gatepost database create --owner-password-file FILE --app-password-file FILE
                                [--admin-url URL | --admin-url-file FILE]
       gatepost database migrate [--dry-run]
       gatepost database after-restore

create     As a PostgreSQL superuser: makes the roles gatepost_owner and gatepost_app with the
           passwords in the two files, the database gatepost and its grants. Running it again
           changes nothing. URL names the superuser and, since arguments can be seen by others,
           must not hold a password: that is asked for at a terminal, or give it in PGPASSWORD,
           or the whole URL in a file. What is there already is mended where that can only have
           been meant, and otherwise named. The default is the role postgres on /var/run/postgresql, as in
           `sudo -u postgres gatepost database create …`.
migrate    Applies the pending migrations with database.owner_url. With --dry-run prints them.
after-restore
           Once a backup was restored, or a standby took over that lacked the last commits, and
           before the service runs on it: gives out no number again, makes all keys new, ends all
           sessions. With database.owner_url. Prints the API keys, as `gatepost key list` does:
           look through them, since those that were revoked meanwhile live again. It may be run
           again, and beside a running service.

The private PostgreSQL needs no create, no migrate and no database.owner_url.
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
    let (mut url, mut url_file, mut owner, mut app) = (None, None, None, None);
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

/// The superuser's password, where the server wants one that nobody has given yet.
fn superuser_password(admin: &Secret) -> Result<Option<Secret>, Failure> {
    if !database::needs_password(admin)? {
        return Ok(None);
    }
    if ask::is_possible() {
        return ask::ask("Password of the PostgreSQL superuser: ").map(Some);
    }
    let text = "PostgreSQL asks its superuser for a password: set PGPASSWORD, put the whole URL into a \
                file for --admin-url-file, or run this at a terminal";
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
    tell("all sessions are over, all keys are new, and no number is given out again");
    if app.config().tokens.algorithm == Algorithm::Hs256 {
        tell(
            "tokens.hs256_secret is yours and stays: other services take access tokens signed with \
             it until they are over; to end them at once, change it",
        );
    }
    if !keys.is_empty() {
        tell("these API keys are as the backup has them; revoke what must not live:");
    }
    print(&keys.iter().map(key::line).collect::<String>())
}
