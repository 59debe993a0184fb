//! Second factors on their way between two installations, in the lines of an export.
//!
//! A line holds what works: the secrets of apps as they are, as it holds the hash of the password. On the
//! other end they are encrypted anew. Of passkeys and recovery codes it holds what the rows hold, which
//! opens nothing.

use super::showing::{opened, place};
use super::store::moving::{self as rows, MovedRows};
use super::store::{self, passkeys};
use super::totp::TotpSecret;
use super::types::FactorName;
use crate::app::App;
use crate::db::Transaction;
use crate::error::Result;
use crate::webauthn::{NewPasskey, is_credential_id, is_public_key};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Most of a kind that a line may have: a user may have as many, and as many recovery codes.
const MOST: usize = 10;

/// The factors of a user in a line.
#[derive(Clone, Debug, Default)]
pub(crate) struct MovedFactors {
    pub(super) totp: Vec<(FactorName, TotpSecret)>,
    pub(super) passkeys: Vec<(FactorName, NewPasskey)>,
    pub(super) passkey_user_id: Option<Vec<u8>>,
    pub(super) recovery_codes: Vec<Vec<u8>>,
}

type Parsed<T> = std::result::Result<T, String>;

/// The members of an object in a line.
struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    fn of(value: &'a Value, known: &[&str]) -> Parsed<Self> {
        let members = value.as_object().ok_or("must be an object")?;
        match members.keys().find(|name| !known.contains(&name.as_str())) {
            Some(_) => Err(format!("has a member that is none of {}", known.join(", "))),
            None => Ok(Self(members)),
        }
    }

    fn text(&self, name: &str) -> Parsed<&'a str> {
        let text = self.0.get(name).and_then(Value::as_str);
        text.ok_or_else(|| format!("{name}: must be a string"))
    }

    fn bytes(&self, name: &str) -> Parsed<Vec<u8>> {
        bytes(name, self.0.get(name))
    }

    fn array(&self, name: &str) -> Parsed<&'a [Value]> {
        match self.0.get(name) {
            None => Ok(&[]),
            Some(Value::Array(items)) if items.len() <= MOST => Ok(items),
            Some(_) => Err(format!("{name}: must be an array of {MOST} at most")),
        }
    }

    fn name(&self) -> Parsed<FactorName> {
        FactorName::parse(self.text("name")?).map_err(|fault| fault.to_string())
    }
}

fn bytes(name: &str, value: Option<&Value>) -> Parsed<Vec<u8>> {
    let decoded = value.and_then(Value::as_str).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    decoded.ok_or_else(|| format!("{name}: must be a string in base64url without padding"))
}

impl MovedFactors {
    /// Reads the member `factors` of a line. An error shows no value.
    pub(crate) fn parse(value: &Value) -> Parsed<Self> {
        let known = ["totp", "passkeys", "passkey_user_id", "recovery_codes"];
        let members = Members::of(value, &known)?;
        let totp = members.array("totp")?.iter().map(totp).collect::<Parsed<_>>()?;
        let passkeys =
            members.array("passkeys")?.iter().map(passkey).collect::<Parsed<Vec<_>>>()?;
        let hash = |value: &Value| bytes("recovery_codes", Some(value));
        let hashes = members.array("recovery_codes")?.iter().map(hash);
        let recovery_codes = hashes.collect::<Parsed<Vec<_>>>()?;
        if recovery_codes.iter().any(|hash| hash.len() != 32) {
            return Err("recovery_codes: each must be a SHA-256".to_owned());
        }
        let handle = members.0.get("passkey_user_id");
        let passkey_user_id = handle.map(|_| members.bytes("passkey_user_id")).transpose()?;
        let is_wrong = passkey_user_id.as_ref().is_some_and(|handle| handle.len() != 32);
        if is_wrong || (passkey_user_id.is_none() && !passkeys.is_empty()) {
            return Err("passkey_user_id: must have 32 bytes where there are passkeys".to_owned());
        }
        Ok(Self { totp, passkeys, passkey_user_id, recovery_codes })
    }

