//! Refreshing: a new pair of tokens for the one valid refresh token of a session.
//!
//! Everything is decided in one transaction that holds the session's row. So of any number of
//! refreshes at once, on any number of instances, the first retires the token and the others find
//! it retired a moment ago. That also makes it safe to retry after an attempt that was committed.
//! What the new access token claims is read while that row is held.

use super::ending::end_in;
use super::grace::{self, Deserves};
use super::requirement::is_overdue;
use super::store;
use super::tokens::issue;
use super::types::LoggedIn;
use crate::access::Actor;
use crate::app::App;
use crate::audit::{Action, Event, Writer, set_back};
use crate::db::Transaction;
use crate::domain::UserId;
use crate::error::{Error, Result};
use crate::limits;
use crate::metrics;
use crate::tokens::refresh::{RefreshKey, RefreshTicket, Unverified};
use crate::tokens::{Audience, ExtraClaims, Grant, SessionRef};
use store::{Counting, Refreshed};

/// How a refresh ended inside its transaction, which must be committed in every case.
enum RefreshOutcome {
    /// The session goes on, with these claims of `tokens.claims`. The number is that of its token now
    /// or a moment ago.
    Goes(Refreshed, i64, ExtraClaims),
    /// There is no such session, or it has ended.
    Over,
    /// A retired token was used again, so the session was ended.
    Stolen(UserId),
    /// The token is from a later time than the database. The text is the sign of it.
    SetBack(String),
}

impl RefreshOutcome {
    /// Nothing is issued for an account that is locked or expired, or lacks a required factor.
    fn of(
        tx: &mut Transaction<'_>,
        app: &App,
        issued: Option<Refreshed>,
        counter: i64,
    ) -> Result<Self> {
        let Some(issued) = issued else { return Ok(Self::Over) };
        let user = UserId::stored(issued.subject.user_id);
        if !issued.authentication.amr.is_mfa() && is_overdue(tx, app, user)? {
            return Ok(Self::Over);
        }
        let templates = &app.config().tokens.claims;
        let extra = store::extra_claims(tx, templates, issued.subject.user_id)?;
        Ok(Self::Goes(issued, counter, extra))
    }
}

/// Exchanges a refresh token for a new pair of tokens, and retires it.
///
/// A token that was retired less than `sessions.refresh_grace` ago gets the same successor again,
/// since the client lost the answer. One that was retired before that ends the session.
///
/// # Errors
/// [`Error::InvalidGrant`]; [`Error::TooManyAttempts`] for a session that is refreshed too often,
/// whose token stays valid; database errors.
pub fn refresh(app: &App, refresh_token: &str) -> Result<LoggedIn> {
    refresh_for(app, refresh_token, &Audience::whole(&app.config().tokens))
}

/// As [`refresh`], with an access token for this audience. The refresh token is not bound to it.
///
/// # Errors
/// As [`refresh`].
pub fn refresh_for(app: &App, refresh_token: &str, audience: &Audience) -> Result<LoggedIn> {
    let (key, ticket) = read(app, refresh_token)?;
    match decide(app, ticket)? {
        RefreshOutcome::Goes(Refreshed { subject, left, authentication }, counter, extra) => {
            metrics::SESSIONS_REFRESHED.add(1);
            let session = ticket.session;
            let token = key.token(session, counter)?;
            let extra = &extra;
            issue(app, Grant { subject, session, authentication, left, audience, extra }, token)
        }
        RefreshOutcome::Over => Err(Error::InvalidGrant),
        RefreshOutcome::SetBack(sign) => {
            set_back::notice(app, &sign);
            Err(Error::InvalidGrant)
        }
        RefreshOutcome::Stolen(user) => {
            metrics::SESSIONS_STOLEN.add(1);
            log::warn!(
                "a retired refresh token was used again; session {} of user {} was ended",
                ticket.session.id(),
                user.get()
            );
            Err(Error::InvalidGrant)
        }
    }
}

