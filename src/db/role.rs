//! The role that the service logs in as: it must have no more rights than it needs.
//!
//! The promises of `docs/security.md` about a service that was taken over depend on it. A role that
//! can become another is judged as that one.

use super::client::Client;
use crate::error::Result;

/// The rights of a connection's role beyond reading and writing rows, if any, as a text that names
/// the role. It is the role that logged in, since a session can return to it.
///
/// # Errors
/// The faults of the connection.
pub(crate) fn excess(client: &mut Client) -> Result<Option<String>> {
    let sql = "
        SELECT role.rolname::text,
               CASE WHEN role.rolsuper THEN 'is a superuser'
                    WHEN pg_has_role(role.oid, schema.nspowner, 'MEMBER')
                        THEN 'owns the tables, or can become the role that does'
                    WHEN role.rolcreaterole THEN 'may make roles'
                    WHEN role.rolbypassrls OR role.rolreplication OR role.rolcreatedb
                        THEN 'may bypass row security, replicate or make databases'
               END
        FROM pg_catalog.pg_roles AS role
        LEFT JOIN pg_catalog.pg_namespace AS schema ON schema.nspname = 'gatepost'
        WHERE role.rolname = session_user";
    let row = client.query_typed_one(sql, &[])?;
    let (role, more): (String, Option<String>) = (row.get(0), row.get(1));
    Ok(more.map(|more| {
        format!(
            "database.url: the role {role} {more}; anyone who takes over the service could do the same. Use gatepost_app, which only reads and writes rows; `gatepost database create` \
             makes it"
        )
    }))
}

/// Why a connection's role cannot migrate, if so, as a text that names the role.
///
/// # Errors
/// The faults of the connection.
pub(crate) fn lack(client: &mut Client) -> Result<Option<String>> {
    let sql = "
        SELECT role.rolname::text
        FROM pg_catalog.pg_roles AS role
        WHERE role.rolname = session_user
            AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_roles AS owner
                WHERE owner.rolname = 'gatepost_owner'
                    AND pg_has_role(role.oid, owner.oid, 'MEMBER'))";
    let found = client.query_typed(sql, &[])?;
    Ok(found.first().map(|row| {
        let role: String = row.get(0);
        format!("database.owner_url: the role {role} is not gatepost_owner and cannot become it")
    }))
}
