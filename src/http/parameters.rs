//! Parameters by name, from a query string, a form or a JSON object.
//!
//! Each is taken once, with the type that is expected of it. [`Parameters::end`] refuses any that
//! was not taken. A parameter given twice is refused wherever it comes from: two readers of one
//! request would otherwise pick different ones.

use crate::error::{Error, Result};
use percent_encoding::percent_decode_str;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use zeroize::{Zeroize, Zeroizing};

/// Says where this kind of parameter is expected, for the error about a missing one.
const HINT: &str = "is missing (GET and DELETE take it from the query, as in ?id=1, POST and PATCH \
                    from a JSON object)";

/// Most parameters of a request. No call takes as many; more would only be work.
const MOST: usize = 16;

/// The parameters of one request.
pub(crate) struct Parameters {
    given: Vec<(String, Given)>,
    /// The text for a missing one.
    hint: &'static str,
    /// The one that may be given several times.
    repeatable: Option<&'static str>,
}

/// Where a parameter of a form is expected.
const FORM_HINT: &str = "is missing from the form in the body";

/// A value and how it was written.
#[derive(PartialEq)]
enum Given {
    Query(String),
    Json(Value),
}

impl Parameters {
    /// All that are texts, with their names.
    #[cfg(feature = "pages")]
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.given.iter().filter_map(|(name, given)| match given {
            Given::Query(text) => Some((name.as_str(), text.as_str())),
            Given::Json(_) => None,
        })
    }

    /// Reads `a=1&b=2`, percent-encoded, `+` for a space.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a broken encoding, a text that is not UTF-8, a name twice.
    pub(crate) fn from_query(query: &str) -> Result<Self> {
        let mut parameters = Self::new();
        parameters.read_urlencoded("the query", query)?;
        Ok(parameters)
    }

    /// Reads a form (`application/x-www-form-urlencoded`), which is written like a query. A
    /// parameter without a value counts as absent (RFC 6749, 3.2). `resource` may be given several
    /// times (RFC 8707, 2).
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] as [`from_query`](Self::from_query).
    pub(crate) fn from_form(body: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(body)
            .map_err(|_| Error::InvalidRequest("the form: not UTF-8".to_owned()))?;
        let mut parameters = Self::new();
        parameters.repeatable = Some("resource");
        parameters.read_urlencoded("the form", text)?;
        parameters.given.retain(|(_, given)| *given != Given::Query(String::new()));
        parameters.hint = FORM_HINT;
        Ok(parameters)
    }

    fn read_urlencoded(&mut self, source: &str, text: &str) -> Result<()> {
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(source, name)?, decode(source, value)?);
            self.add(name, Given::Query(value))?;
        }
        Ok(())
    }

    fn new() -> Self {
        Self { given: Vec::new(), hint: HINT, repeatable: None }
    }

    /// Reads a JSON object. An empty body is an object without members.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for anything else, saying where it is broken.
    pub(crate) fn from_json(body: &[u8]) -> Result<Self> {
        if body.is_empty() {
            return Ok(Self::new());
        }
        let Members(members) = serde_json::from_slice(body).map_err(|e| {
            // The text in place of the object may be a password, and is not repeated.
            let is_data = e.classify() == serde_json::error::Category::Data;
            let cause = if is_data { "not a JSON object".to_owned() } else { e.to_string() };
            Error::InvalidRequest(format!("the body: {cause}"))
        })?;
        let mut parameters = Self::new();
        for (name, value) in members {
            parameters.add(name, Given::Json(value))?;
        }
        Ok(parameters)
    }

    fn add(&mut self, name: String, given: Given) -> Result<()> {
        if self.given.len() == MOST {
            return Err(Error::InvalidRequest(format!("more than {MOST} parameters")));
        }
        let is_known = self.given.iter().any(|(known, _)| *known == name);
        if is_known && self.repeatable != Some(name.as_str()) {
            return Err(Error::parameter(&quote(&name), "is given twice"));
        }
        self.given.push((name, given));
        Ok(())
    }

    /// Adds the parameters of another source. One with the same value in both counts once.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when the two differ.
    pub(crate) fn merge(&mut self, mut other: Self) -> Result<()> {
        for (name, given) in std::mem::take(&mut other.given) {
            match self.given.iter_mut().find(|(known, _)| *known == name) {
                // The one from the body has a type, which is then checked.
                Some((_, ours)) if ours.text() == given.text() => *ours = given,
                Some(_) => {
                    return Err(Error::parameter(&quote(&name), "differs between query and body"));
                }
                None => self.given.push((name, given)),
            }
        }
        Ok(())
    }

    fn take(&mut self, name: &str) -> Option<Given> {
        let position = self.given.iter().position(|(known, _)| known == name)?;
        Some(self.given.swap_remove(position).1)
    }

    /// A text that must be present.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when it is missing or not a text.
    pub(crate) fn text(&mut self, name: &str) -> Result<String> {
        let hint = self.hint;
        self.optional_text(name)?.ok_or_else(|| Error::parameter(name, hint))
    }

    /// A text that may be absent.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when it is not a text.
    pub(crate) fn optional_text(&mut self, name: &str) -> Result<Option<String>> {
        match self.take(name) {
            Some(Given::Query(text) | Given::Json(Value::String(text))) => Ok(Some(text)),
            Some(Given::Json(_)) => Err(Error::parameter(name, "must be a string")),
            None => Ok(None),
        }
    }

    /// Any number of texts: in JSON one string or an array of them, in a form each by itself.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when it is anything else.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        while let Some(given) = self.take(name) {
            let values = match given {
                Given::Query(text) => vec![Value::String(text)],
                Given::Json(Value::Array(values)) => values,
                Given::Json(value) => vec![value],
            };
            for value in values {
                let Value::String(text) = value else {
                    let fault = "must be a string or an array of strings";
                    return Err(Error::parameter(name, fault));
                };
                texts.push(text);
            }
        }
        Ok(texts)
    }

    /// An array of texts that may be absent.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when it is anything else.
    pub(crate) fn optional_texts(&mut self, name: &str) -> Result<Option<Vec<String>>> {
        let Some(given) = self.take(name) else { return Ok(None) };
        let text = |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        };
        let texts = match given {
            Given::Json(Value::Array(values)) => values.into_iter().map(text).collect(),
            _ => None,
        };
        texts.map(Some).ok_or_else(|| Error::parameter(name, "must be an array of strings"))
    }

    /// Any JSON, which may be absent.
    pub(crate) fn optional_value(&mut self, name: &str) -> Option<Value> {
        self.take(name).map(|given| match given {
            Given::Query(text) => Value::String(text),
            Given::Json(value) => value,
        })
    }

    /// A text that may be absent, or be JSON's `null`.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when it is neither.
    pub(crate) fn nullable_text(&mut self, name: &str) -> Result<Option<Option<String>>> {
        match self.take(name) {
            Some(Given::Query(text) | Given::Json(Value::String(text))) => Ok(Some(Some(text))),
            Some(Given::Json(Value::Null)) => Ok(Some(None)),
            Some(Given::Json(_)) => Err(Error::parameter(name, "must be a string or null")),
            None => Ok(None),
        }
    }

    /// A whole number that must be present, from `least` up to the largest signed 64-bit integer.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when it is missing or anything else; in JSON a string too.
    pub(crate) fn number(&mut self, name: &str, least: i64) -> Result<i64> {
        self.optional_number(name, least)?.ok_or_else(|| Error::parameter(name, self.hint))
    }

    /// A whole number that may be absent.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] as [`number`](Self::number).
    pub(crate) fn optional_number(&mut self, name: &str, least: i64) -> Result<Option<i64>> {
        let number = match self.take(name) {
            None => return Ok(None),
            Some(Given::Query(text)) if text.starts_with('+') => None,
            Some(Given::Query(text)) => text.parse().ok(),
            Some(Given::Json(value)) => value.as_i64(),
        };
        number.filter(|number| *number >= least).map(Some).ok_or_else(|| {
            Error::parameter(name, format!("must be a whole number from {least} to {}", i64::MAX))
        })
    }

    /// Yes or no, which may be absent: `true` or `false`, in JSON not as a string.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when it is anything else.
    pub(crate) fn optional_flag(&mut self, name: &str) -> Result<Option<bool>> {
        let flag = match self.take(name) {
            None => return Ok(None),
            Some(Given::Query(text)) => text.parse().ok(),
            Some(Given::Json(value)) => value.as_bool(),
        };
        flag.map(Some).ok_or_else(|| Error::parameter(name, "must be true or false"))
    }

    /// All names and values, as a query would write them.
    #[cfg(any(test, feature = "internals"))]
    pub(crate) fn into_texts(mut self) -> Vec<(String, String)> {
        let given = std::mem::take(&mut self.given).into_iter();
        given.map(|(name, given)| (name, given.text().into_owned())).collect()
    }

    /// Checks that every parameter was taken.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] naming one that was not.
    pub(crate) fn end(&self) -> Result<()> {
        match self.given.first() {
            Some((name, _)) => Err(Error::parameter(&quote(name), "is not known here")),
            None => Ok(()),
        }
    }
}

