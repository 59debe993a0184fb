//! Introspection and revocation over HTTP, as forms, which their RFCs require.
//!
//! Unknown parameters are ignored (RFC 6749, 3.2), since clients send more.

use super::Introspection;
use crate::access::Caller;
use crate::app::App;
use crate::error::Result;
use crate::http::{Request, Response};
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

/// The answer to `POST /introspect` (RFC 7662, 2.2).
#[derive(Serialize)]
struct IntrospectionAnswer {
    active: bool,
    #[serde(flatten)]
    token: Option<Introspection>,
}

/// `POST /introspect`
pub(crate) fn introspect(app: &App, request: &Request) -> Result<Response> {
    Ok(Response::oauth(answer(app, request), &request.id))
}

fn answer(app: &App, request: &Request) -> Result<Response> {
    let mut form = request.form()?;
    let caller = Caller::of_client(app, request, &mut form)?;
    let token = Zeroizing::new(form.text("token")?);
    let token = super::introspect(app, &caller, &token)?;
    Ok(Response::json(200, &IntrospectionAnswer { active: token.is_some(), token }))
}

/// `POST /revoke`
pub(crate) fn revoke(app: &App, request: &Request) -> Result<Response> {
    let revoked = || {
        let token = Zeroizing::new(request.form()?.text("token")?);
        super::revoke(app, &token)?;
        Ok(Response::json(200, &json!({})))
    };
    Ok(Response::oauth(revoked(), &request.id))
}
