//! The schema's versions: `sql/migrations/`, embedded, applied in order, each in a transaction.
//!
//! Version 0 in the table of migrations is not a migration. It is the row that every process locks
//! before it applies migrations, so that two that start together take turns. A row works where
//! advisory locks do not: through pgbouncer, and on engines that only speak PostgreSQL's protocol.

use super::client::{Client, Line};
use super::names::OWNER_ROLE;
use super::{connect, soundness};
use crate::config::conninfo::Conninfo;
use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

/// One step of the schema.
#[derive(Debug)]
pub(crate) struct Migration {
    pub(crate) version: i64,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// All of them, the oldest first. Never change one that was released: add another.
const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "users",
        sql: include_str!("../../sql/migrations/0001_users.sql"),
    },
    Migration {
        version: 2,
        name: "sessions",
        sql: include_str!("../../sql/migrations/0002_sessions.sql"),
    },
    Migration {
        version: 3,
        name: "signing_keys",
        sql: include_str!("../../sql/migrations/0003_signing_keys.sql"),
    },
    Migration {
        version: 4,
        name: "api_keys",
        sql: include_str!("../../sql/migrations/0004_api_keys.sql"),
    },
    Migration {
        version: 5,
        name: "revocations",
        sql: include_str!("../../sql/migrations/0005_revocations.sql"),
    },
    Migration {
        version: 6,
        name: "accounts",
        sql: include_str!("../../sql/migrations/0006_accounts.sql"),
    },
    Migration {
        version: 7,
        name: "attempts",
        sql: include_str!("../../sql/migrations/0007_attempts.sql"),
    },
    Migration {
        version: 8,
        name: "audit",
        sql: include_str!("../../sql/migrations/0008_audit.sql"),
    },
    Migration {
        version: 9,
        name: "session_identity",
        sql: include_str!("../../sql/migrations/0009_session_identity.sql"),
    },
    Migration {
        version: 10,
        name: "set_back",
        sql: include_str!("../../sql/migrations/0010_set_back.sql"),
    },
    Migration {
        version: 11,
        name: "admins",
        sql: include_str!("../../sql/migrations/0011_admins.sql"),
    },
    Migration {
        version: 12,
        name: "key_codes",
        sql: include_str!("../../sql/migrations/0012_key_codes.sql"),
    },
    Migration {
        version: 13,
        name: "live_sessions",
        sql: include_str!("../../sql/migrations/0013_live_sessions.sql"),
    },
    Migration {
        version: 14,
        name: "times",
        sql: include_str!("../../sql/migrations/0014_times.sql"),
    },
    Migration {
        version: 15,
        name: "revoked_keys",
        sql: include_str!("../../sql/migrations/0015_revoked_keys.sql"),
    },
    Migration {
        version: 16,
        name: "roles",
        sql: include_str!("../../sql/migrations/0016_roles.sql"),
    },
    Migration {
        version: 17,
        name: "admit_attempt",
        sql: include_str!("../../sql/migrations/0017_admit_attempt.sql"),
    },
    Migration {
        version: 18,
        name: "swept_after",
        sql: include_str!("../../sql/migrations/0018_swept_after.sql"),
    },
    Migration {
        version: 19,
        name: "factors",
        sql: include_str!("../../sql/migrations/0019_factors.sql"),
    },
    Migration {
        version: 20,
        name: "passkeys",
        sql: include_str!("../../sql/migrations/0020_passkeys.sql"),
    },
    Migration {
        version: 21,
        name: "addresses",
        sql: include_str!("../../sql/migrations/0021_addresses.sql"),
    },
    Migration {
        version: 22,
        name: "messages",
        sql: include_str!("../../sql/migrations/0022_messages.sql"),
    },
];

/// The last migration that was applied.
///
/// # Errors
/// Database errors.
pub(crate) fn applied(client: &mut Client) -> Result<i64> {
    let sql = "SELECT max(version) FROM gatepost.migrations";
    Ok(client.query_typed_one(sql, &[])?.get::<_, Option<i64>>(0).unwrap_or(0))
}

/// What to do when the schema is behind.
const MIGRATE: &str = "run `gatepost database migrate`";

const TABLE: &str = "
    BEGIN;
    SET LOCAL ROLE gatepost_owner;
    CREATE TABLE gatepost.migrations (
        version    BIGINT PRIMARY KEY,
        name       TEXT NOT NULL,
        checksum   BYTEA NOT NULL,
        applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
    );
    GRANT SELECT ON gatepost.migrations TO gatepost_app;
    INSERT INTO gatepost.migrations (version, name, checksum)
    VALUES (0, 'lock', '');
    COMMIT;";

/// Begins every migration. Even when a superuser migrates, the tables belong to their owner.
const LOCK: &str = "
    SET LOCAL ROLE gatepost_owner;
    SELECT FROM gatepost.migrations WHERE version = 0 FOR UPDATE;";

/// How a database's schema compares with this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SchemaStanding {
    /// As this program knows it.
    Current,
    /// Newer: a later release has migrated. Migrations expand first, so this program keeps working.
    Newer,
}

