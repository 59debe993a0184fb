//! Who sent a request.

use super::Caller;
use super::key::PresentedApiKey;
use crate::app::App;
use crate::config::AccessMode;
use crate::error::{Error, Result};
use crate::http::Request;

impl Caller {
    /// Who sent a request. In open mode no token is required, and none is read.
    pub(crate) fn of(app: &App, request: &Request) -> Result<Self> {
        match app.config().access.mode {
            AccessMode::Open => Ok(Self::Trusted),
            AccessMode::Protected => Self::with_token(app, request),
        }
    }

    /// Who sent a request as OAuth's clients do: with a name and a secret, which is the API key.
    /// The key alone identifies the caller, so any name will do.
    pub(crate) fn of_client(app: &App, request: &Request) -> Result<Self> {
        if app.config().access.mode == AccessMode::Open {
            return Ok(Self::Trusted);
        }
        match request.basic_password()? {
            Some(key) => {
                PresentedApiKey::parse(&key).map(Self::ApiKey).map_err(|_| Error::ClientInvalid)
            }
            None => Self::with_token(app, request),
        }
    }

    /// Who sent a request about its own token. In open mode, too, the token is read.
    pub(crate) fn with_token(app: &App, request: &Request) -> Result<Self> {
        match request.bearer_token()? {
            Some(token) => Self::bearer(app, token),
            None => Ok(Self::Anonymous),
        }
    }
}
