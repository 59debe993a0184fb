//! Whether a value is what a schema of our description allows. It knows the words that the
//! description uses, and fails on any other.

use serde_json::Value;

const WORDS_WITHOUT_EFFECT: [&str; 6] =
    ["description", "default", "format", "pattern", "required", "properties"];

pub(super) struct Shapes<'a>(pub(super) &'a Value);

impl<'a> Shapes<'a> {
    pub(super) fn resolve(&self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(path) => self.0.pointer(&path[1..]).unwrap(),
            None => value,
        }
    }

    #[track_caller]
    pub(super) fn check(&self, schema: &'a Value, value: &Value, what: &str) {
        let schema = self.resolve(schema);
        for (word, rule) in schema.as_object().unwrap() {
            let holds = match word.as_str() {
                "type" => match rule {
                    Value::Array(kinds) => kinds.iter().any(|kind| is_a(value, kind)),
                    kind => is_a(value, kind),
                },
                "const" => value == rule,
                "enum" => rule.as_array().unwrap().contains(value),
                "minimum" => value.as_i64() >= rule.as_i64(),
                "maximum" => value.as_i64() <= rule.as_i64(),
                "minLength" => {
                    value.as_str().unwrap().chars().count() as u64 >= rule.as_u64().unwrap()
                }
                "maxLength" => {
                    value.as_str().unwrap().chars().count() as u64 <= rule.as_u64().unwrap()
                }
                "maxItems" => value.as_array().unwrap().len() <= rule.as_u64().unwrap() as usize,
                "items" => {
                    for item in value.as_array().into_iter().flatten() {
                        self.check(rule, item, what);
                    }
                    true
                }
                // Told apart by the members that they require.
                "oneOf" => {
                    let schemas =
                        rule.as_array().unwrap().iter().map(|schema| self.resolve(schema));
                    let has = |name: &Value| value.get(name.as_str().unwrap()).is_some();
                    let fits =
                        |schema: &&Value| schema["required"].as_array().unwrap().iter().all(has);
                    let fitting: Vec<&Value> = schemas.filter(fits).collect();
                    fitting.iter().for_each(|schema| self.check(schema, value, what));
                    fitting.len() == 1
                }
                "additionalProperties" => {
                    let known = &schema["properties"];
                    let mut names = value.as_object().unwrap().keys();
                    rule == true || names.all(|name| known.get(name).is_some())
                }
                word => WORDS_WITHOUT_EFFECT.contains(&word),
            };
            assert!(holds, "{what}: {word} {rule} does not hold of {value}");
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(value.get(name.as_str().unwrap()).is_some(), "{what}: no {name} in {value}");
        }
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(value) = value.get(name) {
                self.check(member, value, what);
            }
        }
    }
}

fn is_a(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    }
}
