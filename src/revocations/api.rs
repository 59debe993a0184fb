//! The list of revocations over HTTP.

use super::Cursor;
use crate::app::App;
use crate::error::Result;
use crate::http::{Request, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Says in the JWT's header what it is (RFC 8725, 3.11), so that nobody takes it for a token.
const TYPE: &str = "revocations+jwt";

/// A second in a cache is one that a logout takes longer to be known.
const CACHE_CONTROL: &str = "public, max-age=1";

/// `GET /revocations`
pub(crate) fn list(app: &App, request: &Request) -> Result<Response> {
    let mut parameters = request.parameters()?;
    let since = parameters.optional_number("since", 0)?.unwrap_or(0);
    let after = parameters.optional_number("after", 0)?.unwrap_or(0);
    parameters.end()?;
    let list = super::revocations(app, Cursor::parse(since, after)?)?;
    // Weak: of what is signed, since not every algorithm signs the same the same way twice.
    let hash = Sha256::digest(serde_json::to_vec(&list).unwrap_or_default());
    let etag = format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(&hash[..16]));
    let response = if request.has_already(&etag) {
        Response::not_modified()
    } else {
        Response::text("application/jwt", app.keys()?.sign(TYPE, &list)?)
    };
    Ok(response.header("ETag", etag).header("Cache-Control", CACHE_CONTROL))
}
