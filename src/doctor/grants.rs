//! Rights on the tables that the service does not need, its own or anybody else's.

use super::verdict::Verdict;
use crate::db::Client;
use crate::error::Result;

/// Every right on the schema, its tables, columns and sequences of a role other than their owner.
const GRANTED: &str = "
    SELECT coalesce(role.rolname::text, 'PUBLIC'), thing, privilege
    FROM (
        SELECT acl.grantee, nspowner AS owner, 'the schema gatepost' AS thing,
               acl.privilege_type AS privilege
        FROM pg_catalog.pg_namespace, aclexplode(nspacl) AS acl
        WHERE nspname = 'gatepost'
        UNION ALL
        SELECT acl.grantee, relowner, relname::text, acl.privilege_type
        FROM pg_catalog.pg_class, aclexplode(relacl) AS acl
        WHERE relnamespace = to_regnamespace('gatepost')
        UNION ALL
        SELECT acl.grantee, relowner, relname || '.' || attname, acl.privilege_type
        FROM pg_catalog.pg_class JOIN pg_catalog.pg_attribute ON attrelid = pg_class.oid,
             aclexplode(attacl) AS acl
        WHERE relnamespace = to_regnamespace('gatepost')
    ) AS granted
    LEFT JOIN pg_catalog.pg_roles AS role ON role.oid = granted.grantee
    WHERE granted.grantee <> granted.owner AND role.rolname IS DISTINCT FROM 'gatepost_owner'
    ORDER BY 1, 2, 3";

/// Tables whose rows the service may also change and delete.
const OPEN: [&str; 10] = [
    "attempts",
    "factors",
    "known_networks",
    "outbox",
    "proofs",
    "recovery_requests",
    "refresh_keys",
    "sessions",
    "signing_keys",
    "users",
];

/// What it may do beside that and beside reading, as the migrations grant it.
const ALSO: [(&str, &str); 11] = [
    ("the schema gatepost", "USAGE"),
    ("audit_seals", "INSERT"),
    ("key_floors", "INSERT"),
    ("memberships", "INSERT"),
    ("memberships", "DELETE"),
    ("recovery_codes", "INSERT"),
    ("recovery_codes", "DELETE"),
    ("server_secrets", "INSERT"),
    ("server_secrets", "UPDATE"),
    ("used_challenges", "INSERT"),
    ("used_challenges", "DELETE"),
];

/// The same of single columns: rows are added and, of API keys, their use is noted.
const COLUMNS: [(&str, &str); 2] = [("audit.", "INSERT"), ("api_keys.", "INSERT")];
const NOTED: [&str; 2] = ["api_keys.last_used_at", "api_keys.revoked_at"];

pub(super) fn examine(client: &mut Client) -> Result<Verdict> {
    let rows = client.query_typed(GRANTED, &[])?;
    let granted: Vec<(String, String, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let excess: Vec<_> =
        granted.iter().filter(|(role, thing, right)| !needed(role, thing, right)).collect();
    let Some((role, thing, right)) = excess.first() else {
        return Ok(Verdict::ok("nobody has rights on the tables that the service does not need"));
    };
    let (kind, name) = match (thing.strip_prefix("the "), thing.split_once('.')) {
        (Some(schema), _) => (schema.replace("schema ", "SCHEMA "), String::new()),
        (None, Some((table, column))) => (format!("gatepost.{table}"), format!(" ({column})")),
        (None, None) => (format!("gatepost.{thing}"), String::new()),
    };
    let more = match excess.len() {
        1 => String::new(),
        count => format!(" ({count} such rights in all)"),
    };
    let who = if role == "PUBLIC" { role.clone() } else { format!("\"{role}\"") };
    Ok(Verdict::fault(
        format!("the role {role} has {right} on {thing}{more}"),
        "password hashes, sessions and the audit log are safe only from those who have no rights \
         on them",
        format!("as a superuser type in that database `REVOKE {right}{name} ON {kind} FROM {who}`"),
    ))
}

fn needed(role: &str, thing: &str, right: &str) -> bool {
    let of_column =
        || COLUMNS.iter().any(|(table, granted)| thing.starts_with(table) && right == *granted);
    role == "gatepost_app"
        && (matches!(right, "SELECT")
            || (OPEN.contains(&thing) && matches!(right, "INSERT" | "UPDATE" | "DELETE"))
            || ALSO.contains(&(thing, right))
            || of_column()
            || (NOTED.contains(&thing) && right == "UPDATE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_needs_neither_to_change_the_audit_log_nor_to_empty_tables() {
        for (thing, right) in [
            ("users", "DELETE"),
            ("audit.detail", "INSERT"),
            ("audit", "SELECT"),
            ("api_keys.revoked_at", "UPDATE"),
            ("the schema gatepost", "USAGE"),
        ] {
            assert!(needed("gatepost_app", thing, right), "{thing} {right}");
            assert!(!needed("bob", thing, right) && !needed("PUBLIC", thing, right));
        }
        for (thing, right) in [
            ("users", "TRUNCATE"),
            ("audit", "DELETE"),
            ("audit", "INSERT"),
            ("audit_seals", "UPDATE"),
            ("api_keys.hash", "UPDATE"),
            ("migrations", "INSERT"),
            ("the schema gatepost", "CREATE"),
        ] {
            assert!(!needed("gatepost_app", thing, right), "{thing} {right}");
        }
    }
}
