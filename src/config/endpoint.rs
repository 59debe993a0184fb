//! The URLs of servers that messages are handed to.

use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::net::IpAddr;
use zeroize::Zeroizing;

/// Fewest and most bytes of a webhook's secret (Standard Webhooks, "Signature scheme").
const WEBHOOK_SECRET: std::ops::RangeInclusive<usize> = 24..=64;

/// A server that takes mail.
#[cfg_attr(not(feature = "mail"), expect(dead_code, reason = "then no mail is sent"))]
pub(crate) struct SmtpServer {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: SmtpTls,
    /// Name and password.
    pub(crate) credentials: Option<(String, Secret)>,
}

/// How a connection to a server that takes mail is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SmtpTls {
    /// From the start (RFC 8314, 3).
    Implicit,
    /// By STARTTLS, or there is no delivery.
    Required,
    /// By STARTTLS where the server, which is on this machine, offers it.
    Offered,
}

impl SmtpServer {
    /// Parses a URL. What is said about a fault holds no part of it.
    pub(crate) fn parse(url: &Secret) -> Result<Self, &'static str> {
        let form = "expected a URL such as smtp://user:password@mail.example.com:587 or smtps://mail.example.com; \
                    in name and password, what is no letter and no digit is written as %40 and the like";
        let (scheme, rest) = url.expose().split_once("://").ok_or(form)?;
        let (implicit, usual) = match scheme.to_ascii_lowercase().as_str() {
            "smtp" => (false, 587),
            "smtps" => (true, 465),
            _ => return Err(form),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (who, place) = match rest.rsplit_once('@') {
            Some((who, place)) => (Some(who), place),
            None => (None, rest),
        };
        let (host, port) = host_and_port(place).ok_or(form)?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned);
        let credentials = match who {
            None => None,
            Some(who) => {
                let (name, password) = who.split_once(':').ok_or(form)?;
                if who.contains(['/', '?', '#', '@']) {
                    return Err(form);
                }
                let password = decoded(password).map(Secret::new).ok_or(form)?;
                Some((decoded(name).ok_or(form)?, password))
            }
        };
        let tls = match (implicit, is_loopback(&host)) {
            (true, _) => SmtpTls::Implicit,
            (false, true) => SmtpTls::Offered,
            (false, false) => SmtpTls::Required,
        };
        Ok(Self { host, port: port.unwrap_or(usual), tls, credentials })
    }
}

/// Whether a program can be told something at this URL: with TLS, or on this machine. What is said about a
/// fault holds no part of it.
pub(crate) fn check_webhook(url: &str) -> Result<(), &'static str> {
    let form = "expected a URL such as https://example.com/gatepost";
    let (scheme, rest) = url.split_once("://").ok_or(form)?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@')
        || url.contains('#')
        || url.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        return Err(form);
    }
    let (host, _) = host_and_port(authority).ok_or(form)?;
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Ok(()),
        "http" if is_loopback(&host) => Ok(()),
        "http" => Err("http is for a program on this machine; use https"),
        _ => Err(form),
    }
}

/// The bytes of a webhook's secret.
pub(crate) fn webhook_secret(text: &Secret) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let form = "must be whsec_ and 24 to 64 bytes in base64; `echo whsec_$(openssl rand -base64 32)` makes one";
    let encoded = text.expose().strip_prefix("whsec_").ok_or(form)?;
    let bytes = STANDARD.decode(encoded).map(Zeroizing::new).map_err(|_| form)?;
    if WEBHOOK_SECRET.contains(&bytes.len()) { Ok(bytes) } else { Err(form) }
}

/// Whether links may lead there. In production tokens do not travel without TLS.
pub(crate) fn check_link_base(url: &str, production: bool) -> Result<(), &'static str> {
    let form = "expected a URL such as https://www.example.com/account, without #";
    check_webhook(url).map_err(|fault| if url.starts_with("http:") { fault } else { form })?;
    if production && !url.starts_with("https://") {
        Err("production needs a URL with https")
    } else {
        Ok(())
    }
}

