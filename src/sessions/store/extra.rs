//! The SQL of what tokens, and introspection, say of a user beside the standard claims.

use crate::config::ClaimTemplates;
use crate::db::Line;
use crate::domain::Attributes;
use crate::error::{Error, Result};
use crate::tokens::{AboutUser, ExtraClaims};
use tokio_postgres::types::Type;

/// The claims of `tokens.claims` for this user. If there are none, nothing is read.
///
/// # Errors
/// [`Error::Internal`] when they have grown too large, which changes of users do not let happen, but
/// an import or another setting can; database errors.
pub(crate) fn extra_claims(
    conn: &mut Line,
    templates: &ClaimTemplates,
    user_id: i64,
) -> Result<ExtraClaims> {
    if templates.is_empty() {
        return Ok(ExtraClaims::default());
    }
    let sql = "SELECT login, roles, groups, public_attributes FROM gatepost.users WHERE id = $1";
    let row = conn.query_typed_one(sql, &[(&user_id, Type::INT8)])?;
    let (roles, groups): (Vec<String>, Vec<String>) = (row.get(1), row.get(2));
    let attributes = Attributes::stored(row.get(3), None)?;
    let about = AboutUser {
        id: user_id,
        login: row.get(0),
        roles: &roles,
        groups: &groups,
        attributes: attributes.public(),
    };
    ExtraClaims::of(templates, &about)
        .map_err(|error| Error::Internal(format!("user {user_id} has no claims: {error}")))
}
