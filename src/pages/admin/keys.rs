//! API keys and signing keys.

use crate::api_keys::{self, ApiKeyName, ApiKeyRef, Scope, Scopes};
use crate::domain::Page;
use crate::error::Result;
use crate::http::Response;
use crate::pages::answer::{Alert, answer, frame, page};
use crate::pages::form::Form;
use crate::pages::member::{Member, is_for_act};
use crate::pages::views::admin::{ApiKeys, NewApiKey, SigningKeys};
use crate::signing_keys;

/// Keys of a page. More are on the command line.
const SHOWN: i64 = 100;

fn list(
    member: &Member<'_>,
    name: &str,
    wanted: &[&str],
    alert: Option<Alert>,
) -> Result<Response> {
    let (keys, more) = api_keys::page(member.app, member.caller(), Page::parse(1, SHOWN, None)?)?;
    answer(alert, |alert| ApiKeys {
        frame: frame(member.app, member.request, alert),
        keys: &keys,
        more,
        scopes: Scope::ALL.map(|scope| (scope.name(), wanted.contains(&scope.name()))),
        name,
    })
}

/// `GET /admin/api-keys`
pub(super) fn show_api_keys(member: &mut Member<'_>) -> Result<Response> {
    list(member, "", &[], None)
}

/// `POST /admin/api-keys/new`
pub(super) fn create(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    let typed = sent.text("name")?;
    let mut wanted = Vec::new();
    for scope in Scope::ALL.map(Scope::name) {
        if !sent.text(&format!("scope.{scope}"))?.is_empty() {
            wanted.push(scope);
        }
    }
    let outcome = ApiKeyName::parse(&typed).and_then(|name| {
        let scopes = Scopes::of(wanted.iter().copied())?;
        api_keys::create(member.app, member.caller(), &name, &scopes)
    });
    match outcome {
        Ok((key, secret)) => {
            let frame = frame(member.app, member.request, None);
            page(201, &NewApiKey { frame, name: &key.name, secret: secret.expose() })
        }
        Err(error) if is_for_act(&error) => Err(error),
        Err(error) => list(member, &typed, &wanted, Some(Alert::of(member.request, &error))),
    }
}

/// `POST /admin/api-keys/revoke`
pub(super) fn revoke(member: &mut Member<'_>, sent: &mut Form) -> Result<Response> {
    let id = ApiKeyRef::Id(sent.number("id")?);
    match api_keys::revoke(member.app, member.caller(), &id) {
        Ok(_) => Ok(member.go_to("admin/api-keys")),
        Err(error) if is_for_act(&error) => Err(error),
        Err(error) => list(member, "", &[], Some(Alert::of(member.request, &error))),
    }
}

fn list_signing(member: &Member<'_>, alert: Option<Alert>) -> Result<Response> {
    let keys = signing_keys::list(member.app, member.caller())?;
    let rows: Vec<[String; 3]> = keys
        .iter()
        .map(|key| {
            let from = key.signs_from.map(|time| time.to_string()).unwrap_or_default();
            let state = match key.state {
                signing_keys::SigningKeyState::Next => "next",
                signing_keys::SigningKeyState::Signing => "signing",
                signing_keys::SigningKeyState::Old => "old",
                signing_keys::SigningKeyState::Unusable => "unusable",
            };
            [key.kid.clone(), format!("{}, {state}", key.algorithm), from]
        })
        .collect();
    answer(alert, |alert| SigningKeys {
        frame: frame(member.app, member.request, alert),
        rows: &rows,
    })
}

/// `GET /admin/signing-keys`
pub(super) fn show_signing_keys(member: &mut Member<'_>) -> Result<Response> {
    list_signing(member, None)
}

/// `POST /admin/signing-keys/rotate`
pub(super) fn rotate(member: &mut Member<'_>, _: &mut Form) -> Result<Response> {
    match signing_keys::rotate(member.app, member.caller()) {
        Ok(_) => Ok(member.go_to("admin/signing-keys")),
        Err(error) if is_for_act(&error) => Err(error),
        Err(error) => list_signing(member, Some(Alert::of(member.request, &error))),
    }
}
