//! Where messages go: settings that cannot be used, or not together.

use super::endpoint;
use super::profile::Profile;
use super::sections::Config;
use crate::domain::Email;

impl Config {
    /// Where messages go, if that cannot be used.
    pub(super) fn ways_out(&self) -> impl Iterator<Item = String> {
        let (mail, events) = (&self.mail, &self.events);
        let production = self.profile == Profile::Production;
        let link_base = Some(mail.link_base.as_str()).filter(|url| !url.is_empty());
        let from = Some(mail.from.as_str()).filter(|from| !from.is_empty());
        let found = [
            ("mail.smtp", mail.smtp.as_ref().map(|url| endpoint::SmtpServer::parse(url).map(drop))),
            (
                "mail.webhook",
                mail.webhook.as_ref().map(|url| endpoint::check_webhook(url.expose())),
            ),
            (
                "events.webhook",
                events.webhook.as_ref().map(|url| endpoint::check_webhook(url.expose())),
            ),
            (
                "mail.webhook_secret",
                mail.webhook_secret.as_ref().map(|it| endpoint::webhook_secret(it).map(drop)),
            ),
            (
                "events.webhook_secret",
                events.webhook_secret.as_ref().map(|it| endpoint::webhook_secret(it).map(drop)),
            ),
            ("mail.link_base", link_base.map(|url| endpoint::check_link_base(url, production))),
            ("mail.from", from.map(|from| sender(from).map(drop))),
            ("mail.language", Some(check_language(&mail.language))),
        ];
        found.into_iter().filter_map(|(name, outcome)| Some(format!("{name}: {}", outcome?.err()?)))
    }

    pub(super) fn of_mail(&self) -> Vec<(bool, &'static str)> {
        let (mail, events) = (&self.mail, &self.events);
        let leads_nowhere = mail.link_base.is_empty() && self.pages.in_use().is_none();
        let posts = mail.webhook.is_some() || events.webhook.is_some();
        vec![
            (
                mail.smtp.is_some() && mail.webhook.is_some(),
                "mail.smtp and mail.webhook: both are set; choose one",
            ),
            (
                mail.smtp.is_some() && (mail.from.is_empty() || leads_nowhere),
                "mail.smtp: needs mail.from, whom mail is from, and where its links lead: mail.link_base, or \
                 pages.enabled with pages.origin",
            ),
            (
                mail.webhook.is_some() != mail.webhook_secret.is_some(),
                "mail.webhook and mail.webhook_secret: both are needed to post messages",
            ),
            (
                events.webhook.is_some() != events.webhook_secret.is_some(),
                "events.webhook and events.webhook_secret: both are needed to post events",
            ),
            (
                (mail.smtp.is_some() || posts) && cfg!(not(feature = "mail")),
                "mail.smtp, mail.webhook and events.webhook: this binary was built without the feature mail",
            ),
        ]
    }
}

/// Whom mail is from: an address, or a name and an address in angle brackets.
pub(crate) fn sender(from: &str) -> Result<(Option<&str>, Email), &'static str> {
    let (name, address) = match from.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, address)) if !name.contains(['<', '>', '"']) => (name.trim(), address),
        Some(_) => ("", ""),
        None => ("", from),
    };
    let is_odd = from.chars().any(char::is_control);
    let address = Email::parse(address).ok().filter(|_| !is_odd);
    let form = "expected an address such as Example <noreply@example.com>";
    Ok((Some(name).filter(|name| !name.is_empty()), address.ok_or(form)?))
}

/// Whether this can be a language, as BCP 47 writes it.
fn check_language(language: &str) -> Result<(), &'static str> {
    let is_part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let fits = language.len() <= 35 && language.split('-').all(is_part);
    if fits { Ok(()) } else { Err("expected a language such as en or pt-BR") }
}
