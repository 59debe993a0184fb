//! What a browser asked of a program behind the gate, as the proxy in front of both tells it.

use crate::config::WebOrigin;
use crate::domain::WebPath;
use crate::error::{Error, Result};
use crate::http::Request;
use crate::http::browser_fields::Forwarded;

/// A request to a program behind the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked {
    /// The method, in capitals.
    pub method: String,
    /// The origin of the program.
    pub origin: WebOrigin,
    /// The path.
    pub path: WebPath,
    /// The path as it was asked for, and the query.
    target: String,
}

impl Asked {
    /// A request for this URL.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for anything but a method and a URL with `http` or `https`, and for a
    /// path that could be read in two ways.
    pub fn new(method: &str, url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| fault("URL", URL_FORM))?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let target = target.split('#').next().unwrap_or_default();
        let slash = if target.starts_with('/') { "" } else { "/" };
        Self::of("URL", method, scheme, authority, &format!("{slash}{target}"))
    }

    /// The request that a proxy asks about.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when no trusted proxy asks, when it does not say all of it, or not in one
    /// way, and for a path that could be read in two ways.
    pub(crate) fn forwarded(request: &Request) -> Result<Self> {
        let forwarded = trusted(request)?;
        let [method, proto, host, uri] = &forwarded.parts;
        let [original_method, original_url] = &forwarded.original;
        let original = match one("X-Original-URL", original_url)? {
            Some(url) => {
                let method = required("X-Original-Method", original_method)?;
                Some(Self::new(method, url)?)
            }
            None => None,
        };
        if original.is_some() && method.is_empty() && uri.is_empty() {
            return original.ok_or_else(|| fault("X-Original-URL", "is missing"));
        }
        let asked = Self::of(
            "X-Forwarded-Uri",
            required("X-Forwarded-Method", method)?,
            required("X-Forwarded-Proto", proto)?,
            required("X-Forwarded-Host", host)?,
            required("X-Forwarded-Uri", uri)?,
        )?;
        // One of them may come from whoever asked the proxy.
        if original.is_some_and(|original| original != asked) {
            return Err(fault("X-Original-URL", "says something else than X-Forwarded-Uri"));
        }
        Ok(asked)
    }

    fn of(name: &str, method: &str, scheme: &str, authority: &str, target: &str) -> Result<Self> {
        let path = target.split('?').next().unwrap_or_default();
        let path = WebPath::parse(path).map_err(|why| fault(name, &why.to_string()))?;
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(fault("the method", "must be one such as GET"));
        }
        let origin = origin(scheme, authority)?;
        Ok(Self { method: method.to_owned(), origin, path, target: target.to_owned() })
    }

    /// The path as it was asked for, and the query.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Whether the same may be asked again without doing anything twice.
    pub(crate) fn is_safe(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD")
    }
}

const URL_FORM: &str = "must be one such as https://app.example.com/path";

fn fault(name: &str, text: &str) -> Error {
    Error::InvalidRequest(format!("{name}: {text}"))
}

/// The origin at which a proxy has got a request.
///
/// # Errors
/// [`Error::InvalidRequest`] when no trusted proxy has sent it, or it does not say it.
pub(crate) fn forwarded_origin(request: &Request) -> Result<WebOrigin> {
    let [_, proto, host, _] = &trusted(request)?.parts;
    origin(required("X-Forwarded-Proto", proto)?, required("X-Forwarded-Host", host)?)
}

fn origin(scheme: &str, authority: &str) -> Result<WebOrigin> {
    // Some proxies name the scheme of what a connection becomes.
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => "http",
        "https" | "wss" => "https",
        _ => return Err(fault("the scheme", "must be http or https")),
    };
    let origin = format!("{scheme}://{authority}").parse();
    origin.map_err(|_| fault("the host", "must be a name or an address, and perhaps a port"))
}

fn trusted(request: &Request) -> Result<&Forwarded> {
    request.forwarded().ok_or_else(|| {
        Error::InvalidRequest(
            "only a proxy that server.trusted_proxies names may ask this".to_owned(),
        )
    })
}

/// The value of a field that is there once or not at all.
fn one<'a>(name: &str, values: &'a [String]) -> Result<Option<&'a str>> {
    match values {
        [] => Ok(None),
        [value] => Ok(Some(value)),
        _ => Err(fault(name, "is there twice")),
    }
}

fn required<'a>(name: &str, values: &'a [String]) -> Result<&'a str> {
    one(name, values)?.ok_or_else(|| fault(name, "is missing; the proxy must say it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let asked = Asked::new("GET", "HTTPS://App.example.com:443/%61/b?c=//..").unwrap();
        assert_eq!(asked.origin.as_str(), "https://app.example.com");
        assert_eq!((asked.path.as_str(), asked.target()), ("/a/b", "/%61/b?c=//.."));
        for (url, target) in [("http://a", "/"), ("http://a?b", "/?b"), ("http://a/b#c", "/b")] {
            assert_eq!(Asked::new("GET", url).unwrap().target(), target);
        }
        for url in ["", "a", "ftp://a/", "https://", "https:///a", "https://a,b/", "https://a/../b"]
        {
            assert!(Asked::new("GET", url).is_err(), "{url}");
        }
        for method in ["", "get", "GET /", "GÉT"] {
            assert!(Asked::new(method, "https://a/").is_err(), "{method}");
        }
    }
}
