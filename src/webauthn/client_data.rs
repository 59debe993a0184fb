//! What the browser says of the page: it is signed together with the authenticator's data (WebAuthn,
//! 5.8.1).

use super::party::{Ceremony, RelyingParty};
use crate::by_name::by_name;
use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// The client's data, and the bytes that they were read from.
#[derive(Clone, Debug)]
pub(super) struct ClientData {
    pub(super) bytes: Vec<u8>,
    pub(super) challenge: Vec<u8>,
    kind: String,
    origin: String,
    is_embedded: bool,
}

/// The members that matter. Browsers add to them.
#[derive(Deserialize)]
#[serde(remote = "Self")]
struct Fields {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: bool,
    #[serde(rename = "topOrigin")]
    top_origin: Option<String>,
}
by_name!(Fields);

impl ClientData {
    /// Reads it.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`].
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self> {
        let fault = || Error::parameter("clientDataJSON", "is not the client data of a browser");
        let text = str::from_utf8(&bytes).map_err(|_| fault())?;
        let fields: Fields = serde_json::from_str(text).map_err(|_| fault())?;
        let challenge = URL_SAFE_NO_PAD.decode(&fields.challenge).map_err(|_| fault())?;
        let is_embedded = fields.cross_origin || fields.top_origin.is_some();
        let (kind, origin) = (fields.r#type, fields.origin);
        Ok(Self { bytes, challenge, kind, origin, is_embedded })
    }

    /// Whether it is of this ceremony, and of a page that may ask for it. A page within that of another
    /// site could have been put under the user's fingers.
    pub(super) fn is_for(&self, ceremony: Ceremony, party: &RelyingParty<'_>) -> bool {
        let kind = match ceremony {
            Ceremony::Create => "webauthn.create",
            Ceremony::Get => "webauthn.get",
        };
        self.kind == kind && !self.is_embedded && party.takes(&self.origin)
    }
}
