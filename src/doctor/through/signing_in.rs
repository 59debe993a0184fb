//! Signing in through the proxy, as a browser does, and out again.

use super::client::Reply;
use super::visit::{Visit, away};
use crate::domain::Login;
use crate::error::{Error, Result};
use crate::http::paging::encoded;
use crate::secret::Secret;
use zeroize::Zeroizing;

/// What a browser says of a form of our own page.
const OWN: &str = "Sec-Fetch-Site: same-origin";

/// Somebody who was signed in for the time.
pub(super) struct SignedIn {
    /// By which the gate knows them.
    pub(super) cookie: String,
    sign_in: String,
    /// The cookies as they were set.
    pub(super) set: Vec<String>,
}

fn pair(field: &str) -> &str {
    field.split(';').next().unwrap_or_default()
}

impl Visit<'_> {
    /// Signs in as a browser does, and comes back.
    pub(super) fn sign_in(
        &self,
        first: &Reply,
        login: &Login,
        password: &Secret,
    ) -> Result<SignedIn> {
        let fault = |text: &str| Error::startup(format!("cannot sign in: {text}"));
        let leaving = first.cookie(["__Host-gatepost-return", "gatepost-return"]);
        let location = first.field("location").and_then(|it| it.strip_prefix(self.login.as_str()));
        let query = location.and_then(|it| it.split_once('?')).map(|(_, query)| query);
        let query = query.ok_or_else(|| fault("the gate does not lead to the page"))?;
        let form = Zeroizing::new(format!(
            "login={}&password={}&{query}",
            encoded(login.as_str()),
            encoded(password.expose())
        ));
        let at = |error| away(self.login, &error);
        let answer = self.pages.submit("/sign-in", &[OWN], &form).map_err(at)?;
        let set = answer.cookie(["__Host-gatepost", "gatepost"]);
        let (Some(set), Some(location)) = (set, answer.field("location")) else {
            return Err(fault("login or password is wrong, or there is a second factor"));
        };
        let sign_in = pair(set).to_owned();
        if self.asked.origin == *self.login {
            return Ok(SignedIn { cookie: sign_in.clone(), sign_in, set: vec![set.to_owned()] });
        }
        let target = location.strip_prefix(self.asked.origin.as_str());
        let target = target.ok_or_else(|| fault("the page leads elsewhere"))?;
        let cookie = format!("Cookie: {}", leaving.map(pair).unwrap_or_default());
        let back = self.program.ask(target, &[&cookie]);
        let back = back.map_err(|error| away(&self.asked.origin, &error))?;
        let gate = back.cookie(["__Host-gatepost-gate", "gatepost-gate"]).ok_or_else(|| {
            fault("the way back, /.gatepost/return, does not lead to Gatepost, or its cookie was lost")
        })?;
        let set_cookies = vec![set.to_owned(), gate.to_owned()];
        Ok(SignedIn { cookie: pair(gate).to_owned(), sign_in, set: set_cookies })
    }

    pub(super) fn sign_out(&self, signed_in: &SignedIn) -> Result<()> {
        let cookie = format!("Cookie: {}", signed_in.sign_in);
        let answer = self.pages.submit("/sign-out", &[OWN, &cookie], "");
        answer.map(drop).map_err(|error| away(self.login, &error))
    }
}
