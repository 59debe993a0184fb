//! Second factors over HTTP.

use super::{Assertion, Factor, FactorName, RecoveryCode, RecoveryCodes, ShownFactor, TotpCode};
use crate::access::Caller;
use crate::app::App;
use crate::domain::{FactorId, UserId};
use crate::error::{Error, Result};
use crate::http::parameters::Parameters;
use crate::http::{Request, Response};
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

/// What of a second factor is in these parameters, if anything.
///
/// # Errors
/// [`Error::InvalidRequest`] for what cannot be a code, and for more than one.
pub(crate) fn shown(parameters: &mut Parameters) -> Result<Option<ShownFactor>> {
    let code = parameters.optional_text("code")?.map(Zeroizing::new);
    let recovery_code = parameters.optional_text("recovery_code")?.map(Zeroizing::new);
    match (code, recovery_code) {
        (Some(_), Some(_)) => Err(Error::parameter("recovery_code", "stands in place of code")),
        (Some(code), None) => Ok(Some(ShownFactor::Code(TotpCode::parse(&code)?))),
        (None, Some(code)) => Ok(Some(ShownFactor::RecoveryCode(RecoveryCode::parse(&code)?))),
        (None, None) => Ok(None),
    }
}

/// The same where a passkey may be shown too, as `credential`.
///
/// # Errors
/// As [`shown`].
pub(crate) fn shown_or_passkey(parameters: &mut Parameters) -> Result<Option<ShownFactor>> {
    let Some(credential) = parameters.optional_value("credential") else {
        return shown(parameters);
    };
    if shown(parameters)?.is_some() {
        return Err(Error::parameter("credential", "stands in place of code and recovery_code"));
    }
    Ok(Some(ShownFactor::Passkey(Box::new(Assertion::parse(&credential)?))))
}

/// The credential that a whole body is, as a browser writes it. Members that are not known are left alone,
/// since browsers add to it.
pub(crate) fn credential(parameters: &mut Parameters) -> Value {
    let members = ["id", "rawId", "type", "response"];
    let members = members
        .into_iter()
        .filter_map(|name| parameters.optional_value(name).map(|value| (name.to_owned(), value)));
    Value::Object(members.collect())
}

/// `GET /factors`
pub(crate) fn list(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let user = parameters.optional_number("user_id", 1)?.map(UserId::parse).transpose()?;
    parameters.end()?;
    Ok(Response::json(200, &super::list(app, &caller, user)?))
}

/// `DELETE /factor`
pub(crate) fn remove(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::of(app, request)?;
    let mut parameters = request.parameters()?;
    let id = FactorId::parse(parameters.number("id", 1)?)?;
    parameters.end()?;
    Ok(Response::json(200, &super::remove(app, &caller, id)?))
}

#[derive(Serialize)]
struct EnrolmentAnswer<'a> {
    id: FactorId,
    secret: &'a str,
    otpauth_uri: &'a str,
}

/// `POST /factor/totp`. The token says whose factor it is, so it is required in open mode too; so in the
/// next two.
pub(crate) fn enrol_totp(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::with_token(app, request)?;
    caller.shows_something()?;
    let mut parameters = request.parameters()?;
    let name = FactorName::parse(&parameters.text("name")?)?;
    parameters.end()?;
    let enrolment = super::enrol_totp(app, &caller, &name)?;
    let answer = EnrolmentAnswer {
        id: enrolment.id,
        secret: &enrolment.secret,
        otpauth_uri: &enrolment.otpauth_uri,
    };
    Ok(Response::json(201, &answer))
}

#[derive(Serialize)]
struct CodesAnswer<'a> {
    #[serde(flatten)]
    factor: Option<&'a Factor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<&'a str>>,
}

fn codes_answer(status: u16, factor: Option<&Factor>, codes: Option<&RecoveryCodes>) -> Response {
    let recovery_codes = codes.map(|codes| codes.iter().map(|code| code.as_str()).collect());
    Response::json(status, &CodesAnswer { factor, recovery_codes })
}

/// `POST /factor/totp/confirm`
pub(crate) fn confirm_totp(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::with_token(app, request)?;
    caller.shows_something()?;
    let mut parameters = request.parameters()?;
    let id = FactorId::parse(parameters.number("id", 1)?)?;
    let code = TotpCode::parse(&Zeroizing::new(parameters.text("code")?))?;
    parameters.end()?;
    let (factor, codes) = super::confirm_totp(app, &caller, id, code)?;
    Ok(codes_answer(200, Some(&factor), codes.as_ref()))
}

/// `POST /factor/passkey/options`
pub(crate) fn passkey_options(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::with_token(app, request)?;
    caller.shows_something()?;
    let mut parameters = request.parameters()?;
    let name = FactorName::parse(&parameters.text("name")?)?;
    parameters.end()?;
    Ok(Response::json(200, &super::passkey_options(app, &caller, &name)?))
}

/// `POST /factor/passkey`
pub(crate) fn add_passkey(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::with_token(app, request)?;
    caller.shows_something()?;
    let credential = credential(&mut request.parameters()?);
    let (factor, codes) = super::add_passkey(app, &caller, &credential)?;
    Ok(codes_answer(201, Some(&factor), codes.as_ref()))
}

/// `POST /passkey/options`
pub(crate) fn sign_in_options(app: &App, request: &Request) -> Result<Response> {
    request.parameters()?.end()?;
    Ok(Response::json(200, &super::sign_in_options(app)?))
}

/// `POST /recovery-codes`
pub(crate) fn replace_recovery_codes(app: &App, request: &Request) -> Result<Response> {
    let caller = Caller::with_token(app, request)?;
    caller.shows_something()?;
    request.parameters()?.end()?;
    let codes = super::replace_recovery_codes(app, &caller)?;
    Ok(codes_answer(200, None, Some(&codes)))
}
