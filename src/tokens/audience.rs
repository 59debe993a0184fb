//! Whom an access token is for: the claim `aud`, and narrowing it.

use crate::config;
use crate::error::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The services that an access token is for (RFC 7519, 4.1.3; RFC 9068, 2.2).
///
/// In a token, one service is a text and several are an array. Gatepost's own API takes only tokens
/// that name the issuer, so a service that was named alone cannot use here what it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience(Vec<String>);

impl Audience {
    /// The audience of a token that is not narrowed: the issuer, and all of `tokens.audience`.
    pub fn whole(settings: &config::Tokens) -> Self {
        let mut names = vec![settings.issuer.clone()];
        names.extend(settings.audience.iter().filter(|name| **name != settings.issuer).cloned());
        Self(names)
    }

    /// The audience that a client asks for by `resource` (RFC 8707, 2): what it names and nothing
    /// else. Without a name, it is [`whole`](Self::whole).
    ///
    /// # Errors
    /// [`Error::InvalidTarget`] for a name that is neither the issuer nor in `tokens.audience`.
    pub fn narrowed(settings: &config::Tokens, resource: &[String]) -> Result<Self> {
        let whole = Self::whole(settings);
        if let Some(unknown) = resource.iter().find(|name| !whole.has(name)) {
            return Err(Error::InvalidTarget(unknown.clone()));
        }
        let Self(mut names) = whole.clone();
        names.retain(|name| resource.contains(name));
        Ok(if names.is_empty() { whole } else { Self(names) })
    }

    /// Whether this service is among them.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|known| known == name)
    }

    /// Their names.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl Serialize for Audience {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [name] => name.serialize(serializer),
            names => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            One(String),
            Several(Vec<String>),
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::One(name) => Self(vec![name]),
            Written::Several(names) => Self(names),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(audience: &[&str]) -> config::Tokens {
        let mut settings = config::Config::new(config::Profile::Testing).tokens;
        settings.issuer = "https://auth.example".to_owned();
        settings.audience = audience.iter().map(ToString::to_string).collect();
        settings
    }

    fn json(audience: &Audience) -> String {
        serde_json::to_string(audience).unwrap()
    }

    #[test]
    fn one_service_is_a_text_and_several_are_an_array() {
        assert_eq!(json(&Audience::whole(&settings(&[]))), r#""https://auth.example""#);
        let several = settings(&["https://a.example", "https://auth.example", "b"]);
        let whole = r#"["https://auth.example","https://a.example","b"]"#;
        assert_eq!(json(&Audience::whole(&several)), whole);
        for text in [r#""a""#, r#"["a","b"]"#, "[]"] {
            assert_eq!(json(&serde_json::from_str(text).unwrap()), text);
        }
        for text in ["1", "{}", "[1]", "null"] {
            assert!(serde_json::from_str::<Audience>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_narrowed_audience_is_what_was_named() {
        let settings = settings(&["a", "b"]);
        let narrowed = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            Audience::narrowed(&settings, &names)
        };
        assert_eq!(narrowed(&[]).unwrap(), Audience::whole(&settings));
        assert_eq!(json(&narrowed(&["b"]).unwrap()), r#""b""#);
        assert_eq!(json(&narrowed(&["b", "a", "b"]).unwrap()), r#"["a","b"]"#);
        assert_eq!(
            json(&narrowed(&["https://auth.example"]).unwrap()),
            r#""https://auth.example""#
        );
        for wrong in ["c", "", "A", "https://auth.example/"] {
            let refused = Err(Error::InvalidTarget(wrong.to_owned()));
            assert_eq!(narrowed(&["a", wrong]), refused);
        }
    }
}
