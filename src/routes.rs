//! The whole API on one screen.

use crate::app::App;
use crate::client::for_client;
#[cfg(not(feature = "pages"))]
use crate::config::PagesEnabled;
use crate::error::Result;
use crate::front_door::Lane::{self, Hashing, Ordinary};
use crate::grants;
use crate::http::{Request, Response};
use crate::metrics::OTHER_ROUTE;
#[cfg(feature = "pages")]
use crate::pages;
use crate::{api_keys, audit, factors, introspection, openapi, ops, outbox, recovery, revocations};
use crate::{sessions, signing_keys, users};

type Handler = fn(&App, &Request) -> Result<Response>;

/// All methods that some route takes. A path's answer to a wrong method lists those that it takes.
const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "PATCH", "DELETE"];

fn find(method: &str, path: &str, body: &[u8]) -> Option<(Lane, Handler)> {
    let method = if method == "HEAD" { "GET" } else { method };
    Some(match (method, path) {
        ("POST", "/") => (Hashing, sessions::api::log_in),
        ("POST", "/token") => (Ordinary, grants::api::token),
        ("POST", "/passkey/options") => (Ordinary, factors::api::sign_in_options),
        ("POST", "/passkey") => (Ordinary, sessions::api::log_in_with_passkey),
        ("POST", "/mfa/options") => (Ordinary, sessions::api::mfa_options),
        ("POST", "/mfa") => (Ordinary, sessions::api::finish_mfa),
        ("POST", "/step-up") if may_name_password(body) => (Hashing, sessions::api::step_up),
        ("POST", "/step-up") => (Ordinary, sessions::api::step_up),
        ("POST", "/logout") => (Ordinary, sessions::api::log_out),
        ("GET", "/sessions") => (Ordinary, sessions::api::list),
        ("DELETE", "/session") => (Ordinary, sessions::api::end),
        ("POST", "/user") => (Hashing, users::api::register),
        ("GET", "/user") => (Ordinary, users::api::show),
        ("PATCH", "/user") if may_name_password(body) => (Hashing, users::api::change),
        ("PATCH", "/user") => (Ordinary, users::api::change),
        ("DELETE", "/user") => (Ordinary, users::api::delete),
        ("GET", "/user/export") => (Ordinary, users::api::export),
        ("GET", "/users") => (Ordinary, users::api::list),
        ("GET", "/factors") => (Ordinary, factors::api::list),
        ("DELETE", "/factor") => (Ordinary, factors::api::remove),
        ("POST", "/factor/totp") => (Ordinary, factors::api::enrol_totp),
        ("POST", "/factor/totp/confirm") => (Ordinary, factors::api::confirm_totp),
        ("POST", "/factor/passkey/options") => (Ordinary, factors::api::passkey_options),
        ("POST", "/factor/passkey") => (Ordinary, factors::api::add_passkey),
        ("POST", "/recovery-codes") => (Ordinary, factors::api::replace_recovery_codes),
        ("POST", "/verification") => (Ordinary, recovery::api::verify),
        ("POST", "/verification/confirm") => (Ordinary, recovery::api::confirm_verification),
        ("POST", "/recovery") => (Ordinary, recovery::api::ask),
        ("POST", "/recovery/confirm") => (Hashing, recovery::api::confirm),
        ("POST", "/invitation") => (Ordinary, recovery::api::invite),
        ("POST", "/invitation/confirm") => (Hashing, recovery::api::accept),
        ("GET", "/outbox") => (Ordinary, outbox::api::pull),
        ("DELETE", "/outbox") => (Ordinary, outbox::api::acknowledge),
        ("GET", "/api-keys") => (Ordinary, api_keys::api::list),
        ("POST", "/api-keys") => (Ordinary, api_keys::api::create),
        ("DELETE", "/api-key") => (Ordinary, api_keys::api::revoke),
        ("GET", "/signing-keys") => (Ordinary, signing_keys::api::list),
        ("POST", "/signing-keys") => (Ordinary, signing_keys::api::rotate),
        ("POST", "/introspect") => (Ordinary, introspection::api::introspect),
        ("POST", "/revoke") => (Ordinary, introspection::api::revoke),
        ("GET", "/revocations") => (Ordinary, revocations::api::list),
        ("GET", "/status-list") => (Ordinary, revocations::api::status_list),
        ("GET", signing_keys::api::JWKS) => (Ordinary, signing_keys::api::jwks),
        ("GET", "/.well-known/oauth-authorization-server") => {
            (Ordinary, signing_keys::api::metadata)
        }
        (_, path) if method == "GET" && signing_keys::api::is_metadata_of_path(path) => {
            (Ordinary, signing_keys::api::metadata)
        }
        ("GET", "/audit") => (Ordinary, audit::api::list),
        ("GET", "/openapi.json") => (Ordinary, openapi::document),
        ("GET", "/docs") => (Ordinary, openapi::page),
        ("GET", "/livez") => (Ordinary, ops::live),
        ("GET", "/readyz") => (Ordinary, ops::ready),
        _ => return None,
    })
}

