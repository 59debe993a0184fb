//! The origin of our own pages, and whether one of them has sent a request.

use crate::app::App;
use crate::config::WebOrigin;
use crate::error::{Error, Result};
use crate::http::Request;

/// The origin under which the browser reaches us.
#[derive(Clone)]
pub(crate) struct OwnOrigin(WebOrigin);

impl OwnOrigin {
    /// `pages.origin`; without it, that of a request from a browser on this machine.
    ///
    /// # Errors
    /// [`Error::CrossOrigin`] when `pages.origin` is not set and the request names another host.
    pub(crate) fn of(app: &App, request: &Request) -> Result<Self> {
        if let Some(origin) = &app.config().pages.origin {
            return Ok(Self(origin.clone()));
        }
        let scheme = if app.config().server.tls_certificate.is_some() { "https" } else { "http" };
        on_this_machine(scheme, request.host()).map(Self).ok_or(Error::CrossOrigin(
            "pages.origin is not set, so these pages are for localhost alone",
        ))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it is this one.
    pub(crate) fn is(&self, origin: &WebOrigin) -> bool {
        self.0 == *origin
    }

    /// Whether it has TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.0.is_secure()
    }
}

/// The origin of `HOST[:PORT]`, if that is a name or an address of the machine itself, which nobody else
/// can have.
fn on_this_machine(scheme: &str, authority: &str) -> Option<WebOrigin> {
    let origin: WebOrigin = format!("{scheme}://{authority}").parse().ok()?;
    origin.is_of_this_machine().then_some(origin)
}

/// Whether a page that `pages.cookie_api` lists has sent a call of the API.
pub(crate) fn is_sent_by_listed_page(app: &App, request: &Request, own: &OwnOrigin) -> bool {
    let listed = &app.config().pages.cookie_api;
    let is_listed = |origin: &str| listed.iter().any(|known| known.as_str() == origin);
    match (request.origins(), request.fetch_sites()) {
        ([origin], _) => is_listed(origin),
        // With what changes something, browsers send the origin always.
        ([], [site]) => site == "same-origin" && is_listed(own.as_str()) && request.method == "GET",
        _ => false,
    }
}

/// Refuses a request that changes something, unless a page of our own has sent it: by the field
/// `Sec-Fetch-Site` (W3C, Fetch Metadata), and where a browser sends none, by `Origin`.
///
/// It is asked for signing in too. Otherwise another page could sign a visitor in as somebody else.
///
/// # Errors
/// [`Error::CrossOrigin`].
pub(crate) fn check_sent_by_own_page(request: &Request, own: &OwnOrigin) -> Result<()> {
    let is_own = match request.fetch_sites() {
        [] => matches!(request.origins(), [origin] if origin == own.as_str()),
        [site] => site == "same-origin",
        _ => false,
    };
    if is_own {
        Ok(())
    } else {
        Err(Error::CrossOrigin("this must be sent by a page of this service"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_localhost_and_its_loopback_addresses() {
        for host in
            ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.8.0.1:1", "[::1]", "[::1]:8080"]
        {
            assert!(on_this_machine("http", host).is_some(), "{host}");
        }
        for host in
            ["", "example.com", "localhost.example.com", "10.0.0.1:80", "[fe80::1]", "::1:x"]
        {
            assert!(on_this_machine("http", host).is_none(), "{host}");
        }
    }
}