    /// What [`parse`](Self::parse) reads; `None` if there is nothing.
    pub(crate) fn json(&self) -> Option<Value> {
        let mut members = Map::new();
        if !self.totp.is_empty() {
            let one = |(name, secret): &(FactorName, TotpSecret)| json!({"name": name.as_str(), "secret": *secret.base32()});
            members.insert("totp".to_owned(), self.totp.iter().map(one).collect());
        }
        if !self.passkeys.is_empty() {
            let one = |(name, passkey): &(FactorName, NewPasskey)| {
                json!({
                    "name": name.as_str(),
                    "credential_id": URL_SAFE_NO_PAD.encode(&passkey.credential_id),
                    "public_key": URL_SAFE_NO_PAD.encode(&passkey.public_key),
                    "sign_count": passkey.sign_count,
                    "backed_up": passkey.backed_up,
                    "transports": passkey.transports,
                })
            };
            members.insert("passkeys".to_owned(), self.passkeys.iter().map(one).collect());
        }
        if let Some(handle) = &self.passkey_user_id {
            members.insert("passkey_user_id".to_owned(), json!(URL_SAFE_NO_PAD.encode(handle)));
        }
        if !self.recovery_codes.is_empty() {
            let hashes = self.recovery_codes.iter().map(|hash| URL_SAFE_NO_PAD.encode(hash));
            members.insert("recovery_codes".to_owned(), hashes.collect());
        }
        (!members.is_empty()).then_some(Value::Object(members))
    }
}

fn totp(value: &Value) -> Parsed<(FactorName, TotpSecret)> {
    let read = || {
        let members = Members::of(value, &["name", "secret"])?;
        let secret = TotpSecret::from_base32(members.text("secret")?);
        Ok((members.name()?, secret.ok_or("secret: must be 10 to 64 bytes in base32")?))
    };
    read().map_err(|fault: String| format!("totp: {fault}"))
}

fn passkey(value: &Value) -> Parsed<(FactorName, NewPasskey)> {
    let read = || {
        let known =
            ["name", "credential_id", "public_key", "sign_count", "backed_up", "transports"];
        let members = Members::of(value, &known)?;
        let public_key = members.bytes("public_key")?;
        if !is_public_key(&public_key) {
            return Err("public_key: must be a COSE key of ES256, EdDSA or RS256".to_owned());
        }
        let credential_id = members.bytes("credential_id")?;
        if !is_credential_id(&credential_id) {
            return Err("credential_id: must have 1 to 1023 bytes".to_owned());
        }
        let count = members.0.get("sign_count").and_then(Value::as_u64);
        let sign_count = count.and_then(|count| u32::try_from(count).ok());
        let backed_up = members.0.get("backed_up").and_then(Value::as_bool);
        let words = members.array("transports")?.iter().filter_map(Value::as_str);
        Ok((
            members.name()?,
            NewPasskey {
                credential_id,
                public_key,
                sign_count: sign_count.ok_or("sign_count: must be a whole number of 32 bits")?,
                backed_up: backed_up.ok_or("backed_up: must be true or false")?,
                transports: NewPasskey::words(words),
            },
        ))
    };
    read().map_err(|fault: String| format!("passkeys: {fault}"))
}

