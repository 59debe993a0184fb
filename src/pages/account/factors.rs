//! Second factors: apps, passkeys and recovery codes.

use crate::domain::FactorId;
use crate::error::{Error, Result};
use crate::factors::{self, FactorName, RecoveryCodes, TotpCode};
use crate::http::Response;
use crate::pages::answer::{Alert, answer, frame, page};
use crate::pages::form::Form;
use crate::pages::member::{Member, is_for_act};
use crate::pages::qr;
use crate::pages::views::account::{AppCode, Factors, NewPasskey, RecoveryCodesOnce};

fn list(member: &Member<'_>, name: &str, alert: Option<Alert>) -> Result<Response> {
    let found = factors::list(member.app, member.caller(), Some(member.user()))?;
    answer(alert, |alert| Factors {
        frame: frame(member.app, member.request, alert),
        found: &found,
        name,
        passkeys: factors::takes_passkeys_from(member.app, member.own.as_str()),
    })
}

/// `GET /account/factors`
pub(super) fn show(member: &mut Member<'_>) -> Result<Response> {
    list(member, "", None)
}

/// What an act answers that shows the list again where it fails.
fn or_list(member: &Member<'_>, name: &str, outcome: Result<Response>) -> Result<Response> {
    match outcome {
        Err(error) if is_for_act(&error) => Err(error),
        Err(error) => list(member, name, Some(Alert::of(member.request, &error))),
        outcome => outcome,
    }
}

/// The number of a factor that a form of ours names.
fn id(sent: &mut Form) -> Result<FactorId> {
    sent.number("id").and_then(FactorId::parse)
}

/// `POST /account/factors/remove`
pub(super) fn remove(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    let outcome = id(sent).and_then(|id| factors::remove(member.app, member.caller(), id));
    or_list(member, "", outcome.map(|_| member.go_to("account/factors")))
}

/// `POST /account/factors/app`
pub(super) fn add_app(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    let typed = sent.text("name")?;
    let outcome = FactorName::parse(&typed)
        .and_then(|name| factors::enrol_totp(member.app, member.caller(), &name))
        .and_then(|enrolment| {
            let view = AppCode {
                frame: frame(member.app, member.request, None),
                id: enrolment.id.get(),
                secret: Some(&enrolment.secret),
                uri: Some(&enrolment.otpauth_uri),
                image: qr::svg(&enrolment.otpauth_uri)?,
            };
            page(200, &view)
        });
    or_list(member, &typed, outcome)
}

/// `POST /account/factors/app-code`
pub(super) fn confirm_app(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    let (id, code) = (id(sent)?, sent.text("code")?);
    let outcome = TotpCode::parse(&code)
        .and_then(|code| factors::confirm_totp(member.app, member.caller(), id, code));
    match outcome {
        Ok((_, codes)) => after(member, codes.as_ref()),
        // The app has the secret, which is not shown again.
        Err(error @ (Error::InvalidProof | Error::InvalidRequest(_))) => {
            answer(Some(Alert::of(member.request, &error)), |alert| AppCode {
                frame: frame(member.app, member.request, alert),
                id: id.get(),
                secret: None,
                uri: None,
                image: String::new(),
            })
        }
        Err(error) => or_list(member, "", Err(error)),
    }
}

/// The list, or before it the recovery codes that came with a first factor.
fn after(member: &Member<'_>, codes: Option<&RecoveryCodes>) -> Result<Response> {
    match codes {
        Some(codes) => show_codes(member, codes),
        None => Ok(member.go_to("account/factors")),
    }
}

fn show_codes(member: &Member<'_>, codes: &RecoveryCodes) -> Result<Response> {
    let frame = frame(member.app, member.request, None);
    page(200, &RecoveryCodesOnce { frame, codes })
}

/// `POST /account/factors/codes`
pub(super) fn new_codes(member: &mut Member<'_>, _: &mut Form) -> Result<Response> {
    let outcome = factors::replace_recovery_codes(member.app, member.caller());
    or_list(member, "", outcome.and_then(|codes| show_codes(member, &codes)))
}

/// `POST /account/factors/passkey`
pub(super) fn begin_passkey(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    let typed = sent.text("name")?;
    let outcome = FactorName::parse(&typed)
        .and_then(|name| factors::passkey_options(member.app, member.caller(), &name))
        .and_then(|options| {
            let frame = frame(member.app, member.request, None);
            page(200, &NewPasskey { frame, options: &options.to_string() })
        });
    or_list(member, &typed, outcome)
}

/// `POST /account/factors/passkey-made`
pub(super) fn add_passkey(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    let text = sent.text("made")?;
    let fault = |_| Error::parameter("made", "must be JSON");
    let made = serde_json::from_str(&text).map_err(fault);
    let outcome = made.and_then(|made| factors::add_passkey(member.app, member.caller(), &made));
    or_list(member, "", outcome.and_then(|(_, codes)| after(member, codes.as_ref())))
}
