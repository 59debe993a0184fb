//! Passkeys (WebAuthn Level 3): the options that browsers ask for, and what they make of them.

use super::challenge::{self, Answered, GOOD_FOR, Purpose};
use super::store;
use super::types::{Factor, FactorName};
use crate::access::Actor;
use crate::app::{App, once};
use crate::audit::{Action, AuditOutcome, Event, Writer};
use crate::db::Transaction;
use crate::domain::{FactorId, UserId};
use crate::error::{Error, Result};
use crate::tokens::Amr;
use crate::webauthn::{ALGORITHMS, Asserted, Assertion, Creation, NewPasskey, RelyingParty};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use store::passkeys::{self as rows, FoundPasskey, KnownPasskey};

/// What a passkey is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// In place of a password, or to step up. The authenticator must have checked who the user is.
    SignIn,
    /// After a password.
    SecondFactor,
}

/// A use of a passkey that is in order, as far as can be told before it is used up.
#[derive(Debug)]
pub(crate) struct CheckedPasskey {
    id: FactorId,
    code: [u8; 32],
    expires: i64,
    asserted: Asserted,
}

/// # Errors
/// [`Error::NoPasskeys`].
pub(super) fn party(app: &App) -> Result<RelyingParty<'_>> {
    RelyingParty::of(app.config()).ok_or(Error::NoPasskeys)
}

/// Whether pages of this origin may ask for passkeys.
#[cfg(feature = "pages")]
pub(crate) fn takes_passkeys_from(app: &App, origin: &str) -> bool {
    party(app).is_ok_and(|party| party.takes(origin))
}

/// Credentials as browsers take them (`PublicKeyCredentialDescriptorJSON`).
fn descriptors(known: &[KnownPasskey]) -> Vec<Value> {
    let one = |passkey: &KnownPasskey| {
        let transports: Vec<&str> = passkey.transports.split_whitespace().collect();
        let id = URL_SAFE_NO_PAD.encode(&passkey.credential_id);
        json!({"type": "public-key", "id": id, "transports": transports})
    };
    known.iter().map(one).collect()
}

/// What `PublicKeyCredential.parseCreationOptionsFromJSON` takes.
///
/// # Errors
/// [`Error::NoPasskeys`], [`Error::NoSuchUser`]; database errors.
pub(super) fn creation_options(
    app: &App,
    tx: &mut Transaction<'_>,
    (user, login): (UserId, &str),
    challenge: &[u8],
) -> Result<Value> {
    let party = party(app)?;
    let handle =
        rows::user_handle(tx, user, &rand::random::<[u8; 32]>())?.ok_or(Error::NoSuchUser)?;
    let known = rows::known(tx, user)?;
    let algorithms = ALGORITHMS.map(|alg| json!({"type": "public-key", "alg": alg}));
    Ok(json!({
        "rp": {"id": party.id(), "name": app.config().tokens.issuer_name()},
        "user": {"id": URL_SAFE_NO_PAD.encode(handle), "name": login, "displayName": login},
        "challenge": URL_SAFE_NO_PAD.encode(challenge),
        "pubKeyCredParams": algorithms,
        "timeout": timeout(),
        "excludeCredentials": descriptors(&known),
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": true,
            "userVerification": "required",
        },
        "attestation": "none",
    }))
}

/// The challenge for a new passkey.
///
/// # Errors
/// As [`challenge::make`].
pub(super) fn creation_challenge(app: &App, user: UserId, name: &FactorName) -> Result<Vec<u8>> {
    let context = [&user.get().to_be_bytes()[..], name.as_str().as_bytes()].concat();
    challenge::make(app, Purpose::Create, &context)
}

/// A new passkey of a user, checked, and what the user calls it. Its challenge is yet to be used up.
///
/// # Errors
/// [`Error::InvalidProof`], [`Error::NoPasskeys`]; database errors.
pub(super) fn check_creation(
    app: &App,
    user: UserId,
    creation: Creation,
) -> Result<CheckedCreation> {
    let party = party(app)?;
    let answered = challenge::read(app, Purpose::Create, creation.challenge())?;
    let (whose, name) = answered.context.split_first_chunk().ok_or(Error::InvalidProof)?;
    if i64::from_be_bytes(*whose) != user.get() {
        return Err(Error::InvalidProof);
    }
    let name = str::from_utf8(name).map_err(|_| Error::InvalidProof)?.to_owned();
    let passkey = creation.verify(&party).ok_or(Error::InvalidProof)?;
    Ok(CheckedCreation { name, passkey, code: answered.code, expires: answered.expires })
}

/// A new passkey that is in order.
pub(super) struct CheckedCreation {
    name: String,
    passkey: NewPasskey,
    code: [u8; 32],
    expires: i64,
}

impl CheckedCreation {
    /// Uses the challenge up, and stores the passkey.
    ///
    /// # Errors
    /// [`Error::InvalidProof`] when the challenge was used, or somebody has this passkey; database
    /// errors.
    pub(super) fn store(&self, tx: &mut Transaction<'_>, user: UserId) -> Result<Factor> {
        if !once::use_up(tx, &self.code, self.expires)? {
            return Err(Error::InvalidProof);
        }
        let id = rows::insert(tx, user, &self.name, &self.passkey)?.ok_or(Error::InvalidProof)?;
        store::find(tx, id)?.ok_or_else(|| Error::Internal("a new passkey is gone".to_owned()))
    }
}

