//! `gatepost database …`

mod backup;

use super::output::tell;
use super::records::Form;
use super::{Context, Failure, Outcome, api_key, ask, print};
use clap::Subcommand;
use gatepost::api_keys::ApiKey;
use gatepost::config::{Algorithm, Config};
use gatepost::secret::Secret;
use gatepost::{App, database, restore};

/// Create, migrate, back up, restore and upgrade the database
///
/// The private PostgreSQL needs neither create nor migrate, nor database.owner_url. It alone has backup,
/// restore and upgrade; docs/backup.md has the commands for another server.
#[derive(Subcommand)]
pub(super) enum Command {
    Create(Roles),
    /// Bring the schema up to date
    ///
    /// Applies the pending migrations. Needs database.owner_url.
    Migrate {
        /// Print the pending migrations instead
        #[arg(long)]
        dry_run: bool,
    },
    Backup(backup::Backup),
    Restore(backup::Restore),
    /// Take the private PostgreSQL to the newest major version that is installed
    ///
    /// Both versions must be installed, and the service stopped. The content is copied into a new
    /// cluster, which then takes the place of the former one. That one is kept as cluster.old in
    /// database.data_dir, so there must be room for both. Until then nothing of it is touched. Settings of
    /// PostgreSQL that you have changed are not taken over.
    Upgrade,
    /// Make a restored database safe to use
    ///
    /// Run it after restoring a dump with PostgreSQL's own commands, or after a standby took over without the last commits,
    /// before anyone uses the service. It moves all ids beyond those already given out, replaces
    /// all keys and ends all sessions. It prints the API keys, as `gatepost api-key list` does;
    /// check them, because keys revoked since the backup are valid again. Needs database.owner_url.
    /// It is safe to run again, and beside a running service.
    AfterRestore {
        #[command(flatten)]
        form: Form,
    },
}

/// Create the roles and the database on a PostgreSQL server
///
/// Creates the roles gatepost_owner and gatepost_app with the passwords in the two files, the
/// database gatepost and its grants. Connects as a PostgreSQL superuser, or as a role with CREATEROLE
/// and CREATEDB, such as the administrator of a managed server. Running it again changes
/// nothing. It repairs what it finds where the intention is certain, and otherwise stops and says
/// what it found.
#[derive(clap::Args)]
pub(super) struct Roles {
    /// Holds the password of gatepost_owner
    #[arg(long, value_name = "FILE")]
    owner_password_file: String,
    /// Holds the password of gatepost_app
    #[arg(long, value_name = "FILE")]
    app_password_file: String,
    /// Names the superuser; without it, the role postgres on /var/run/postgresql, for `sudo -u
    /// postgres gatepost database create …`
    ///
    /// It must not hold a password, because other users can see the arguments of a command. The
    /// password is read from PGPASSWORD or from a terminal; or put the whole URL into a file and
    /// use --admin-url-file.
    #[arg(long, value_name = "URL", conflicts_with = "admin_url_file")]
    admin_url: Option<String>,
    /// Holds the superuser's URL, and may hold the password
    #[arg(long, value_name = "FILE")]
    admin_url_file: Option<String>,
}

const DEFAULT_ADMIN_URL: &str = "host=/var/run/postgresql user=postgres dbname=postgres";

pub(super) fn command(context: &Context, command: Command) -> Outcome {
    match command {
        Command::Create(roles) => create(context, roles),
        Command::Migrate { dry_run } => migrate(context, dry_run),
        Command::Backup(options) => backup::save(context, &options),
        Command::Restore(options) => backup::restore(context, &options),
        Command::Upgrade => backup::upgrade(context),
        Command::AfterRestore { form } => after_restore(context, &form),
    }
}

fn create(context: &Context, roles: Roles) -> Outcome {
    let admin = match (roles.admin_url, roles.admin_url_file) {
        (None, None) => Secret::from(DEFAULT_ADMIN_URL),
        (Some(url), _) => without_password(Secret::new(url))?,
        (None, Some(file)) => secret("--admin-url-file", &file)?,
    };
    context.without_file("database create")?;
    let owner = secret("--owner-password-file", &roles.owner_password_file)?;
    let app = secret("--app-password-file", &roles.app_password_file)?;
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

fn migrate(context: &Context, dry_run: bool) -> Outcome {
    let config = context.load()?;
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

fn after_restore(context: &Context, form: &Form) -> Outcome {
    let app = App::open(context.load()?)?;
    let keys = restore::after_restore(&app)?;
    tell_what_is_over(app.config(), &keys);
    api_key::list(&keys, form)
}

/// Says what the end of a restore did, and what it leaves to people.
fn tell_what_is_over(config: &Config, keys: &[ApiKey]) {
    tell("all sessions have ended, all keys are new, and no id is given out twice");
    if config.tokens.algorithm == Algorithm::Hs256 {
        tell(
            "tokens.hs256_secret was not changed: other services accept access tokens signed with it \
             until these expire; change the secret to end them at once",
        );
    }
    if !keys.is_empty() {
        tell("the API keys are as they were in the backup; revoke those that must not be valid:");
    }
}
