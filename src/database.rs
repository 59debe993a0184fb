//! What an operator does to the database, beside the service: make it, and bring its schema up
//! to date.

use crate::config::{Config, Profile};
use crate::db::managed::Managed;
use crate::db::{self, bootstrap, migrate};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// Makes roles, database, schema and grants as a PostgreSQL superuser. Running it again changes
/// nothing. Returns one line for each role about its password.
///
/// # Errors
/// [`Error::Configuration`] for a connection string that is none, [`Error::Startup`] when the
/// server cannot be reached or refuses.
pub fn create(
    admin_url: &Secret,
    owner_password: &Secret,
    app_password: &Secret,
) -> Result<Vec<String>> {
    let mut admin = admin_config(admin_url)?;
    if admin.get_password().is_none()
        && let Ok(password) = std::env::var("PGPASSWORD")
    {
        admin.password(Secret::new(password).expose());
    }
    bootstrap::run(&admin)?;
    let outcomes = bootstrap::set_passwords(&admin, owner_password, app_password)?;
    let line = |(role, outcome)| match outcome {
        bootstrap::Outcome::Set => format!("{role}: password set"),
        bootstrap::Outcome::Kept => format!("{role}: has a password already, left as it is"),
    };
    Ok(outcomes.into_iter().map(line).collect())
}

/// How to connect as the superuser; the limits of time are those of every configuration.
fn admin_config(url: &Secret) -> Result<postgres::Config> {
    let settings = Config::new(Profile::Development).database;
    let mut admin = db::parse_url("--admin-url", url, &settings)?;
    if admin.get_dbname() == Some(db::DATABASE) {
        // It need not exist yet; the script connects to it when it does.
        admin.dbname("postgres");
    }
    Ok(admin)
}

/// Whether a connection string holds a password, which must not stand in an argument.
///
/// # Errors
/// [`Error::Configuration`] for a connection string that is none.
pub fn holds_password(url: &Secret) -> Result<bool> {
    Ok(admin_config(url)?.get_password().is_some())
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
/// As [`pending`]; and [`Error::Startup`] when one fails, which then left nothing behind.
pub fn migrate(config: &Config) -> Result<usize> {
    with_owner(config, migrate::apply)
}

/// Connects as the role that owns the schema. The private PostgreSQL is started for it where no
/// service runs, and has then migrated itself.
pub(crate) fn with_owner<T>(
    config: &Config,
    work: impl Fn(&postgres::Config) -> Result<T>,
) -> Result<T> {
    if config.database.url.is_none() {
        let managed = Managed::start_or_attach(&config.data_dir()?, config.database.pool_size)?;
        return work(&managed.owner());
    }
    let Some(url) = &config.database.owner_url else {
        return Err(Error::Configuration(vec![
            "database.owner_url: what only the owner of the tables may do needs it, the \
             connection string of gatepost_owner"
                .to_owned(),
        ]));
    };
    work(&db::parse_url("database.owner_url", url, &config.database)?)
}
