//! One user: what is known, and what an admin does about it.

use super::users::names;
use crate::domain::{Page, SessionId, Timestamp, UserId};
use crate::error::{Error, Result};
use crate::factors;
use crate::http::Response;
use crate::pages::answer::{Alert, answer, frame, page};
use crate::pages::form::Form;
use crate::pages::member::{Member, is_for_act};
use crate::pages::views::admin::{Handed, OneUser};
use crate::recovery;
use crate::sessions;
use crate::users::{self, Change};
use zeroize::Zeroizing;

/// Sessions that are shown.
const SESSIONS: i64 = 50;

/// The page of a user, with what was typed and did not work.
fn form(
    member: &Member<'_>,
    id: UserId,
    typed: &[(String, String)],
    alert: Option<Alert>,
) -> Result<Response> {
    let (app, caller) = (member.app, member.caller());
    let user = users::show(app, caller, id)?;
    // Somebody sees their own at another place.
    let found = factors::list(app, caller, Some(id))?;
    let (sessions, more) = sessions::list(app, caller, Some(id), Page::parse(1, SESSIONS, None)?)?;
    let or_typed = |name: &str, stored: String| {
        let found = typed.iter().find(|(known, _)| known == name);
        found.map_or(stored, |(_, text)| text.clone())
    };
    let expires_at = user.expires_at.map(|time| time.to_string()).unwrap_or_default();
    answer(alert, |alert| OneUser {
        frame: frame(app, member.request, alert),
        user: &user,
        roles: or_typed("roles", user.roles.as_slice().join(" ")),
        groups: or_typed("groups", user.groups.as_slice().join(" ")),
        expires_at: or_typed("expires_at", expires_at),
        factors: &found.factors,
        sessions: &sessions,
        more,
        is_own: id == member.user(),
    })
}

/// `GET /admin/user`
pub(super) fn show(member: &mut Member<'_>) -> Result<Response> {
    let mut parameters = member.request.parameters()?;
    let id = UserId::parse(parameters.number("id", 1)?)?;
    parameters.end()?;
    // Others than admins may see themselves, and not this page.
    users::list(member.app, member.caller(), Page::parse(1, 1, None)?)?;
    form(member, id, &[], None)
}

/// Does something about the user whom a form names, and shows the user again.
fn about(
    member: &mut Member<'_>,
    sent: &mut Form,
    act: impl Fn(&Member<'_>, UserId, &mut Form) -> Result<()>,
) -> Result<Response> {
    let typed = sent.kept();
    let id = UserId::parse(sent.number("id")?)?;
    match act(member, id, sent) {
        Ok(()) => Ok(member.go_to(&format!("admin/user?id={}", id.get()))),
        Err(error) if is_for_act(&error) => Err(error),
        Err(error) => form(member, id, &typed, Some(Alert::of(member.request, &error))),
    }
}

fn change(member: &Member<'_>, id: UserId, change: &Change<'_>) -> Result<()> {
    users::change(member.app, member.caller(), id, change).map(drop)
}

/// `POST /admin/user/lock`
pub(super) fn lock(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    about(member, sent, |member, id, sent| {
        let locked = *sent.text("locked")? == "true";
        change(member, id, &Change { locked: Some(locked), ..Change::default() })
    })
}

/// `POST /admin/user/expire`
pub(super) fn expire(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    about(member, sent, |member, id, sent| {
        let typed = sent.text("expires_at")?;
        let time = (!typed.is_empty()).then(|| Timestamp::parse(&typed)).transpose();
        let time = time.map_err(|fault| Error::parameter("expires_at", fault))?;
        change(member, id, &Change { expires_at: Some(time), ..Change::default() })
    })
}

/// `POST /admin/user/names`
pub(super) fn set_names(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    about(member, sent, |member, id, sent| {
        let roles = names("roles", &sent.text("roles")?)?;
        let groups = names("groups", &sent.text("groups")?)?;
        let wanted = Change { roles: Some(&roles), groups: Some(&groups), ..Change::default() };
        change(member, id, &wanted)
    })
}

/// `POST /admin/user/admin`
pub(super) fn appoint(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    about(member, sent, |member, id, sent| {
        let admin = *sent.text("admin")? == "true";
        users::set_admin(member.app, member.caller(), id, admin).map(drop)
    })
}

/// `POST /admin/user/recover`
pub(super) fn recover(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    let id = UserId::parse(sent.number("id")?)?;
    match recovery::hand_over(member.app, member.caller(), id) {
        Ok(handed) => {
            let frame = frame(member.app, member.request, None);
            let own = || {
                let token = handed.token.expose();
                Zeroizing::new(format!("{}/recover?token={token}", member.own.as_str()))
            };
            let link = handed.link.as_ref().map(|link| Zeroizing::new(link.expose().to_owned()));
            let link = link.unwrap_or_else(own);
            page(200, &Handed { frame, id: id.get(), link: &link })
        }
        Err(error) if is_for_act(&error) => Err(error),
        Err(error) => form(member, id, &[], Some(Alert::of(member.request, &error))),
    }
}

/// `POST /admin/user/factors`
pub(super) fn remove_factors(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    about(member, sent, |member, id, _| {
        factors::remove_all(member.app, member.caller(), id).map(drop)
    })
}

/// `POST /admin/user/session`
pub(super) fn end_session(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    about(member, sent, |member, _, sent| {
        let session = SessionId::parse(sent.number("session")?)?;
        sessions::end(member.app, member.caller(), session).map(drop)
    })
}

/// `POST /admin/user/delete`
pub(super) fn delete(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    let id = UserId::parse(sent.number("id")?)?;
    match users::delete(member.app, member.caller(), id) {
        Ok(_) => Ok(member.go_to("admin")),
        Err(error) if is_for_act(&error) => Err(error),
        Err(error) => form(member, id, &[], Some(Alert::of(member.request, &error))),
    }
}
