//! The SQL of exporting and importing second factors.

use crate::db::Line;
use crate::domain::{FactorId, UserId};
use crate::error::Result;
use crate::tokens::encryption::Encrypted;
use crate::webauthn::NewPasskey;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// A confirmed factor.
pub(crate) struct MovedRow {
    pub(crate) id: FactorId,
    pub(crate) user: UserId,
    pub(crate) name: String,
    pub(crate) secret: Option<Encrypted>,
    pub(crate) passkey: Option<NewPasskey>,
}

/// What the rows of some users hold.
pub(crate) struct MovedRows {
    pub(crate) factors: Vec<MovedRow>,
    /// Hashes of recovery codes.
    pub(crate) codes: Vec<(i64, Vec<u8>)>,
    pub(crate) handles: Vec<(i64, Vec<u8>)>,
}

pub(crate) fn read(conn: &mut Line, users: &[i64]) -> Result<MovedRows> {
    let sql = "SELECT id, user_id, name, secret, sealed_with, credential_id, public_key,
                      coalesce(sign_count, 0), coalesce(backed_up, false), coalesce(transports, '')
               FROM gatepost.factors
               WHERE user_id = ANY ($1) AND confirmed_at IS NOT NULL ORDER BY id";
    let rows = conn.query_typed(sql, &[(&users, Type::INT8_ARRAY)])?;
    let factors = rows.iter().map(factor).collect();
    let sql = "SELECT user_id, hash FROM gatepost.recovery_codes
               WHERE user_id = ANY ($1) ORDER BY user_id, hash";
    let rows = conn.query_typed(sql, &[(&users, Type::INT8_ARRAY)])?;
    let codes = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let sql = "SELECT id, passkey_user_id FROM gatepost.users
               WHERE id = ANY ($1) AND passkey_user_id IS NOT NULL";
    let rows = conn.query_typed(sql, &[(&users, Type::INT8_ARRAY)])?;
    let handles = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(MovedRows { factors, codes, handles })
}

fn factor(row: &Row) -> MovedRow {
    let secret: Option<Vec<u8>> = row.get(3);
    let key: (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(5), row.get(6));
    MovedRow {
        id: FactorId::stored(row.get(0)),
        user: UserId::stored(row.get(1)),
        name: row.get(2),
        secret: secret.map(|bytes| Encrypted { bytes, with: row.get(4) }),
        passkey: key.0.zip(key.1).map(|(credential_id, public_key)| NewPasskey {
            credential_id,
            public_key,
            sign_count: u32::try_from(row.get::<_, i64>(7)).unwrap_or(u32::MAX),
            backed_up: row.get(8),
            transports: NewPasskey::words(row.get::<_, &str>(9).split(' ')),
        }),
    }
}

/// The users who have these logins, by their canonical form.
pub(crate) fn ids(conn: &mut Line, logins: &[&str]) -> Result<Vec<(String, UserId)>> {
    let sql = "SELECT login_canonical, id FROM gatepost.users
               WHERE login_canonical = ANY ($1) ORDER BY id";
    let rows = conn.query_typed(sql, &[(&logins, Type::TEXT_ARRAY)])?;
    Ok(rows.iter().map(|row| (row.get(0), UserId::stored(row.get(1)))).collect())
}
