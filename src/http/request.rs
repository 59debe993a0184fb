//! A request as handlers see it: read whole and owned. The front door has bounded its size.

#[cfg(feature = "pages")]
use super::browser_fields::BrowserFields;
use super::parameters::{self, Parameters};
use super::response::Response;
use super::trace;
use crate::error::{Error, Result};
use crate::front_door::{CLIENT_FIELD, REQUEST_ID_FIELD};
use crate::tokens::Claims;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
#[cfg(feature = "pages")]
use std::cell::OnceCell;
use std::net::IpAddr;
use zeroize::Zeroizing;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// A request.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names this request in the log and in an error answer.
    pub(crate) id: String,
    /// The client's address, as far as it is known behind proxies.
    pub(crate) client: String,
    pub(crate) user_agent: Option<String>,
    /// The id of the trace that the caller has begun, for the log alone.
    pub(super) trace_id: Option<String>,
    /// The host of the target or the field, as the front door says; empty where HTTP/1.0 gives
    /// none.
    pub(super) host: String,
    /// The pages that ask, as a browser says. If there are several, each is checked.
    pub(super) origins: Vec<String>,
    #[cfg(feature = "pages")]
    pub(super) browser: BrowserFields,
    /// As whom it counts, where the cookie of a browser does.
    #[cfg(feature = "pages")]
    signed_in: OnceCell<Claims>,
    pub(super) query: String,
    content_type: Option<String>,
    pub(super) authorization: Vec<Zeroizing<String>>,
    if_none_match: Vec<String>,
    /// May hold a password, so it is overwritten when it is dropped.
    body: Zeroizing<Vec<u8>>,
}

