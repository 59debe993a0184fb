//! Pages for people, rendered here. They work without a script, but for passkeys.
//!
//! They call the operations that the API calls, and hold no rule and no SQL. Whatever goes wrong is told
//! with the status and in the words of the API.

mod account;
mod admin;
mod answer;
mod form;
mod gate;
mod member;
mod proofs;
mod qr;
mod register;
mod return_to;
mod sign_in;
mod sign_out;
mod texts;
mod views;

use crate::app::App;
use crate::config::{Config, PagesEnabled};
use crate::error::Result;
use crate::front_door::Lane::{self, Hashing, Ordinary};
use crate::http::{Request, Response};
use answer::Page;
use form::names_password;

/// The page of a path, and who answers it.
pub(crate) fn find(method: &str, path: &str, body: &[u8]) -> Option<(Lane, Page)> {
    Some(match (method, path) {
        ("GET", "/sign-in") => (Ordinary, |app, request| told(app, request, sign_in::show)),
        ("POST", "/sign-in") => {
            let lane = if names_password(body) { Hashing } else { Ordinary };
            (lane, |app, request| told(app, request, sign_in::send))
        }
        ("GET", "/sign-out") => (Ordinary, |app, request| told(app, request, sign_out::show)),
        ("POST", "/sign-out") => (Ordinary, |app, request| told(app, request, sign_out::send)),
        ("GET", "/register") => (Ordinary, |app, request| told(app, request, register::show)),
        ("POST", "/register") => (Hashing, |app, request| told(app, request, register::send)),
        ("GET", "/recover") => (Ordinary, |app, request| told(app, request, proofs::show_recovery)),
        ("POST", "/recover") => {
            let lane = if names_password(body) { Hashing } else { Ordinary };
            (lane, |app, request| told(app, request, proofs::recover))
        }
        ("GET", "/accept") => {
            (Ordinary, |app, request| told(app, request, proofs::show_invitation))
        }
        ("POST", "/accept") => (Hashing, |app, request| told(app, request, proofs::accept)),
        ("GET", "/verify") => {
            (Ordinary, |app, request| told(app, request, proofs::show_verification))
        }
        ("POST", "/verify") => (Ordinary, |app, request| told(app, request, proofs::verify)),
        ("GET", "/gate") => (Ordinary, gate::ask),
        ("GET", "/.gatepost/return") => (Ordinary, gate::come_back),
        ("GET", "/pages/script.js") => (Ordinary, answer::script),
        ("GET", "/pages/style.css") => (Ordinary, answer::style),
        ("GET", "/pages/logo") => (Ordinary, answer::logo),
        _ => return account::find(method, path, body).or_else(|| admin::find(method, path, body)),
    })
}

/// Whether what the settings of pages name is there.
///
/// # Errors
/// [`Error::File`](crate::Error::File).
pub(crate) fn check(config: &Config) -> Result<()> {
    config.pages.logo.as_deref().map_or(Ok(()), |file| answer::read_logo(file).map(drop))
}

/// Whether the page of a path is there where this is set.
pub(crate) fn is_enabled(path: &str, enabled: PagesEnabled) -> bool {
    let is_below = |root: &str| {
        let rest = path.strip_prefix(root);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match enabled {
        PagesEnabled::Off => false,
        PagesEnabled::SignIn => !is_below("/account") && !is_below("/admin"),
        PagesEnabled::All => true,
    }
}

/// Answers with a page. An error is a page too.
fn told(app: &App, request: &Request, page: Page) -> Result<Response> {
    Ok(page(app, request).unwrap_or_else(|error| answer::problem(app, request, &error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_step_of_signing_in_waits_for_no_hash() {
        for (body, expected) in [
            ("login=a&password=b", Hashing),
            ("p%61ssword=b&login=a", Hashing),
            ("password", Hashing),
            ("mfa_token=a&code=password", Ordinary),
            ("", Ordinary),
        ] {
            let (lane, _) = find("POST", "/sign-in", body.as_bytes()).unwrap();
            assert_eq!(lane, expected, "{body}");
        }
    }
}