/// Compares the schema with this program.
///
/// # Errors
/// [`Error::SchemaBehind`] when the schema is older or missing; the faults of the connection.
pub(crate) fn standing(client: &mut Client) -> Result<SchemaStanding> {
    let sql = "SELECT max(version) FROM gatepost.migrations";
    let found: Option<i64> = match client.query_typed_one(sql, &[]) {
        Ok(row) => row.get(0),
        Err(error) => {
            return Err(match error.code() {
                Some(&SqlState::UNDEFINED_TABLE) => missing_schema(client)?,
                _ => error.into(),
            });
        }
    };
    let known = MIGRATIONS.last().map_or(0, |migration| migration.version);
    match found.unwrap_or(0) {
        found if found < known => Err(Error::SchemaBehind(format!(
            "the database's schema is at version {found}, this program needs {known}; {MIGRATE}"
        ))),
        found if found > known => Ok(SchemaStanding::Newer),
        _ => Ok(SchemaStanding::Current),
    }
}

/// Why there is no table of migrations: none has been applied yet, or this is another database.
fn missing_schema(client: &mut Client) -> Result<Error> {
    let sql = "SELECT current_database()::text, to_regnamespace('gatepost') IS NOT NULL";
    let row = client.query_typed_one(sql, &[])?;
    let (database, is_made): (String, bool) = (row.get(0), row.get(1));
    Ok(Error::SchemaBehind(if is_made {
        format!("the schema in the database {database} is empty; {MIGRATE}")
    } else {
        format!(
            "the database {database} has no schema gatepost: database.url names the wrong database, \
             or `gatepost database create` was not run on this server"
        )
    }))
}

/// The migrations that a database still lacks, the oldest first. Changes nothing.
///
/// # Errors
/// [`Error::Startup`] when the database cannot be reached, or an applied migration differs from
/// this program's migration of the same number.
pub(crate) fn pending(owner: &Conninfo) -> Result<Vec<&'static Migration>> {
    let mut client = open(owner)?;
    if exists(&mut client)? { missing(&mut client) } else { Ok(MIGRATIONS.iter().collect()) }
}

/// Applies the pending migrations, each in a transaction of its own, and returns how many there
/// were.
///
/// # Errors
/// [`Error::Startup`] as [`pending`], and when a statement fails. Then that migration leaves
/// nothing behind, and earlier ones stay.
pub(crate) fn apply(owner: &Conninfo) -> Result<usize> {
    let mut client = open(owner)?;
    prepare(&mut client)?;
    let mut count = 0;
    loop {
        let mut tx = client.transaction().map_err(failed)?;
        tx.batch_execute(LOCK).map_err(failed)?;
        let Some(next) = missing(&mut tx)?.into_iter().next() else {
            return Ok(count);
        };
        tx.batch_execute(next.sql).map_err(failed)?;
        let sql = "INSERT INTO gatepost.migrations (version, name, checksum) VALUES ($1, $2, $3)";
        let checksum = checksum(next);
        tx.execute_typed(
            sql,
            &[(&next.version, Type::INT8), (&next.name, Type::TEXT), (&checksum, Type::BYTEA)],
        )
        .map_err(failed)?;
        tx.commit().map_err(failed)?;
        log::info!("applied migration {} ({})", next.version, next.name);
        count += 1;
    }
}

/// Makes the table of migrations. When several try at once, one succeeds; the others wait for it
/// inside PostgreSQL, fail, and find the table there.
fn prepare(client: &mut Client) -> Result<()> {
    if exists(client)? {
        return Ok(());
    }
    let Err(error) = client.batch_execute(TABLE) else {
        return Ok(());
    };
    client.batch_execute("ROLLBACK").map_err(failed)?;
    if exists(client)? { Ok(()) } else { Err(failed(error)) }
}

fn exists(client: &mut Client) -> Result<bool> {
    let sql = "SELECT to_regclass('gatepost.migrations') IS NOT NULL";
    Ok(client.query_typed_one(sql, &[]).map_err(failed)?.get(0))
}

fn missing(client: &mut Line) -> Result<Vec<&'static Migration>> {
    let sql = "SELECT version, checksum FROM gatepost.migrations WHERE version > 0";
    let mut applied = std::collections::BTreeMap::new();
    for row in client.query_typed(sql, &[]).map_err(failed)? {
        applied.insert(row.get::<_, i64>(0), row.get::<_, Vec<u8>>(1));
    }
    let mut missing = Vec::new();
    for migration in MIGRATIONS {
        match applied.get(&migration.version) {
            None => missing.push(migration),
            Some(found) if *found == checksum(migration) => (),
            Some(_) => {
                return Err(Error::startup(format!(
                    "migration {} ({}) was applied to this database with a different text; nothing was changed",
                    migration.version, migration.name
                )));
            }
        }
    }
    Ok(missing)
}

fn checksum(migration: &Migration) -> Vec<u8> {
    Sha256::digest(migration.sql).to_vec()
}

fn open(owner: &Conninfo) -> Result<Client> {
    let mut client = connect::patient(owner).map_err(|fault| {
        Error::startup(format!("cannot connect to PostgreSQL as {OWNER_ROLE}: {fault}"))
    })?;
    soundness::check(&mut client)?;
    Ok(client)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn failed(error: tokio_postgres::Error) -> Error {
    Error::startup(format!("the migration failed: {}", super::fault::describe(&error)))
}
