//! A request as handlers see it: read whole and owned. The front door has bounded it.

use super::Response;
use super::parameters::Parameters;
use crate::error::{Error, Result};
use crate::front_door::{CLIENT_FIELD, REQUEST_ID_FIELD};
use zeroize::Zeroizing;

/// A request.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names this request in the log and in an error answer.
    pub(crate) id: String,
    /// The client's address, as far as it is known behind proxies.
    pub(crate) client: String,
    pub(crate) user_agent: Option<String>,
    query: String,
    content_type: Option<String>,
    authorization: Vec<Zeroizing<String>>,
    /// May hold a password, so it is overwritten when it goes.
    body: Zeroizing<Vec<u8>>,
}

impl Request {
    /// Takes over a request that the front door has sent, and with it the answer that it gets at
    /// once if it cannot be one of ours.
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
            query: query.to_owned(),
            content_type: values("content-type").next(),
            authorization: values("authorization").map(Zeroizing::new).collect(),
            // In one piece from the start: growing would leave copies of a password behind.
            body: Zeroizing::new(Vec::with_capacity(from.body_length().unwrap_or(0))),
        };
        let refusal = match from.as_reader().read_to_end(&mut request.body) {
            Ok(_) => request.media_type_refusal(),
            Err(_) => {
                let error = Error::InvalidRequest("the body could not be read".to_owned());
                Some(Response::from_error(&error, &request.id))
            }
        };
        (request, refusal)
    }

    /// 415 for a body that does not say that it is JSON.
    fn media_type_refusal(&self) -> Option<Response> {
        let media_type = self.content_type.as_deref().unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let refused = !self.body.is_empty() && !essence.eq_ignore_ascii_case("application/json");
        refused.then(|| Response::unsupported_media_type(&self.id))
    }

    /// The parameters: from the query on GET and HEAD, from a JSON object on POST and PATCH, from
    /// both on DELETE.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when the query or the body is malformed, or a parameter is given
    /// twice.
    pub(crate) fn parameters(&self) -> Result<Parameters> {
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

    /// The token of `Authorization: Bearer TOKEN` (RFC 6750, 2.1), if there is such a header.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] for another scheme, an empty token, or two such headers.
    pub(crate) fn bearer_token(&self) -> Result<Option<&str>> {
        match self.authorization.as_slice() {
            [] => Ok(None),
            [header] => {
                let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
                let token = token.trim_matches(' ');
                if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
                    Ok(Some(token))
                } else {
                    Err(Error::TokenInvalid)
                }
            }
            _ => Err(Error::TokenInvalid),
        }
    }
}
