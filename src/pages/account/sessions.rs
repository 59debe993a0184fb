//! Where somebody is signed in.

use crate::domain::{Page, SessionId};
use crate::error::Result;
use crate::http::Response;
use crate::pages::answer::{Alert, answer, frame};
use crate::pages::form::Form;
use crate::pages::member::{Member, is_for_act};
use crate::pages::views::account::{SessionRow, Sessions};
use crate::sessions;

/// Sessions of a page; whoever has more ends all.
const SHOWN: i64 = 100;

fn list(member: &Member<'_>, alert: Option<Alert>) -> Result<Response> {
    let first = Page::parse(1, SHOWN, None)?;
    let (found, more) = sessions::list(member.app, member.caller(), Some(member.user()), first)?;
    let own = member.session();
    let rows: Vec<SessionRow<'_>> = found
        .iter()
        .map(|it| SessionRow { session: it, is_own: Some(it.id.get()) == own })
        .collect();
    answer(alert, |alert| Sessions {
        frame: frame(member.app, member.request, alert),
        rows: &rows,
        more,
    })
}

/// `GET /account/sessions`
pub(super) fn show(member: &mut Member<'_>) -> Result<Response> {
    list(member, None)
}

/// `POST /account/sessions/end`
pub(super) fn end(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    let outcome = sent
        .number("id")
        .and_then(SessionId::parse)
        .and_then(|id| sessions::end(member.app, member.caller(), id));
    match outcome {
        Ok(_) => Ok(member.go_to("account/sessions")),
        Err(error) if is_for_act(&error) => Err(error),
        Err(error) => list(member, Some(Alert::of(member.request, &error))),
    }
}

/// `POST /account/sessions/end-all`
pub(super) fn end_all(member: &mut Member<'_>, _: &mut Form) -> Result<Response> {
    sessions::log_out(member.app, member.caller(), true)?;
    member.forget();
    Ok(member.go_to("sign-in"))
}
