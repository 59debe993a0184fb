//! Somebody who is signed in, at pages of their own: who it is, and what they prove anew before they change
//! what could take an account over.

use super::answer::{Alert, answer, base, frame, problem};
use super::form::{Form, PROOF};
use super::sign_in::{assertion, shown};
use super::views::account::Confirm;
use crate::access::Caller;
use crate::app::App;
use crate::browser::{self, Cookie, OwnOrigin, SignedIn};
use crate::domain::UserId;
use crate::error::{Error, Result};
use crate::factors::{self, ShownFactor};
use crate::http::{Request, Response};
use crate::passwords::Password;
use crate::sessions::{self, Shown};
use crate::tokens::Audience;
use zeroize::Zeroizing;

/// Somebody who is signed in, and what they ask.
pub(super) struct Member<'a> {
    pub(super) app: &'a App,
    pub(super) request: &'a Request,
    pub(super) own: OwnOrigin,
    signed_in: SignedIn,
    /// What takes the place of the cookie that they came with.
    cookie: Option<Cookie>,
}

impl Member<'_> {
    pub(super) fn user(&self) -> UserId {
        self.signed_in.user
    }

    /// The number of the session.
    pub(super) fn session(&self) -> Option<i64> {
        self.signed_in.claims().ok().map(|claims| claims.sid.id())
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.signed_in.caller
    }

    /// Lets the session go on for as long as it may since its last use.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] when it is over; database errors.
    pub(super) fn resume(&mut self) -> Result<()> {
        let claims = sessions::resume(self.app, self.signed_in.claims()?)?;
        let (cookie, signed_in) = browser::renewed(self.app, &self.own, &claims)?;
        (self.cookie, self.signed_in) = (Some(cookie), signed_in);
        Ok(())
    }

    /// # Errors
    /// As [`sessions::step_up`].
    fn step_up(&mut self, proof: &Proof) -> Result<()> {
        let password = (!proof.password.is_empty()).then(|| Password::parse(&proof.password));
        let password = password.transpose()?;
        let factor = proof.factor()?;
        let audience = Audience::whole(&self.app.config().tokens);
        let mut proved = Shown::default();
        (proved.password, proved.factor) = (password.as_ref(), factor.as_ref());
        let renewed = sessions::step_up(self.app, self.caller(), &proved, &audience)?;
        self.follow(&renewed.access_token)
    }

    /// Takes the browser over into what this access token was issued for.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`]; database errors.
    pub(super) fn follow(&mut self, access_token: &str) -> Result<()> {
        let (cookie, signed_in) = browser::issue(self.app, &self.own, access_token)?;
        (self.cookie, self.signed_in) = (Some(cookie), signed_in);
        Ok(())
    }

    /// Signs the browser out.
    pub(super) fn forget(&mut self) {
        self.cookie = Some(Cookie::removal(&self.own));
    }

    /// The page, or that of an error, with the cookie that takes the place of the one before.
    fn answer(self, outcome: Result<Response>) -> Response {
        let answer = outcome.unwrap_or_else(|error| problem(self.app, self.request, &error));
        match self.cookie {
            Some(cookie) => answer.header("Set-Cookie", cookie.into_field()),
            None => answer,
        }
    }

    /// Sends the browser on to a page of ours.
    pub(super) fn go_to(&self, page: &str) -> Response {
        Response::see_other(&format!("{}{page}", base(self.request)))
            .header("Cache-Control", "no-store")
    }
}

/// Shows a page to whoever is signed in. Others sign in first.
///
/// # Errors
/// Before it is known who they are.
pub(super) fn visit(
    app: &App,
    request: &Request,
    page: impl Fn(&mut Member<'_>) -> Result<Response>,
) -> Result<Response> {
    let own = OwnOrigin::of(app, request)?;
    let Some(signed_in) = browser::signed_in(app, request, &own)? else {
        return Ok(to_sign_in(request));
    };
    let mut member = Member { app, request, own, signed_in, cookie: None };
    // What the cookie says may be older than the user's row, and the session goes on.
    let outcome = match page(&mut member) {
        Err(Error::TokenInvalid) => member.resume().and_then(|()| page(&mut member)),
        outcome => outcome,
    };
    Ok(match outcome {
        Err(Error::TokenInvalid) => to_sign_in(request),
        outcome => member.answer(outcome),
    })
}

/// Does what a form of whoever is signed in asks. Where the operation asks for a fresh sign-in, so does a page,
/// which keeps what was typed but passwords.
///
/// # Errors
/// Before it is known who they are.
pub(super) fn act(
    app: &App,
    request: &Request,
    act: impl Fn(&mut Member<'_>, &mut Form) -> Result<Response>,
) -> Result<Response> {
    let mut form = Form::of(app, request)?;
    let Some(signed_in) = browser::signed_in(app, request, &form.own)? else {
        return Ok(to_sign_in(request));
    };
    let kept = form.kept();
    let takes_passkeys = factors::takes_passkeys_from(app, form.own.as_str());
    let mut member = Member { app, request, own: form.own.clone(), signed_in, cookie: None };
    let proof = Proof::of(&mut form)?;
    let confirm = |error: &Error, mfa: bool| {
        let alert = Alert::of(request, error);
        answer(Some(alert), |alert| Confirm {
            frame: frame(app, request, alert),
            action: request.path.rsplit('/').next().unwrap_or_default(),
            fields: &kept,
            mfa,
            passkeys: mfa && takes_passkeys,
        })
    };
    if proof.is_there()
        && let Err(error) = member.step_up(&proof)
    {
        return match error {
            Error::TokenInvalid => Ok(to_sign_in(request)),
            error => confirm(&error, proof.has_factor()),
        };
    }
    let outcome = match act(&mut member, &mut form) {
        Err(error @ Error::InsufficientAuthentication { mfa, .. }) => confirm(&error, mfa),
        Err(Error::TokenInvalid) => return Ok(to_sign_in(request)),
        outcome => outcome,
    };
    Ok(member.answer(outcome))
}

/// Whether an act leaves this error to [`act`], which asks for what is missing.
pub(super) fn is_for_act(error: &Error) -> bool {
    matches!(error, Error::TokenInvalid | Error::InsufficientAuthentication { .. })
}

/// Sends a browser to sign in, from where it comes back to this page, or to the one whose form it has sent.
fn to_sign_in(request: &Request) -> Response {
    let page = request.path.trim_start_matches('/');
    let page = if request.method == "POST" { page.split('/').next().unwrap_or(page) } else { page };
    Response::see_other(&format!("{}sign-in?return={page}", base(request)))
        .header("Cache-Control", "no-store")
}

/// What somebody shows to prove anew who they are.
struct Proof {
    password: Zeroizing<String>,
    code: Zeroizing<String>,
    credential: Zeroizing<String>,
}

impl Proof {
    fn of(form: &mut Form) -> Result<Self> {
        let [password, code, credential] = PROOF;
        Ok(Self {
            password: form.text(password)?,
            code: form.text(code)?,
            credential: form.text(credential)?,
        })
    }

    fn has_factor(&self) -> bool {
        !self.code.is_empty() || !self.credential.is_empty()
    }

    fn is_there(&self) -> bool {
        self.has_factor() || !self.password.is_empty()
    }

    fn factor(&self) -> Result<Option<ShownFactor>> {
        if !self.credential.is_empty() {
            let passkey = assertion(&self.credential)?;
            return Ok(Some(ShownFactor::Passkey(Box::new(passkey))));
        }
        (!self.code.is_empty()).then(|| shown(&self.code)).transpose()
    }
}
