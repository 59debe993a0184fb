//! What a link or a code lets its bearer do to a user: the operations of recovery, verification and invitation
//! use these, inside of their transactions.

use super::addresses;
use super::store::{self, ChangedColumns};
use super::types::{NewUser, User};
use crate::access::Actor;
use crate::app::App;
use crate::audit::{Action, Event, Writer};
use crate::db::Transaction;
use crate::domain::{Email, Login, UserId};
use crate::error::{Error, Result};
use crate::limits;
use crate::outbox::{self, Asked, MessageKind, UserEvent};
use crate::passwords::Password;
use crate::proofs::{self, FoundProof, ProofKind};
use crate::sessions;

/// A user for whom a proof was shown, whose row is held until the transaction ends.
///
/// # Errors
/// [`Error::InvalidProof`] when there is none any more, or the account is locked; database errors.
pub(crate) fn lock_for(tx: &mut Transaction<'_>, proof: &FoundProof) -> Result<User> {
    store::lock(tx, proof.user)?.filter(|user| !user.locked).ok_or(Error::InvalidProof)
}

/// Takes the address of a proof as verified. If another was, that one is told, and can take it back.
///
/// # Errors
/// [`Error::InvalidProof`] when the address is no longer the user's; [`Error::EmailTaken`]; database errors.
pub(crate) fn verify_address(
    tx: &mut Transaction<'_>,
    app: &App,
    audit: &Writer<'_>,
    proof: &FoundProof,
) -> Result<User> {
    let before = lock_for(tx, proof)?;
    proofs::use_up(tx, proof)?;
    let user = addresses::verify_email(tx, proof.user, &proof.email)?.ok_or(Error::InvalidProof)?;
    proofs::end_all(tx, user.id)?;
    tell_old_address(tx, app, &before, &user)?;
    outbox::tell(tx, app, user.id, &[UserEvent::Changed])?;
    audit.record(tx, Actor::Anonymous, &Event::new(Action::VerifyEmail, Some(user.id)))?;
    Ok(user)
}

/// Puts the address of a proof back, and ends all sessions.
///
/// # Errors
/// As [`verify_address`].
pub(crate) fn restore_address(
    tx: &mut Transaction<'_>,
    app: &App,
    audit: &Writer<'_>,
    proof: &FoundProof,
) -> Result<User> {
    // A lock is no reason to leave the address with a thief.
    store::lock(tx, proof.user)?.ok_or(Error::InvalidProof)?;
    proofs::use_up(tx, proof)?;
    let change = ChangedColumns {
        email: Some(Some(proof.email.clone())),
        email_verified: true,
        ..ChangedColumns::default()
    };
    let user = store::change(tx, proof.user, &change)?.ok_or(Error::InvalidProof)?;
    proofs::end_all(tx, user.id)?;
    store::raise_token_version(tx, user.id)?;
    sessions::end_all(tx, app, user.id, None)?;
    outbox::tell(tx, app, user.id, &[UserEvent::Changed])?;
    audit.record(tx, Actor::Anonymous, &Event::new(Action::UndoEmail, Some(user.id)))?;
    Ok(user)
}

/// Sets the password of a user who could not sign in. All sessions end. A second factor stays as it is.
///
/// # Errors
/// As [`verify_address`], and [`Error::WeakPassword`], which uses nothing up.
pub(crate) fn set_password(app: &App, proof: &FoundProof, password: &Password) -> Result<User> {
    let user =
        app.database()?.with_connection(|conn| Ok(store::find(conn, None, proof.user)?.1))?;
    let login = Login::parse(&user.ok_or(Error::InvalidProof)?.login)?;
    app.check_strength(password, login.canonical())?;
    let audit = Writer::new(app)?;
    let hash = app.hash(password)?.to_string();
    app.database()?.with_transaction(|tx| store_password(tx, app, &audit, proof, &hash))
}

fn store_password(
    tx: &mut Transaction<'_>,
    app: &App,
    audit: &Writer<'_>,
    proof: &FoundProof,
    hash: &str,
) -> Result<User> {
    let before = lock_for(tx, proof)?;
    proofs::use_up(tx, proof)?;
    let invited = proof.kind == ProofKind::Invitation;
    let mut change = ChangedColumns { hash: Some(hash.to_owned()), ..ChangedColumns::default() };
    if invited && before.email.as_ref() == Some(&proof.email) {
        // Whoever has the link reads the mail of that address.
        change.email = Some(before.email.clone());
        change.email_verified = true;
    }
    let user = store::change(tx, proof.user, &change)?.ok_or(Error::InvalidProof)?;
    let counters = limits::of_login(app, &Login::parse(&user.login)?)?;
    sessions::end_all(tx, app, user.id, None)?;
    proofs::end_all(tx, user.id)?;
    limits::forgive(tx, &counters, user.id)?;
    limits::forget_networks(tx, &counters, user.id, false)?;
    let action = if invited { Action::AcceptInvitation } else { Action::Recover };
    if !invited {
        outbox::notify(tx, app, user.id, MessageKind::RecoveryUsed, None)?;
    }
    outbox::tell(tx, app, user.id, &[UserEvent::PasswordChanged])?;
    audit.record(tx, Actor::Anonymous, &Event::new(action, Some(user.id)))?;
    Ok(user)
}

/// Makes a user without a password, whom a link lets set one.
///
/// # Errors
/// [`Error::LoginTaken`]; database errors.
pub(crate) fn insert_invited(
    tx: &mut Transaction<'_>,
    app: &App,
    login: &Login,
    new: &NewUser,
) -> Result<User> {
    // A hash that no password matches, which costs as much as any.
    let user = store::insert(tx, login, &app.nobody().to_string(), new)?;
    user.extra_claims(&app.config().tokens.claims)?;
    outbox::tell(tx, app, user.id, &[UserEvent::Created])?;
    Ok(user)
}

/// Tells an address that was verified that the user has it no longer.
pub(super) fn tell_old_address(
    tx: &mut Transaction<'_>,
    app: &App,
    before: &User,
    now: &User,
) -> Result<()> {
    let old = before.email.as_ref().filter(|_| before.email_verified);
    let Some(old) =
        old.filter(|old| now.email.as_ref().map(Email::canonical) != Some(old.canonical()))
    else {
        return Ok(());
    };
    outbox::send_proof(tx, app, now.id, ProofKind::Undo, old, Asked::anew()).map(drop)
}

/// The user whose login or verified address this is, if the account is open, with the row held.
///
/// # Errors
/// Database errors.
pub(crate) fn lock_by(
    tx: &mut Transaction<'_>,
    login: Option<&str>,
    email: Option<&str>,
) -> Result<Option<User>> {
    addresses::lock_by(tx, login, email)
}

/// A user whose row is held.
///
/// # Errors
/// [`Error::NoSuchUser`]; database errors.
pub(crate) fn lock_user(tx: &mut Transaction<'_>, id: UserId) -> Result<User> {
    store::lock(tx, id)?.ok_or(Error::NoSuchUser)
}
