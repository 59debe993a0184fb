//! Second factors: authenticator apps, passkeys and recovery codes.
//!
//! An app counts once its user has shown a code of it, and a passkey at once. From then on a login asks for a
//! factor, whatever the settings say. Recovery codes come with the first factor and go with the last.

pub(crate) mod api;
mod challenge;
mod moving;
mod passkeys;
mod recovery_code;
mod reencrypt;
mod showing;
mod store;
mod totp;
mod types;

use crate::access::{Caller, Right, authorize, authorize_fresh, authorize_fresh_change, user_of};
use crate::app::App;
use crate::audit::{Action, Event, Writer};
use crate::config::Profile;
use crate::db::Transaction;
use crate::domain::{FactorId, UserId};
use crate::error::{Error, Result};
use crate::outbox::{self, MessageKind};
pub use crate::webauthn::Assertion;
use crate::webauthn::Creation;
pub(crate) use moving::{MovedFactors, bring, taken_along};
pub use passkeys::sign_in_options;
#[cfg(feature = "pages")]
pub(crate) use passkeys::takes_passkeys_from;
pub(crate) use passkeys::{Use, UsedPasskey, second_factor_options};
pub use recovery_code::RecoveryCode;
pub(crate) use reencrypt::reencrypt;
use serde_json::Value;
pub(crate) use showing::{CheckedFactor, check, methods};
use std::sync::Once;
pub(crate) use store::admins_without;
pub use totp::TotpCode;
use totp::TotpSecret;
pub use types::{Factor, FactorName, Factors, RecoveryCodes, ShownFactor, TotpEnrolment};

/// Factors that a user may have: more devices than anybody keeps, and a bound on what a login checks.
const MOST: i64 = 10;

/// The second factors of a user; without one, those of the caller.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`] for someone else's unless the
/// caller is an admin, [`Error::ApiKeyForbidden`], [`Error::NoSuchUser`]; [`Error::InvalidRequest`] for a
/// caller without a user who names none; database errors.
pub fn list(app: &App, caller: &Caller, user: Option<UserId>) -> Result<Factors> {
    let rows = caller.rows()?;
    let user = user.or(rows.map(|rows| UserId::stored(rows.user)));
    let user =
        user.ok_or_else(|| Error::parameter("user_id", "is needed when there is no access token"))?;
    app.database()?
        .with_connection(|conn| authorize(conn, caller, Right::Guard(user)).map(drop))?;
    of(app, user)
}

/// The second factors of a user, for a caller who may see them.
///
/// # Errors
/// [`Error::NoSuchUser`]; database errors.
pub(crate) fn of(app: &App, user: UserId) -> Result<Factors> {
    app.database()?.with_connection(|conn| {
        let left = store::codes_left(conn, user)?.ok_or(Error::NoSuchUser)?;
        Ok(Factors { factors: store::list(conn, user)?, recovery_codes_left: left })
    })
}

/// Makes a secret for the caller's authenticator app. It counts for nothing until [`confirm_totp`], which
/// must follow within an hour. Another that waited until now is dropped.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::ApiKeyForbidden`],
/// [`Error::InsufficientAuthentication`]; [`Error::InvalidRequest`] for a caller without a user, or who
/// has ten factors; database errors.
pub fn enrol_totp(app: &App, caller: &Caller, name: &FactorName) -> Result<TotpEnrolment> {
    let user = UserId::stored(user_of(app, caller)?.user_id);
    let settings = app.config();
    warn_once(app);
    let secret = TotpSecret::generate();
    let encrypted = app.encryption().encrypt(&showing::place(user), secret.bytes())?;
    let (id, login) = app.database()?.with_transaction(|tx| {
        authorize_fresh_change(tx, caller, Right::Enrol(user), &settings.access)?;
        has_room(tx, user)?;
        let (login, _) = store::user(tx, user)?.ok_or(Error::NoSuchUser)?;
        store::remove_unconfirmed(tx, user)?;
        Ok((store::insert(tx, user, name, &encrypted, false)?, login))
    })?;
    let otpauth_uri = secret.uri(settings.tokens.issuer_name(), &login);
    Ok(TotpEnrolment { id, secret: secret.base32(), otpauth_uri })
}

