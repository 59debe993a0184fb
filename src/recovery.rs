//! Ways into an account without its password: proving an address, getting back in, and being invited.
//!
//! Asking for a way back is one row, whether or not anybody has the login or the address. So the answer is the same
//! and takes the same time. A service looks at the row a moment later, and then a message leaves or none does.

pub(crate) mod api;
mod invitation;
mod store;
mod verification;

use crate::access::{Actor, Caller, Right, authorize_fresh_change};
use crate::app::App;
use crate::audit::{Action, AuditOutcome, Event, Writer};
use crate::client::{address, for_client};
use crate::domain::{Email, Login, UserId};
use crate::error::{Error, Result};
use crate::limits;
use crate::outbox::{self, Asked};
use crate::passwords::Password;
use crate::proofs::{self, FoundProof, ProofIdentity, ProofKey, ProofKind};
use crate::secret::Secret;
use crate::users::proved;
pub use invitation::{accept, invite};
pub use verification::{confirm as confirm_verification, verify};

/// Whom a way back is asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Whom {
    /// The user with this login.
    Login(Login),
    /// The user who has proved this address.
    Email(Email),
}

/// What shows that somebody reads the mail of an account.
#[derive(Clone)]
#[non_exhaustive]
pub enum ShownProof {
    /// What stood in the link.
    Token(Secret),
    /// What was typed, and what the answer to the request said.
    Code {
        /// The answer's `request`.
        request: String,
        /// The code.
        code: Secret,
    },
}

impl std::fmt::Debug for ShownProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShownProof(…)")
    }
}

/// Asks for a way back into an account. It is sent to the address that its user has proved, if there is one, and
/// whether there is cannot be told from the answer: what a code is typed with.
///
/// # Errors
/// [`Error::TooManyAttempts`] when too many were asked for from the client's network; [`Error::Overloaded`];
/// database errors.
pub fn ask(app: &App, whom: &Whom) -> Result<String> {
    limits::recovery(app)?;
    let identity = ProofIdentity::generate();
    let (login, email) = match whom {
        Whom::Login(login) => (Some(login.canonical()), None),
        Whom::Email(email) => (None, Some(email.canonical())),
    };
    let client = address().map(|address| address.to_string());
    app.stir();
    let taken = app
        .database()?
        .with_connection(|conn| store::insert(conn, identity, login, email, client.as_deref()))?;
    if taken {
        Ok(identity.text())
    } else {
        Err(Error::Overloaded("too many requests for a way back are waiting"))
    }
}

/// Looks at the requests so far. A service does this by itself; a program that only embeds the operations must.
///
/// # Errors
/// Database errors. What was looked at by then stays so.
pub fn answer_requests(app: &App) -> Result<()> {
    while answer_one(app)? {}
    Ok(())
}

fn answer_one(app: &App) -> Result<bool> {
    let audit = Writer::new(app)?;
    let database = app.database()?;
    database.with_transaction(|tx| {
        let Some(request) = store::take(tx)? else { return Ok(false) };
        let user = proved::lock_by(tx, request.login.as_deref(), request.email.as_deref())?;
        let Some(user) = user else { return Ok(true) };
        // One that cannot be looked at keeps no other waiting.
        let (Some(email), Ok(login)) = (&user.email, Login::parse(&user.login)) else {
            return Ok(true);
        };
        let client = request.client.and_then(|client| client.parse().ok());
        for_client(client, || {
            let counters = limits::of_login(app, &login)?;
            let known = limits::knows(tx, &counters)?;
            let asked = Asked { identity: request.identity, known };
            if outbox::send_proof(tx, app, user.id, ProofKind::Recovery, email, asked)? {
                audit.record(
                    tx,
                    Actor::Anonymous,
                    &Event::new(Action::AskRecovery, Some(user.id)),
                )?;
            }
            Ok(true)
        })
    })
}

/// Ends all ways back and invitations, and drops what waits to be sent: after the database was set back it was sent
/// and used already.
///
/// # Errors
/// Database errors.
pub(crate) fn end_all(app: &App) -> Result<()> {
    app.database()?.with_transaction(store::end_all)
}

/// Sets a new password with what a message held. All sessions end, and a second factor is asked for as before.
///
/// # Errors
/// [`Error::InvalidProof`] when it is wrong, used, too old or was ended; [`Error::WeakPassword`], after which
/// it can be used again; [`Error::TooManyAttempts`]; database errors.
pub fn confirm(app: &App, shown: &ShownProof, password: &Password) -> Result<()> {
    let proof = check(app, shown)?;
    proved::set_password(app, &proof, password).map(drop)
}

fn check(app: &App, shown: &ShownProof) -> Result<FoundProof> {
    match shown {
        ShownProof::Token(token) => proofs::by_token(app, &[ProofKind::Recovery], token.expose()),
        ShownProof::Code { request, code } => {
            let attempt = limits::code(app)?;
            let found = proofs::by_code(app, request, code.expose());
            if found.is_ok() {
                app.database()?.with_transaction(|tx| attempt.succeeded(tx, None))?;
            } else if let Err(Error::InvalidProof) = &found {
                let audit = Writer::new(app)?;
                let event = Event::new(Action::Recover, None).with_outcome(AuditOutcome::WrongCode);
                audit.failure(&attempt, Actor::Anonymous, &event)?;
            }
            found
        }
    }
}

/// A way back that an operator hands over.
#[derive(Clone)]
#[non_exhaustive]
pub struct HandedOver {
    /// What [`confirm`] takes as a token.
    pub token: Secret,
    /// The page of `mail.link_base` with it, if that is set.
    pub link: Option<Secret>,
}

impl std::fmt::Debug for HandedOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HandedOver(…)")
    }
}

/// Makes a way back into an account, for half an hour, for whoever the caller hands it to.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`], [`Error::ApiKeyForbidden`],
/// [`Error::InsufficientAuthentication`] unless the caller is an admin or trusted; [`Error::NoSuchUser`];
/// [`Error::TooManyAttempts`] when there are three already, or there were five today; database errors.
pub fn hand_over(app: &App, caller: &Caller, user: UserId) -> Result<HandedOver> {
    let audit = Writer::new(app)?;
    let key = ProofKey::of(app)?;
    let identity = ProofIdentity::generate();
    app.database()?.with_transaction(|tx| {
        let actor = authorize_fresh_change(tx, caller, Right::Admin, &app.config().access)?;
        let found = proved::lock_user(tx, user)?;
        // The address does not matter: nothing is sent there.
        let nowhere = Email::parse("nobody@localhost")?;
        let email = found.email.unwrap_or(nowhere);
        let made = proofs::make(tx, user, ProofKind::Recovery, &email, identity, true)?;
        let made = made.ok_or(Error::TooManyAttempts(std::time::Duration::from_secs(1800)))?;
        proofs::leave(tx, app, &[(made, ProofKind::Recovery)])?;
        audit.record(
            tx,
            actor,
            &Event::new(Action::AskRecovery, Some(user)).with_detail("handed over"),
        )
    })?;
    let token = key.token(ProofKind::Recovery, identity);
    let link = proofs::link(app, ProofKind::Recovery, &token).map(Secret::new);
    Ok(HandedOver { token: Secret::new(token), link })
}
