//! Handing messages and events over.
//!
//! A row is taken, which keeps others from it for two minutes, handed over, and removed. Whoever is killed in
//! between leaves it to be taken again. What one server refuses waits alone. A server that is away is tried again
//! after a while that doubles up to five minutes, with whatever is due then; until it is back no row counts an attempt.

use super::message::{self, OutboxMessage};
use super::store::{self, Channel};
use super::told::Told;
use crate::app::App;
use crate::config::Way;
use crate::error::{Error, Result};
use crate::mail::NotSent;
use crate::mail::kind::MessageKind;
use crate::mail::smtp::Smtp;
use crate::mail::texts::{Rendered, Texts};
use crate::mail::webhook::Webhook;
use crate::metrics;
use crate::moment;
use std::time::{Duration, Instant};

/// How long a server is left alone that was away: the first time, and at most.
const FIRST_REST: Duration = Duration::from_secs(5);
const LAST_REST: Duration = Duration::from_secs(5 * 60);

/// Why a delivery did not end that our own end has cut off.
const CUT_OFF: Option<NotSent> = None;

/// What one thread does.
pub(super) struct Handing<'a> {
    app: &'a App,
    of: Channel,
    /// How long the server is left alone, and until when.
    rest: Option<(Duration, Instant)>,
}

impl<'a> Handing<'a> {
    pub(super) fn new(app: &'a App, of: Channel) -> Self {
        Self { app, of, rest: None }
    }

    /// Whether the server was away when it was last tried.
    pub(super) fn is_resting(&self) -> bool {
        self.rest.is_some()
    }

    /// Hands over whatever is due, until the server is away.
    ///
    /// # Errors
    /// Database errors.
    pub(super) fn hand_over(
        &mut self,
        is_stopping: &dyn Fn() -> bool,
        told: &mut Told,
    ) -> Result<()> {
        if self.way() == Way::Pulled || self.rest.is_some_and(|(_, until)| Instant::now() < until) {
            return Ok(());
        }
        let mut opened = None;
        while !is_stopping() {
            let database = self.app.database()?;
            let taken = database.with_transaction(|tx| store::take(tx, self.of))?;
            let Some(row) = taken else {
                // Nothing is left that could be away.
                self.rest = None;
                break;
            };
            // Apart from that: who deletes a user takes the proof first, and the row after it.
            let rows = std::slice::from_ref(&row);
            database.with_connection(|conn| message::leave(conn, self.app, rows))?;
            let id = row.id;
            // A message about a user who was deleted has nobody to go to.
            let is_lost = self.of == Channel::Mail && row.whose.is_none();
            let outcome = if is_lost {
                Ok(())
            } else {
                let message = message::read(self.app, &row)?;
                let unique = format!("msg_{id}_{}", moment::micros(row.created_at));
                match opened.get_or_insert_with(|| Opened::open(self.app, self.of)) {
                    Ok(opened) => opened.send(self.app, &message, &unique, is_stopping),
                    Err(fault) => Err(fault.clone()),
                }
            };
            // What is cut off by our own end says nothing about the server.
            let outcome =
                if is_stopping() { outcome.or(Err(CUT_OFF)) } else { outcome.map_err(Some) };
            self.settle(id, is_lost, outcome, told)?;
            if self.rest.is_some() {
                break;
            }
        }
        Ok(())
    }

    fn way(&self) -> Way {
        match self.of {
            Channel::Mail => self.app.config().mail.way(),
            Channel::Event => self.app.config().events.way(),
        }
    }