/// Whether a JSON object may have a member that is a password. A backslash could spell its name.
///
/// A body without one is answered by the ordinary workers, so that a lock, for example, does not
/// wait behind the flood that it would end.
fn may_name_password(body: &[u8]) -> bool {
    body.contains(&b'\\') || body.windows(b"password".len()).any(|part| part == b"password")
}

/// The same for the pages, in a build that has them.
#[cfg(feature = "pages")]
fn find_page(method: &str, path: &str, body: &[u8]) -> Option<(Lane, Handler)> {
    let method = if method == "HEAD" { "GET" } else { method };
    pages::find(method, path, body)
}

#[cfg(feature = "pages")]
use crate::browser::admit_cookie;
#[cfg(feature = "pages")]
use pages::is_enabled;

#[cfg(not(feature = "pages"))]
fn admit_cookie(_: &App, _: &Request) -> Result<()> {
    Ok(())
}

#[cfg(not(feature = "pages"))]
fn is_enabled(_: &str, _: PagesEnabled) -> bool {
    false
}

#[cfg(not(feature = "pages"))]
fn find_page(_: &str, _: &str, _: &[u8]) -> Option<(Lane, Handler)> {
    None
}

/// Which threads answer a request: hashing a password must not keep others waiting.
pub(crate) fn lane(method: &str, path: &str, body: &[u8]) -> Lane {
    let found = find(method, path, body).or_else(|| find_page(method, path, body));
    found.map_or(Ordinary, |(lane, _)| lane)
}

/// Answers a request.
pub(crate) fn handle(app: &App, request: &Request) -> Response {
    let (method, path, body) = (&request.method, &request.path, request.body());
    let has_page = is_enabled(path, app.config().pages.enabled);
    let found =
        find(method, path, body).or_else(|| find_page(method, path, body).filter(|_| has_page));
    match found {
        Some((lane, handler)) => for_client(request.client_address(), || {
            let _answering = (lane == Ordinary).then(|| app.answering());
            let answer = admit_cookie(app, request).and_then(|()| handler(app, request));
            let answer = answer.unwrap_or_else(|error| Response::from_error(&error, &request.id));
            answer.of_route(label(&request.path))
        }),
        None if is_page(path) && !has_page => Response::not_found(&request.id),
        None => match allow(&request.path).as_str() {
            "" => Response::not_found(&request.id),
            allow => Response::method_not_allowed(allow, &request.id),
        },
    }
}

/// The paths that are counted apart, each under its place here.
pub(crate) const LABELS: [&str; 54] = [
    "/",
    "/token",
    "/logout",
    "/sessions",
    "/session",
    "/user",
    "/users",
    "/introspect",
    "/revoke",
    "/revocations",
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/audit",
    "/openapi.json",
    "/docs",
    "/livez",
    "/readyz",
    "/user/export",
    "/api-keys",
    "/api-key",
    "/signing-keys",
    "/status-list",
    "/mfa",
    "/step-up",
    "/factors",
    "/factor",
    "/factor/totp",
    "/factor/totp/confirm",
    "/recovery-codes",
    "/passkey/options",
    "/passkey",
    "/mfa/options",
    "/factor/passkey/options",
    "/factor/passkey",
    "/verification",
    "/verification/confirm",
    "/recovery",
    "/recovery/confirm",
    "/invitation",
    "/invitation/confirm",
    "/outbox",
    "/sign-in",
    "/sign-out",
    "/register",
    "/recover",
    "/accept",
    "/verify",
    "/gate",
    "/.gatepost/return",
    "/account",
    "/admin",
    "/pages/style.css",
    "/pages/script.js",
    "/pages/logo",
];

/// The place of a path that exists. Those below my account and administration are
/// counted with them.
fn label(path: &str) -> u8 {
    let is_below = |root: &&str| path.strip_prefix(root).is_some_and(|it| it.starts_with('/'));
    let path = ["/account", "/admin"].into_iter().find(is_below).unwrap_or(path);
    let place = LABELS.iter().position(|label| *label == path);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or(OTHER_ROUTE)
}

