//! `POST /token`.

use crate::access::ShownClient;
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::parameters::Parameters;
use crate::http::{Request, Response};
use crate::tokens::Audience;
use crate::{api_keys, sessions};
use serde::Serialize;
use zeroize::Zeroizing;

/// The answer to a client's credentials (RFC 6749, 4.4.3): no refresh token.
#[derive(Serialize)]
struct ClientAnswer<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    scope: String,
}

/// `POST /token`: a refresh as JSON, or one of OAuth's grants as a form.
pub(crate) fn token(app: &App, request: &Request) -> Result<Response> {
    if request.is_form() {
        return Ok(Response::oauth(grant(app, request), &request.id));
    }
    let mut parameters = request.parameters()?;
    if parameters.optional_text("grant_type")?.is_some_and(|kind| kind != "refresh_token") {
        return Err(Error::parameter("grant_type", "in JSON it is refresh_token, or left out"));
    }
    let tokens = refresh(app, &mut parameters)?;
    parameters.end()?;
    tokens.answer(app)
}

/// A grant as a form. Unknown parameters are ignored (RFC 6749, 3.2), since clients send more.
fn grant(app: &App, request: &Request) -> Result<Response> {
    let mut form = request.form()?;
    let kind = form.text("grant_type")?;
    let client = ShownClient::of(request, &mut form)?;
    match kind.as_str() {
        // RFC 6749, 6. People log in here through one public client, which has no secret.
        "refresh_token" => {
            client.check_public(&app.config().tokens.client_id)?;
            refresh(app, &mut form)?.answer(app)
        }
        // RFC 6749, 4.4.
        "client_credentials" => {
            let scope = form.optional_text("scope")?.unwrap_or_default();
            let audience = audience(app, &mut form)?;
            let issued = api_keys::issue_token(app, &client.key()?, &scope, &audience)?;
            let answer = ClientAnswer {
                access_token: &issued.access_token,
                token_type: "Bearer",
                expires_in: issued.expires_in.as_secs(),
                scope: issued.scopes.to_string(),
            };
            Ok(Response::json(200, &answer))
        }
        _ => Err(Error::UnsupportedGrantType),
    }
}

/// What a refresh needs.
struct Refresh {
    refresh_token: Zeroizing<String>,
    audience: Audience,
}

fn refresh(app: &App, parameters: &mut Parameters) -> Result<Refresh> {
    let refresh_token = Zeroizing::new(parameters.text("refresh_token")?);
    Ok(Refresh { refresh_token, audience: audience(app, parameters)? })
}

impl Refresh {
    fn answer(&self, app: &App) -> Result<Response> {
        let tokens = sessions::refresh_for(app, &self.refresh_token, &self.audience)?;
        Ok(sessions::api::tokens(&tokens))
    }
}

/// The services that the token shall be for (RFC 8707, 2).
fn audience(app: &App, parameters: &mut Parameters) -> Result<Audience> {
    Audience::narrowed(&app.config().tokens, &parameters.texts("resource")?)
}