/// Confirms a factor with a code that the app shows, which is used up by that. Logins ask for a code from
/// now on. With the first factor come recovery codes.
///
/// # Errors
/// As [`enrol_totp`]; [`Error::InvalidProof`] when the code is wrong, and when there is no such factor
/// that waits.
pub fn confirm_totp(
    app: &App,
    caller: &Caller,
    id: FactorId,
    code: TotpCode,
) -> Result<(Factor, Option<RecoveryCodes>)> {
    let user = UserId::stored(user_of(app, caller)?.user_id);
    let audit = Writer::new(app)?;
    app.database()?.with_transaction(|tx| {
        let actor = authorize_fresh_change(tx, caller, Right::Enrol(user), &app.config().access)?;
        has_room(tx, user)?;
        let found = store::unconfirmed(tx, user, id)?.ok_or(Error::InvalidProof)?;
        let secret = showing::opened(app, user, id, &found.secret)?;
        let step = secret.step_of(code, found.now).ok_or(Error::InvalidProof)?;
        let factor = store::confirm(tx, id, step)?;
        let codes = counts_from_now_on(tx, user)?;
        let event = Event::new(Action::AddFactor, Some(user));
        audit.record(tx, actor, &event.with_detail(&described(&factor)))?;
        tell(tx, app, user, APP_ADDED)?;
        Ok((factor, codes))
    })
}

/// Puts ten new recovery codes in the place of those that the caller has.
///
/// # Errors
/// As [`enrol_totp`]; [`Error::InvalidRequest`] for a user without a second factor.
pub fn replace_recovery_codes(app: &App, caller: &Caller) -> Result<RecoveryCodes> {
    let user = UserId::stored(user_of(app, caller)?.user_id);
    let audit = Writer::new(app)?;
    app.database()?.with_transaction(|tx| {
        let actor = authorize_fresh_change(tx, caller, Right::Enrol(user), &app.config().access)?;
        let (_, has_one) = store::user(tx, user)?.ok_or(Error::NoSuchUser)?;
        if !has_one {
            let fault = "there is no second factor yet, and recovery codes come with the first";
            return Err(Error::InvalidRequest(fault.to_owned()));
        }
        let codes = replace_codes(tx, user)?;
        audit.record(tx, actor, &Event::new(Action::ReplaceRecoveryCodes, Some(user)))?;
        tell(tx, app, user, CODES_REPLACED)?;
        Ok(codes)
    })
}

/// Removes a factor and returns it. With the last one, logins ask for none any more, and the recovery
/// codes are gone.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::ApiKeyForbidden`], [`Error::Forbidden`] for
/// someone else's, whether or not it exists, unless the caller is an admin;
/// [`Error::InsufficientAuthentication`]; [`Error::NoSuchFactor`]; database errors.
pub fn remove(app: &App, caller: &Caller, id: FactorId) -> Result<Factor> {
    let audit = Writer::new(app)?;
    app.database()?.with_transaction(|tx| {
        let owner = store::owner(tx, id)?;
        let right = owner.map_or(Right::Admin, Right::Guard);
        let actor = authorize_fresh_change(tx, caller, right, &app.config().access)?;
        let owner = owner.ok_or(Error::NoSuchFactor)?;
        // An admin's right locks the owner's row too, but that of a trusted caller locks none.
        store::lock(tx, owner)?;
        let factor = store::remove(tx, id)?.ok_or(Error::NoSuchFactor)?;
        if store::count(tx, owner)? == 0 {
            store::require_none(tx, owner, caller.session_as(owner).is_none())?;
        }
        let event = Event::new(Action::RemoveFactor, Some(owner));
        audit.record(tx, actor, &event.with_detail(&described(&factor)))?;
        tell(tx, app, owner, FACTOR_REMOVED)?;
        Ok(factor)
    })
}

/// Removes all factors and recovery codes of a user who has lost them. Where a second factor is required,
/// the time to set one up begins anew.
///
/// # Errors
/// As [`remove`], and [`Error::NoSuchUser`].
pub fn remove_all(app: &App, caller: &Caller, user: UserId) -> Result<Vec<Factor>> {
    let audit = Writer::new(app)?;
    app.database()?.with_connection(|conn| {
        authorize_fresh(conn, caller, Right::Admin, &app.config().access)
    })?;
    app.database()?.with_transaction(|tx| {
        let right = Right::Guard(user);
        let actor = authorize_fresh_change(tx, caller, right, &app.config().access)?;
        store::lock(tx, user)?.then_some(()).ok_or(Error::NoSuchUser)?;
        let removed = store::remove_all(tx, user)?;
        store::require_none(tx, user, true)?;
        audit.record(
            tx,
            actor,
            &Event::new(Action::RemoveFactor, Some(user)).with_detail("all"),
        )?;
        tell(tx, app, user, ALL_REMOVED)?;
        Ok(removed)
    })
}

/// Warns of admins who sign in with a password alone, who are one guessed password away from losing
/// everything.
///
/// # Errors
/// Database errors.
pub(crate) fn warn_of_admins(app: &App) -> Result<()> {
    let count = app.database()?.with_connection(|conn| admins_without(conn))?;
    if count > 0 {
        log::warn!(
            "{count} admins sign in without a second factor; they add one with POST /factor/totp, and \
             access.require_mfa = \"admins\" demands it"
        );
    }
    Ok(())
}

