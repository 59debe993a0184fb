//! A line of NDJSON, in and out.

use crate::by_name::by_name;
use crate::domain::{Attributes, AttributesPatch, Email, Login, Names};
use crate::error::{Error, Result};
use crate::factors::MovedFactors;
use crate::moment;
use crate::passwords::PasswordHash;
use crate::printable::is_invisible;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::error::Category;
use std::fmt;
use time::OffsetDateTime;

/// What is wrong with a line. It never holds any part of a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineFault {
    /// The line, counted from 1.
    pub line: u64,
    /// The cause.
    pub cause: String,
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.cause)
    }
}

/// A user that a line describes. A field that the line does not have is `None`.
pub(super) struct IncomingUser {
    pub(super) line: u64,
    pub(super) id: Option<i64>,
    pub(super) login: Login,
    pub(super) hash: PasswordHash,
    /// Whether the user has no password, and is invited to set one.
    pub(super) invited: bool,
    pub(super) admin: Option<bool>,
    pub(super) created_at: Option<OffsetDateTime>,
    pub(super) token_version: Option<i64>,
    pub(super) email: Option<Email>,
    pub(super) email_verified: Option<bool>,
    pub(super) locked: Option<bool>,
    pub(super) expires_at: Option<OffsetDateTime>,
    pub(super) roles: Option<Names>,
    pub(super) groups: Option<Names>,
    pub(super) attributes: Option<Attributes>,
    pub(super) factors: Option<MovedFactors>,
}

/// The columns of a user's row that an import can set.
pub(super) struct ExistingUser {
    pub(super) id: i64,
    pub(super) login: String,
    pub(super) password_hash: String,
    pub(super) admin: bool,
    pub(super) created_at: OffsetDateTime,
    pub(super) token_version: i64,
    pub(super) email: Option<String>,
    pub(super) email_verified: bool,
    pub(super) locked: bool,
    pub(super) expires_at: Option<OffsetDateTime>,
    pub(super) roles: Names,
    pub(super) groups: Names,
    pub(super) attributes: Attributes,
}

/// The greatest id and token version that a line may have, which is what every reader of JSON can
/// hold (RFC 7493, 2.2), and leaves numbers for the users to come.
const MAX_NUMBER: i64 = (1 << 53) - 1;

/// How an export marks the hashes that we made. Others use the same format, for passwords that were
/// not normalised.
const US: &str = "gatepost";

/// Values get their types later: an error of serde's about a value would show it.
#[derive(Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct Fields {
    id: Option<Value>,
    login: Option<Value>,
    password_hash: Option<Value>,
    hashed_by: Option<Value>,
    admin: Option<Value>,
    created_at: Option<Value>,
    token_version: Option<Value>,
    email: Option<Value>,
    email_verified: Option<Value>,
    locked: Option<Value>,
    expires_at: Option<Value>,
    roles: Option<Value>,
    groups: Option<Value>,
    attributes: Option<Value>,
    factors: Option<Value>,
}
by_name!(Fields);

impl IncomingUser {
    /// Reads a line; `None` stands for one that is too long. `check` says whether a hash can be
    /// verified. With `nobody`, a hash that no password matches, a line may have none of its own.
    pub(super) fn parse(
        line: u64,
        text: Option<&[u8]>,
        nobody: Option<&PasswordHash>,
        check: impl Fn(&PasswordHash) -> std::result::Result<(), String>,
    ) -> std::result::Result<Self, LineFault> {
        let fault = |cause: String| LineFault { line, cause };
        let text = text.ok_or_else(|| fault("is too long".to_owned()))?;
        let fields: Fields = serde_json::from_slice(text).map_err(|e| fault(describe(&e)))?;
        Self::from_fields(line, fields, nobody, check).map_err(fault)
    }

