//! The gate over HTTP: what a proxy asks, and the way back to the host of a program behind it.

use super::answer::problem_elsewhere;
use super::return_to;
use crate::app::App;
use crate::browser::{self, OwnOrigin, SignedIn, State};
use crate::config::{GateRule, WebOrigin};
use crate::error::{Error, Result};
use crate::gate::{self, Asked, Ruling};
use crate::http::paging::encoded;
use crate::http::{Request, Response};
use crate::tokens::GateClaims;
use crate::users::{self, User};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What is escaped in a field: what does not print, bytes outside ASCII, and what begins an escape.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// `GET /gate`
pub(super) fn ask(app: &App, request: &Request) -> Result<Response> {
    let answer =
        Asked::forwarded(request).and_then(|asked| Question::of(app, request, asked)?.answer());
    let answer = answer.unwrap_or_else(|error| {
        if request.is_navigation() {
            return problem_elsewhere(app, request, &error, "/");
        }
        Response::from_error(&error, &request.id)
    });
    // The fields on which it depends are told by the proxy, not by whoever could keep it.
    Ok(answer.instead("Cache-Control", "no-store"))
}

/// What a proxy asks.
struct Question<'a> {
    app: &'a App,
    request: &'a Request,
    asked: Asked,
    own: OwnOrigin,
}

impl<'a> Question<'a> {
    fn of(app: &'a App, request: &'a Request, asked: Asked) -> Result<Self> {
        Ok(Self { app, request, asked, own: OwnOrigin::of(app, request)? })
    }

    fn answer(&self) -> Result<Response> {
        let rule = match gate::ruling(&self.app.config().gate.rules, &self.asked) {
            Ruling::Rule(_, rule) => rule,
            Ruling::None | Ruling::Ambiguous => return Err(Error::NotLetThrough),
        };
        if rule.public {
            return Ok(self.let_through());
        }
        let Some(signed_in) = self.signed_in()? else { return Ok(self.sign_in()) };
        match users::show(self.app, &signed_in.caller, signed_in.user) {
            Ok(user) => self.judge(rule, &user, &signed_in),
            // The session is over.
            Err(Error::TokenInvalid) => Ok(self.sign_in()),
            Err(error) => Err(error),
        }
    }

    /// As whom the browser is signed in at the host that it asks.
    fn signed_in(&self) -> Result<Option<SignedIn>> {
        let origin = &self.asked.origin;
        if self.own.is(origin) {
            return browser::signed_in_beside_authorization(self.app, self.request, &self.own);
        }
        if !self.app.config().gate.origins.contains(origin) {
            return Err(Error::InvalidRequest(format!("{origin} is not one of gate.origins")));
        }
        browser::signed_in_at(self.app, self.request, origin)
    }

    /// The answer that lets it through. For proxies that cannot take our cookies away, it has those that are
    /// left.
    fn let_through(&self) -> Response {
        let answer = Response::bare(200);
        if !self.request.query_has("cookie=1") {
            return answer;
        }
        let others = browser::cookies_of_others(self.request);
        if others.is_empty() { answer } else { answer.header("Cookie", others.as_str()) }
    }

    fn judge(&self, rule: &GateRule, user: &User, signed_in: &SignedIn) -> Result<Response> {
        let claims = signed_in.claims()?;
        if gate::lack(rule, user, claims.amr.is_mfa()).is_some() {
            return Err(Error::NotLetThrough);
        }
        let escaped = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
        let name = user.attributes.public().get("name").and_then(|name| name.as_str());
        let fields = [
            ("Remote-User", Some(escaped(&user.login))),
            ("Remote-Groups", Some(user.groups.as_slice().join(","))),
            (
                "Remote-Email",
                user.email.as_ref().filter(|_| user.email_verified).map(|it| escaped(it.as_str())),
            ),
            ("Remote-Name", name.map(escaped)),
        ];
        let mut answer = self.let_through();
        for (name, value) in fields {
            answer = match value.filter(|value| !value.is_empty()) {
                Some(value) => answer.header(name, value),
                None => answer,
            };
        }
        if self.request.query_has("token=1") {
            let extra = user.extra_claims(&self.app.config().tokens.claims)?;
            let claims = GateClaims {
                audience: self.asked.origin.as_str(),
                username: &user.login,
                of_session: claims,
                extra: &extra,
            };
            answer = answer.header("Remote-Token", self.app.keys()?.issue_for_gate(&claims)?);
        }
        Ok(answer)
    }

    /// Sends a browser to sign in, from where it comes back to what it asked for if that can be asked twice.
    fn sign_in(&self) -> Response {
        let origin = &self.asked.origin;
        let target = format!("{origin}{}", self.asked.target());
        let comes_back = self.asked.is_safe() && return_to::can_be(&target);
        let target = if comes_back { target } else { format!("{origin}/") };
        let mut location = format!("{}/sign-in?return={}", self.own.as_str(), encoded(&target));
        let is_navigation = self.asked.is_safe() && self.request.is_navigation();
        let mut cookie = None;
        if is_navigation && !self.own.is(origin) {
            let (state, new) = State::leaving(self.request, origin);
            location = format!("{location}&state={}", state.text());
            cookie = new;
        }
        let answer = if is_navigation && self.request.query_has("redirect=1") {
            Response::found(&location)
        } else {
            Response::from_error(&Error::NotSignedIn, &self.request.id).header("Location", location)
        };
        match cookie {
            Some(cookie) => answer.header("Set-Cookie", cookie.into_field()),
            None => answer,
        }
    }
}

/// `GET /.gatepost/return`, at the host of a program behind the gate.
pub(super) fn come_back(app: &App, request: &Request) -> Result<Response> {
    let outcome = returning(app, request);
    Ok(outcome.unwrap_or_else(|error| problem_elsewhere(app, request, &error, "/")))
}

fn returning(app: &App, request: &Request) -> Result<Response> {
    let origin: WebOrigin = gate::forwarded_origin(request)?;
    let mut parameters = request.parameters()?;
    let code = parameters.text("code")?;
    parameters.end()?;
    let (path, cookies) = browser::come_back(app, request, &origin, &code)?;
    let answer = Response::see_other(&path)
        .header("Cache-Control", "no-store")
        .header("Referrer-Policy", "no-referrer");
    Ok(cookies.into_iter().fold(answer, |it, cookie| it.header("Set-Cookie", cookie.into_field())))
}
