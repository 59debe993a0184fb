//! Browsers: the cookie by which one is known to be signed in, and which of its requests may change
//! something.
//!
//! A browser sends its cookies with every request to an origin, whoever made it send the request. So a
//! cookie says who asks, and a form counts only if a page of our own origin sent it.

mod cookie;
mod elsewhere;
mod origin;
mod shown;

use crate::app::App;
use crate::error::Result;
use crate::http::Request;
pub(crate) use cookie::{
    Cookie, issue, of_others as cookies_of_others, renewed, signed_in,
    signed_in_beside_authorization,
};
pub(crate) use elsewhere::{State, code, come_back, signed_in_at};
pub(crate) use origin::{OwnOrigin, check_sent_by_own_page};
pub(crate) use shown::SignedIn;

/// Lets a call of the API count as that of whoever is signed in, where `pages.cookie_api` says so.
///
/// # Errors
/// [`Error::InvalidRequest`](crate::Error::InvalidRequest) when there is an `Authorization` too; database
/// errors.
pub(crate) fn admit_cookie(app: &App, request: &Request) -> Result<()> {
    if app.config().pages.cookie_api.is_empty() {
        return Ok(());
    }
    let Ok(own) = OwnOrigin::of(app, request) else { return Ok(()) };
    if origin::is_sent_by_listed_page(app, request, &own)
        && let Some(signed_in) = signed_in(app, request, &own)?
    {
        request.sign_in_as(signed_in.claims()?.clone());
    }
    Ok(())
}
