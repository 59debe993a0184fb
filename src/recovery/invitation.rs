//! Inviting users, who set their first password by a link.

use crate::access::{Caller, Right, authorize, authorize_change};
use crate::app::App;
use crate::audit::{Action, Event, Writer};
use crate::domain::{Email, Login};
use crate::error::{Error, Result};
use crate::outbox::{self, Asked};
use crate::passwords::Password;
use crate::proofs::{self, ProofKind};
use crate::users::{NewUser, User, proved};

/// Makes a user without a password, and sends the address a link that lets its reader set one. This is for
/// admins and keys with `invite`. An invited user is no admin, and has roles, groups or attributes only from
/// admins and keys with `users:write` too.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`], [`Error::ApiKeyInvalid`],
/// [`Error::ScopeMissing`], [`Error::LoginTaken`]; [`Error::InvalidRequest`] for an admin, and when no message can
/// leave; database errors.
pub fn invite(
    app: &App,
    caller: &Caller,
    login: &Login,
    email: &Email,
    new: &NewUser,
) -> Result<User> {
    let others = !new.is_plain();
    let rights = [Right::Invite, Right::ChangeOthers];
    let rights = if others { &rights[..] } else { &rights[..1] };
    app.database()?.with_connection(|conn| {
        rights.iter().try_for_each(|right| authorize(conn, caller, *right).map(drop))
    })?;
    if new.admin {
        return Err(Error::InvalidRequest("nobody is made an admin by an invitation".to_owned()));
    }
    let audit = Writer::new(app)?;
    let new = NewUser { email: Some(email.clone()), ..new.clone() };
    app.database()?.with_transaction(|tx| {
        let actor = authorize_change(tx, caller, Right::Invite)?;
        if others {
            authorize_change(tx, caller, Right::ChangeOthers)?;
        }
        let user = proved::insert_invited(tx, app, login, &new)?;
        if !outbox::send_proof(tx, app, user.id, ProofKind::Invitation, email, Asked::anew())? {
            return Err(outbox::no_way_out());
        }
        audit.record(
            tx,
            actor,
            &Event::new(Action::Register, Some(user.id)).with_detail("invited"),
        )?;
        Ok(user)
    })
}

/// Sets the first password of an invited user, whose address is proved by that.
///
/// # Errors
/// [`Error::InvalidProof`], [`Error::WeakPassword`], [`Error::EmailTaken`]; database errors.
pub fn accept(app: &App, token: &str, password: &Password) -> Result<User> {
    let proof = proofs::by_token(app, &[ProofKind::Invitation], token)?;
    proved::set_password(app, &proof, password).map(User::for_its_user)
}
