//! Roles, database and grants, from `sql/bootstrap.sql`, run as a superuser, or as a role with
//! CREATEROLE and CREATEDB.
//!
//! The file is a psql script, so that an administrator can read it and run it by hand. Three of
//! psql's own commands are understood here: `\echo` and `\connect` end a block of statements, and
//! `\gexec` runs the block as a query and then each statement in its result.

use super::client::Client;
use super::names::{APP_ROLE, OWNER_ROLE};
use crate::config::conninfo::Conninfo;
use crate::error::{Error, Result};
use crate::secret::Secret;
use postgres_protocol::password::scram_sha_256;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_postgres::types::{ToSql, Type};

const SCRIPT: &str = include_str!("../../sql/bootstrap.sql");

/// What [`run`] did about a role's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordOutcome {
    /// The role had none; it has the given one now.
    Set,
    /// The role has one already; it was left alone.
    Kept,
    /// The role was there already, and whether it has one can only be seen by a superuser; it was left
    /// alone.
    Unseen,
}

/// The roles that are there, of the two that the script makes.
///
/// # Errors
/// [`Error::Startup`] as [`run`].
pub(crate) fn roles(admin: &Conninfo) -> Result<Vec<String>> {
    let sql = "SELECT rolname::text FROM pg_catalog.pg_roles WHERE rolname IN ($1, $2)";
    let names: [(&(dyn ToSql + Sync), Type); 2] =
        [(&OWNER_ROLE, Type::NAME), (&APP_ROLE, Type::NAME)];
    let rows = connect(admin)?.query_typed(sql, &names).map_err(refused)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Runs the script as the administrator that `admin` names, starting on the database that it names.
/// Returns the script's warnings, which say what it repaired.
///
/// # Errors
/// [`Error::Startup`] when the server cannot be reached or refuses a statement, and when the script
/// finds something that it must not change.
pub(crate) fn run(admin: &Conninfo) -> Result<Vec<String>> {
    let mended = Arc::new(Mutex::new(Vec::new()));
    let listening = |mut client: Client| {
        let told = Arc::clone(&mended);
        client.hear_notices(Box::new(move |notice| {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            told.push(notice.message().to_owned());
        }));
        client
    };
    let mut client = listening(connect(admin)?);
    let mut block = String::new();
    for line in SCRIPT.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some(r"\gexec") => {
                for row in client.query_typed(&block, &[]).map_err(refused)? {
                    client.batch_execute(row.get(0)).map_err(refused)?;
                }
            }
            Some(r"\echo" | r"\connect") => {
                client.batch_execute(&block).map_err(refused)?;
                if line.starts_with(r"\connect") {
                    let mut inside = admin.clone();
                    inside.driver.dbname(words.next().unwrap_or_default());
                    client = listening(connect(&inside)?);
                }
            }
            _ => {
                block.push_str(line);
                block.push('\n');
                continue;
            }
        }
        block.clear();
    }
    client.batch_execute(&block).map_err(refused)?;
    Ok(std::mem::take(&mut mended.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// On the private server, which is ours alone: revokes the rights of PUBLIC in the databases that
/// every cluster has.
///
/// # Errors
/// [`Error::Startup`] as [`run`].
pub(crate) fn keep_to_own_database(admin: &Conninfo) -> Result<()> {
    let sql = "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC";
    connect(admin)?.batch_execute(sql).map_err(refused)
}

/// Gives the two roles their passwords, unless they have one. Where that cannot be seen, those that were
/// there `before` keep what they have.
///
/// The password leaves this process as a SCRAM-SHA-256 verifier (RFC 5803), so it cannot end up in
/// the server's log.
///
/// # Errors
/// [`Error::Startup`] as [`run`].
pub(crate) fn set_passwords(
    admin: &Conninfo,
    before: &[String],
    owner: &Secret,
    app: &Secret,
) -> Result<[(&'static str, PasswordOutcome); 2]> {
    let mut client = connect(admin)?;
    let sees = "SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT')";
    let sees: bool = client.query_typed_one(sees, &[]).map_err(refused)?.get(0);
    let mut set = |role: &'static str, password: &Secret| -> Result<_> {
        if sees {
            let sql = "SELECT rolpassword IS NULL FROM pg_catalog.pg_authid WHERE rolname = $1";
            let found = client.query_typed_one(sql, &[(&role, Type::NAME)]).map_err(refused)?;
            if !found.get::<_, bool>(0) {
                return Ok((role, PasswordOutcome::Kept));
            }
        } else if before.iter().any(|there| there == role) {
            return Ok((role, PasswordOutcome::Unseen));
        }
        let verifier = scram_sha_256(password.expose().as_bytes());
        client
            .batch_execute(&format!("ALTER ROLE {role} PASSWORD '{verifier}'"))
            .map_err(refused)?;
        Ok((role, PasswordOutcome::Set))
    };
    Ok([set(OWNER_ROLE, owner)?, set(APP_ROLE, app)?])
}

fn connect(config: &Conninfo) -> Result<Client> {
    let mut client = super::connect::patient(config).map_err(|fault| {
        Error::startup(format!("cannot connect to PostgreSQL as its administrator: {fault}"))
    })?;
    // The script is made to be run again, so notices that something exists already are left out.
    client.batch_execute("SET client_min_messages = warning").map_err(refused)?;
    Ok(client)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn refused(error: tokio_postgres::Error) -> Error {
    let cause = super::fault::describe(&error);
    Error::startup(format!("PostgreSQL refused to make the roles or the database: {cause}"))
}
