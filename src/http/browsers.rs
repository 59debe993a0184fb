//! What browsers send beyond what programs do, and what is answered to them alone.

use super::browser_fields::Forwarded;
use super::{Request, Response};
use zeroize::Zeroizing;

impl Request {
    /// `HOST[:PORT]` of the target or the field; empty where HTTP/1.0 gives none.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The fields `Origin`.
    pub(crate) fn origins(&self) -> &[String] {
        &self.origins
    }

    /// The fields `Sec-Fetch-Site`.
    pub(crate) fn fetch_sites(&self) -> &[String] {
        &self.browser.fetch_sites
    }

    /// What a trusted proxy says of the request that it asks about.
    pub(crate) fn forwarded(&self) -> Option<&Forwarded> {
        self.browser.forwarded.as_ref()
    }

    /// Whether a browser asks for a page to show (W3C, Fetch Metadata), or for HTML.
    pub(crate) fn is_navigation(&self) -> bool {
        self.browser.fetch_mode.as_deref() == Some("navigate")
            || self.browser.accept.as_deref().is_some_and(|it| it.contains("text/html"))
    }

    /// Whether the query has this, and whatever else.
    pub(crate) fn query_has(&self, pair: &str) -> bool {
        self.query.split('&').any(|it| it == pair)
    }

    /// The field `Accept-Language`.
    pub(crate) fn accept_language(&self) -> &str {
        self.browser.accept_language.as_deref().unwrap_or_default()
    }

    /// Whether there is a field `Authorization`.
    pub(crate) fn has_authorization(&self) -> bool {
        !self.authorization.is_empty()
    }

    /// All cookies, as a field has them, but those of these names.
    pub(crate) fn cookies_but(&self, names: &[&str]) -> Zeroizing<String> {
        let pairs = self.browser.cookies.iter().flat_map(|field| field.split(';'));
        let is_other = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or_default();
            !pair.is_empty() && !names.contains(&name)
        };
        let kept: Vec<&str> =
            pairs.map(|pair| pair.trim_matches([' ', '\t'])).filter(is_other).collect();
        Zeroizing::new(kept.join("; "))
    }

    /// The value of the cookie of this name. Of two, neither counts: one may have been set by somebody
    /// else (RFC 6265, 8.6).
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.browser.cookies.iter().flat_map(|field| field.split(';'));
        let mut values = pairs.filter_map(|pair| {
            pair.trim_matches([' ', '\t']).split_once('=').filter(|(known, _)| *known == name)
        });
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    }
}

impl Response {
    /// A page for people.
    pub(crate) fn page(status: u16, html: String) -> Self {
        Self::new(status, html.into_bytes()).header("Content-Type", "text/html; charset=utf-8")
    }

    /// A picture.
    pub(crate) fn bytes(content_type: &str, body: Vec<u8>) -> Self {
        Self::new(200, body).header("Content-Type", content_type)
    }

    /// Sends a browser on to another page, with GET (RFC 9110, 15.4.4).
    pub(crate) fn see_other(location: &str) -> Self {
        Self::new(303, Vec::new()).header("Location", location)
    }

    /// Sends a browser elsewhere, with the method that it came with (RFC 9110, 15.4.3).
    pub(crate) fn found(location: &str) -> Self {
        Self::new(302, Vec::new()).header("Location", location)
    }

    /// An answer without a body.
    pub(crate) fn bare(status: u16) -> Self {
        Self::new(status, Vec::new())
    }

    /// Puts a header in the place of one of this name.
    pub(crate) fn instead(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.header(name, value)
    }
}
