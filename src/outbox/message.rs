//! What a row of the outbox becomes when it leaves.

use super::event::UserEvent;
use super::store::OutboxRow;
use crate::app::App;
use crate::by_name::by_name;
use crate::config::Config;
use crate::db::Line;
use crate::domain::{Attributes, UserId};
use crate::error::{Error, Result};
use crate::mail::texts::Texts;
use crate::moment;
use crate::proofs::{self, ProofKey, ProofKind};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What a row keeps for its text.
#[derive(Debug, Default, Deserialize)]
#[serde(remote = "Self")]
pub(super) struct Content {
    client: Option<String>,
    detail: Option<String>,
}
by_name!(Content);

/// What a row keeps, as JSON.
pub(super) fn content(client: Option<IpAddr>, detail: Option<&str>) -> String {
    let client = client.map(|address| address.to_canonical().to_string());
    let value = serde_json::json!({ "client": client, "detail": detail });
    value.to_string()
}

/// A message or an event, as programs take it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct OutboxMessage {
    /// Its number, by which it is acknowledged.
    pub id: i64,
    /// What it is: `mail.` and the kind of message, or an event such as `user.created`.
    pub r#type: String,
    /// When it came about, in RFC 3339.
    pub timestamp: String,
    /// What it says.
    pub data: MessageData,
}

/// The same as it is posted, without the number.
#[derive(Serialize)]
#[cfg(feature = "mail")]
pub(super) struct Posted<'a> {
    r#type: &'a str,
    timestamp: &'a str,
    data: &'a MessageData,
}

#[cfg(feature = "mail")]
impl OutboxMessage {
    pub(super) fn posted(&self) -> Posted<'_> {
        Posted { r#type: &self.r#type, timestamp: &self.timestamp, data: &self.data }
    }
}

/// What a message or an event says. Events have the user alone.
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct MessageData {
    /// The user whom it is about.
    pub user_id: UserId,
    /// The user's login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// The address that it goes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The user's language: the public attribute `locale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Proves that whoever shows it reads that mail. It is a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The page of `mail.link_base` with the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What can be typed instead, where the request was made. It is a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// How many seconds token and code are good for from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// The address of the client that caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// What was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl MessageData {
    fn about(user_id: UserId) -> Self {
        Self {
            user_id,
            login: None,
            to: None,
            locale: None,
            token: None,
            link: None,
            code: None,
            expires_in: None,
            client: None,
            detail: None,
        }
    }
}

impl std::fmt::Debug for MessageData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageData").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

/// Begins the time of what messages are to prove.
///
/// # Errors
/// Database errors.
pub(super) fn leave(conn: &mut Line, app: &App, rows: &[OutboxRow]) -> Result<()> {
    let proofs: Vec<(i64, ProofKind)> = rows
        .iter()
        .filter_map(|row| row.proof.as_ref())
        .filter_map(|(id, kind, identity)| Some((*id, proofs::stored(kind, identity)?.0)))
        .collect();
    if proofs.is_empty() { Ok(()) } else { proofs::leave(conn, app, &proofs) }
}

/// The message of a row, with its secrets.
///
/// # Errors
/// Database errors, before the key is loaded.
pub(super) fn read(app: &App, row: &OutboxRow) -> Result<OutboxMessage> {
    let is_event = UserEvent::ALL.iter().any(|event| event.name() == row.kind);
    let mut data = MessageData::about(UserId::stored(row.user));
    if !is_event {
        let content: Content = serde_json::from_str(&row.content).unwrap_or_default();
        data.to.clone_from(&row.address);
        (data.client, data.detail) = (content.client, content.detail);
        if let Some((login, public)) = &row.whose {
            data.login = Some(login.clone());
            data.locale = locale(public.as_deref());
        }
        if let Some((_, kind, identity)) = &row.proof
            && let Some((kind, identity)) = proofs::stored(kind, identity)
        {
            let key = ProofKey::of(app)?;
            let token = key.token(kind, identity);
            data.link = proofs::link(app, kind, &token);
            data.token = Some(token);
            data.code = (kind == ProofKind::Recovery).then(|| key.code(identity));
            data.expires_in = Some(kind.good_for(app).as_secs());
        }
    }
    Ok(OutboxMessage {
        id: row.id,
        r#type: if is_event { row.kind.clone() } else { format!("mail.{}", row.kind) },
        timestamp: moment::write_seconds(row.created_at),
        data,
    })
}

/// The language that a user has chosen, if the product keeps it.
fn locale(public: Option<&str>) -> Option<String> {
    let attributes = Attributes::stored(public, None).ok()?;
    let locale = attributes.public().get("locale")?.as_str()?;
    (locale.len() <= 35).then(|| locale.to_owned())
}

/// The texts that are configured.
///
/// # Errors
/// [`Error::Configuration`].
pub(crate) fn texts(config: &Config) -> Result<Texts> {
    let settings = &config.mail;
    Texts::open(settings.templates.as_deref(), &settings.language)
        .map_err(|fault| Error::Configuration(vec![format!("mail.templates: {fault}")]))
}
