//! Signing in: login and password, then a code if there is a second factor.

use super::answer::{Alert, answer, frame, leading_on, page};
use super::form::Form;
use super::register;
use super::return_to::ReturnTo;
use super::sign_out;
use super::views::{Code, SignIn, SignedIn, Way};
use crate::app::App;
use crate::browser::{self, Cookie, OwnOrigin, SignedIn as SignedInAs};
use crate::config::PagesEnabled;
use crate::domain::Login;
use crate::error::{Error, Result};
use crate::factors::{self, Assertion, RecoveryCode, ShownFactor, TotpCode};
use crate::http::parameters::Parameters;
use crate::http::{Request, Response};
use crate::passwords::Password;
use crate::sessions::{self, Device, LoggedIn};
use crate::tokens::Audience;
use crate::users;

/// A visit of the page: who asks, from where, and where they go on.
struct Visit<'a> {
    app: &'a App,
    request: &'a Request,
    own: OwnOrigin,
    return_to: Option<ReturnTo>,
    /// As whom the browser is signed in by now.
    before: Option<SignedInAs>,
}

impl<'a> Visit<'a> {
    fn of(
        app: &'a App,
        request: &'a Request,
        own: OwnOrigin,
        parameters: &mut Parameters,
    ) -> Result<Self> {
        let return_to = ReturnTo::of(app, &own, parameters)?;
        let before = browser::signed_in(app, request, &own)?;
        Ok(Self { app, request, own, return_to, before })
    }

    fn way(&self) -> Way<'_> {
        let return_to = self.return_to.as_ref();
        Way {
            return_to: return_to.map(ReturnTo::as_str),
            state: return_to.and_then(ReturnTo::state),
        }
    }

    /// The form for login and password; again, if there is something to tell.
    fn password_form(&self, login: &str, told: Option<Alert>) -> Result<Response> {
        let page = answer(told, |told| SignIn {
            frame: frame(self.app, self.request, told),
            login,
            way: self.way(),
            register: register::is_open(self.app),
            passkeys: self.has_passkeys(),
            mfa_token: None,
        });
        page.map(|page| leading_on(self.app, page))
    }

    /// The form for a code.
    fn code_form(&self, mfa_token: &str, told: Option<Alert>) -> Result<Response> {
        let page = answer(told, |told| Code {
            frame: frame(self.app, self.request, told),
            mfa_token: Some(mfa_token),
            way: self.way(),
            passkeys: self.has_passkeys(),
        });
        page.map(|page| leading_on(self.app, page))
    }

    fn has_passkeys(&self) -> bool {
        factors::takes_passkeys_from(self.app, self.own.as_str())
    }

    fn has_account(&self) -> bool {
        self.app.config().pages.enabled == PagesEnabled::All
    }

    /// What whoever is signed in gets who comes here.
    fn for_signed_in(&self, now: &SignedInAs) -> Result<Response> {
        if self.return_to.is_some() || self.has_account() {
            return self.go_on(now);
        }
        let user = users::show(self.app, &now.caller, now.user)?;
        let frame = frame(self.app, self.request, None);
        page(200, &SignedIn { frame, login: user.login.as_str() })
    }

    /// Sends the browser on: to what was asked for, or to a page that says who is signed in.
    fn go_on(&self, signed_in: &SignedInAs) -> Result<Response> {
        let location = self.return_to.as_ref().map(|it| it.location(self.app, signed_in));
        let location = location.transpose()?;
        let own = if self.has_account() { "account" } else { "sign-in" };
        Ok(Response::see_other(location.as_deref().unwrap_or(own))
            .header("Cache-Control", "no-store")
            // The address before may have come from the gate, with a state.
            .header("Referrer-Policy", "no-referrer"))
    }

    fn signed_in(&self, logged_in: &LoggedIn) -> Result<Response> {
        let (cookie, now) = browser::issue(self.app, &self.own, &logged_in.access_token)?;
        // The session that the browser had before would be nobody's.
        if let Some(before) = &self.before
            && let Err(error) = sign_out::end(self.app, before)
        {
            log::warn!("the session of a browser that signed in anew was not ended: {error}");
        }
        Ok(self.go_on(&now)?.header("Set-Cookie", cookie.into_field()))
    }

    fn with_password(&self, login: &str, password: &str) -> Result<Response> {
        let outcome = Login::parse(login).and_then(|login| {
            let password = Password::parse(password)?;
            let audience = Audience::whole(&self.app.config().tokens);
            sessions::log_in_from(self.app, &login, &password, &self.device(), &audience)
        });
        match outcome {
            Ok(logged_in) => self.signed_in(&logged_in),
            Err(Error::MfaRequired(Some(challenge))) => self.code_form(&challenge.mfa_token, None),
            Err(error) => self.password_form(login, Some(Alert::of(self.request, &error))),
        }
    }

    fn with_passkey(&self, credential: &str) -> Result<Response> {
        let outcome = assertion(credential).and_then(|assertion| {
            let audience = Audience::whole(&self.app.config().tokens);
            sessions::log_in_with_passkey(self.app, &assertion, &self.device(), &audience)
        });
        match outcome {
            Ok(logged_in) => self.signed_in(&logged_in),
            Err(error) => self.password_form("", Some(Alert::of(self.request, &error))),
        }
    }

    /// With a code, or with a passkey if there is one.
    fn with_factor(&self, mfa_token: &str, code: &str, credential: &str) -> Result<Response> {
        let shown = if credential.is_empty() {
            shown(code)
        } else {
            assertion(credential).map(|assertion| ShownFactor::Passkey(Box::new(assertion)))
        };
        let outcome = shown.and_then(|shown| {
            let audience = Audience::whole(&self.app.config().tokens);
            sessions::finish_mfa(self.app, mfa_token, &shown, &self.device(), &audience)
        });
        match outcome {
            Ok(logged_in) => self.signed_in(&logged_in),
            Err(error) => self.code_form(mfa_token, Some(Alert::of(self.request, &error))),
        }
    }

    fn device(&self) -> Device {
        Device::new(&self.request.client, self.request.user_agent.as_deref())
    }
}