    /// Removes a row that was handed over, or puts it back.
    fn settle(
        &mut self,
        id: i64,
        is_lost: bool,
        outcome: std::result::Result<(), Option<NotSent>>,
        told: &mut Told,
    ) -> Result<()> {
        let refused = matches!(outcome, Err(Some(NotSent::Refused(_))));
        self.app.database()?.with_transaction(|tx| match &outcome {
            Ok(()) => store::remove(tx, id),
            Err(_) => store::put_back(tx, id, refused),
        })?;
        let counted = &metrics::DELIVERIES[self.of as usize];
        match outcome {
            Ok(()) if is_lost => (),
            Ok(()) => {
                counted[metrics::Delivery::Delivered as usize].add(1);
                self.rest = None;
            }
            Err(Some(NotSent::Refused(text))) => {
                counted[metrics::Delivery::Refused as usize].add(1);
                self.rest = None;
                told.tell(log::Level::Warn, &format!("a message was refused and waits: {text}"));
            }
            Err(None) => (),
            Err(Some(NotSent::Away(text))) => {
                counted[metrics::Delivery::Away as usize].add(1);
                let rest = self.rest.map_or(FIRST_REST, |(rest, _)| (rest * 2).min(LAST_REST));
                self.rest = Some((rest, Instant::now() + rest));
                told.tell(log::Level::Error, &format!("messages wait, none leaves: {text}"));
            }
        }
        Ok(())
    }
}

/// What is handed to, for a round.
enum Opened {
    Smtp(Box<(Smtp, Texts)>),
    Webhook(Webhook),
}

impl Opened {
    fn open(app: &App, of: Channel) -> std::result::Result<Self, NotSent> {
        let config = app.config();
        let (url, secret) = match of {
            Channel::Mail => (&config.mail.webhook, &config.mail.webhook_secret),
            Channel::Event => (&config.events.webhook, &config.events.webhook_secret),
        };
        if let (Some(url), Some(secret)) = (url, secret) {
            return Webhook::open(url, secret).map(Self::Webhook);
        }
        let texts = message::texts(config).map_err(|error| NotSent::Away(error.to_string()))?;
        Ok(Self::Smtp(Box::new((Smtp::open(&config.mail)?, texts))))
    }

    fn send(
        &self,
        app: &App,
        message: &OutboxMessage,
        unique: &str,
        is_stopping: &dyn Fn() -> bool,
    ) -> std::result::Result<(), NotSent> {
        match self {
            Self::Smtp(opened) => {
                let (smtp, texts) = &**opened;
                let to = message.data.to.as_deref().unwrap_or_default();
                let mail = render(app, texts, message)
                    .map_err(|error| NotSent::Refused(error.to_string()))?;
                smtp.send(to, &mail, unique, is_stopping)
            }
            Self::Webhook(webhook) => {
                let body = serde_json::to_string(&message.posted())
                    .map_err(|error| NotSent::Refused(error.to_string()))?;
                webhook.post(unique, crate::tokens::now(), &body)
            }
        }
    }
}

/// A message as mail.
///
/// # Errors
/// [`Error::Internal`] for a kind that this release does not know.
fn render(app: &App, texts: &Texts, message: &OutboxMessage) -> Result<Rendered> {
    let name = message.r#type.strip_prefix("mail.").unwrap_or_default();
    let unknown = || Error::Internal(format!("no text for a message of the kind {name:?}"));
    let kind = MessageKind::find(name).ok_or_else(unknown)?;
    let data = &message.data;
    let seconds = data.expires_in.unwrap_or_default();
    let (minutes, days) = ((seconds / 60).to_string(), seconds.div_ceil(86_400).to_string());
    let text = |value: &Option<String>, without: &'static str| {
        value.clone().unwrap_or_else(|| without.to_owned())
    };
    let values = [
        ("service", app.config().tokens.issuer_name().to_owned()),
        ("login", text(&data.login, "")),
        ("to", text(&data.to, "")),
        ("time", message.timestamp.clone()),
        ("client", text(&data.client, "the command line")),
        ("link", text(&data.link, "")),
        ("code", text(&data.code, "")),
        ("detail", text(&data.detail, "")),
        ("minutes", minutes),
        ("days", days),
    ];
    let values: Vec<(&str, &str)> =
        values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Ok(texts.render(kind, data.locale.as_deref(), &values))
}
