//! The description of the API: for programs as OpenAPI 3.1, and the same as one page for people.
//!
//! Both are files in the binary. A person edits `openapi.json`; `page.html` is made from it by
//! `UPDATE=1 cargo test --lib openapi`, so that a running service renders nothing and holds nothing
//! but the two texts. Tests compare the description with the routes, the errors and real answers.

#[cfg(test)]
mod render;

use crate::app::App;
use crate::error::Result;
use crate::http::{Request, Response};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// The description.
pub(crate) const DOCUMENT: &str = include_str!("openapi/openapi.json");

const PAGE: &str = include_str!("openapi/page.html");

/// Another version of the program has another description, which should be seen soon.
const CACHE_CONTROL: &str = "public, max-age=300";

/// `GET /openapi.json`
pub(crate) fn document(_: &App, request: &Request) -> Result<Response> {
    static ETAG: LazyLock<String> = LazyLock::new(|| etag(DOCUMENT));
    fixed(request, "application/json", DOCUMENT, &ETAG)
}

/// `GET /docs`
pub(crate) fn page(_: &App, request: &Request) -> Result<Response> {
    static ETAG: LazyLock<String> = LazyLock::new(|| etag(PAGE));
    static POLICY: LazyLock<String> = LazyLock::new(policy);
    let response = fixed(request, "text/html; charset=utf-8", PAGE, &ETAG)?;
    Ok(response
        .header("Content-Security-Policy", POLICY.as_str())
        .header("Referrer-Policy", "no-referrer"))
}

fn fixed(
    request: &Request,
    content_type: &str,
    text: &'static str,
    etag: &str,
) -> Result<Response> {
    request.parameters()?.end()?;
    let response = if request.has_already(etag) {
        Response::not_modified()
    } else {
        Response::text(content_type, text.to_owned())
    };
    Ok(response.header("ETag", etag).header("Cache-Control", CACHE_CONTROL))
}

fn etag(text: &str) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..16]))
}

/// The page's one style is named by its hash, and nothing else is allowed.
fn policy() -> String {
    let style = PAGE.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
    let hash = STANDARD.encode(Sha256::digest(style.map_or("", |(style, _)| style)));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}
