//! Messages that wait to leave, and events that a product is told of.
//!
//! Each is a row that is written in the transaction that causes it. So a message leaves if and only if that was
//! committed, and no request waits for a mail server. [`Courier`] hands rows over: the oldest of each user first, and the
//! next only after it, at least once each. A row that nobody takes for four days is given up.
//!
//! No row holds a token. Link and code are derived when the message leaves (`proofs`). Where messages are pulled
//! by a program, those with a token for an admin's account are not given to it: whoever may pull must not become an admin.
//!
//! Where rows are pulled and no API key has the scope `outbox`, none are written.

pub(crate) mod api;
mod courier;
mod event;
#[cfg(feature = "mail")]
mod handing;
mod message;
mod store;
mod told;

use crate::access::{Caller, Right, authorize};
use crate::app::App;
use crate::client;
use crate::config::{Config, Way};
use crate::db::{Database, Line, Transaction};
use crate::domain::{Email, UserId};
use crate::error::{Error, Result};
pub use crate::mail::kind::MessageKind;
pub use crate::mail::texts::Rendered;
#[cfg(feature = "mail")]
use crate::mail::{NotSent, smtp::Smtp};
use crate::proofs::{self, ProofIdentity, ProofKind};
pub(crate) use courier::Courier;
pub(crate) use event::UserEvent;
pub use message::OutboxMessage;
pub(crate) use message::texts;
use std::time::Duration;
use store::Channel;
#[cfg(feature = "pages")]
pub(crate) use store::Waiting;

/// How long a row waits at most. RFC 5321, 4.5.4.1 has mail given up after four to five days.
const GIVEN_UP: Duration = Duration::from_secs(4 * 86_400);

/// Most rows that are taken or acknowledged in one call.
const MOST_AT_ONCE: i64 = 100;

/// Tells products that something happened to a user, once the transaction is committed.
///
/// # Errors
/// Database errors.
pub(crate) fn tell(
    tx: &mut Transaction<'_>,
    app: &App,
    user: UserId,
    events: &[UserEvent],
) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    app.stir();
    let names: Vec<&str> = events.iter().map(|event| event.name()).collect();
    store::insert_events(tx, user, &names, app.config().events.way() == Way::Pulled)
}

/// Tells a user, at the address that was proved, that something was done with the account. Nobody is told of a user
/// without one.
///
/// # Errors
/// Database errors.
pub(crate) fn notify(
    tx: &mut Transaction<'_>,
    app: &App,
    user: UserId,
    kind: MessageKind,
    detail: Option<&str>,
) -> Result<()> {
    app.stir();
    let content = message::content(client::address(), detail);
    store::insert_notice(tx, user, kind.name(), &content, is_pulled(app))
}

/// Sends an address what proves it, and returns whether it did: not when too many such messages were sent, and not
/// without a way out. The user's row must be held.
///
/// # Errors
/// Database errors.
pub(crate) fn send_proof(
    tx: &mut Transaction<'_>,
    app: &App,
    user: UserId,
    kind: ProofKind,
    to: &Email,
    request: Asked,
) -> Result<bool> {
    if !store::is_wanted(tx, is_pulled(app))? {
        return Ok(false);
    }
    let proof = proofs::make(tx, user, kind, to, request.identity, request.known)?;
    let Some(proof) = proof else { return Ok(false) };
    app.stir();
    let content = message::content(client::address(), None);
    store::insert_message(tx, user, message_of(kind).name(), to.canonical(), &content, proof)?;
    Ok(true)
}

/// The error where somebody must be told, and no message can leave.
pub(crate) fn no_way_out() -> Error {
    let text = "no message can leave: set mail.smtp or mail.webhook, or make an API key with the scope outbox";
    Error::InvalidRequest(text.to_owned())
}

/// What is known of a request for a proof.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) identity: ProofIdentity,
    /// Whether it came from a network that knows the user.
    pub(crate) known: bool,
}

impl Asked {
    /// A request that nobody was told the number of.
    pub(crate) fn anew() -> Self {
        Self { identity: ProofIdentity::generate(), known: false }
    }
}

fn message_of(kind: ProofKind) -> MessageKind {
    match kind {
        ProofKind::Verification => MessageKind::Verification,
        ProofKind::Recovery => MessageKind::Recovery,
        ProofKind::Invitation => MessageKind::Invitation,
        ProofKind::Undo => MessageKind::EmailChanged,
    }
}

fn is_pulled(app: &App) -> bool {
    app.config().mail.way() == Way::Pulled
}

