//! The address of electronic mail.

use crate::domain::Email;
use crate::error::Result;
use crate::http::Response;
use crate::pages::answer::{Alert, answer, done, frame};
use crate::pages::form::Form;
use crate::pages::member::{Member, is_for_act};
use crate::pages::views::account::Address;
use crate::recovery;
use crate::users::{self, Change};

fn form(member: &Member<'_>, typed: Option<&str>, alert: Option<Alert>) -> Result<Response> {
    let user = users::show(member.app, member.caller(), member.user())?;
    let known = user.pending_email.as_ref().or(user.email.as_ref());
    let email = typed.or(known.map(Email::as_str)).unwrap_or_default();
    answer(alert, |alert| Address {
        frame: frame(member.app, member.request, alert),
        email,
        user: &user,
        // Without it nothing can be sent.
        can_verify: known.is_some() && (user.pending_email.is_some() || !user.email_verified),
    })
}

/// `GET /account/email`
pub(super) fn show(member: &mut Member<'_>) -> Result<Response> {
    form(member, None, None)
}

/// `POST /account/email`
pub(super) fn change(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    let typed = sent.text("email")?;
    let email = (!typed.is_empty()).then(|| Email::parse(&typed)).transpose();
    let outcome = email.and_then(|email| {
        let change = Change { email: Some(email.as_ref()), ..Change::default() };
        users::change(member.app, member.caller(), member.user(), &change)
    });
    match outcome {
        Ok(_) => Ok(member.go_to("account/email")),
        Err(error) if is_for_act(&error) => Err(error),
        Err(error) => form(member, Some(&typed), Some(Alert::of(member.request, &error))),
    }
}

/// `POST /account/email/verify`
pub(super) fn verify(member: &mut Member<'_>, _: &mut Form) -> Result<Response> {
    let user = users::show(member.app, member.caller(), member.user())?;
    let email = user.pending_email.or(user.email);
    let Some(email) = email else { return form(member, None, None) };
    recovery::verify(member.app, member.caller(), &email)?;
    done(member.app, member.request, 202, |texts| texts.account.verification_sent)
}
