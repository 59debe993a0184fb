//! Faults of a database that no migration repairs, such as those that a restore leaves.

use super::client::Client;
use super::names::{APP_ROLE, OWNER_ROLE};
use crate::error::{Error, Result};

/// Checks that the database can hold every login, and that its tables have the right owner and are
/// open to the service.
///
/// # Errors
/// [`Error::Startup`], saying what to type; the faults of the connection.
pub(crate) fn check(client: &mut Client) -> Result<()> {
    let sql = "SELECT current_setting('server_encoding'), current_database()::text";
    let row = client.query_typed_one(sql, &[])?;
    let (encoding, name): (String, String) = (row.get(0), row.get(1));
    if encoding != "UTF8" {
        return Err(Error::startup(format!(
            "the database {name} has the encoding {encoding}, which cannot hold every login; make \
             one in UTF8: as a superuser type `ALTER DATABASE \"{name}\" RENAME TO \"{name}_old\"`, \
             then `gatepost database create`, and carry the schema gatepost over with pg_dump and \
             pg_restore if it holds users"
        )));
    }
    let foreign = client.query_typed(NOT_THE_OWNERS, &[])?;
    if let Some(first) = foreign.first() {
        let statements: Vec<String> = foreign.iter().map(|row| row.get(0)).collect();
        return Err(Error::startup(format!(
            "in the database {name} the schema gatepost belongs in whole or in part to {}, not to \
             {OWNER_ROLE}, as after pg_restore --no-owner: restore it as {OWNER_ROLE}, or as a \
             superuser type in that database `{}`",
            first.get::<_, String>(1),
            statements.join("; ")
        )));
    }
    let closed = client.query_typed(CLOSED_TO_THE_SERVICE, &[])?;
    let Some(first) = closed.first() else { return Ok(()) };
    Err(Error::startup(format!(
        "in the database {name} {APP_ROLE} may not use {} ({} in all), as after pg_restore \
         --no-acl: restore it without that option",
        first.get::<_, String>(0),
        closed.len()
    )))
}

/// Objects that belong to another role, each as the statement that repairs it, and that role.
/// Sequences belong to columns and go with their tables.
const NOT_THE_OWNERS: &str = "
    SELECT format('ALTER %s OWNER TO gatepost_owner', thing), pg_get_userbyid(owner)::text
    FROM (
        SELECT 'SCHEMA gatepost' AS thing, nspowner AS owner
        FROM pg_catalog.pg_namespace WHERE nspname = 'gatepost'
        UNION ALL
        SELECT format('TABLE gatepost.%I', relname), relowner
        FROM pg_catalog.pg_class
        WHERE relnamespace = to_regnamespace('gatepost') AND relkind IN ('r', 'p')
    ) AS things
    JOIN pg_catalog.pg_roles ON rolname = 'gatepost_owner'
    WHERE NOT pg_has_role(pg_roles.oid, owner, 'USAGE')
    ORDER BY thing";

/// Tables that the service's role may not even read. There must be none.
const CLOSED_TO_THE_SERVICE: &str = "
    SELECT thing
    FROM (
        SELECT 'the schema gatepost' AS thing, has_schema_privilege(r.oid, n.oid, 'USAGE') AS may
        FROM pg_catalog.pg_roles r, pg_catalog.pg_namespace n
        WHERE r.rolname = 'gatepost_app' AND n.nspname = 'gatepost'
        UNION ALL
        SELECT 'gatepost.' || c.relname, has_any_column_privilege(r.oid, c.oid, 'SELECT')
        FROM pg_catalog.pg_roles r, pg_catalog.pg_class c
        WHERE r.rolname = 'gatepost_app' AND c.relnamespace = to_regnamespace('gatepost')
            AND c.relkind IN ('r', 'p')
    ) AS things
    WHERE NOT may
    ORDER BY thing";