/// The oldest messages and events that wait to be pulled, and were not acknowledged. Each is given again until it is.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`], [`Error::ApiKeyInvalid`],
/// [`Error::ScopeMissing`]; [`Error::InvalidRequest`] for a size outside 1 to 100; database errors.
pub fn pull(app: &App, caller: &Caller, size: i64) -> Result<Vec<OutboxMessage>> {
    authorize_pulling(app, caller)?;
    check_size(size, "page_size")?;
    let rows = app.database()?.with_transaction(|tx| {
        let rows = store::waiting(tx, &pulled(app), size)?;
        message::leave(tx, app, &rows)?;
        Ok(rows)
    })?;
    rows.iter().map(|row| message::read(app, row)).collect()
}

/// Acknowledges messages and events, which are then gone. Returns how many there were.
///
/// # Errors
/// As [`pull`].
pub fn acknowledge(app: &App, caller: &Caller, ids: &[i64]) -> Result<u64> {
    authorize_pulling(app, caller)?;
    check_size(i64::try_from(ids.len()).unwrap_or(i64::MAX), "ids")?;
    app.database()?.with_transaction(|tx| store::acknowledge(tx, &pulled(app), ids))
}

fn authorize_pulling(app: &App, caller: &Caller) -> Result<()> {
    app.database()?.with_connection(|conn| authorize(conn, caller, Right::Pull).map(drop))
}

fn check_size(size: i64, parameter: &'static str) -> Result<()> {
    if (1..=MOST_AT_ONCE).contains(&size) {
        return Ok(());
    }
    let text = match parameter {
        "ids" => "must have 1 to 100 numbers",
        _ => "must be from 1 to 100",
    };
    Err(Error::parameter(parameter, text))
}

/// The channels whose rows are pulled.
fn pulled(app: &App) -> Vec<&'static str> {
    let mail = is_pulled(app).then_some(Channel::Mail);
    let events = (app.config().events.way() == Way::Pulled).then_some(Channel::Event);
    [mail, events].into_iter().flatten().map(Channel::name).collect()
}

/// A message as it would be sent, with made-up values.
///
/// # Errors
/// [`Error::Configuration`] when a text of `mail.templates` cannot be used.
pub fn preview(config: &Config, kind: MessageKind, language: Option<&str>) -> Result<Rendered> {
    Ok(texts(config)?.preview(kind, language))
}

/// Sends a message to an address by `mail.smtp`, now.
///
/// # Errors
/// [`Error::Configuration`] without `mail.smtp`; [`Error::Startup`] when it does not leave, saying why.
#[cfg(feature = "mail")]
pub fn send_test(config: &Config, to: &Email) -> Result<()> {
    config.validate()?;
    let settings = &config.mail;
    if settings.way() != Way::Smtp {
        let text = "mail.smtp: is not set, so no mail is sent from here";
        return Err(Error::Configuration(vec![text.to_owned()]));
    }
    let not_sent = |cause: NotSent| {
        let (NotSent::Away(text) | NotSent::Refused(text)) = cause;
        Error::startup(format!("the message was not sent: {text}"))
    };
    let values = [("service", config.tokens.issuer_name()), ("to", to.as_str())];
    let message = texts(config)?.render(MessageKind::Test, None, &values);
    let id = format!("test.{}", ProofIdentity::generate().text());
    Smtp::open(settings)
        .and_then(|smtp| smtp.send(to.canonical(), &message, &id, &|| false))
        .map_err(not_sent)
}

/// Gives up some rows that nobody took for four days. Returns how many, and whether there may be more.
///
/// # Errors
/// Database errors.
pub(crate) fn sweep_some(app: &App) -> Result<(u64, bool)> {
    let removed = app.database()?.with_transaction(|tx| store::give_up(tx, GIVEN_UP))?;
    if removed > 0 {
        log::warn!("{removed} messages were given up, since nobody took them for four days");
    }
    Ok((removed, removed == store::GIVEN_UP_AT_ONCE))
}

/// What waits to leave, the oldest first, up to a hundred rows; without what it says.
///
/// # Errors
/// [`Error::TokenMissing`], [`Error::TokenInvalid`], [`Error::Forbidden`]; database errors.
#[cfg(feature = "pages")]
pub(crate) fn look(app: &App, caller: &Caller) -> Result<Vec<Waiting>> {
    app.database()?.with_connection(|conn| {
        authorize(conn, caller, Right::Admin)?;
        store::look(conn, MOST_AT_ONCE)
    })
}

/// How many rows wait, up to 10,000, and for how many seconds the oldest has.
///
/// # Errors
/// Database errors.
pub(crate) fn backlog(database: &Database) -> Result<(i64, f64)> {
    database.with_connection(|conn| backlog_of(conn))
}

/// The same, on a connection of the caller's.
///
/// # Errors
/// Database errors.
pub(crate) fn backlog_of(conn: &mut Line) -> Result<(i64, f64)> {
    store::backlog(conn, 10_000)
}

/// Whether there is an API key with which messages can be pulled.
///
/// # Errors
/// Database errors.
pub(crate) fn is_pulled_by_somebody(conn: &mut Line) -> Result<bool> {
    store::is_wanted(conn, true)
}
