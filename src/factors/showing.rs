//! Using a factor: whatever a user shows is good once.

use super::passkeys::{CheckedPasskey, Use, UsedPasskey};
use super::recovery_code::RecoveryCode;
use super::store;
use super::totp::{TotpCode, TotpSecret};
use super::types::ShownFactor;
use crate::app::App;
use crate::db::Transaction;
use crate::domain::{FactorId, UserId};
use crate::error::{Error, Result};
use crate::tokens::Amr;
use crate::tokens::encryption::Encrypted;
use crate::webauthn::RelyingParty;

/// What a user's TOTP secrets are encrypted for.
pub(super) fn place(user: UserId) -> String {
    format!("totp secret of user {}", user.get())
}

/// What a user shows, as far as it can be checked before it is used up.
#[derive(Debug)]
pub(crate) enum CheckedFactor<'a> {
    Code(TotpCode),
    RecoveryCode(&'a RecoveryCode),
    Passkey(CheckedPasskey),
}

/// Checks what a user shows. No transaction is held meanwhile.
///
/// # Errors
/// [`Error::InvalidProof`]; database errors.
pub(crate) fn check<'a>(
    app: &App,
    user: UserId,
    shown: &'a ShownFactor,
    used: Use,
) -> Result<CheckedFactor<'a>> {
    Ok(match shown {
        ShownFactor::Code(code) => CheckedFactor::Code(*code),
        ShownFactor::RecoveryCode(code) => CheckedFactor::RecoveryCode(code),
        ShownFactor::Passkey(assertion) => {
            CheckedFactor::Passkey(UsedPasskey::find(app, assertion, used)?.check(app, user)?)
        }
    })
}

impl CheckedFactor<'_> {
    /// What it proves once it is used up.
    pub(crate) fn amr(&self) -> Amr {
        match self {
            Self::Code(_) | Self::RecoveryCode(_) => Amr::CODE,
            Self::Passkey(passkey) => passkey.amr(),
        }
    }

    /// Uses it up. The transaction must be committed only if something else in it takes what this gives.
    ///
    /// # Errors
    /// [`Error::InvalidProof`] when it is wrong, or was used; database errors.
    pub(crate) fn use_up(&self, tx: &mut Transaction<'_>, app: &App, user: UserId) -> Result<()> {
        let good = match self {
            Self::Code(code) => use_code(tx, app, user, *code)?,
            Self::RecoveryCode(code) => store::use_recovery_code(tx, user, code.hash())?,
            Self::Passkey(passkey) => passkey.use_up(tx)?,
        };
        if good { Ok(()) } else { Err(Error::InvalidProof) }
    }
}

fn use_code(tx: &mut Transaction<'_>, app: &App, user: UserId, code: TotpCode) -> Result<bool> {
    for found in store::secrets(tx, user)? {
        let secret = opened(app, user, found.id, &found.secret)?;
        if let Some(step) = secret.step_of(code, found.now)
            && store::use_step(tx, found.id, step, found.now)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The secret of a factor.
///
/// # Errors
/// [`Error::Internal`] when the row is not as the service wrote it, or its encryption key is not
/// configured.
pub(super) fn opened(
    app: &App,
    user: UserId,
    id: FactorId,
    secret: &Encrypted,
) -> Result<TotpSecret> {
    app.encryption().decrypt(&place(user), secret).map(TotpSecret::stored).map_err(|why| {
        let id = id.get();
        Error::Internal(format!("the secret of factor {id} cannot be decrypted: {why}"))
    })
}

/// What the user can show: `totp`, `passkey`, `recovery_code`.
///
/// # Errors
/// Database errors.
pub(crate) fn methods(app: &App, user: UserId) -> Result<Vec<&'static str>> {
    app.database()?.with_connection(|conn| {
        let factors = store::list(conn, user)?;
        let has = |kind: &str| factors.iter().any(|factor| factor.kind == kind);
        let totp = has("totp").then_some("totp");
        let takes = RelyingParty::of(app.config()).is_some();
        let passkey = (takes && has("passkey")).then_some("passkey");
        let codes = store::codes_left(conn, user)?.is_some_and(|left| left > 0);
        let methods = [totp, passkey, codes.then_some("recovery_code")];
        Ok(methods.into_iter().flatten().collect())
    })
}
