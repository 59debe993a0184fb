//! OAuth's clients: who a program says it is.

use super::key::PresentedApiKey;
use crate::error::{Error, Result};
use crate::http::Request;
use crate::http::parameters::Parameters;
use zeroize::Zeroizing;

/// What an OAuth client says about itself: in HTTP Basic, or in the form (RFC 6749, 2.3.1).
pub(crate) struct ShownClient {
    name: Option<String>,
    secret: Option<Zeroizing<String>>,
}

impl ShownClient {
    /// Reads what a request says.
    ///
    /// # Errors
    /// [`Error::ClientInvalid`] when Basic is malformed; [`Error::InvalidRequest`] for a secret in
    /// both places (RFC 6749, 2.3), or two names.
    pub(crate) fn of(request: &Request, form: &mut Parameters) -> Result<Self> {
        let name = form.optional_text("client_id")?;
        let secret = form.optional_text("client_secret")?.map(Zeroizing::new);
        let Some((basic_name, basic_secret)) = request.basic()? else {
            return Ok(Self { name, secret });
        };
        if secret.is_some() {
            return Err(Error::parameter("client_secret", "is given in HTTP Basic already"));
        }
        if name.is_some_and(|name| name != basic_name) {
            return Err(Error::parameter("client_id", "differs from the name in HTTP Basic"));
        }
        Ok(Self { name: Some(basic_name), secret: Some(basic_secret) })
    }

    /// Whether it authenticates.
    pub(crate) fn has_secret(&self) -> bool {
        self.secret.is_some()
    }

    /// The API key that it authenticates with. Whether the key has this name is found out when it
    /// is used.
    ///
    /// # Errors
    /// [`Error::ClientInvalid`].
    pub(crate) fn key(&self) -> Result<PresentedApiKey> {
        let shown = self.name.as_ref().zip(self.secret.as_ref());
        let (name, secret) = shown.ok_or(Error::ClientInvalid)?;
        PresentedApiKey::of_client(name, secret)
    }

    /// Checks that a client without a secret, if it says anything about itself, is this one.
    ///
    /// # Errors
    /// [`Error::ClientInvalid`].
    pub(crate) fn check_public(&self, name: &str) -> Result<()> {
        let is_other = self.name.as_ref().is_some_and(|shown| shown != name);
        if is_other || self.secret.is_some() { Err(Error::ClientInvalid) } else { Ok(()) }
    }
}
