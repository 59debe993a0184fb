//! The claims that `tokens.claims` describes, of one user.

use crate::config::{ClaimTemplates, Source, Template};
use crate::error::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value};

/// Maximum bytes of these claims as JSON. A token travels in a header field, and common proxies take
/// 4 to 8 KiB of all of them.
const MAX_BYTES: usize = 4096;

/// What claims can be made of.
pub(crate) struct AboutUser<'a> {
    pub(crate) id: i64,
    pub(crate) login: &'a str,
    pub(crate) roles: &'a [String],
    pub(crate) groups: &'a [String],
    /// The public attributes.
    pub(crate) attributes: &'a Map<String, Value>,
}

/// The claims of one user's token beside the standard ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExtraClaims(Map<String, Value>);

impl ExtraClaims {
    /// What the templates say of this user. A claim, or a part of one, that is to be an attribute
    /// that the user does not have is left out.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when they have over 4,096 bytes as JSON.
    pub(crate) fn of(templates: &ClaimTemplates, user: &AboutUser<'_>) -> Result<Self> {
        let claims = templates.iter().filter_map(|(name, template)| {
            value(template, user).map(|value| (name.to_owned(), value))
        });
        let claims = Value::Object(claims.collect());
        if claims.to_string().len() > MAX_BYTES {
            let text = format!(
                "roles, groups and attributes: the claims of tokens.claims would have over \
                 {MAX_BYTES} bytes"
            );
            return Err(Error::InvalidRequest(text));
        }
        match claims {
            Value::Object(claims) => Ok(Self(claims)),
            _ => Ok(Self::default()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn value(template: &Template, user: &AboutUser<'_>) -> Option<Value> {
    Some(match template {
        Template::Fixed(value) => value.clone(),
        Template::Of(source) => match source {
            Source::UserId => Value::from(user.id.to_string()),
            Source::Login => Value::from(user.login),
            Source::Roles => Value::from(user.roles),
            Source::Groups => Value::from(user.groups),
            Source::Attributes => Value::Object(user.attributes.clone()),
            Source::Attribute(name) => user.attributes.get(name)?.clone(),
        },
        Template::Array(items) => {
            let mut values = Vec::new();
            for item in items {
                match (item, value(item, user)) {
                    // The names become entries beside the others.
                    (Template::Of(Source::Roles | Source::Groups), Some(Value::Array(names))) => {
                        values.extend(names);
                    }
                    (_, value) => values.extend(value),
                }
            }
            Value::Array(values)
        }
        Template::Object(members) => {
            let member = |(name, part): (&String, &Template)| {
                value(part, user).map(|value| (name.clone(), value))
            };
            Value::Object(members.iter().filter_map(member).collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(templates: &str, roles: &[String]) -> Result<Value> {
        let attributes = json!({"plan": "pro", "x.y": {"z": 1}});
        let user = AboutUser {
            id: 7,
            login: "Alice",
            roles,
            groups: &[],
            attributes: attributes.as_object().unwrap(),
        };
        let claims = ExtraClaims::of(&ClaimTemplates::parse(templates).unwrap(), &user)?;
        Ok(serde_json::to_value(claims).unwrap())
    }

    #[test]
    fn what_is_of_the_user_takes_the_place_of_its_name() {
        let templates = r#"{
            "role": "web_user", "roles": "$roles", "groups": "$groups", "price": "$$5",
            "plan": "$attributes.public.plan", "none": "$attributes.public.none",
            "https://example.com/claims": {
                "user-id": "$user_id", "name": "$login", "odd": "$attributes.public.x.y",
                "none": "$attributes.public.none", "list": ["$login", "$attributes.public.none", 1, "$roles"]
            },
            "app_metadata": "$attributes.public"
        }"#;
        let expected = json!({
            "role": "web_user", "roles": ["a"], "groups": [], "price": "$5", "plan": "pro",
            "https://example.com/claims": {
                "user-id": "7", "name": "Alice", "odd": {"z": 1}, "list": ["Alice", 1, "a"]
            },
            "app_metadata": {"plan": "pro", "x.y": {"z": 1}}
        });
        assert_eq!(of(templates, &["a".to_owned()]).unwrap(), expected);
        assert_eq!(of("", &[]).unwrap(), json!({}));
    }

    #[test]
    fn there_is_a_bound() {
        let roles: Vec<String> = (0..64).map(|n| format!("{n:064}")).collect();
        assert!(of(r#"{"roles": "$roles"}"#, &roles[..60]).is_ok());
        let refused = of(r#"{"roles": "$roles"}"#, &roles).unwrap_err().to_string();
        assert!(refused.contains("over 4096 bytes"), "{refused}");
    }
}
