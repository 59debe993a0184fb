//! The accounts that are measured. Only requests to log in to them, and for a way back into them, are answered.

use super::progress::Progress;
use crate::access::Caller;
use crate::app::App;
use crate::domain::{Email, Login, Timestamp};
use crate::error::{Error, Result};
use crate::http::{Request, Response};
use crate::passwords::Password;
use crate::proofs;
use crate::routes;
use crate::users::{self, Change};
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use subtle::{Choice, ConstantTimeEq};

/// When the accounts expire by themselves: long after any run has ended.
const ACCOUNTS_END_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The logins that are tried. Only two of them have accounts.
#[derive(Clone)]
pub(super) struct Logins {
    pub(super) known: Login,
    pub(super) locked: Login,
    /// The same one for all tries, so that its failures are counted in one row, like those of the
    /// others.
    pub(super) unknown: Login,
}

impl Logins {
    /// New random logins.
    pub(super) fn new() -> Result<Self> {
        Ok(Self { known: fresh_login()?, locked: fresh_login()?, unknown: fresh_login()? })
    }

    /// Whether a login is one of them. It takes the same time whichever it is.
    fn hold(&self, login: &str) -> bool {
        let same = |ours: &Login| ours.as_str().as_bytes().ct_eq(login.as_bytes());
        let found: Choice = same(&self.known) | same(&self.locked) | same(&self.unknown);
        found.into()
    }
}

/// The whole API of the measured service.
pub(super) fn answer(app: &App, request: &Request, logins: &Logins) -> Response {
    let login = request.parameters().and_then(|mut parameters| parameters.text("login"));
    let is_measured =
        request.method == "POST" && matches!(request.path.as_str(), "/" | "/recovery");
    if is_measured && login.is_ok_and(|login| logins.hold(&login)) {
        routes::handle(app, request)
    } else {
        Response::not_found(&request.id)
    }
}

/// Makes a known and a locked account, does `work` with them and deletes them.
pub(super) fn with_accounts<T>(
    app: &App,
    Logins { known, locked, .. }: &Logins,
    watch: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
    work: impl FnOnce(&mut dyn FnMut(Progress<'_>) -> ControlFlow<()>) -> Result<Option<T>>,
) -> Result<Option<T>> {
    let accounts = [known, locked];
    if watch(Progress::Accounts(accounts)).is_break() {
        return Ok(None);
    }
    let made = make(app, known, false).and_then(|()| make(app, locked, true));
    let outcome = made.and_then(|()| work(watch));
    for login in accounts {
        if let Err(error) = delete(app, login) {
            let _ = watch(Progress::LeftBehind(login, &error));
        }
    }
    outcome
}

fn make(app: &App, login: &Login, locked: bool) -> Result<()> {
    let caller = Caller::Trusted;
    let id = users::register(app, &caller, login, &Password::parse(&random_word())?)?.id;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let end = i64::try_from((now + ACCOUNTS_END_AFTER).as_millis()).unwrap_or(i64::MAX);
    let expires_at = Some(Some(Timestamp::from_millis(end)?));
    let change = Change { locked: locked.then_some(true), expires_at, ..Change::default() };
    users::change(app, &caller, id, &change)?;
    // As somebody has for whom a message would leave, but for whom too many have: to this address none does (RFC 2606).
    let email = Email::parse(&format!("{}@gatepost.invalid", login.as_str()))?;
    app.database()?.with_transaction(|tx| proofs::use_up_the_day(tx, id, &email))?;
    let change = Change { email: Some(Some(&email)), email_verified: true, ..Change::default() };
    users::change(app, &caller, id, &change).map(drop)
}

/// Looks for the login and not for an id: after a lost connection the id may be unknown.
fn delete(app: &App, login: &Login) -> Result<()> {
    let caller = Caller::Trusted;
    let deleted =
        users::find(app, &caller, login).and_then(|user| users::delete(app, &caller, user.id));
    match deleted {
        Ok(_) | Err(Error::NoSuchUser) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A login that no user has. Logins of this form, known or not, all have one length and are next to
/// each other in the index.
fn fresh_login() -> Result<Login> {
    Login::parse(&format!("selftest-{}", random_word()))
}

pub(super) fn random_word() -> String {
    format!("{:032x}", rand::random::<u128>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logins_that_are_measured_are_held_and_no_other() {
        let logins = Logins::new().unwrap();
        for ours in [&logins.known, &logins.locked, &logins.unknown] {
            assert!(logins.hold(ours.as_str()));
            assert!(!logins.hold(&ours.as_str().to_uppercase()));
            assert!(!logins.hold(&ours.as_str()[1..]));
        }
        assert!(!logins.hold("root") && !logins.hold(""));
    }
}
