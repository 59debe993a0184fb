//! What is kept about somebody, and the end of an account.

use crate::domain::Login;
use crate::error::{Error, Result};
use crate::http::Response;
use crate::pages::answer::{Alert, answer, done, frame};
use crate::pages::form::Form;
use crate::pages::member::{Member, is_for_act};
use crate::pages::views::account::Data;
use crate::users::{self, ExportPosition};

/// Most pages of the export in one file, each of up to a hundred sessions and entries of the log. Who has more
/// gets the newest, and all of it by the API.
const PAGES: usize = 100;

/// Rows of a page.
const ROWS: i64 = 100;

fn form(member: &Member<'_>, typed: &str, alert: Option<Alert>) -> Result<Response> {
    let login = users::show(member.app, member.caller(), member.user())?.login;
    answer(alert, |alert| Data {
        frame: frame(member.app, member.request, alert),
        login: &login,
        typed,
    })
}

/// `GET /account/data`
pub(super) fn show(member: &mut Member<'_>) -> Result<Response> {
    form(member, "", None)
}

/// `GET /account/export`
pub(super) fn export(member: &mut Member<'_>) -> Result<Response> {
    let page = |from| users::export(member.app, member.caller(), member.user(), from, ROWS);
    let (mut whole, mut next) = page(ExportPosition::START)?;
    for _ in 1..PAGES {
        let Some(from) = next else { break };
        let (more, then) = page(from)?;
        whole.sessions.extend(more.sessions);
        whole.audit.extend(more.audit);
        next = then;
    }
    let name = "attachment; filename=\"account.json\"";
    Ok(Response::json(200, &whole).header("Content-Disposition", name))
}

/// `POST /account/delete`
pub(super) fn delete(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    let typed = sent.text("login")?;
    let user = users::show(member.app, member.caller(), member.user())?;
    let is_meant = Login::parse(&typed).ok().map(|it| it.canonical().to_owned())
        == Login::parse(&user.login).ok().map(|it| it.canonical().to_owned());
    if !is_meant {
        let error = Error::parameter("login", "must be your own, to delete this account");
        return form(member, &typed, Some(Alert::of(member.request, &error)));
    }
    match users::delete(member.app, member.caller(), member.user()) {
        Ok(_) => {
            member.forget();
            done(member.app, member.request, 200, |texts| texts.account.deleted)
        }
        Err(error) if is_for_act(&error) => Err(error),
        Err(error) => form(member, &typed, Some(Alert::of(member.request, &error))),
    }
}
