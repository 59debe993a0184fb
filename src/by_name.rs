//! Structs that are read by the names of their fields and from nothing but an object.
//!
//! The code that serde derives for a struct also accepts an array, and fills the fields by
//! position. Then an extra value is no fault, and any array of the right length is a user. So no
//! struct simply derives `Deserialize`. `#[serde(remote = "Self")]` turns the derived code into a
//! function beside the trait, and [`by_name!`] implements the trait with it, for objects alone. A
//! struct without the second cannot be read at all; a test finds one without the first. The same
//! holds for a struct inside of another.

/// Implements `Deserialize` for a struct that derives it with `#[serde(remote = "Self")]`.
macro_rules! by_name {
    ($name:ident) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(
                from: D,
            ) -> std::result::Result<Self, D::Error> {
                struct Object;

                impl<'de> serde::de::Visitor<'de> for Object {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        map: A,
                    ) -> std::result::Result<$name, A::Error> {
                        // The derived function, and not the trait's.
                        $name::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    }
                }

                from.deserialize_map(Object)
            }
        }
    };
}
pub(crate) use by_name;

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(remote = "Self", deny_unknown_fields)]
    struct Inner {
        a: Option<u8>,
    }
    by_name!(Inner);

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(remote = "Self", deny_unknown_fields)]
    struct Outer {
        inner: Option<Inner>,
        b: u8,
    }
    by_name!(Outer);

    #[test]
    fn only_an_object_is_read_at_any_depth() {
        let read = |text: &str| serde_json::from_str::<Outer>(text).map_err(|e| e.to_string());
        let expected = Outer { inner: Some(Inner { a: Some(1) }), b: 2 };
        assert_eq!(read(r#"{"inner":{"a":1},"b":2}"#), Ok(expected));
        for text in ["[{\"a\":1},2]", "{\"inner\":[1],\"b\":2}", "[]", "1", "null", "\"b\""] {
            let refused = read(text).unwrap_err();
            assert!(refused.contains("expected an object"), "{text}: {refused}");
        }
        for text in [r#"{"b":2,"c":3}"#, r#"{"b":2,"b":2}"#, r#"{"inner":{"b":1},"b":2}"#, "{}"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    /// The names of structs that simply derive `Deserialize`.
    fn forgetful(text: &str) -> Vec<String> {
        let derives = text
            .split("derive(")
            .skip(1)
            .filter(|rest| rest.split(')').next().is_some_and(|list| list.contains("Deserialize")));
        let by_position = derives.filter_map(|rest| {
            let (before, after) = rest.split_once("struct ")?;
            let safe = ["remote = \"Self\"", "from = \"Payload\""];
            let name = after.split(|c: char| !c.is_alphanumeric()).next()?.to_owned();
            (!safe.iter().any(|word| before.contains(word))).then_some(name)
        });
        by_position.collect()
    }

    fn look(dir: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                look(&entry.path(), found);
            } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
                found.extend(forgetful(&std::fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }

    #[test]
    fn no_struct_is_read_by_position() {
        let positional = concat!("#[derive(Debug, Deserial", "ize)]\nstruct Bad {}");
        assert_eq!(forgetful(positional), ["Bad"]);
        let mut found = Vec::new();
        look(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        assert!(found.is_empty(), "without `remote = \"Self\"`: {found:?}");
    }
}