impl Drop for Parameters {
    /// A parameter that was not taken may be a password too.
    fn drop(&mut self) {
        for (_, given) in &mut self.given {
            if let Given::Query(text) | Given::Json(Value::String(text)) = given {
                text.zeroize();
            }
        }
    }
}

impl Given {
    /// The value as a query would write it.
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Query(text) | Self::Json(Value::String(text)) => Cow::Borrowed(text),
            Self::Json(value) => Cow::Owned(value.to_string()),
        }
    }
}

/// A name that a client made up, made short and printable enough to be repeated to it.
fn quote(name: &str) -> String {
    let short: String = name.chars().take(40).collect();
    short.escape_debug().to_string()
}

/// Decodes text that is encoded as in a form or a query. `source` names it in an error.
///
/// # Errors
/// [`Error::InvalidRequest`].
pub(super) fn decode(source: &str, text: &str) -> Result<String> {
    let fault = |text: &str| Error::InvalidRequest(format!("{source}: {text}"));
    let bytes = text.as_bytes();
    let broken = |at: usize| {
        !bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    };
    if text.match_indices('%').any(|(at, _)| broken(at)) {
        return Err(fault("broken percent-encoding"));
    }
    let spaced = Zeroizing::new(text.replace('+', " "));
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(Cow::into_owned).map_err(|_| fault("not UTF-8"))
}

/// The members of a JSON object in their order, with duplicates.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests;
