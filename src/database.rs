//! An operator's work on the database, beside the service: create it, migrate its schema, upgrade it.

mod upgrade;

use crate::config::conninfo::Conninfo;
use crate::config::{Config, Profile};
use crate::db::managed::Managed;
use crate::db::migrate::SchemaStanding;
use crate::db::{self, bootstrap, migrate, soundness};
use crate::error::{Error, Result};
use crate::secret::Secret;
pub use upgrade::{Upgraded, upgrade};

/// Makes roles, database, schema and grants as a PostgreSQL superuser, or as a role with CREATEROLE and
/// CREATEDB, such as the administrator of a managed server. Running it again changes nothing.
/// Existing parts that are wrong are repaired where that cannot have been intended.
/// Returns a line for each repair, and one for each role about its password.
///
/// # Errors
/// [`Error::Configuration`] for a malformed connection string, [`Error::Startup`] when the server
/// cannot be reached or refuses, and when something of another owner is in the way.
pub fn create(
    admin_url: &Secret,
    owner_password: &Secret,
    app_password: &Secret,
) -> Result<Vec<String>> {
    create_as(admin_url, None, owner_password, app_password)
}

/// As [`create`], with the superuser's password. Without one, that of the connection string or of
/// the variable `PGPASSWORD` is used.
///
/// # Errors
/// As [`create`].
pub fn create_as(
    admin_url: &Secret,
    admin_password: Option<&Secret>,
    owner_password: &Secret,
    app_password: &Secret,
) -> Result<Vec<String>> {
    let mut admin = admin_with_password(admin_url)?;
    if let Some(password) = admin_password {
        admin.driver.password(password.expose());
    }
    let before = bootstrap::roles(&admin)?;
    let mut lines = bootstrap::run(&admin)?;
    let outcomes = bootstrap::set_passwords(&admin, &before, owner_password, app_password)?;
    let line = |(role, outcome)| match outcome {
        bootstrap::PasswordOutcome::Set => format!("{role}: password set"),
        bootstrap::PasswordOutcome::Kept => {
            format!("{role}: already has a password, which was not changed")
        }
        bootstrap::PasswordOutcome::Unseen => format!(
            "{role}: was there already, and only a superuser can see whether it has a password, so that was not changed; \
             `ALTER ROLE {role} PASSWORD '…'` sets one"
        ),
    };
    lines.extend(outcomes.into_iter().map(line));
    Ok(lines)
}

/// Whether the server asks the superuser for a password, and neither the connection string nor
/// `PGPASSWORD` holds one.
///
/// # Errors
/// [`Error::Configuration`] for a malformed connection string. An unreachable server is no error
/// here; [`create`] reports it.
pub fn needs_password(admin_url: &Secret) -> Result<bool> {
    let admin = admin_with_password(admin_url)?;
    Ok(db::connect::patient(&admin).is_err_and(|fault| fault.asks_for_password()))
}

fn admin_with_password(url: &Secret) -> Result<Conninfo> {
    let mut admin = admin_config(url)?;
    if admin.driver.get_password().is_none()
        && let Ok(password) = std::env::var("PGPASSWORD")
    {
        admin.driver.password(Secret::new(password).expose());
    }
    Ok(admin)
}

/// Connects to the databases that the configuration names, changes nothing, and returns a line
/// about each.
///
/// # Errors
/// Anything that would keep a service from starting there, or migrations from running:
/// [`Error::Startup`], [`Error::Unavailable`], [`Error::SchemaBehind`].
pub fn check(config: &Config) -> Result<Vec<String>> {
    let Some(url) = &config.database.url else {
        let dir = config.data_dir()?;
        return Ok(vec![format!(
            "database.url is not set: `gatepost serve` starts a private PostgreSQL in {}",
            dir.display()
        )]);
    };
    let connect = |name: &str, url: &Secret| {
        let conninfo = db::connect::parse_url(name, url, config)?;
        let mut client = db::connect::try_connect(name, &conninfo)?;
        let sql = "SELECT session_user::text, current_database()::text";
        let row = client.query_typed_one(sql, &[])?;
        let (role, database): (String, String) = (row.get(0), row.get(1));
        let line = format!("{name}: connected as {role} to the database {database}");
        Ok::<_, Error>((client, line, conninfo.caution()))
    };
    let (mut client, line, caution) = connect("database.url", url)?;
    let mut lines = vec![line];
    lines.extend(caution.map(|text| format!("database.url: {text}")));
    soundness::check(&mut client)?;
    match db::role::excess(&mut client)? {
        Some(text) if config.profile == Profile::Production => return Err(Error::startup(text)),
        Some(text) => lines.push(text),
        None => (),
    }
    if let Some(url) = &config.database.owner_url {
        let (mut client, line, _) = connect("database.owner_url", url)?;
        lines.push(line);
        if let Some(text) = db::role::lack(&mut client)? {
            return Err(Error::startup(text));
        }
    }
    lines.push(match migrate::standing(&mut client)? {
        SchemaStanding::Current => "the schema is up to date".to_owned(),
        SchemaStanding::Newer => {
            "the schema is newer than this program, which works with it".to_owned()
        }
    });
    Ok(lines)
}

/// How to connect as the superuser, with the default time limits.
fn admin_config(url: &Secret) -> Result<Conninfo> {
    let config = Config::new(Profile::Development);
    let mut admin = db::connect::parse_url("--admin-url", url, &config)?;
    if admin.driver.get_dbname() == Some(db::DATABASE) {
        // The database itself may not exist yet; the script connects to it when it does.
        admin.driver.dbname("postgres");
    }
    Ok(admin)
}

/// Whether a connection string holds a password, which must not be in an argument.
///
/// # Errors
/// [`Error::Configuration`] for a malformed connection string.
pub fn holds_password(url: &Secret) -> Result<bool> {
    Ok(admin_config(url)?.driver.get_password().is_some())
}

/// The migrations that the database lacks, as number, name and SQL, the oldest first.
///
/// # Errors
/// [`Error::Configuration`] when `database.owner_url` is missing, [`Error::Startup`] when the
/// database cannot be reached or was migrated by something else.
pub fn pending(config: &Config) -> Result<Vec<(i64, &'static str, &'static str)>> {
    with_owner(config, |owner| {
        let pending = migrate::pending(owner)?.into_iter();
        Ok(pending.map(|migration| (migration.version, migration.name, migration.sql)).collect())
    })
}

/// Applies the pending migrations and returns how many there were.
///
/// # Errors
/// As [`pending`]; and [`Error::Startup`] when one fails, which then leaves nothing behind.
pub fn migrate(config: &Config) -> Result<usize> {
    with_owner(config, migrate::apply)
}

/// Connects as the role that owns the schema. Where no service runs, the private PostgreSQL is
/// started for it, which has then migrated itself.
pub(crate) fn with_owner<T>(
    config: &Config,
    work: impl FnOnce(&Conninfo) -> Result<T>,
) -> Result<T> {
    if config.database.url.is_none() {
        let managed = Managed::start_or_attach(&config.data_dir()?, config.database.pool_size)?;
        return work(&managed.owner());
    }
    let Some(url) = &config.database.owner_url else {
        return Err(Error::Configuration(vec![
            "database.owner_url: is not set; this command needs it, the connection string of gatepost_owner"
                .to_owned(),
        ]));
    };
    work(&db::connect::parse_url("database.owner_url", url, config)?)
}