/// What a passkey has signed, as a script of ours writes it.
pub(super) fn assertion(credential: &str) -> Result<Assertion> {
    let fault = |_| Error::parameter("credential", "must be JSON");
    Assertion::parse(&serde_json::from_str(credential).map_err(fault)?)
}

/// A code of an app, or a recovery code. They do not look alike.
pub(super) fn shown(code: &str) -> Result<ShownFactor> {
    match TotpCode::parse(code) {
        Ok(code) => Ok(ShownFactor::Code(code)),
        Err(error) => RecoveryCode::parse(code).map(ShownFactor::RecoveryCode).map_err(|_| error),
    }
}

/// `GET /sign-in`
pub(super) fn show(app: &App, request: &Request) -> Result<Response> {
    let visit = Visit::of(app, request, OwnOrigin::of(app, request)?, &mut request.parameters()?)?;
    let Some(before) = &visit.before else {
        return visit.password_form("", None);
    };
    match sessions::resume(app, before.claims()?) {
        Ok(claims) => {
            let (cookie, now) = browser::renewed(app, &visit.own, &claims)?;
            Ok(visit.for_signed_in(&now)?.header("Set-Cookie", cookie.into_field()))
        }
        Err(Error::TokenInvalid) => {
            // The session is over.
            let removal = Cookie::removal(&visit.own).into_field();
            Ok(visit.password_form("", None)?.header("Set-Cookie", removal))
        }
        // It is as good as it was, and nothing can be noted now.
        Err(Error::ReadOnly(_)) => {
            users::show(app, &before.caller, before.user)?;
            visit.for_signed_in(before)
        }
        Err(error) => Err(error),
    }
}

/// `POST /sign-in`
pub(super) fn send(app: &App, request: &Request) -> Result<Response> {
    let mut sent = Form::of(app, request)?;
    let visit = Visit::of(app, request, sent.own.clone(), &mut sent.fields)?;
    let (mfa_token, code) = (sent.text("mfa_token")?, sent.text("code")?);
    let credential = sent.text("credential")?;
    if !mfa_token.is_empty() {
        return visit.with_factor(&mfa_token, &code, &credential);
    }
    if !credential.is_empty() {
        return visit.with_passkey(&credential);
    }
    let (login, password) = (sent.text("login")?, sent.text("password")?);
    visit.with_password(&login, &password)
}