/// The options for a passkey of the caller, as browsers take them
/// (`PublicKeyCredential.parseCreationOptionsFromJSON`).
///
/// # Errors
/// As [`enrol_totp`]; [`Error::NoPasskeys`].
pub fn passkey_options(app: &App, caller: &Caller, name: &FactorName) -> Result<Value> {
    passkeys::party(app)?;
    let user = UserId::stored(user_of(app, caller)?.user_id);
    let access = &app.config().access;
    let challenge = passkeys::creation_challenge(app, user, name)?;
    app.database()?.with_transaction(|tx| {
        authorize_fresh_change(tx, caller, Right::Enrol(user), access)?;
        has_room(tx, user)?;
        let (login, _) = store::user(tx, user)?.ok_or(Error::NoSuchUser)?;
        passkeys::creation_options(app, tx, (user, &login), &challenge)
    })
}

/// Adds a passkey that a browser has made for these options. It signs its user in in place of the password,
/// and logins with the password ask for a second factor from now on. With the first factor come recovery
/// codes.
///
/// # Errors
/// As [`passkey_options`]; [`Error::InvalidRequest`] when it is not what a browser sends;
/// [`Error::InvalidProof`] when anything in it is wrong, when its options were made for somebody else, are
/// older than five minutes or were answered, and when somebody has this passkey.
pub fn add_passkey(
    app: &App,
    caller: &Caller,
    credential: &Value,
) -> Result<(Factor, Option<RecoveryCodes>)> {
    passkeys::party(app)?;
    let user = UserId::stored(user_of(app, caller)?.user_id);
    let access = &app.config().access;
    app.database()?
        .with_connection(|conn| authorize_fresh(conn, caller, Right::Enrol(user), access))?;
    let checked = passkeys::check_creation(app, user, Creation::parse(credential)?)?;
    let audit = Writer::new(app)?;
    app.database()?.with_transaction(|tx| {
        let actor = authorize_fresh_change(tx, caller, Right::Enrol(user), access)?;
        has_room(tx, user)?;
        let factor = checked.store(tx, user)?;
        let codes = counts_from_now_on(tx, user)?;
        let event = Event::new(Action::AddFactor, Some(user));
        audit.record(tx, actor, &event.with_detail(&described(&factor)))?;
        tell(tx, app, user, PASSKEY_ADDED)?;
        Ok((factor, codes))
    })
}

const APP_ADDED: &str = "an authenticator app was added";
const PASSKEY_ADDED: &str = "a passkey was added";
const FACTOR_REMOVED: &str = "a second factor was removed";
const ALL_REMOVED: &str = "all second factors were removed";
const CODES_REPLACED: &str = "the recovery codes were replaced";

/// Tells a user what was done.
fn tell(tx: &mut Transaction<'_>, app: &App, user: UserId, what: &str) -> Result<()> {
    outbox::notify(tx, app, user, MessageKind::FactorsChanged, Some(what))
}

fn has_room(tx: &mut Transaction<'_>, user: UserId) -> Result<()> {
    if store::count(tx, user)? < MOST {
        return Ok(());
    }
    let fault = format!("{MOST} factors are the most that a user may have; remove one");
    Err(Error::InvalidRequest(fault))
}

/// Lets logins ask for a second factor. The first one comes with recovery codes.
fn counts_from_now_on(tx: &mut Transaction<'_>, user: UserId) -> Result<Option<RecoveryCodes>> {
    let (_, had_one) = store::user(tx, user)?.ok_or(Error::NoSuchUser)?;
    if had_one {
        return Ok(None);
    }
    store::require(tx, user)?;
    replace_codes(tx, user).map(Some)
}

fn replace_codes(tx: &mut Transaction<'_>, user: UserId) -> Result<RecoveryCodes> {
    let codes: Vec<RecoveryCode> =
        (0..recovery_code::CODES).map(|_| RecoveryCode::generate()).collect();
    let hashes: Vec<Vec<u8>> = codes.iter().map(|code| code.hash().to_vec()).collect();
    store::replace_codes(tx, user, &hashes)?;
    Ok(codes.iter().map(RecoveryCode::text).collect())
}

/// What the audit log says of a factor. Its name is the user's.
fn described(factor: &Factor) -> String {
    format!("{} {}", factor.kind, factor.id.get())
}

/// Production needs an encryption key. Elsewhere a copy of the database holds secrets that work.
fn warn_once(app: &App) {
    static WARNED: Once = Once::new();
    if app.encryption().name().is_none() && app.config().profile != Profile::Production {
        WARNED.call_once(|| {
            log::warn!(
                "without encryption.key the secrets of second factors are in the database as they are"
            );
        });
    }
}
