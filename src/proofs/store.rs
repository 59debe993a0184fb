//! The SQL of proofs.

use super::types::{ProofIdentity, ProofKind};
use crate::db::{Client, Line, Transaction};
use crate::domain::{Email, UserId};
use crate::error::Result;
use crate::moment::millis;
use std::time::Duration;
use tokio_postgres::types::Type;

/// Live proofs of one kind that a user has at most: a stranger who asks too does not end those that the user has.
const MOST_LIVE: i64 = 3;

/// Proofs of one kind, or to one address, that are made in a day.
const MOST_A_DAY: i64 = 5;

/// Rows that are removed in one transaction.
pub(super) const SWEPT_AT_ONCE: u64 = 500;

/// A live proof.
#[derive(Clone, Debug)]
pub(crate) struct FoundProof {
    id: i64,
    pub(crate) user: UserId,
    pub(crate) kind: ProofKind,
    /// The address that it is about.
    pub(crate) email: Email,
}

/// Whether a row is a proof that can be used.
macro_rules! good {
    () => {
        "live AND expires_at > now()"
    };
}

pub(super) fn insert(
    tx: &mut Transaction<'_>,
    user: UserId,
    kind: ProofKind,
    email: &Email,
    identity: ProofIdentity,
    known: bool,
) -> Result<Option<i64>> {
    // An admin's invitation and a change that the user made are no requests of strangers. What a clock that was set
    // back left in the future counts for nothing.
    let sql = "INSERT INTO gatepost.proofs (user_id, kind, identity, email, email_canonical, known)
               SELECT $1, $2, $3, $4, $5, $6
               WHERE $2 IN ('invitation', 'undo')
                  OR (SELECT count(*) FROM gatepost.proofs
                      WHERE user_id = $1 AND kind = $2 AND known = $6 AND live
                            AND (expires_at IS NULL OR expires_at > now())) < $7
                 AND (SELECT count(*) FROM gatepost.proofs
                      WHERE user_id = $1 AND kind = $2 AND known = $6
                            AND created_at BETWEEN now() - interval '1 day' AND now()) < $8
                 AND (SELECT count(*) FROM gatepost.proofs
                      WHERE email_canonical = $5 AND kind = $2 AND known = $6
                            AND created_at BETWEEN now() - interval '1 day' AND now()) < $8
               RETURNING id";
    let row = tx.query_typed_opt(
        sql,
        &[
            (&user.get(), Type::INT8),
            (&kind.name(), Type::TEXT),
            (&identity.bytes(), Type::BYTEA),
            (&email.as_str(), Type::TEXT),
            (&email.canonical(), Type::TEXT),
            (&known, Type::BOOL),
            (&MOST_LIVE, Type::INT8),
            (&MOST_A_DAY, Type::INT8),
        ],
    )?;
    Ok(row.map(|row| row.get(0)))
}

fn found(kind: ProofKind, row: &tokio_postgres::Row) -> Option<FoundProof> {
    let email = Email::stored(row.get(2))?;
    Some(FoundProof { id: row.get(0), user: UserId::stored(row.get(1)), kind, email })
}

pub(super) fn find(
    conn: &mut Client,
    kind: ProofKind,
    identity: ProofIdentity,
) -> Result<Option<FoundProof>> {
    let sql = concat!(
        "SELECT id, user_id, email FROM gatepost.proofs WHERE identity = $1 AND kind = $2 AND ",
        good!()
    );
    let identity = identity.bytes();
    let row = conn.query_typed_opt(sql, &[(&identity, Type::BYTEA), (&kind.name(), Type::TEXT)])?;
    Ok(row.as_ref().and_then(|row| found(kind, row)))
}

/// Counts a guess if it was wrong. No row means that there are no guesses left, or no such proof.
pub(super) fn guess(
    conn: &mut Client,
    identity: ProofIdentity,
    guesses: i64,
    is_right: bool,
) -> Result<Option<FoundProof>> {
    let sql = concat!(
        "UPDATE gatepost.proofs SET tries = tries + CASE WHEN $3 THEN 0 ELSE 1 END
         WHERE identity = $1 AND kind = 'recovery' AND tries < $2 AND ",
        good!(),
        " RETURNING id, user_id, email"
    );
    let row = conn.query_typed_opt(
        sql,
        &[(&identity.bytes(), Type::BYTEA), (&guesses, Type::INT8), (&is_right, Type::BOOL)],
    )?;
    Ok(row.as_ref().and_then(|row| found(ProofKind::Recovery, row)))
}

pub(super) fn use_up(tx: &mut Transaction<'_>, proof: &FoundProof) -> Result<bool> {
    let sql = concat!("UPDATE gatepost.proofs SET live = false WHERE id = $1 AND ", good!());
    Ok(tx.execute_typed(sql, &[(&proof.id, Type::INT8)])? == 1)
}

/// Ends the live proofs of a user. Messages with them that have not left count for nothing from then on.
pub(super) fn end(tx: &mut Transaction<'_>, user: UserId, kinds: &[ProofKind]) -> Result<()> {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    let sql = "UPDATE gatepost.proofs SET live = false
               WHERE user_id = $1 AND kind = ANY ($2) AND live";
    tx.execute_typed(sql, &[(&user.get(), Type::INT8), (&kinds, Type::TEXT_ARRAY)])?;
    Ok(())
}

/// Ends the live proofs of the same user and kind that were made after this one.
pub(super) fn end_later(tx: &mut Transaction<'_>, proof: &FoundProof) -> Result<()> {
    let sql = "UPDATE gatepost.proofs SET live = false
               WHERE user_id = $1 AND kind = $2 AND id > $3 AND live";
    tx.execute_typed(
        sql,
        &[
            (&proof.user.get(), Type::INT8),
            (&proof.kind.name(), Type::TEXT),
            (&proof.id, Type::INT8),
        ],
    )?;
    Ok(())
}

pub(super) fn put_out(tx: &mut Transaction<'_>, id: i64) -> Result<()> {
    let sql = "UPDATE gatepost.proofs SET live = false WHERE id = $1";
    tx.execute_typed(sql, &[(&id, Type::INT8)])?;
    Ok(())
}

/// Begins the time of proofs, each of so many milliseconds.
pub(super) fn leave(conn: &mut Line, ids: &[i64], good_for: &[i64]) -> Result<()> {
    let sql = "UPDATE gatepost.proofs AS p SET expires_at = now() + leaving.ms * interval '1 ms'
               FROM unnest($1, $2) AS leaving (id, ms) WHERE p.id = leaving.id";
    conn.execute_typed(sql, &[(&ids, Type::INT8_ARRAY), (&good_for, Type::INT8_ARRAY)])?;
    Ok(())
}

pub(super) fn sweep(tx: &mut Transaction<'_>, kept: Duration) -> Result<u64> {
    let sql = "DELETE FROM gatepost.proofs WHERE id IN (
                   SELECT id FROM gatepost.proofs
                   WHERE created_at < now() - $1 * interval '1 ms'
                     AND (NOT live OR expires_at < now())
                   ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)";
    let most = i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX);
    Ok(tx.execute_typed(sql, &[(&millis(kept), Type::INT8), (&most, Type::INT8)])?)
}