impl Request {
    /// Takes over a request that the front door has sent. If it is malformed, the answer to give at
    /// once comes with it.
    pub(super) fn read(from: &mut tiny_http::Request) -> (Self, Option<Response>) {
        let (path, query) = from.url().split_once('?').unwrap_or((from.url(), ""));
        let values = |name: &'static str| {
            let headers = from.headers().iter().filter(move |header| header.field.equiv(name));
            headers.map(|header| header.value.as_str().to_owned())
        };
        let mut request = Self {
            method: from.method().as_str().to_owned(),
            path: path.to_owned(),
            id: values(REQUEST_ID_FIELD).next().unwrap_or_default(),
            client: values(CLIENT_FIELD).next().unwrap_or_default(),
            user_agent: values("user-agent").next(),
            trace_id: trace::id(&values("traceparent").collect::<Vec<_>>()).map(str::to_owned),
            host: values("host").next().unwrap_or_default(),
            origins: values("origin").collect(),
            #[cfg(feature = "pages")]
            browser: BrowserFields::read(&values),
            #[cfg(feature = "pages")]
            signed_in: OnceCell::new(),
            query: query.to_owned(),
            content_type: values("content-type").next(),
            authorization: values("authorization").map(Zeroizing::new).collect(),
            if_none_match: values("if-none-match").collect(),
            // Allocated in one piece: growing would leave copies of a password behind.
            body: Zeroizing::new(Vec::with_capacity(from.body_length().unwrap_or(0))),
        };
        let refusal = match from.as_reader().read_to_end(&mut request.body) {
            Ok(_) => None,
            Err(_) => {
                let error = Error::InvalidRequest("the body could not be read".to_owned());
                Some(Response::from_error(&error, &request.id))
            }
        };
        (request, refusal)
    }

    /// The client's address; `None` only where there is no front door.
    pub(crate) fn client_address(&self) -> Option<IpAddr> {
        self.client.parse().ok()
    }

    /// Counts as sent by whoever these claims are about.
    #[cfg(feature = "pages")]
    pub(crate) fn sign_in_as(&self, claims: Claims) {
        // It is decided once.
        let _ = self.signed_in.set(claims);
    }

    /// As whom it counts by a cookie.
    #[cfg(feature = "pages")]
    pub(crate) fn signed_in_as(&self) -> Option<&Claims> {
        self.signed_in.get()
    }

    #[cfg(not(feature = "pages"))]
    pub(crate) fn signed_in_as(&self) -> Option<&Claims> {
        None
    }

    /// The body as it came.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Checks that a body, if there is one, declares this media type.
    fn expect(&self, expected: &'static str) -> Result<()> {
        let media_type = self.content_type.as_deref().unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if self.body.is_empty() || essence.eq_ignore_ascii_case(expected) {
            Ok(())
        } else {
            Err(Error::UnsupportedMediaType(expected))
        }
    }

    /// The parameters: from the query on GET and HEAD, from a JSON object on POST and PATCH, from
    /// both on DELETE.
    ///
    /// # Errors
    /// [`Error::UnsupportedMediaType`] for a body that is not declared as JSON;
    /// [`Error::InvalidRequest`] when the query or the body is malformed, or a parameter is given
    /// twice.
    pub(crate) fn parameters(&self) -> Result<Parameters> {
        self.expect(JSON)?;
        match self.method.as_str() {
            "GET" | "HEAD" => Parameters::from_query(&self.query),
            "DELETE" => {
                let mut parameters = Parameters::from_query(&self.query)?;
                if !self.body.is_empty() {
                    parameters.merge(Parameters::from_json(&self.body)?)?;
                }
                Ok(parameters)
            }
            _ if !self.query.is_empty() => Err(Error::InvalidRequest(format!(
                "{} takes its parameters from a JSON object in the body, not from the query",
                self.method
            ))),
            _ => Parameters::from_json(&self.body),
        }
    }

    /// The parameters of a form in the body, for calls that OAuth specifies so.
    ///
    /// # Errors
    /// [`Error::UnsupportedMediaType`] for a body that is not declared as a form;
    /// [`Error::InvalidRequest`] when it is malformed, or a parameter is given twice or in the
    /// query, where logs would keep it.
    pub(crate) fn form(&self) -> Result<Parameters> {
        self.expect(FORM)?;
        if !self.query.is_empty() {
            let text = "send the parameters as a form in the body, not in the query";
            return Err(Error::InvalidRequest(text.to_owned()));
        }
        Parameters::from_form(&self.body)
    }

    /// Whether the client already has the representation with this entity tag (RFC 9110, 13.1.2).
    pub(crate) fn has_already(&self, etag: &str) -> bool {
        let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let mut tags = self.if_none_match.iter().flat_map(|value| value.split(','));
        tags.any(|tag| tag.trim() == "*" || weak(tag) == weak(etag))
    }

    /// The token of `Authorization: Bearer TOKEN` (RFC 6750, 2.1), if there is such a header.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] for another scheme, an empty token, or two such headers.
    pub(crate) fn bearer_token(&self) -> Result<Option<&str>> {
        match self.credentials()? {
            None => Ok(None),
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() => {
                Ok(Some(token))
            }
            Some(_) => Err(Error::TokenInvalid),
        }
    }

    /// Name and password of `Authorization: Basic`, in which OAuth's clients send their `client_id`
    /// and secret, if there is such a header. Both are encoded as in a form (RFC 6749, 2.3.1). A
    /// client that does not encode them is understood too, since the encoding changes no character
    /// of a key or its name.
    ///
    /// # Errors
    /// [`Error::ClientInvalid`] when it is malformed; [`Error::TokenInvalid`] when there are two.
    pub(crate) fn basic(&self) -> Result<Option<(String, Zeroizing<String>)>> {
        let encoded = match self.credentials()? {
            Some((scheme, encoded)) if scheme.eq_ignore_ascii_case("basic") => encoded,
            _ => return Ok(None),
        };
        let text = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| Error::ClientInvalid)?);
        let text = std::str::from_utf8(&text).map_err(|_| Error::ClientInvalid)?;
        let (name, password) = text.split_once(':').ok_or(Error::ClientInvalid)?;
        let decode = |text| parameters::decode("", text).map_err(|_| Error::ClientInvalid);
        Ok(Some((decode(name)?, Zeroizing::new(decode(password)?))))
    }

    /// Whether the body is declared as a form.
    pub(crate) fn is_form(&self) -> bool {
        !self.body.is_empty() && self.expect(FORM).is_ok()
    }

    /// Scheme and credentials, which may be empty, of the one `Authorization` header.
    fn credentials(&self) -> Result<Option<(&str, &str)>> {
        match self.authorization.as_slice() {
            [] => Ok(None),
            [header] => {
                let (scheme, credentials) = header.split_once(' ').unwrap_or((header, ""));
                Ok(Some((scheme, credentials.trim_matches(' '))))
            }
            _ => Err(Error::TokenInvalid),
        }
    }
}
