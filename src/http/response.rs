//! Responses.
//!
//! Every error is a problem document (RFC 9457). `type` is `about:blank`, so `title` is the
//! status's own phrase (RFC 9457, 4.2.1); `code` is our stable word for the cause.

use super::oauth::{self, OAuthMembers};
use super::told::{self, Told, acr_values};
use crate::error::{self, Error, Result};
use crate::front_door;
use crate::metrics::OTHER_ROUTE;
use serde::Serialize;

/// A response.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// The level at which the log records the request.
    pub(super) level: log::Level,
    /// The place of its route among those that are counted.
    pub(super) route: u8,
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    request_id: &'a str,
    #[serde(flatten)]
    oauth: Option<OAuthMembers<'a>>,
    #[serde(flatten)]
    more: Option<More<'a>>,
}

/// What some errors say beside that.
#[derive(Serialize)]
#[serde(untagged)]
enum More<'a> {
    Mfa {
        mfa_token: &'a str,
        expires_in: u64,
        methods: &'a [&'static str],
    },
    NoMfa {
        methods: [&'static str; 0],
    },
    /// RFC 9470, 3.
    Authentication {
        max_age: u64,
        acr_values: &'static str,
    },
}

impl<'a> More<'a> {
    fn of(error: &'a Error) -> Option<Self> {
        Some(match error {
            Error::MfaRequired(Some(challenge)) => Self::Mfa {
                mfa_token: &challenge.mfa_token,
                expires_in: challenge.expires_in.as_secs(),
                methods: &challenge.methods,
            },
            Error::MfaRequired(None) => Self::NoMfa { methods: [] },
            Error::InsufficientAuthentication { max_age, mfa } => Self::Authentication {
                max_age: error::seconds(*max_age),
                acr_values: acr_values(*mfa),
            },
            _ => return None,
        })
    }
}

impl Response {
    /// A JSON document.
    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        // Users and tokens are for the caller alone: no cache may keep them.
        Self::document(status, "application/json", value).header("Cache-Control", "no-store")
    }

    /// A JSON document that anyone may see, and that any cache may keep for `max_age` seconds.
    pub(crate) fn public(value: &impl Serialize, max_age: u64) -> Self {
        Self::document(200, "application/json", value)
            .header("Cache-Control", format!("public, max-age={max_age}"))
    }

    fn document(status: u16, content_type: &str, value: &impl Serialize) -> Self {
        let mut body = serde_json::to_vec(value).unwrap_or_else(|e| {
            log::error!("cannot serialise a response: {e}");
            b"{}".to_vec()
        });
        // Otherwise a shell would write its prompt on the same line.
        body.push(b'\n');
        Self::new(status, body).header("Content-Type", content_type)
    }

    pub(super) fn new(status: u16, body: Vec<u8>) -> Self {
        Self { status, headers: Vec::new(), body, level: log::Level::Info, route: OTHER_ROUTE }
    }

    /// A text of another kind.
    pub(crate) fn text(content_type: &str, body: String) -> Self {
        Self::new(200, body.into_bytes()).header("Content-Type", content_type)
    }

    /// The client already has the current document.
    pub(crate) fn not_modified() -> Self {
        Self::new(304, Vec::new())
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds the link to the next page of a list: at the address that was asked, with this query.
    ///
    /// A reference that is only a query (RFC 3986, 5.2) holds under whatever path a proxy puts us.
    /// One that begins with `/` would leave that path.
    pub(crate) fn next(self, query: &str) -> Self {
        self.header("Link", format!("<?{query}>; rel=\"next\""))
    }

    /// Marks a call that programs make again and again: the log has it at debug. When it fails, it
    /// is logged as any other.
    pub(crate) fn polled(mut self) -> Self {
        self.level = log::Level::Debug;
        self
    }

    /// Counts the request for this route.
    pub(crate) fn of_route(mut self, route: u8) -> Self {
        self.route = route;
        self
    }

    fn problem(
        (status, title): (u16, &'static str),
        code: &'static str,
        detail: &str,
        request_id: &str,
        oauth: Option<&'static str>,
        more: Option<More<'_>>,
    ) -> Self {
        let oauth = oauth.map(|error| OAuthMembers { error, error_description: detail });
        let media_type =
            if oauth.is_some() { "application/json" } else { "application/problem+json" };
        let problem =
            Problem { r#type: "about:blank", title, status, detail, code, request_id, oauth, more };
        Self::document(status, media_type, &problem).header("Cache-Control", "no-store")
    }

    /// The answer to an operation that failed. Our own faults and the database's are logged here,
    /// once, and not shown to the client.
    pub(crate) fn from_error(error: &Error, request_id: &str) -> Self {
        Self::of_error(error, request_id, None)
    }

    /// The answer of an OAuth call. An error has OAuth's members too (RFC 6749, 5.2).
    pub(crate) fn oauth(outcome: Result<Self>, request_id: &str) -> Self {
        outcome
            .unwrap_or_else(|error| Self::of_error(&error, request_id, Some(oauth::word(&error))))
    }

    fn of_error(error: &Error, request_id: &str, oauth: Option<&'static str>) -> Self {
        let Told { status, code, detail, headers } = Told::of(error, request_id);
        let more = More::of(error);
        let response = Self::problem(status, code, &detail, request_id, oauth, more);
        headers.into_iter().fold(response, |response, (name, value)| response.header(name, value))
    }

    /// The body of an answer that the front door gives by itself.
    pub(crate) fn of_front_door(refused: &front_door::Problem) -> Vec<u8> {
        let status = (refused.status, refused.title);
        Self::problem(status, refused.code, refused.detail, &refused.request_id, None, None).body
    }

    /// An internal error.
    pub(crate) fn internal(request_id: &str) -> Self {
        Self::problem(told::INTERNAL, "internal", told::FAULT, request_id, None, None)
    }

    /// No such path.
    pub(crate) fn not_found(request_id: &str) -> Self {
        Self::problem(told::NOT_FOUND, "not_found", "no such path", request_id, None, None)
    }

    /// The path exists, but not with this method.
    pub(crate) fn method_not_allowed(allow: &str, request_id: &str) -> Self {
        let detail = format!("this path accepts {allow}");
        let status = (405, "Method Not Allowed");
        Self::problem(status, "method_not_allowed", &detail, request_id, None, None)
            .header("Allow", allow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_internal_stays_internal() {
        let secret = || "SELECT on db.internal".to_owned();
        for (error, status) in [
            (Error::Internal(secret()), 500),
            (Error::Startup(secret()), 500),
            (Error::File(secret()), 500),
            (Error::Configuration(vec![secret()]), 500),
            (Error::Unavailable(secret()), 503),
            (Error::ConnectionLost(secret()), 503),
            (Error::ReadOnly(secret()), 503),
            (Error::Conflict(secret()), 503),
            (Error::SchemaBehind(secret()), 503),
        ] {
            let response = Response::from_error(&error, "id");
            assert_eq!(response.status, status);
            let body = String::from_utf8(response.body).unwrap();
            assert!(!body.contains("SELECT"), "{body}");
            let retry = response.headers.iter().any(|(name, _)| *name == "Retry-After");
            assert_eq!(retry, status == 503, "{error:?}");
        }
    }
}
