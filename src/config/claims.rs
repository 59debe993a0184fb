//! `tokens.claims`: what the tokens of users say beside the standard claims.
//!
//! It is an object in the shape that the claims will have. A string in it that begins with `$` names
//! something of the user that stands in its place; everything else stays as it is written.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use toml::de::DeValue;

/// Maximum bytes of the setting, which is the most that a token can hold of it.
const MAX_BYTES: usize = 4096;

/// Claims that Gatepost sets, or that others know in a meaning of their own (RFC 7519, 4.1; RFC
/// 7800, 3.1; RFC 8693, 4; RFC 9068, 2.2; OpenID Connect Core 1.0, 2; RFC 7662, 2.2, since
/// introspection tells the claims too).
const RESERVED: [&str; 23] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "auth_time",
    "sid",
    "scope",
    "user_id",
    "admin",
    "token_version",
    "status",
    "cnf",
    "act",
    "may_act",
    "acr",
    "amr",
    "active",
    "username",
    "token_type",
];

/// The claims of users' tokens beside the standard ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimTemplates(BTreeMap<String, Template>);

/// The value of a claim, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    Fixed(Value),
    Of(Source),
    Array(Vec<Template>),
    Object(BTreeMap<String, Template>),
}

/// Something of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The id, as text.
    UserId,
    Login,
    Roles,
    Groups,
    /// All public attributes.
    Attributes,
    /// The public attribute of this name.
    Attribute(String),
}

/// What a string may begin with `$` for.
const SOURCES: &str = "$user_id, $login, $roles, $groups, $attributes.public and \
                       $attributes.public.NAME; $$ stands for a dollar sign";

impl Source {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "user_id" => Self::UserId,
            "login" => Self::Login,
            "roles" => Self::Roles,
            "groups" => Self::Groups,
            "attributes.public" => Self::Attributes,
            other => match other.strip_prefix("attributes.public.") {
                Some(name) if !name.is_empty() => Self::Attribute(name.to_owned()),
                _ if other.starts_with("attributes.private") => {
                    return Err(format!(
                        "${other}: whoever has a token can read it, and private attributes are not \
                         for their user"
                    ));
                }
                _ => return Err(format!("${other} is not one of {SOURCES}")),
            },
        })
    }

    fn text(&self) -> String {
        match self {
            Self::UserId => "$user_id".to_owned(),
            Self::Login => "$login".to_owned(),
            Self::Roles => "$roles".to_owned(),
            Self::Groups => "$groups".to_owned(),
            Self::Attributes => "$attributes.public".to_owned(),
            Self::Attribute(name) => format!("$attributes.public.{name}"),
        }
    }
}

impl Template {
    fn parse(value: Value) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) => match text.strip_prefix('$') {
                Some(rest) if rest.starts_with('$') => Self::Fixed(Value::String(rest.to_owned())),
                Some(source) => Self::Of(Source::parse(source)?),
                None => Self::Fixed(Value::String(text)),
            },
            Value::Array(items) => {
                Self::Array(items.into_iter().map(Self::parse).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let member = |(name, value)| Ok((name, Self::parse(value)?));
                Self::Object(members.into_iter().map(member).collect::<Result<_, String>>()?)
            }
            other => Self::Fixed(other),
        })
    }

    fn value(&self) -> Value {
        match self {
            Self::Fixed(Value::String(text)) if text.starts_with('$') => {
                Value::String(format!("${text}"))
            }
            Self::Fixed(value) => value.clone(),
            Self::Of(source) => Value::String(source.text()),
            Self::Array(items) => items.iter().map(Self::value).collect(),
            Self::Object(members) => {
                let member = |(name, part): (&String, &Self)| (name.clone(), part.value());
                Value::Object(members.iter().map(member).collect())
            }
        }
    }
}

