//! What browsers send beyond what programs do, and what is answered to them alone.

use super::{Request, Response};

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

    /// The field `Accept-Language`.
    pub(crate) fn accept_language(&self) -> &str {
        self.browser.accept_language.as_deref().unwrap_or_default()
    }

    /// Whether there is a field `Authorization`.
    pub(crate) fn has_authorization(&self) -> bool {
        !self.authorization.is_empty()
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

    /// Sends a browser on to another page, with GET (RFC 9110, 15.4.4).
    pub(crate) fn see_other(location: &str) -> Self {
        Self::new(303, Vec::new()).header("Location", location)
    }

    /// Puts a header in the place of one of this name.
    pub(crate) fn instead(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.header(name, value)
    }
}
