//! What all forms have in common: they count only if a page of ours sent them.

use crate::app::App;
use crate::browser::{OwnOrigin, check_sent_by_own_page};
use crate::error::Result;
use crate::http::Request;
use crate::http::parameters::Parameters;
use zeroize::Zeroizing;

/// The fields in which somebody proves anew who they are.
pub(super) const PROOF: [&str; 3] = ["confirm_password", "confirm_code", "credential"];

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

    /// What was sent, but passwords and what proves who somebody is.
    pub(super) fn kept(&self) -> Vec<(String, String)> {
        let is_kept = |name: &str| !name.ends_with("password") && !PROOF.contains(&name);
        let pairs = self.fields.pairs().filter(|(name, _)| is_kept(name));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// A number from 1.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`](crate::Error::InvalidRequest).
    pub(super) fn number(&mut self, name: &str) -> Result<i64> {
        self.fields.number(name, 1)
    }

    /// What was typed into a field; empty if nothing was.
    ///
    /// # Errors
    /// None that a form can bring about.
    pub(super) fn text(&mut self, name: &str) -> Result<Zeroizing<String>> {
        Ok(Zeroizing::new(self.fields.optional_text(name)?.unwrap_or_default()))
    }
}

/// Whether a form may have a field that is a password, whose name ends so. A percent sign could spell its name.
pub(super) fn names_password(body: &[u8]) -> bool {
    let of_name = |pair: &[u8]| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        name.ends_with(b"password") || name.contains(&b'%')
    };
    body.split(|byte| *byte == b'&').any(of_name)
}
