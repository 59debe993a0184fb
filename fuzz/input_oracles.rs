//! What must hold for any input that a client or an operator's file can contain. Used by the fuzz
//! targets and, with a deterministic mutator, by the ordinary tests.

use gatepost::internals::fuzzing;
use serde_json::{Map, Value};

/// Parts of an input that could be a secret: long, and not words of ours.
fn long_parts(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').filter(|part| part.len() >= 16 && !part.contains([' ', '=']))
}

/// A line of an import is an object, shows no hash when it is refused, and is exported unchanged.
pub(crate) fn import_line(input: &[u8]) {
    let object = serde_json::from_slice::<Map<String, Value>>(input).ok();
    match fuzzing::import_line(input) {
        Ok(line) => {
            let object = object.expect("an import took what is no object");
            let known = ["login", "password_hash", "hashed_by", "admin", "created_at", "locked"];
            assert!(object.keys().all(|key| known.contains(&key.as_str()) || key == "expires_at"));
            assert_eq!(fuzzing::import_line(line.as_bytes()), Ok(line.clone()));
            let again: Value = serde_json::from_str(&line).expect("an export that is no JSON");
            for (key, value) in object.iter().filter(|(key, _)| !key.ends_with("_at")) {
                let same = again[key] == *value || (again[key].is_null() && *value == false);
                let marked = key == "password_hash"
                    && again[key].as_str().and_then(|text| text.strip_prefix("foreign"))
                        == value.as_str();
                assert!(same || marked, "{key}: {value} became {line}");
            }
        }
        Err(cause) => {
            let Some(object) = object else { return };
            if let Some(Value::String(hash)) = object.get("password_hash") {
                let names: String = object.keys().map(String::as_str).collect();
                for part in long_parts(hash).filter(|part| !names.contains(part)) {
                    assert!(!cause.contains(part), "{cause:?} shows {part:?}");
                }
            }
        }
    }
}

/// A hash keeps its text, shows nothing of salt and hash, is bounded in memory, and is marked once.
pub(crate) fn password_hash(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let hash = match fuzzing::password_hash(text) {
        Ok(hash) => hash,
        Err(cause) => {
            for part in long_parts(text) {
                assert!(!cause.contains(part), "{cause:?} shows {part:?}");
            }
            return;
        }
    };
    assert_eq!(hash.text, text);
    assert!(hash.memory <= 2 << 30, "{} bytes", hash.memory);
    for part in long_parts(text) {
        assert!(!hash.kind.contains(part), "{:?} shows {part:?}", hash.kind);
    }
    let Some(imported) = hash.imported else { return };
    let ours = text.starts_with("$pbkdf2-sha256$i=");
    assert_eq!(hash.own, ours);
    let marked = ours && !text.contains("keyid=");
    assert_eq!(imported, if marked { format!("foreign{text}") } else { text.to_owned() });
    let again = fuzzing::password_hash(&imported).expect("what an import stores is read");
    assert_eq!(again.imported.as_deref(), Some(imported.as_str()));
    assert_eq!(again.own, ours && !marked);
}

/// A new passkey is read whole or not at all, and its parts are those of the input.
pub(crate) fn passkey(input: &[u8]) {
    let Some((id, key)) = fuzzing::new_credential(input) else { return };
    let parts = [id, key].concat();
    assert!(input.windows(parts.len()).any(|window| window == parts));
    assert!(fuzzing::new_credential(&[input, &[0]].concat()).is_none());
    for length in 0..input.len() {
        assert!(fuzzing::new_credential(&input[..length]).is_none(), "{length} bytes");
    }
}

/// Whether it holds a fraction, whose last digit serde_json may read differently the second time.
/// No call takes one.
fn is_inexact(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(is_inexact),
        Value::Object(members) => members.values().any(is_inexact),
        _ => false,
    }
}

