//! Proving that an address is the user's.

use crate::access::{Caller, Right, authorize_change, user_of};
use crate::app::App;
use crate::audit::Writer;
use crate::domain::{Email, UserId};
use crate::error::{Error, Result};
use crate::outbox::{self, Asked};
use crate::proofs::{self, ProofKind};
use crate::users::{User, proved};

/// Sends the caller's address what proves it, again. Nothing is sent when it is proved already, or when too much was
/// sent to it today.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::ApiKeyForbidden`]; [`Error::InvalidRequest`] when
/// the address is not the caller's; database errors.
pub fn verify(app: &App, caller: &Caller, email: &Email) -> Result<()> {
    let user = UserId::stored(user_of(app, caller)?.user_id);
    app.database()?.with_transaction(|tx| {
        authorize_change(tx, caller, Right::Change(user))?;
        let user = proved::lock_user(tx, user)?;
        let is = |own: Option<&Email>| own.map(Email::canonical) == Some(email.canonical());
        let waits = if is(user.pending_email.as_ref()) {
            user.pending_email
        } else if is(user.email.as_ref()) {
            user.email.filter(|_| !user.email_verified)
        } else {
            return Err(Error::parameter("email", "is not your address; PATCH /user sets it"));
        };
        let Some(email) = waits else { return Ok(()) };
        outbox::send_proof(tx, app, user.id, ProofKind::Verification, &email, Asked::anew())
            .map(drop)
    })
}

/// Takes an address as proved, or takes the change of one back: whichever the token is for. Returns the user.
///
/// # Errors
/// [`Error::InvalidProof`] when the token is wrong, used, too old or was ended; [`Error::EmailTaken`] when
/// another user has proved the address meanwhile; database errors.
pub fn confirm(app: &App, token: &str) -> Result<User> {
    let proof = proofs::by_token(app, &[ProofKind::Verification, ProofKind::Undo], token)?;
    let audit = Writer::new(app)?;
    let user = app.database()?.with_transaction(|tx| match proof.kind {
        ProofKind::Undo => proved::restore_address(tx, app, &audit, &proof),
        _ => proved::verify_address(tx, app, &audit, &proof),
    })?;
    Ok(user.for_its_user())
}