/// What `PublicKeyCredential.parseRequestOptionsFromJSON` takes, for anybody who has a passkey.
///
/// # Errors
/// [`Error::NoPasskeys`]; database errors.
pub fn sign_in_options(app: &App) -> Result<Value> {
    let challenge = challenge::make(app, Purpose::SignIn, &[])?;
    request_options(app, &challenge, &[], "required")
}

/// The same for a user who has shown the password.
///
/// # Errors
/// As [`sign_in_options`].
pub(crate) fn second_factor_options(app: &App, user: UserId) -> Result<Value> {
    let challenge = challenge::make(app, Purpose::SecondFactor, &user.get().to_be_bytes())?;
    let known = app.database()?.with_connection(|conn| rows::known(conn, user))?;
    request_options(app, &challenge, &known, "preferred")
}

fn request_options(
    app: &App,
    challenge: &[u8],
    known: &[KnownPasskey],
    user_verification: &str,
) -> Result<Value> {
    Ok(json!({
        "challenge": URL_SAFE_NO_PAD.encode(challenge),
        "timeout": timeout(),
        "rpId": party(app)?.id(),
        "allowCredentials": descriptors(known),
        "userVerification": user_verification,
    }))
}

/// Milliseconds for which a browser asks the user.
fn timeout() -> u64 {
    GOOD_FOR.as_secs() * 1_000
}

/// A use of a passkey whose challenge is ours, and the passkey's row. Nothing else of it is believed yet.
pub(crate) struct UsedPasskey<'a> {
    assertion: &'a Assertion,
    party: RelyingParty<'a>,
    answered: Answered,
    found: FoundPasskey,
    used: Use,
}

impl<'a> UsedPasskey<'a> {
    /// Finds the passkey. A forged challenge ends here, without a question to the database.
    ///
    /// # Errors
    /// [`Error::NoPasskeys`]; [`Error::InvalidProof`], also when nobody has it; database errors.
    pub(crate) fn find(app: &'a App, assertion: &'a Assertion, used: Use) -> Result<Self> {
        let party = party(app)?;
        let purpose = match used {
            Use::SignIn => Purpose::SignIn,
            Use::SecondFactor => Purpose::SecondFactor,
        };
        let answered = challenge::read(app, purpose, assertion.challenge())?;
        let id = assertion.credential_id();
        let found = app.database()?.with_connection(|conn| rows::find(conn, id))?;
        let found = found.ok_or(Error::InvalidProof)?;
        Ok(Self { assertion, party, answered, found, used })
    }

    /// Whose passkey it is, and the login.
    pub(crate) fn owner(&self) -> (UserId, &str) {
        (self.found.user, &self.found.login)
    }

    /// Checks it as one of this user.
    ///
    /// # Errors
    /// [`Error::InvalidProof`]; database errors.
    pub(crate) fn check(&self, app: &App, user: UserId) -> Result<CheckedPasskey> {
        let Self { assertion, party, answered, found, used } = self;
        let is_users = *used == Use::SignIn || answered.context == user.get().to_be_bytes();
        // An authenticator that found the passkey by itself says whose it is.
        let is_known = match assertion.user_handle() {
            Some(handle) => found.user_handle.as_deref() == Some(handle),
            None => *used == Use::SecondFactor,
        };
        let asserted = assertion.verify(party, &found.public_key);
        let asserted = asserted.filter(|_| found.user == user && is_users && is_known);
        let asserted = asserted.ok_or(Error::InvalidProof)?;
        if *used == Use::SignIn && !asserted.user_verified {
            return Err(Error::InvalidProof);
        }
        let counted = i64::from(asserted.sign_count);
        if counted <= found.sign_count && (counted, found.sign_count) != (0, 0) {
            // Two authenticators count for one passkey (WebAuthn, 6.1.1).
            let detail = format!("passkey {}: its counter went back", found.id.get());
            log::warn!("{detail}; somebody may have copied it from user {}", user.get());
            let event = Event::new(Action::LogIn, Some(user)).with_outcome(AuditOutcome::WrongCode);
            Writer::new(app)?.record_alone(Actor::Anonymous, &event.with_detail(&detail))?;
            return Err(Error::InvalidProof);
        }
        let Answered { code, expires, .. } = *answered;
        Ok(CheckedPasskey { id: found.id, code, expires, asserted })
    }
}

impl CheckedPasskey {
    /// What it proves.
    pub(super) fn amr(&self) -> Amr {
        if self.asserted.user_verified { Amr::PASSKEY_VERIFIED } else { Amr::PASSKEY }
    }

    /// Uses it up. Returns whether that had not happened yet.
    ///
    /// # Errors
    /// Database errors.
    pub(super) fn use_up(&self, tx: &mut Transaction<'_>) -> Result<bool> {
        let Asserted { sign_count, backed_up, .. } = self.asserted;
        Ok(once::use_up(tx, &self.code, self.expires)?
            && rows::note_use(tx, self.id, sign_count, backed_up)?)
    }
}
