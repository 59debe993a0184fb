//! What all forms have in common: they count only if a page of ours sent them.

use crate::app::App;
use crate::browser::{OwnOrigin, check_sent_by_own_page};
use crate::error::Result;
use crate::http::Request;
use crate::http::parameters::Parameters;
use zeroize::Zeroizing;

/// A form that a page of ours has sent.
pub(super) struct Form {
    pub(super) own: OwnOrigin,
    pub(super) fields: Parameters,
}

impl Form {
    /// Takes the form of a request.
    ///
    /// # Errors
    /// [`Error::CrossOrigin`](crate::Error::CrossOrigin) when another page has sent it; as
    /// [`Request::form`].
    pub(super) fn of(app: &App, request: &Request) -> Result<Self> {
        let own = OwnOrigin::of(app, request)?;
        check_sent_by_own_page(request, &own)?;
        Ok(Self { own, fields: request.form()? })
    }

    /// What was typed into a field; empty if nothing was.
    ///
    /// # Errors
    /// None that a form can bring about.
    pub(super) fn text(&mut self, name: &str) -> Result<Zeroizing<String>> {
        Ok(Zeroizing::new(self.fields.optional_text(name)?.unwrap_or_default()))
    }
}