/// The factors of these users, by their ids.
///
/// # Errors
/// [`Error::Internal`](crate::Error::Internal) for a secret that cannot be decrypted; database errors.
pub(crate) fn taken_along(app: &App, users: &[i64]) -> Result<HashMap<i64, MovedFactors>> {
    let MovedRows { factors, codes, handles } =
        app.database()?.with_connection(|conn| rows::read(conn, users))?;
    let mut moved = HashMap::<i64, MovedFactors>::new();
    for row in factors {
        let of_user = moved.entry(row.user.get()).or_default();
        let name = FactorName::stored(row.name);
        if let Some(passkey) = row.passkey {
            of_user.passkeys.push((name, passkey));
        } else if let Some(secret) = row.secret {
            of_user.totp.push((name, opened(app, row.user, row.id, &secret)?));
        }
    }
    for (user, hash) in codes {
        moved.entry(user).or_default().recovery_codes.push(hash);
    }
    for (user, handle) in handles {
        moved.entry(user).or_default().passkey_user_id = Some(handle);
    }
    Ok(moved)
}

/// Gives users who were just made the factors that their lines have, by their canonical logins. A passkey
/// that somebody has here already is left out.
///
/// # Errors
/// Database errors.
pub(crate) fn bring(
    app: &App,
    tx: &mut Transaction<'_>,
    moved: &HashMap<&str, &MovedFactors>,
) -> Result<()> {
    let logins: Vec<&str> = moved.keys().copied().collect();
    for (login, user) in rows::ids(tx, &logins)? {
        let Some(factors) = moved.get(login.as_str()) else { continue };
        for (name, secret) in &factors.totp {
            let encrypted = app.encryption().encrypt(&place(user), secret.bytes())?;
            store::insert(tx, user, name, &encrypted, true)?;
        }
        if let Some(handle) = &factors.passkey_user_id {
            passkeys::user_handle(tx, user, handle)?;
        }
        for (name, passkey) in &factors.passkeys {
            passkeys::insert(tx, user, name.as_str(), passkey)?;
        }
        if store::count(tx, user)? > 0 {
            store::require(tx, user)?;
            store::replace_codes(tx, user, &factors.recovery_codes)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_a_fault_shows_no_value() {
        let key = [&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32][..], &[7; 32]].concat();
        let good = json!({
            "totp": [{"name": "phone", "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}],
            "passkeys": [{
                "name": "laptop", "credential_id": "aWQ", "public_key": URL_SAFE_NO_PAD.encode(key),
                "sign_count": 7, "backed_up": true, "transports": ["internal"],
            }],
            "passkey_user_id": URL_SAFE_NO_PAD.encode([9; 32]),
            "recovery_codes": [URL_SAFE_NO_PAD.encode([1; 32])],
        });
        let read = MovedFactors::parse(&good).unwrap();
        assert_eq!(read.json().unwrap(), good);
        assert_eq!(MovedFactors::default().json(), None);
        for (path, value) in [
            ("/totp", json!("secret")),
            ("/totp/0/secret", json!("secret!")),
            ("/totp/0/secret", json!("MZXW6")),
            ("/totp/0/name", json!("")),
            ("/totp/0", json!({"name": "x", "secret": "secret", "secret2": 1})),
            ("/passkeys/0/public_key", json!("AAAA")),
            ("/passkeys/0/credential_id", json!("secret=")),
            ("/passkeys/0/credential_id", json!("")),
            ("/passkeys/0/credential_id", json!(URL_SAFE_NO_PAD.encode([7; 1024]))),
            ("/passkeys/0/sign_count", json!(-1)),
            ("/passkeys/0/backed_up", json!("secret")),
            ("/passkey_user_id", json!("AAAA")),
            ("/recovery_codes/0", json!("AAAA")),
            ("/recovery_codes", json!(["secret="])),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(path).unwrap() = value;
            let fault = MovedFactors::parse(&bad).unwrap_err();
            assert!(!fault.contains("secret!") && !fault.contains("secret="), "{fault}");
        }
        let mut bad = good;
        bad.as_object_mut().unwrap().remove("passkey_user_id");
        assert!(MovedFactors::parse(&bad).unwrap_err().starts_with("passkey_user_id"));
        assert!(MovedFactors::parse(&json!([])).is_err());
        assert!(MovedFactors::parse(&json!({"face": 1})).is_err());
    }
}