/// Each parameter is there once and means the same in every form.
pub(crate) fn parameters(input: &[u8]) {
    if let Ok(given) = fuzzing::body(input)
        && !input.is_empty()
    {
        let object: Map<String, Value> = serde_json::from_slice(input).expect("no object");
        assert_eq!(given.len(), object.len(), "a member is twice there, or lost");
        if object.values().any(is_inexact) {
            return;
        }
        let written = serde_json::to_vec(&object).expect("what was read can be written");
        let mut again = fuzzing::body(&written).expect("it was good before");
        let mut given = given;
        again.sort();
        given.sort();
        assert_eq!(again, given);
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(given) = fuzzing::query(text) else { return };
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let pairs: Vec<String> =
        given.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    assert_eq!(fuzzing::query(&pairs.join("&")).as_ref(), Ok(&given));
    let mut names: Vec<&String> = given.iter().map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    assert!(names.len() == given.len() && given.len() <= 16);
}

/// Without the key there is no token; with it, only two objects with every claim make one.
pub(crate) fn token(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        assert!(!fuzzing::accepts(text), "forged");
        assert!(fuzzing::read_refresh_token(text).is_err(), "forged");
    }
    let at = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (header, payload) = (&input[..at], input.get(at + 1..).unwrap_or_default());
    // No mutation would find the name of the key.
    let header = String::from_utf8_lossy(header).replace("KID", &fuzzing::kid()).into_bytes();
    let token = fuzzing::sign(&header, payload).expect("HMAC takes every key");
    if fuzzing::accepts(&token) {
        let read = |part: &[u8]| serde_json::from_slice::<Map<String, Value>>(part);
        let header = read(&header).expect("the header is no object");
        let claims = read(payload).expect("the payload is no object");
        assert_eq!(header["alg"], "HS256");
        assert_eq!(claims["iss"], "gatepost");
        for number in ["user_id", "exp", "iat", "token_version"] {
            assert!(claims[number].is_i64() || claims[number].is_u64(), "{number}");
        }
        assert!(claims["sid"].is_string() && claims["sub"].is_string());
        assert!(claims["admin"].is_boolean() && claims["jti"].is_string());
        let (changed, end) = (token.len() - 20, token.len());
        let other = if token.as_bytes()[changed] == b'A' { "B" } else { "A" };
        let forged = format!("{}{other}{}", &token[..changed], &token[changed + 1..end]);
        assert!(!fuzzing::accepts(&forged), "another signature is good too");
    }
    let Some((numbers, rest)) = input.split_first_chunk::<16>() else { return };
    let number = |at: usize| i64::from_be_bytes(std::array::from_fn(|n| numbers[at + n]));
    let token = fuzzing::refresh_token(number(0), number(8)).expect("a token");
    assert_eq!(fuzzing::read_refresh_token(&token), Ok((number(0), number(8))));
    if let [at, byte, ..] = rest {
        let mut bytes = token.clone().into_bytes();
        let at = usize::from(*at) % bytes.len();
        bytes[at] = *byte;
        let changed = String::from_utf8_lossy(&bytes).into_owned();
        assert!(changed == token || fuzzing::read_refresh_token(&changed).is_err(), "{changed}");
    }
}

/// No secret is shown, whatever is wrong around it.
pub(crate) fn configuration(input: &[u8]) {
    const SECRET: &str = "QWxhZGRpbjpvcGVuIHNlc2FtZQ-QWxhZGRpbjpvcGVu";
    let Ok(text) = std::str::from_utf8(input) else { return };
    // A file that the input names is not searched for, and the secret is not taken for its name.
    let harmless = !text.to_lowercase().contains("file") && !text.contains("QWxhZGRpbj");
    if harmless {
        for (before, after) in [("", "\n"), ("\n", "")] {
            let file = format!(
                "{}{before}[encryption]\nkey = \"{SECRET}\"\n[tokens]\nhs256_secret = \"{SECRET}\"\n{}",
                if after.is_empty() { text } else { "" },
                if before.is_empty() { text } else { "" },
            );
            for said in fuzzing::configuration(&file) {
                assert!(!said.contains(SECRET), "{said:?} shows the secret");
            }
        }
        fuzzing::configuration(text);
    }
    for string in [
        format!("password={SECRET} {text}"),
        format!("{text} password='{SECRET}'"),
        format!("postgres://gatepost_app:{SECRET}@{text}"),
        text.to_owned(),
    ] {
        let said = fuzzing::connection_string(&string);
        assert!(!said.contains(SECRET), "{said:?} shows the password");
    }
}
