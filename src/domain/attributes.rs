//! What an application keeps about a user: JSON of its own, in two parts.

use crate::error::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value};

/// Maximum bytes of either part as JSON. Both are read with the user, and a page of users holds a
/// hundred of them.
const MAX_BYTES: usize = 4096;

/// Attributes of a user. The user sees the public ones and can change none. Admins, and API keys
/// that may see users, see both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Attributes {
    #[serde(skip_serializing_if = "Map::is_empty")]
    public: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    private: Map<String, Value>,
}

impl Attributes {
    /// Those that the user sees.
    pub fn public(&self) -> &Map<String, Value> {
        &self.public
    }

    /// Those that the user does not see.
    pub fn private(&self) -> &Map<String, Value> {
        &self.private
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.public.is_empty() && self.private.is_empty()
    }

    /// The same without the private ones.
    pub(crate) fn for_the_user(self) -> Self {
        Self { private: Map::new(), ..self }
    }

    /// The two parts as the database keeps them; `None` for one that is empty.
    pub(crate) fn columns(&self) -> [Option<String>; 2] {
        [&self.public, &self.private]
            .map(|part| (!part.is_empty()).then(|| Value::Object(part.clone()).to_string()))
    }

    /// Takes the two parts from the database.
    ///
    /// # Errors
    /// [`Error::Internal`] for a text that is no JSON object, which the table's constraints refuse.
    pub(crate) fn stored(public: Option<&str>, private: Option<&str>) -> Result<Self> {
        let part = |text: Option<&str>| match text {
            None => Ok(Map::new()),
            Some(text) => serde_json::from_str(text)
                .map_err(|e| Error::Internal(format!("the attributes of a user: {e}"))),
        };
        Ok(Self { public: part(public)?, private: part(private)? })
    }
}

/// A change of attributes: a JSON Merge Patch (RFC 7396) of the object
/// `{"public": {…}, "private": {…}}`. What it does not name stays, and `null` removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributesPatch {
    public: Option<Value>,
    private: Option<Value>,
}

impl AttributesPatch {
    /// Parses a patch.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] unless it is `null` or an object with no members but `public` and
    /// `private`, each `null` or an object.
    pub fn parse(patch: Value) -> Result<Self> {
        let fault = || {
            let text = "must be an object such as {\"public\": {}, \"private\": {}}";
            Error::parameter("attributes", text)
        };
        let mut members = match patch {
            Value::Null => {
                return Ok(Self { public: Some(Value::Null), private: Some(Value::Null) });
            }
            Value::Object(members) => members,
            _ => return Err(fault()),
        };
        let mut part = |name: &str| match members.remove(name) {
            Some(value) if !(value.is_object() || value.is_null()) => Err(fault()),
            part => Ok(part),
        };
        let patch = Self { public: part("public")?, private: part("private")? };
        if members.is_empty() { Ok(patch) } else { Err(fault()) }
    }

    /// The attributes after the change.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when a part would have over 4,096 bytes as JSON.
    pub fn applied_to(&self, attributes: &Attributes) -> Result<Attributes> {
        let part = |name, part: &Map<String, Value>, patch: &Option<Value>| {
            let mut merged = Value::Object(part.clone());
            match patch {
                None => {}
                Some(Value::Null) => merged = Value::Object(Map::new()),
                Some(patch) => merge(&mut merged, patch),
            }
            if merged.to_string().len() > MAX_BYTES {
                let text = format!("its {name} part would have over {MAX_BYTES} bytes");
                return Err(Error::parameter("attributes", text));
            }
            match merged {
                Value::Object(part) => Ok(part),
                _ => Err(Error::Internal("a patch of an object is none".to_owned())),
            }
        };
        Ok(Attributes {
            public: part("public", &attributes.public, &self.public)?,
            private: part("private", &attributes.private, &self.private)?,
        })
    }
}

/// The function MergePatch of RFC 7396, 2.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_merges_as_the_examples_of_the_rfc() {
        // RFC 7396, appendix A, those whose target is an object.
        for (target, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            let mut merged = target;
            merge(&mut merged, &patch);
            assert_eq!(merged, result);
        }
    }

    #[test]
    fn a_part_that_is_not_named_stays_and_null_empties_one() {
        let patched = |attributes: &Attributes, patch: Value| {
            AttributesPatch::parse(patch).unwrap().applied_to(attributes).unwrap()
        };
        let both = patched(
            &Attributes::default(),
            json!({"public": {"plan": "pro"}, "private": {"score": 7}}),
        );
        assert_eq!(
            patched(&both, json!({"public": {"plan": "free"}})).columns(),
            [Some(r#"{"plan":"free"}"#.to_owned()), Some(r#"{"score":7}"#.to_owned())]
        );
        assert_eq!(patched(&both, json!({"public": null})).public(), &Map::new());
        assert!(patched(&both, Value::Null).is_empty());
        assert_eq!(patched(&both, json!({})), both);
        let [public, private] = both.columns();
        assert_eq!(Attributes::stored(public.as_deref(), private.as_deref()).unwrap(), both);
    }

    #[test]
    fn a_patch_has_two_parts_and_each_a_size() {
        for wrong in [
            json!([]),
            json!("x"),
            json!(1),
            json!({"public": []}),
            json!({"private": "x"}),
            json!({"plan": "pro"}),
        ] {
            assert!(AttributesPatch::parse(wrong.clone()).is_err(), "{wrong}");
        }
        let of = |bytes: usize| {
            let text = "x".repeat(bytes - r#"{"a":""}"#.len());
            let patch = AttributesPatch::parse(json!({"private": {"a": text}})).unwrap();
            patch.applied_to(&Attributes::default())
        };
        assert!(of(4096).is_ok());
        assert!(of(4097).unwrap_err().to_string().contains("private"));
    }
}
