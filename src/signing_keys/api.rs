//! What other services need to verify our tokens by themselves.

use crate::app::App;
use crate::error::Result;
use crate::http::{Request, Response};
use crate::tokens::key::Jwk;
use serde::Serialize;
use serde_json::{Value, json};

/// Where the keys are.
pub(crate) const JWKS: &str = "/.well-known/jwks.json";

/// Maximum seconds that others may cache these documents. A key that was replaced because it leaked
/// is trusted for that long.
const MOST_CACHED: u64 = 300;

/// The keys (RFC 7517, 5).
#[derive(Serialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

/// `GET /.well-known/jwks.json`: the keys that sign, will sign, or have signed tokens that are
/// still valid.
pub(crate) fn jwks(app: &App, request: &Request) -> Result<Response> {
    request.parameters()?.end()?;
    let keys = app.keys()?.published().collect();
    Ok(Response::public(&Jwks { keys }, max_age(app)))
}

/// `GET /.well-known/oauth-authorization-server`: the issuer and where its keys are, in the form of
/// RFC 8414. If the issuer is not a URL, the places are relative to this document.
pub(crate) fn metadata(app: &App, request: &Request) -> Result<Response> {
    request.parameters()?.end()?;
    let issuer = app.config().tokens.issuer.as_str();
    Ok(Response::public(&document(issuer), max_age(app)))
}

fn document(issuer: &str) -> Value {
    let is_url = issuer.starts_with("https://") || issuer.starts_with("http://");
    let jwks = match issuer.trim_end_matches('/') {
        base if is_url => format!("{base}{JWKS}"),
        // Relative to this document, so that it works under any path of a proxy.
        _ => JWKS.rsplit('/').next().unwrap_or_default().to_owned(),
    };
    json!({
        "issuer": issuer,
        "jwks_uri": jwks,
        // Required by the RFC. There are none, since nobody is sent through a browser.
        "response_types_supported": [],
        "grant_types_supported": [],
    })
}

/// A key is published for `tokens.key_publication` before it signs, and must be fetched by then.
fn max_age(app: &App) -> u64 {
    (app.config().tokens.key_publication.as_secs() / 2).min(MOST_CACHED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_below_an_issuer_that_is_a_url_and_else_relative() {
        for (issuer, uri) in [
            ("gatepost", "jwks.json"),
            ("https://auth.example", "https://auth.example/.well-known/jwks.json"),
            ("https://auth.example/", "https://auth.example/.well-known/jwks.json"),
            ("http://localhost:8080/a", "http://localhost:8080/a/.well-known/jwks.json"),
        ] {
            let document = document(issuer);
            assert_eq!((&document["issuer"], &document["jwks_uri"]), (&json!(issuer), &json!(uri)));
        }
    }
}
