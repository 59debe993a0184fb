//! What other services need to verify our tokens by themselves, and the keys as admins see them.

use super::SigningKey;
use crate::access::{Caller, Scope};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Request, Response};
use crate::tokens::key::Jwk;
use crate::tokens::{MFA, SFA};
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

/// Where RFC 8414, 3 puts the metadata of an issuer without a path.
pub(crate) const METADATA: &str = "/.well-known/oauth-authorization-server";

/// Whether this is where the metadata of some issuer with a path would be: the path comes last
/// there.
pub(crate) fn is_metadata_of_path(path: &str) -> bool {
    path.strip_prefix(METADATA).is_some_and(|rest| rest.starts_with('/'))
}

/// `GET /.well-known/oauth-authorization-server`: what there is for OAuth's clients, in the form of
/// RFC 8414. If the issuer is not a URL, the places are relative to this document.
pub(crate) fn metadata(app: &App, request: &Request) -> Result<Response> {
    request.parameters()?.end()?;
    let issuer = app.config().tokens.issuer.as_str();
    let rest = request.path.strip_prefix(METADATA).unwrap_or_default();
    if !rest.is_empty() && rest != path_of(issuer) {
        return Ok(Response::not_found(&request.id));
    }
    Ok(Response::public(&document(issuer), max_age(app)))
}

/// The path of an issuer that is a URL, without a slash at its end.
fn path_of(issuer: &str) -> &str {
    let rest = issuer.split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/').map_or("", |at| rest[at..].trim_end_matches('/'))
}

fn document(issuer: &str) -> Value {
    let is_url = issuer.starts_with("https://") || issuer.starts_with("http://");
    let base = issuer.trim_end_matches('/');
    let place = |path: &str| match path.strip_prefix("/.well-known/") {
        _ if is_url => format!("{base}{path}"),
        // Relative to this document, so that it works under any path of a proxy.
        Some(beside) => beside.to_owned(),
        None => format!("..{path}"),
    };
    json!({
        "issuer": issuer,
        "token_endpoint": place("/token"),
        "introspection_endpoint": place("/introspect"),
        "revocation_endpoint": place("/revoke"),
        "jwks_uri": place(JWKS),
        "service_documentation": place("/docs"),
        "grant_types_supported": ["refresh_token", "client_credentials"],
        "acr_values_supported": [SFA, MFA],
        "scopes_supported": Scope::ALL.map(Scope::name),
        "token_endpoint_auth_methods_supported":
            ["none", "client_secret_basic", "client_secret_post"],
        "introspection_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "Bearer"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        // Required by the RFC, and some clients refuse an empty list. There is no authorization
        // endpoint, since nobody is sent through a browser, and "none" (OAuth 2.0 Multiple Response
        // Type Encoding Practices, 4) is the response type that answers with no token.
        "response_types_supported": ["none"],
    })
}

/// The keys as admins see them.
#[derive(Serialize)]
struct SigningKeysAnswer {
    signing_keys: Vec<SigningKey>,
}

/// `GET /signing-keys`
pub(crate) fn list(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    request.parameters()?.end()?;
    Ok(Response::json(200, &SigningKeysAnswer { signing_keys: super::list(app, &caller)? }))
}

/// `POST /signing-keys`
pub(crate) fn rotate(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    request.parameters()?.end()?;
    let next = super::rotate(app, &caller).map_err(|error| match error {
        // The setting is wrong for this call, not for the service.
        Error::Configuration(faults) => Error::InvalidRequest(faults.join("; ")),
        other => other,
    })?;
    Ok(Response::json(200, &next))
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
            let token =
                uri.replace(".well-known/jwks.json", "token").replace("jwks.json", "../token");
            assert_eq!(document["token_endpoint"], json!(token));
        }
    }

    #[test]
    fn the_path_of_an_issuer_comes_last_in_the_place_of_its_metadata() {
        for (issuer, path) in [
            ("gatepost", ""),
            ("https://auth.example", ""),
            ("https://auth.example/", ""),
            ("https://auth.example/a/b", "/a/b"),
            ("https://auth.example/a/", "/a"),
        ] {
            assert_eq!(path_of(issuer), path);
        }
        for path in [
            "/.well-known/oauth-authorization-server/",
            "/.well-known/oauth-authorization-server/a",
        ] {
            assert!(is_metadata_of_path(path));
        }
        for path in [METADATA, "/.well-known/oauth-authorization-serverx", "/a"] {
            assert!(!is_metadata_of_path(path));
        }
    }
}