    fn from_fields(
        line: u64,
        fields: Fields,
        nobody: Option<&PasswordHash>,
        check: impl Fn(&PasswordHash) -> std::result::Result<(), String>,
    ) -> std::result::Result<Self, String> {
        let login = required("login", fields.login.as_ref())?;
        let login = Login::parse(login).map_err(|e| e.to_string())?;
        let email = email(fields.email.as_ref())?;
        let invited = match (nobody, &fields.password_hash, &email) {
            (Some(nobody), None, Some(_)) => Some(nobody.clone()),
            (Some(_), None, None) => {
                return Err("password_hash: is missing, and so is email".to_owned());
            }
            _ => None,
        };
        let of_hash = |e: &dyn fmt::Display| format!("password_hash: {e}");
        let given = required("password_hash", fields.password_hash.as_ref());
        let hash = match (&invited, &fields.hashed_by) {
            (Some(nobody), _) => nobody.clone(),
            (None, None) => PasswordHash::from_elsewhere(given?).map_err(|e| of_hash(&e))?,
            (None, Some(Value::String(by))) if by == US => {
                PasswordHash::own(given?).map_err(|e| format!("hashed_by: {US}, but {e}"))?
            }
            (None, Some(_)) => return Err(format!("hashed_by: must be {US:?} or absent")),
        };
        check(&hash).map_err(|e| of_hash(&e))?;
        let email_verified = truth("email_verified", fields.email_verified.as_ref())?;
        if email_verified == Some(true) && email.is_none() {
            return Err("email_verified: there is no email".to_owned());
        }
        let admin = truth("admin", fields.admin.as_ref())?;
        if invited.is_some() && (admin == Some(true) || email_verified == Some(true)) {
            let text = "password_hash: is missing, and an invitation makes no admin and proves the email by itself";
            return Err(text.to_owned());
        }
        Ok(Self {
            line,
            id: number("id", fields.id.as_ref())?,
            login,
            hash,
            invited: invited.is_some(),
            admin,
            created_at: time("created_at", fields.created_at.as_ref())?,
            token_version: number("token_version", fields.token_version.as_ref())?,
            email,
            email_verified,
            locked: truth("locked", fields.locked.as_ref())?,
            expires_at: time("expires_at", fields.expires_at.as_ref())?,
            roles: names("roles", fields.roles.as_ref())?,
            groups: names("groups", fields.groups.as_ref())?,
            attributes: attributes(fields.attributes)?,
            factors: factors(fields.factors.as_ref())?,
        })
    }

    /// The address that is this user's alone, in canonical form.
    pub(super) fn verified_email(&self) -> Option<&str> {
        self.email.as_ref().filter(|_| self.email_verified == Some(true)).map(Email::canonical)
    }

    /// A fault of this line.
    pub(super) fn fault(&self, cause: impl Into<String>) -> LineFault {
        LineFault {
            line: self.line,
            cause: format!("login {:?}: {}", self.login.as_str(), cause.into()),
        }
    }
}

/// Describes a fault of syntax, or a field that is unknown or repeated. Such an error shows only
/// names, and not even a name if a hash stands in its place. The library's text about other faults
/// repeats the value, so it is not used.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let cause = text.split(" at line ").next().unwrap_or_default();
    // The values may have any type, so only the line as a whole can have the wrong one.
    if cause.starts_with("invalid type") {
        return "not an object".to_owned();
    }
    let is_about_a_name =
        cause.starts_with("unknown field") || cause.starts_with("duplicate field");
    let repeats = error.classify() == Category::Data && !is_about_a_name;
    if repeats || cause.len() > 400 || cause.contains('$') {
        return "not an object with the fields of a user".to_owned();
    }
    format!("{cause} (column {})", error.column())
}

fn required<'a>(name: &str, value: Option<&'a Value>) -> std::result::Result<&'a str, String> {
    match value {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("{name}: must be a string")),
        None => Err(format!("{name}: is missing")),
    }
}

fn truth(name: &str, value: Option<&Value>) -> std::result::Result<Option<bool>, String> {
    match value {
        None => Ok(None),
        Some(Value::Bool(truth)) => Ok(Some(*truth)),
        Some(_) => Err(format!("{name}: must be true or false")),
    }
}

fn number(name: &str, value: Option<&Value>) -> std::result::Result<Option<i64>, String> {
    let Some(value) = value else { return Ok(None) };
    let number = value.as_i64().filter(|number| (1..=MAX_NUMBER).contains(number));
    let fault = || format!("{name}: must be a whole number from 1 to {MAX_NUMBER}");
    number.map(Some).ok_or_else(fault)
}

fn names(name: &str, value: Option<&Value>) -> std::result::Result<Option<Names>, String> {
    let fault = || format!("{name}: must be an array of strings");
    let Some(value) = value else { return Ok(None) };
    let texts = value.as_array().ok_or_else(fault)?.iter().map(|text| text.as_str());
    let texts = texts.collect::<Option<Vec<_>>>().ok_or_else(fault)?;
    Names::parse(name, texts).map(Some).map_err(|e| e.to_string())
}

fn attributes(value: Option<Value>) -> std::result::Result<Option<Attributes>, String> {
    let Some(value) = value else { return Ok(None) };
    let patch = AttributesPatch::parse(value);
    let attributes = patch.and_then(|patch| patch.applied_to(&Attributes::default()));
    attributes.map(Some).map_err(|e| e.to_string())
}

fn email(value: Option<&Value>) -> std::result::Result<Option<Email>, String> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) => Email::parse(text).map(Some).map_err(|e| e.to_string()),
        Some(_) => Err("email: must be a string".to_owned()),
    }
}

fn factors(value: Option<&Value>) -> std::result::Result<Option<MovedFactors>, String> {
    let factors = value.map(MovedFactors::parse).transpose();
    factors.map_err(|fault| format!("factors: {fault}"))
}

/// A moment as RFC 3339 writes it.
fn time(name: &str, value: Option<&Value>) -> std::result::Result<Option<OffsetDateTime>, String> {
    let fault = || format!("{name}: {}", moment::EXPECTED);
    match value {
        None => Ok(None),
        Some(Value::String(text)) => moment::parse(text).map(Some).ok_or_else(fault),
        Some(_) => Err(fault()),
    }
}