impl ClaimTemplates {
    /// Reads a JSON object; an empty text has no claims.
    ///
    /// # Errors
    /// A text for anything else: no object, a claim with the name of a registered one, something that
    /// begins with `$` and is nothing of a user, more than 4,096 bytes.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        if text.len() > MAX_BYTES {
            return Err(format!("has over {MAX_BYTES} bytes, which no token should carry"));
        }
        let members: Map<String, Value> = serde_json::from_str(text).map_err(|_| {
            "must be an object in JSON, such as {\"roles\": \"$roles\"}, or a table in TOML"
                .to_owned()
        })?;
        let member = |(name, value): (String, Value)| {
            if RESERVED.contains(&name.as_str()) {
                return Err(format!(
                    "{name:?} is a registered claim, which is Gatepost's to set; choose another name"
                ));
            }
            let template = Template::parse(value).map_err(|fault| format!("{name:?}: {fault}"))?;
            Ok((name, template))
        };
        members.into_iter().map(member).collect::<Result<_, String>>().map(Self)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Template)> {
        self.0.iter().map(|(name, template)| (name.as_str(), template))
    }

    /// The claims as [`parse`](Self::parse) reads them.
    pub(super) fn text(&self) -> String {
        let all = Template::Object(self.0.clone());
        if self.is_empty() { "(none)".to_owned() } else { all.value().to_string() }
    }
}

/// A table of TOML as JSON; `None` for one that holds a date or a number that JSON has not.
pub(super) fn json(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(truth) => Value::from(*truth),
        DeValue::Integer(number) => {
            Value::from(i64::from_str_radix(number.as_str(), number.radix()).ok()?)
        }
        DeValue::Float(number) => {
            Value::Number(serde_json::Number::from_f64(number.as_str().parse().ok()?)?)
        }
        DeValue::Array(items) => {
            items.iter().map(|item| json(item.get_ref())).collect::<Option<_>>()?
        }
        DeValue::Table(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| Some((name.get_ref().to_string(), json(value.get_ref())?)))
                .collect::<Option<_>>()?,
        ),
        DeValue::Datetime(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_what_was_read() {
        for text in [
            "{\"roles\":\"$roles\"}",
            "{\"a\":[1,null,\"$login\",{\"b\":\"$attributes.public.x.y\"}],\"c\":\"$$5\",\"d\":\"$$$\"}",
            "{\"app_metadata\":\"$attributes.public\",\"g\":\"$groups\",\"id\":\"$user_id\"}",
        ] {
            let read = ClaimTemplates::parse(text).unwrap();
            assert_eq!(read.text(), text);
            assert_eq!(ClaimTemplates::parse(&read.text()).unwrap(), read);
        }
        assert!(ClaimTemplates::parse(" ").unwrap().is_empty());
        assert_eq!(ClaimTemplates::default().text(), "(none)");
    }

    #[test]
    fn a_fault_is_named() {
        for (text, said) in [
            ("[]", "must be an object"),
            ("roles", "must be an object"),
            ("{\"sub\":\"$login\"}", "\"sub\" is a registered claim"),
            ("{\"status\":1}", "\"status\" is a registered claim"),
            ("{\"a\":{\"b\":[\"$role\"]}}", "\"a\": $role is not one of $user_id, $login"),
            ("{\"a\":\"$attributes\"}", "\"a\": $attributes is not one of"),
            ("{\"a\":\"$attributes.public.\"}", "\"a\": $attributes.public. is not one of"),
            (
                "{\"a\":\"$attributes.private.x\"}",
                "\"a\": $attributes.private.x: whoever has a token",
            ),
            ("{\"a\":\"$\"}", "\"a\": $ is not one of"),
        ] {
            let fault = ClaimTemplates::parse(text).unwrap_err();
            assert!(fault.starts_with(said), "{text}: {fault}");
        }
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(4_096));
        assert!(ClaimTemplates::parse(&long).unwrap_err().contains("over 4096 bytes"));
    }
}
