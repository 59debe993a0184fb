//! Using a factor: whatever a user shows is good once.

use super::store;
use super::totp::{TotpCode, TotpSecret};
use super::types::ShownFactor;
use crate::app::App;
use crate::db::Transaction;
use crate::domain::{FactorId, UserId};
use crate::error::{Error, Result};
use crate::tokens::Amr;
use crate::tokens::encryption::Encrypted;

/// What a user's TOTP secrets are encrypted for.
pub(super) fn place(user: UserId) -> String {
    format!("totp secret of user {}", user.get())
}

/// Uses up what a user shows. The transaction must be committed only if something else in it takes what
/// this gives.
///
/// # Errors
/// [`Error::InvalidProof`] when it is wrong, or was used; database errors.
pub(crate) fn use_up(
    tx: &mut Transaction<'_>,
    app: &App,
    user: UserId,
    shown: &ShownFactor,
) -> Result<Amr> {
    let good = match shown {
        ShownFactor::Code(code) => use_code(tx, app, user, *code)?,
        ShownFactor::RecoveryCode(code) => store::use_recovery_code(tx, user, code.hash())?,
    };
    if good { Ok(Amr::CODE) } else { Err(Error::InvalidProof) }
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

/// What the user can show: `totp`, `recovery_code`.
///
/// # Errors
/// Database errors.
pub(crate) fn methods(app: &App, user: UserId) -> Result<Vec<&'static str>> {
    app.database()?.with_connection(|conn| {
        let totp = store::list(conn, user)?.iter().any(|factor| factor.kind == "totp");
        let codes = store::codes_left(conn, user)?.is_some_and(|left| left > 0);
        let methods = [totp.then_some("totp"), codes.then_some("recovery_code")];
        Ok(methods.into_iter().flatten().collect())
    })
}
