//! Where people go on once they are signed in: a path of ours, or of a program behind the gate, and nowhere
//! else.
//!
//! An address that could lead elsewhere would let anyone send people through our sign-in to a page of
//! their own.

use crate::app::App;
use crate::browser::{self, OwnOrigin, SignedIn, State};
use crate::config::WebOrigin;
use crate::error::{Error, Result};
use crate::http::parameters::Parameters;

/// Most bytes of an address.
const MOST_BYTES: usize = 2_000;

/// Where somebody goes on.
pub(super) struct ReturnTo {
    text: String,
    place: Place,
    /// What the browser that comes back to a program behind the gate proves there.
    state: Option<State>,
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// A path, and perhaps a query, of our own origin, or one of our pages from there.
    Own(String),
    /// One of a program behind the gate.
    Elsewhere(WebOrigin, String),
}

impl ReturnTo {
    /// Takes `return` and `state` of a query or a form.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for an address that is neither ours nor of `gate.origins`, and for a state
    /// that the gate cannot have given.
    pub(super) fn of(
        app: &App,
        own: &OwnOrigin,
        parameters: &mut Parameters,
    ) -> Result<Option<Self>> {
        let state = parameters.optional_text("state")?.map(|text| State::parse(&text));
        let Some(text) = parameters.optional_text("return")? else { return Ok(None) };
        let place = place(&text, own.as_str(), &app.config().gate.origins);
        let place = place.ok_or_else(|| {
            let form =
                "must be a path of this service, such as /sign-in, or an address of gate.origins";
            Error::parameter("return", form)
        })?;
        Ok(Some(Self { text, place, state: state.transpose()? }))
    }

    /// As it was given.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn state(&self) -> Option<String> {
        self.state.as_ref().map(State::text)
    }

    /// The address to which whoever is signed in is sent.
    ///
    /// # Errors
    /// Database errors.
    pub(super) fn location(&self, app: &App, signed_in: &SignedIn) -> Result<String> {
        match (&self.place, &self.state) {
            (Place::Own(path), _) => Ok(path.clone()),
            (Place::Elsewhere(origin, path), Some(state)) => {
                let code = browser::code(app, signed_in, origin, state, path)?;
                Ok(format!("{origin}/.gatepost/return?code={code}"))
            }
            // The gate there sends the browser back here, with a state.
            (Place::Elsewhere(origin, path), None) => Ok(format!("{origin}{path}")),
        }
    }
}

/// Whether an address can be told us: browsers take a backslash for a slash, and leave out what does not
/// print.
pub(super) fn can_be(address: &str) -> bool {
    let is_plain = address.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    is_plain && address.len() <= MOST_BYTES
}

/// Whether it is a page of ours as one at the root links to it. It holds below a path of a proxy too.
fn is_page(text: &str) -> bool {
    let of_page = |byte: u8| byte.is_ascii_alphanumeric() || b"-/?=&_.%".contains(&byte);
    let first = text.split(['/', '?']).next().unwrap_or_default();
    matches!(first, "account" | "admin") && text.bytes().all(of_page) && !text.contains("..")
}

/// A path that begins with one `/`, a page of ours, or the address of one under our own origin or one of these.
fn place(text: &str, own: &str, others: &[WebOrigin]) -> Option<Place> {
    if !can_be(text) {
        return None;
    }
    let is_path = |path: &&str| path.starts_with('/') && !path.starts_with("//");
    if is_page(text) {
        return Some(Place::Own(text.to_owned()));
    }
    if let Some(path) = text.strip_prefix(own).or(Some(text)).filter(is_path) {
        return Some(Place::Own(path.to_owned()));
    }
    others.iter().find_map(|origin| {
        let path = text.strip_prefix(origin.as_str()).filter(is_path)?;
        Some(Place::Elsewhere(origin.clone(), path.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_where_no_setting_says_so() {
        let origins = ["https://app.example.com", "https://b.example.com:8443"];
        let origins = origins.map(|origin| origin.parse::<WebOrigin>().unwrap());
        let place = |text: &str| place(text, "https://login.example.com", &origins);
        let own = |path: &str| Some(Place::Own(path.to_owned()));
        let elsewhere =
            |at: usize, path: &str| Some(Place::Elsewhere(origins[at].clone(), path.to_owned()));
        assert_eq!(place("/a?b=//c"), own("/a?b=//c"));
        assert_eq!(place("https://login.example.com/a"), own("/a"));
        assert_eq!(place("https://app.example.com/a?b"), elsewhere(0, "/a?b"));
        assert_eq!(place("https://b.example.com:8443/"), elsewhere(1, "/"));
        assert_eq!(place("account/sessions"), own("account/sessions"));
        assert_eq!(place("admin/user?id=5"), own("admin/user?id=5"));
        for text in [
            "accounts",
            "account/../x",
            "account:1",
            "account@evil.example",
            "",
            "a",
            "//app.example.com/",
            "/\\a",
            "https://app.example.com",
            "https://app.example.com//a",
            "https://app.example.com.evil.example/",
            "https://app.example.com@evil.example/",
            "https://app.example.com:8443/",
            "http://app.example.com/",
            "https://b.example.com/",
            "https://login.example.com.evil.example/",
            "https://evil.example/",
            "javascript:alert(1)",
            "/a\n",
            "/ a",
            "/é",
            &format!("/{}", "a".repeat(MOST_BYTES)),
        ] {
            assert_eq!(place(text), None, "{text:?}");
        }
    }
}