fn is_page(path: &str) -> bool {
    METHODS.iter().any(|method| find_page(method, path, b"").is_some())
}

/// The methods of a path, as the field `Allow` lists them, or of all paths for `*`; empty for a path
/// that does not exist. The front door answers OPTIONS by itself.
pub(crate) fn allow(path: &str) -> String {
    let takes = |method: &&str| {
        path == "*" || find(method, path, b"").is_some() || find_page(method, path, b"").is_some()
    };
    let mut methods: Vec<&str> = METHODS.into_iter().filter(takes).collect();
    if !methods.is_empty() {
        methods.push("OPTIONS");
    }
    methods.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// For people, and not in the description of the API.
    const PAGES: [&str; 13] = [
        "/sign-in",
        "/sign-out",
        "/register",
        "/recover",
        "/accept",
        "/verify",
        "/gate",
        "/.gatepost/return",
        "/account",
        "/admin",
        "/pages/style.css",
        "/pages/script.js",
        "/pages/logo",
    ];

    #[cfg(feature = "pages")]
    #[test]
    fn every_page_is_counted_apart() {
        for path in PAGES {
            assert!(is_page(path) && label(path) != OTHER_ROUTE, "{path}");
        }
        let pages = LABELS.into_iter().filter(|path| is_page(path));
        assert_eq!(pages.collect::<Vec<_>>(), PAGES);
    }

    #[test]
    fn a_path_lists_its_methods() {
        assert_eq!(allow("/"), "POST, OPTIONS");
        assert_eq!(allow("/user"), "GET, HEAD, POST, PATCH, DELETE, OPTIONS");
        assert_eq!(allow("/users"), "GET, HEAD, OPTIONS");
        assert_eq!(allow("*"), "GET, HEAD, POST, PATCH, DELETE, OPTIONS");
        for path in ["", "//", "/user/", "/User", "/users/1"] {
            assert_eq!(allow(path), "");
        }
    }

    /// The pairs of method and path that the table above has, read from its text.
    fn pairs() -> BTreeSet<(String, String)> {
        let source = include_str!("routes.rs").split("#[cfg(test)]").next().unwrap();
        let table = source.split("match (method, path) {").nth(1).unwrap();
        let lines = table.lines().map(str::trim).filter_map(|line| line.strip_prefix("(\""));
        lines
            .take_while(|line| !line.starts_with("_ =>"))
            .map(|line| {
                let (method, rest) = line.split_once("\", ").unwrap();
                let path = rest.split_once(')').unwrap().0;
                let path = if path == "signing_keys::api::JWKS" {
                    signing_keys::api::JWKS
                } else {
                    path.trim_matches('"')
                };
                (method.to_owned(), path.to_owned())
            })
            .collect()
    }

    #[test]
    fn the_description_has_every_route_and_no_other() {
        let document: serde_json::Value = serde_json::from_str(openapi::DOCUMENT).unwrap();
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                described.insert((method.to_uppercase(), path.clone()));
            }
        }
        assert_eq!(described, pairs());
        for (_, path) in &described {
            assert_ne!(label(path), OTHER_ROUTE, "{path}");
        }
        let paths: BTreeSet<&str> = described.iter().map(|(_, path)| path.as_str()).collect();
        let of_calls = LABELS.into_iter().filter(|label| !PAGES.contains(label));
        assert_eq!(of_calls.collect::<BTreeSet<_>>(), paths);
        assert!(LABELS.len() <= usize::from(OTHER_ROUTE));
        for (method, path) in &described {
            assert!(find(method, path, b"").is_some(), "{method} {path}");
        }
        assert!(described.len() >= 20);
    }

    #[test]
    fn a_change_that_names_no_password_is_quick() {
        for (body, expected) in [
            (r#"{"id": 1, "locked": true}"#, Ordinary),
            (r#"{"id": 1, "expires_at": null}"#, Ordinary),
            ("", Ordinary),
            ("passwor", Ordinary),
            (r#"{"id": 1, "password": "x"}"#, Hashing),
            (r#"{"id": 1, "locked": true, "current_password": "x"}"#, Hashing),
            (r#"{"id": 1, "p\u0061ssword": "x"}"#, Hashing),
            ("password", Hashing),
        ] {
            assert_eq!(lane("PATCH", "/user", body.as_bytes()), expected, "{body}");
            assert_eq!(lane("POST", "/user", body.as_bytes()), Hashing);
            assert_eq!(lane("DELETE", "/user", body.as_bytes()), Ordinary);
        }
    }
}
