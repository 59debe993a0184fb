//! Encrypting the secrets of factors anew, when the encryption key changes.

use super::showing::place;
use super::store;
use crate::app::App;
use crate::db::Transaction;
use crate::error::{Error, Result};
use crate::tokens::encryption::NotDecrypted;
use zeroize::Zeroizing;

/// Encrypts all secrets that are not encrypted under the encryption key, and returns how many there were.
/// `plain` says whether those that were never encrypted are to be taken over.
///
/// # Errors
/// [`Error::Startup`] for one that cannot be decrypted; database errors.
pub(crate) fn reencrypt(tx: &mut Transaction<'_>, app: &App, plain: bool) -> Result<u64> {
    let encryption = app.encryption();
    let mut done = 0;
    for (id, user, old) in store::encrypted_otherwise(tx, encryption.name())? {
        let place = place(user);
        let secret = match encryption.decrypt(&place, &old) {
            Ok(secret) => secret,
            Err(NotDecrypted::Plain) if plain => Zeroizing::new(old.bytes.clone()),
            Err(why) => {
                let id = id.get();
                return Err(Error::Startup(format!(
                    "the secret of factor {id} is {why}; nothing was changed. `gatepost user \
                     remove-factors LOGIN` removes it"
                )));
            }
        };
        store::replace_secret(tx, id, &old, &encryption.encrypt(&place, &secret)?)?;
        done += 1;
    }
    Ok(done)
}
