//! Who sent a request.

use super::Caller;
use super::client::ShownClient;
use crate::app::App;
use crate::config::AccessMode;
use crate::error::Result;
use crate::http::Request;
use crate::http::parameters::Parameters;

impl Caller {
    /// Who sent a request: by a token or a key, or where `pages.cookie_api` says so, by a cookie. In open mode no
    /// token is required, and none is read.
    pub(crate) fn of(app: &App, request: &Request) -> Result<Self> {
        match app.config().access.mode {
            AccessMode::Open => Ok(Self::Trusted),
            AccessMode::Protected => match request.signed_in_as() {
                Some(claims) => Ok(Self::Bearer(claims.clone())),
                None => Self::with_token(app, request),
            },
        }
    }

    /// Who sent a request as OAuth's clients do: with a `client_id`, which is the name of an API
    /// key, and a secret, which is the key. Without them, the bearer of a token or a key.
    ///
    /// # Errors
    /// [`Error::ClientInvalid`](crate::Error::ClientInvalid);
    /// [`Error::InvalidRequest`](crate::Error::InvalidRequest) for a client that authenticates in two
    /// ways; as [`Caller::bearer`].
    pub(crate) fn of_client(app: &App, request: &Request, form: &mut Parameters) -> Result<Self> {
        if app.config().access.mode == AccessMode::Open {
            return Ok(Self::Trusted);
        }
        let client = ShownClient::of(request, form)?;
        if client.has_secret() {
            return client.key().map(Self::ApiKey);
        }
        Self::with_token(app, request)
    }

    /// Who sent a request about its own token. In open mode, too, the token is read.
    pub(crate) fn with_token(app: &App, request: &Request) -> Result<Self> {
        match request.bearer_token()? {
            Some(token) => Self::bearer(app, token),
            None => Ok(Self::Anonymous),
        }
    }
}
