//! The templates, and what each shows. They are compiled, and escape what they show.

pub(super) mod account;
pub(super) mod admin;

use super::texts::Texts;
use askama::Template;

/// What all pages have around them.
pub(super) struct Frame<'a> {
    pub(super) texts: &'static Texts,
    /// `pages.name`.
    pub(super) name: &'a str,
    /// Whether there is a picture in its place.
    pub(super) has_logo: bool,
    /// `passwords.min_length`.
    pub(super) min_length: usize,
    /// What went wrong.
    pub(super) alert: Option<String>,
    /// What stands before links to our own pages.
    pub(super) base: String,
}

/// Where whoever signs in goes on, as forms carry it along.
#[derive(Clone)]
pub(super) struct Way<'a> {
    pub(super) return_to: Option<&'a str>,
    pub(super) state: Option<String>,
}

/// The form for login and password.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub(super) struct SignIn<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) login: &'a str,
    pub(super) way: Way<'a>,
    /// Whether people may register themselves.
    pub(super) register: bool,
    /// Whether a passkey can be asked for.
    pub(super) passkeys: bool,
    /// None, since nothing was shown yet.
    pub(super) mfa_token: Option<&'a str>,
}

/// The form for a code.
#[derive(Template)]
#[template(path = "code.html")]
pub(super) struct Code<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) mfa_token: Option<&'a str>,
    pub(super) way: Way<'a>,
    /// Whether a passkey can be asked for.
    pub(super) passkeys: bool,
}

/// Who is signed in.
#[derive(Template)]
#[template(path = "signed_in.html")]
pub(super) struct SignedIn<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) login: &'a str,
}

/// Whether to sign out.
#[derive(Template)]
#[template(path = "sign_out.html")]
pub(super) struct SignOut<'a> {
    pub(super) frame: Frame<'a>,
}

/// The form of a new account.
#[derive(Template)]
#[template(path = "register.html")]
pub(super) struct Register<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) login: &'a str,
    pub(super) email: &'a str,
}

/// The form that asks for a way back.
#[derive(Template)]
#[template(path = "recover.html")]
pub(super) struct Recover<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) login: &'a str,
    pub(super) email: &'a str,
}

/// The form for the code that was sent.
#[derive(Template)]
#[template(path = "recover_code.html")]
pub(super) struct RecoverCode<'a> {
    pub(super) frame: Frame<'a>,
    /// Of the request.
    pub(super) number: &'a str,
    pub(super) code: &'a str,
}

/// The form for a new password of whoever followed a link.
#[derive(Template)]
#[template(path = "new_password.html")]
pub(super) struct NewPassword<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) heading: &'static str,
    pub(super) action: &'static str,
    pub(super) token: &'a str,
}

/// Whether an address is to be proved.
#[derive(Template)]
#[template(path = "verify.html")]
pub(super) struct Verify<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) token: &'a str,
}

/// What was done.
#[derive(Template)]
#[template(path = "done.html")]
pub(super) struct Done<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) heading: &'static str,
}

/// What went wrong where there is no form to show again.
#[derive(Template)]
#[template(path = "problem.html")]
pub(super) struct Problem<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) title: &'a str,
    pub(super) request_id: &'a str,
    /// Where to go on, and what the link says.
    pub(super) next: (&'a str, &'static str),
}
