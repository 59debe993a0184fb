//! What the pages of my account show.

use crate::factors::{Factors as Found, RecoveryCodes};
use crate::pages::views::Frame;
use crate::sessions::Session;
use crate::users::User;
use askama::Template;

/// What there is.
#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct Account<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) user: &'a User,
}

/// The form for another password.
#[derive(Template)]
#[template(path = "account_password.html")]
pub(crate) struct ChangePassword<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) login: &'a str,
}

/// The form for another address.
#[derive(Template)]
#[template(path = "account_email.html")]
pub(crate) struct Address<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) email: &'a str,
    pub(crate) user: &'a User,
    /// Whether there is an address to confirm.
    pub(crate) can_verify: bool,
}

/// The second factors, and the form for another.
#[derive(Template)]
#[template(path = "account_factors.html")]
pub(crate) struct Factors<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) found: &'a Found,
    /// What was typed for another.
    pub(crate) name: &'a str,
    /// Whether a passkey can be made.
    pub(crate) passkeys: bool,
}

/// The secret of an app, if it is shown, and the form for its first code.
#[derive(Template)]
#[template(path = "account_app.html")]
pub(crate) struct AppCode<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) id: i64,
    pub(crate) secret: Option<&'a str>,
    pub(crate) uri: Option<&'a str>,
    /// The same as a QR code, in SVG of our own.
    pub(crate) image: String,
}

/// Recovery codes, which are shown once.
#[derive(Template)]
#[template(path = "account_codes.html")]
pub(crate) struct RecoveryCodesOnce<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) codes: &'a RecoveryCodes,
}

/// What a script makes a passkey from.
#[derive(Template)]
#[template(path = "account_passkey.html")]
pub(crate) struct NewPasskey<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) options: &'a str,
}

/// A session, and whether it is that of this browser.
pub(crate) struct SessionRow<'a> {
    pub(crate) session: &'a Session,
    pub(crate) is_own: bool,
}

/// Where somebody is signed in.
#[derive(Template)]
#[template(path = "account_sessions.html")]
pub(crate) struct Sessions<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) rows: &'a [SessionRow<'a>],
    /// Whether there are more than are shown.
    pub(crate) more: bool,
}

/// The export, and the form that deletes an account.
#[derive(Template)]
#[template(path = "account_data.html")]
pub(crate) struct Data<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) login: &'a str,
    /// What was typed to confirm it.
    pub(crate) typed: &'a str,
}

/// The form in which somebody proves anew who they are.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(crate) struct Confirm<'a> {
    pub(crate) frame: Frame<'a>,
    /// Where the form goes.
    pub(crate) action: &'a str,
    /// What was sent, but passwords.
    pub(crate) fields: &'a [(String, String)],
    /// Whether there is a second factor.
    pub(crate) mfa: bool,
    /// Whether a passkey can be asked for.
    pub(crate) passkeys: bool,
}
