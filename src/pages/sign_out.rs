//! Signing out: the session ends, and with it everything that was issued in it.

use super::answer::{frame, page};
use super::form::Form;
use super::views::SignOut;
use crate::app::App;
use crate::browser::{self, Cookie, SignedIn};
use crate::error::{Error, Result};
use crate::http::{Request, Response};
use crate::sessions;

/// `GET /sign-out`. It only asks, since anyone can make a browser follow a link.
pub(super) fn show(app: &App, request: &Request) -> Result<Response> {
    page(200, &SignOut { frame: frame(app, request, None) })
}

/// Ends the session of a browser, unless it is over already.
///
/// # Errors
/// Database errors.
pub(super) fn end(app: &App, signed_in: &SignedIn) -> Result<()> {
    match sessions::log_out(app, &signed_in.caller, false) {
        Err(Error::TokenInvalid) => Ok(()),
        outcome => outcome,
    }
}

/// `POST /sign-out`
pub(super) fn send(app: &App, request: &Request) -> Result<Response> {
    let Form { own, .. } = Form::of(app, request)?;
    if let Some(signed_in) = browser::signed_in(app, request, &own)? {
        end(app, &signed_in)?;
    }
    let removal = Cookie::removal(&own).into_field();
    Ok(Response::see_other("sign-in")
        .header("Cache-Control", "no-store")
        .header("Set-Cookie", removal))
}