/// Host and port of an authority without user.
fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            (host, Some(port.parse().ok().filter(|port| *port > 0)?))
        }
        _ => (text, None),
    };
    let bare = match host.strip_prefix('[') {
        Some(address) => {
            address.strip_suffix(']').filter(|address| address.parse::<IpAddr>().is_ok())?
        }
        None => host,
    };
    let is_host =
        !bare.is_empty() && bare.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:".contains(c));
    (is_host && (host.starts_with('[') || !bare.contains(':'))).then(|| (bare.to_owned(), port))
}

/// Whether a host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    host.parse::<IpAddr>()
        .map_or(host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_server_is_named_with_how_it_is_reached() {
        let parsed = |url: &str| SmtpServer::parse(&url.into());
        let of = |url: &str| {
            let server = parsed(url).ok().unwrap();
            let who =
                server.credentials.map(|(name, password)| (name, password.expose().to_owned()));
            (server.host, server.port, server.tls, who)
        };
        let host = || "mail.example.com".to_owned();
        assert_eq!(of("smtp://mail.example.com"), (host(), 587, SmtpTls::Required, None));
        assert_eq!(of("SMTPS://mail.example.com/"), (host(), 465, SmtpTls::Implicit, None));
        let who = Some(("a@b".to_owned(), "p:w/%".to_owned()));
        assert_eq!(
            of("smtp://a%40b:p%3Aw%2F%25@mail.example.com:2525"),
            (host(), 2525, SmtpTls::Required, who)
        );
        assert_eq!(of("smtp://127.0.0.1:25").2, SmtpTls::Offered);
        assert_eq!(of("smtp://[::1]:25"), ("::1".to_owned(), 25, SmtpTls::Offered, None));
        assert_eq!(of("smtp://localhost").2, SmtpTls::Offered);
        for url in [
            "",
            "mail.example.com",
            "http://mail.example.com",
            "smtp://",
            "smtp://:25",
            "smtp://a@mail.example.com",
            "smtp://a:b/c@mail.example.com",
            "smtp://mail.example.com:0",
            "smtp://mail.example.com:99999",
            "smtp://mail.example.com/path",
            "smtp://mail example.com",
            "smtp://::1",
            "smtp://[::1",
        ] {
            assert!(parsed(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_webhook_is_reached_with_tls_or_on_this_machine() {
        for url in [
            "https://a.example/x?y",
            "http://127.0.0.1:9/x",
            "http://localhost",
            "https://[::1]:8443/",
        ] {
            assert_eq!(check_webhook(url), Ok(()), "{url}");
        }
        for url in [
            "",
            "a.example",
            "http://a.example",
            "https://",
            "https://u@a.example",
            "https://a.example/#x",
            "https://a example/",
            "ftp://a.example",
        ] {
            assert!(check_webhook(url).is_err(), "{url}");
        }
        assert!(check_link_base("http://localhost:3000/account", true).is_err());
        assert!(check_link_base("http://localhost:3000/account", false).is_ok());
        assert!(check_link_base("https://www.example.com/account", true).is_ok());
    }

    #[test]
    fn a_webhook_s_secret_has_the_form_of_standard_webhooks() {
        let secret =
            |bytes: usize| Secret::new(format!("whsec_{}", STANDARD.encode(vec![7; bytes])));
        assert_eq!(*webhook_secret(&secret(24)).unwrap(), vec![7; 24]);
        assert!(webhook_secret(&secret(64)).is_ok());
        assert!(webhook_secret(&secret(23)).is_err() && webhook_secret(&secret(65)).is_err());
        assert!(webhook_secret(&"whsec_?".into()).is_err());
        assert!(webhook_secret(&STANDARD.encode([7; 24]).as_str().into()).is_err());
    }
}
