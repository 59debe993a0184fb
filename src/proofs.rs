//! What links and codes in messages prove: that whoever shows one reads the mail of an address.
//!
//! The row of a proof holds a random identity and no secret. Link and code are derived from it with a key that is
//! not in the database in the clear, at the moment when the message leaves, as refresh tokens are. Its time begins
//! then too, so a message that waited for a broken server is as good as any.
//!
//! A user has at most three live proofs of a kind, and asks for at most five a day; what was asked for in a network
//! that knows the user is counted apart, so that a stranger who asks in the user's name takes nothing from the
//! user. Using one ends all of its kind.

mod store;
mod types;

use crate::app::App;
use crate::db::{Line, Transaction};
use crate::domain::{Email, UserId};
use crate::error::{Error, Result};
use crate::moment::millis;
use std::time::Duration;
pub(crate) use store::FoundProof;
use subtle::ConstantTimeEq;
pub(crate) use types::{ProofIdentity, ProofKey, ProofKind};

/// Wrong codes that a proof survives.
const GUESSES: i64 = 5;

/// How long proofs are kept once they are over: they count among those of a day.
const KEPT: Duration = Duration::from_secs(86_400);

/// Makes a proof, unless the user has or has had too many: then the message is not sent, and those sent stay good.
/// The user's row must be held.
///
/// # Errors
/// Database errors.
pub(crate) fn make(
    tx: &mut Transaction<'_>,
    user: UserId,
    kind: ProofKind,
    email: &Email,
    identity: ProofIdentity,
    known: bool,
) -> Result<Option<i64>> {
    store::insert(tx, user, kind, email, identity, known)
}

/// A live proof for a token as a client sent it. A forged one ends here, without a question to the database.
///
/// # Errors
/// [`Error::InvalidProof`] for one that is not ours, of another kind, used, ended or over; database errors.
pub(crate) fn by_token(app: &App, kinds: &[ProofKind], token: &str) -> Result<FoundProof> {
    let key = ProofKey::of(app)?;
    let found = kinds.iter().find_map(|kind| Some((*kind, key.identity(*kind, token)?)));
    let (kind, identity) = found.ok_or(Error::InvalidProof)?;
    app.database()?
        .with_connection(|conn| store::find(conn, kind, identity))?
        .ok_or(Error::InvalidProof)
}

/// A live recovery for what the answer to the request said and a code as somebody typed it. A wrong code is counted, and
/// the fifth ends the proof for codes; its link stays good.
///
/// # Errors
/// [`Error::InvalidProof`]; database errors.
pub(crate) fn by_code(app: &App, request: &str, code: &str) -> Result<FoundProof> {
    let identity = ProofIdentity::parse(request)?;
    let typed: String = code.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let right = ProofKey::of(app)?.code(identity);
    let is_right = bool::from(right.as_bytes().ct_eq(typed.as_bytes()));
    // One statement, so that many at once get no more guesses than one after the other.
    let found =
        app.database()?.with_connection(|conn| store::guess(conn, identity, GUESSES, is_right))?;
    found.filter(|_| is_right).ok_or(Error::InvalidProof)
}

/// Uses a proof up, and ends all others of its kind. Of any number who use it at once, one succeeds.
///
/// Of changes that may be taken back, only those are ended that were made later: whoever has taken an account over and
/// takes back a change of their own must not keep the owner from taking back the first one, and the owner who does so ends
/// all that came after it.
///
/// # Errors
/// [`Error::InvalidProof`]; database errors.
pub(crate) fn use_up(tx: &mut Transaction<'_>, proof: &FoundProof) -> Result<()> {
    if !store::use_up(tx, proof)? {
        return Err(Error::InvalidProof);
    }
    match proof.kind {
        ProofKind::Undo => store::end_later(tx, proof),
        kind => store::end(tx, proof.user, &[kind]),
    }
}

/// Ends what a change of the password or address, or a lock, makes void.
///
/// # Errors
/// Database errors.
pub(crate) fn end_all(tx: &mut Transaction<'_>, user: UserId) -> Result<()> {
    store::end(tx, user, &[ProofKind::Verification, ProofKind::Recovery, ProofKind::Invitation])
}

/// Begins the time of these proofs, since their messages leave now.
///
/// # Errors
/// Database errors.
pub(crate) fn leave(conn: &mut Line, app: &App, proofs: &[(i64, ProofKind)]) -> Result<()> {
    let ids: Vec<i64> = proofs.iter().map(|(id, _)| *id).collect();
    let good_for: Vec<i64> = proofs.iter().map(|(_, kind)| millis(kind.good_for(app))).collect();
    store::leave(conn, &ids, &good_for)
}

/// The page that takes a token, with that token: of the product, if `mail.link_base` names one, or of our own,
/// if they are turned on.
pub(crate) fn link(app: &App, kind: ProofKind, token: &str) -> Option<String> {
    let base = &app.config().mail.link_base;
    if !base.is_empty() {
        return Some(format!("{base}#{}={token}", kind.name()));
    }
    let page = match kind {
        ProofKind::Recovery => "recover",
        ProofKind::Invitation => "accept",
        ProofKind::Verification | ProofKind::Undo => "verify",
    };
    app.config().pages.in_use().map(|origin| format!("{origin}/{page}?token={token}"))
}

/// The kind of a proof in a row, and what identifies it.
pub(crate) fn stored(kind: &str, identity: &[u8]) -> Option<(ProofKind, ProofIdentity)> {
    Some((ProofKind::stored(kind)?, ProofIdentity::stored(identity)))
}

/// Leaves a user none of the recoveries of this day.
///
/// # Errors
/// Database errors.
pub(crate) fn use_up_the_day(tx: &mut Transaction<'_>, user: UserId, email: &Email) -> Result<()> {
    while let Some(proof) =
        store::insert(tx, user, ProofKind::Recovery, email, ProofIdentity::generate(), false)?
    {
        store::put_out(tx, proof)?;
    }
    Ok(())
}

/// Removes some that are over and no longer count. Returns how many, and whether there may be more.
///
/// # Errors
/// Database errors.
pub(crate) fn sweep_some(app: &App) -> Result<(u64, bool)> {
    let removed = app.database()?.with_transaction(|tx| store::sweep(tx, KEPT))?;
    Ok((removed, removed == store::SWEPT_AT_ONCE))
}
