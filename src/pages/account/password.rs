//! A new password.

use crate::app::App;
use crate::error::Result;
use crate::http::Response;
use crate::pages::answer::{Alert, answer, done, frame};
use crate::pages::form::Form;
use crate::pages::member::{Member, is_for_act};
use crate::pages::views::account::ChangePassword;
use crate::passwords::Password;
use crate::users::{self, Change};

fn form(member: &Member<'_>, alert: Option<Alert>) -> Result<Response> {
    let login = users::show(member.app, member.caller(), member.user())?.login;
    answer(alert, |alert| ChangePassword {
        frame: frame(member.app, member.request, alert),
        login: &login,
    })
}

/// `GET /account/password`
pub(super) fn show(member: &mut Member<'_>) -> Result<Response> {
    form(member, None)
}

/// `POST /account/password`
pub(super) fn change(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    let (current, new) = (sent.text("current_password")?, sent.text("password")?);
    match set(member.app, member, &current, &new) {
        Ok(()) => {
            // All sessions end but this one, whose cookie speaks of what was before.
            member.resume()?;
            done(member.app, member.request, 200, |texts| texts.password_set)
        }
        Err(error) if is_for_act(&error) => Err(error),
        Err(error) => form(member, Some(Alert::of(member.request, &error))),
    }
}

fn set(app: &App, member: &Member<'_>, current: &str, new: &str) -> Result<()> {
    let (current, new) = (Password::parse(current)?, Password::parse(new)?);
    let change =
        Change { password: Some(&new), current_password: Some(&current), ..Change::default() };
    users::change(app, member.caller(), member.user(), &change).map(drop)
}