#[derive(Serialize)]
struct OutgoingUser<'a> {
    id: i64,
    login: &'a str,
    password_hash: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hashed_by: Option<&'static str>,
    admin: bool,
    created_at: String,
    token_version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    email_verified: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    locked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Names::is_empty")]
    roles: &'a Names,
    #[serde(skip_serializing_if = "Names::is_empty")]
    groups: &'a Names,
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    attributes: &'a Attributes,
    #[serde(skip_serializing_if = "Option::is_none")]
    factors: Option<Value>,
}

/// The line of a user.
///
/// # Errors
/// [`Error::Internal`] when it cannot be written as JSON, which does not happen.
pub(super) fn write(user: &ExistingUser, factors: Option<&MovedFactors>) -> Result<String> {
    let outgoing = OutgoingUser {
        id: user.id,
        login: &user.login,
        password_hash: &user.password_hash,
        hashed_by: PasswordHash::is_own(&user.password_hash).then_some(US),
        admin: user.admin,
        created_at: moment::write_micros(user.created_at),
        token_version: user.token_version,
        email: user.email.as_deref(),
        email_verified: user.email_verified,
        locked: user.locked,
        expires_at: user.expires_at.map(moment::write_micros),
        roles: &user.roles,
        groups: &user.groups,
        attributes: &user.attributes,
        factors: factors.and_then(MovedFactors::json),
    };
    let text = serde_json::to_string(&outgoing)
        .map_err(|e| Error::Internal(format!("a user's line: {e}")))?;
    Ok(visible(&text))
}

/// What an export writes about a user whom an import made from this line, or why the line is
/// refused.
#[cfg(feature = "internals")]
pub(crate) fn again(text: &[u8]) -> std::result::Result<String, String> {
    let user = IncomingUser::parse(1, Some(text), None, |_| Ok(())).map_err(|fault| fault.cause)?;
    let row = ExistingUser {
        id: user.id.unwrap_or(1),
        login: user.login.as_str().to_owned(),
        password_hash: user.hash.to_string(),
        admin: user.admin.unwrap_or(false),
        created_at: user.created_at.unwrap_or(OffsetDateTime::UNIX_EPOCH),
        token_version: user.token_version.unwrap_or(1),
        email: user.email.as_ref().map(|email| email.as_str().to_owned()),
        email_verified: user.email_verified.unwrap_or(false),
        locked: user.locked.unwrap_or(false),
        expires_at: user.expires_at,
        roles: user.roles.unwrap_or_default(),
        groups: user.groups.unwrap_or_default(),
        attributes: user.attributes.unwrap_or_default(),
    };
    write(&row, user.factors.as_ref()).map_err(|e| e.to_string())
}

/// The same JSON with every invisible character escaped, since it may go to a terminal.
fn visible(text: &str) -> String {
    let mut units = [0; 2];
    let mut visible = String::with_capacity(text.len());
    for c in text.chars() {
        // JSON has no such characters outside strings.
        if is_invisible(c) {
            for unit in c.encode_utf16(&mut units) {
                visible.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            visible.push(c);
        }
    }
    visible
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Option<String> {
        time("t", Some(&Value::String(text.to_owned()))).ok().flatten().map(moment::write_micros)
    }

    #[test]
    fn a_time_keeps_its_microseconds_and_is_written_in_utc() {
        for (text, shown) in [
            ("2026-01-31T18:00:00.123456Z", "2026-01-31T18:00:00.123456Z"),
            ("2026-01-31T18:00:00Z", "2026-01-31T18:00:00.000000Z"),
            ("2026-01-31T18:00:00.1239999Z", "2026-01-31T18:00:00.123999Z"),
            ("2026-01-31T18:00:00.5+05:30", "2026-01-31T12:30:00.500000Z"),
        ] {
            assert_eq!(written(text).as_deref(), Some(shown));
        }
        for text in ["2026-01-31", "2026-01-31 18:00:00", "2026-01-31T18:00:00", "1800000000", ""] {
            assert_eq!(written(text), None, "{text}");
        }
    }

    #[test]
    fn an_error_about_a_line_shows_names_and_no_values() {
        let cause = |text: &str| describe(&serde_json::from_str::<Fields>(text).err().unwrap());
        assert!(cause("{\"logn\":\"alice\"}").contains("unknown field `logn`"));
        assert!(cause("{\"login\":\"a\",\"login\":\"b\"}").contains("duplicate field `login`"));
        assert!(cause("{\"login\":").contains("column"));
        for text in
            ["\"$2b$05$secret\"", "{\"$2b$05$secret\":1}", "[\"$2b$05$secret\"]", "\"a secret\""]
        {
            let cause = cause(text);
            assert!(!cause.contains("secret"), "{cause}");
        }
    }
}