/// What a refresh token says, if it is ours. Its session's row knows whether it is still valid.
///
/// # Errors
/// [`Error::InvalidGrant`]; database errors.
pub(crate) fn ticket(app: &App, refresh_token: &str) -> Result<RefreshTicket> {
    read(app, refresh_token).map(|(_, ticket)| ticket)
}

fn read(app: &App, refresh_token: &str) -> Result<(RefreshKey, RefreshTicket)> {
    let unverified = Unverified::parse(refresh_token)?;
    let key = app.refresh_key(unverified.generation())?.ok_or(Error::InvalidGrant)?;
    let ticket = unverified.verify(&key)?;
    Ok((key, ticket))
}

fn decide(app: &App, ticket: RefreshTicket) -> Result<RefreshOutcome> {
    let settings = &app.config().sessions;
    let grace = settings.refresh_grace;
    let audit = Writer::new(app)?;
    app.database()?.with_transaction(|tx| {
        let Some(mut session) = store::lock(tx, ticket)? else {
            let sign = || {
                format!("there is a token of session {}, which never began", ticket.session.id())
            };
            let unheard_of = store::is_unheard_of(tx, ticket.session)?;
            return Ok(if unheard_of {
                RefreshOutcome::SetBack(sign())
            } else {
                RefreshOutcome::Over
            });
        };
        let good = session.counter;
        let now = session.now;
        let deserves = grace::judge(ticket.counter, good, &session.retired, now, grace);
        if let Some(wait) = limits::refresh_wait(app, session.refreshes_last)
            && !matches!(deserves, Deserves::TheEnd | Deserves::OfTheFuture)
        {
            metrics::REFUSED_BY_LIMIT[metrics::Limited::Refresh as usize].add(1);
            return Err(limits::refuse(app, wait));
        }
        let counting = counting(app);
        match deserves {
            Deserves::Successor => {
                session.retired.add(now, grace);
                let id = ticket.session.id();
                let issued = store::advance(tx, id, &session.retired, settings, counting)?;
                RefreshOutcome::of(tx, app, issued, good + 1)
            }
            Deserves::SameSuccessor => {
                let issued = store::count_refresh(tx, ticket.session.id(), counting)?;
                RefreshOutcome::of(tx, app, issued, ticket.counter + 1)
            }
            Deserves::TheEnd => {
                end_in(tx, app, ticket.session)?;
                let user = UserId::stored(session.user_id);
                let detail = format!("session {} was ended", ticket.session.id());
                let event = Event::new(Action::ReuseRefreshToken, Some(user));
                audit.record(tx, Actor::Anonymous, &event.with_detail(&detail))?;
                Ok(RefreshOutcome::Stolen(user))
            }
            Deserves::OfTheFuture => {
                // Showing it is not wrong, so this is not reuse. But the row now accepts a token
                // that was retired long ago, and anyone who kept that one, perhaps a thief, would
                // be let in. Nor is the token shown known to be the last that was made. Only a new
                // login can tell who is who.
                end_in(tx, app, ticket.session)?;
                let user = UserId::stored(session.user_id);
                let detail = format!("session {}, since its row was set back", ticket.session.id());
                let event = Event::new(Action::EndSession, Some(user));
                audit.record(tx, Actor::Anonymous, &event.with_detail(&detail))?;
                let session = ticket.session;
                let shown = ticket.counter;
                Ok(RefreshOutcome::SetBack(sign_of(session, shown, good)))
            }
        }
    })
}

/// How the refreshes of a session are counted.
pub(super) fn counting(app: &App) -> Counting {
    Counting {
        forget: app.config().limits.tuning.refresh_forget,
        longest: limits::refreshes_last(app),
    }
}

/// The sign that a token gives whose number its session has not reached.
pub(crate) fn sign_of(session: SessionRef, shown: i64, good: i64) -> String {
    let id = session.id();
    format!("session {id} is at token {good}, and there is a token {shown} of it")
}
