//! A line of NDJSON, in and out.

use super::store::Existing;
use crate::app::App;
use crate::error::{Error, Result};
use crate::passwords::PasswordHash;
use crate::printable::is_invisible;
use crate::users::Login;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::error::Category;
use std::fmt;
use std::str::FromStr;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// What is wrong with a line. Never holds anything of a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, counted from 1.
    pub line: u64,
    /// The cause.
    pub cause: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.cause)
    }
}

/// A user that a line describes. What a line does not say is none.
pub(super) struct Incoming {
    pub(super) line: u64,
    pub(super) login: Login,
    pub(super) hash: PasswordHash,
    pub(super) admin: Option<bool>,
    pub(super) created_at: Option<OffsetDateTime>,
    pub(super) locked: Option<bool>,
    pub(super) expires_at: Option<OffsetDateTime>,
}

/// Values are typed later: an error of serde's about a value would show it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    login: Option<Value>,
    password_hash: Option<Value>,
    admin: Option<Value>,
    created_at: Option<Value>,
    locked: Option<Value>,
    expires_at: Option<Value>,
}

impl Incoming {
    /// Reads a line, `None` being one that is too long.
    pub(super) fn parse(
        app: &App,
        line: u64,
        text: Option<&[u8]>,
    ) -> std::result::Result<Self, Fault> {
        let fault = |cause: String| Fault { line, cause };
        let text = text.ok_or_else(|| fault("is too long".to_owned()))?;
        let fields: Fields = serde_json::from_slice(text).map_err(|e| fault(describe(&e)))?;
        Self::from_fields(app, line, &fields).map_err(fault)
    }

    fn from_fields(app: &App, line: u64, fields: &Fields) -> std::result::Result<Self, String> {
        let login = required("login", fields.login.as_ref())?;
        let login = Login::parse(login).map_err(|e| e.to_string())?;
        let hash = required("password_hash", fields.password_hash.as_ref())?;
        let hash = PasswordHash::from_str(hash).map_err(|e| format!("password_hash: {e}"))?;
        app.can_verify(&hash).map_err(|e| format!("password_hash: {e}"))?;
        Ok(Self {
            line,
            login,
            hash,
            admin: truth("admin", fields.admin.as_ref())?,
            created_at: time("created_at", fields.created_at.as_ref())?,
            locked: truth("locked", fields.locked.as_ref())?,
            expires_at: time("expires_at", fields.expires_at.as_ref())?,
        })
    }

    /// Something about this line.
    pub(super) fn fault(&self, cause: impl Into<String>) -> Fault {
        Fault {
            line: self.line,
            cause: format!("login {:?}: {}", self.login.as_str(), cause.into()),
        }
    }
}

/// A fault of syntax, or a field that is unknown or twice there. Only names stand in such an
/// error, and where a hash was put in the place of one, not even that. What the library says of
/// other faults repeats the value.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let cause = text.split(" at line ").next().unwrap_or_default();
    let is_about_a_name =
        cause.starts_with("unknown field") || cause.starts_with("duplicate field");
    let repeats = error.classify() == Category::Data && !is_about_a_name;
    if repeats || cause.len() > 200 || cause.contains('$') {
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

/// A moment as RFC 3339 writes it, to the microsecond that PostgreSQL keeps.
fn time(name: &str, value: Option<&Value>) -> std::result::Result<Option<OffsetDateTime>, String> {
    let fault =
        || format!("{name}: must be a time as in RFC 3339, such as 2026-01-31T18:00:00.123456Z");
    match value {
        None => Ok(None),
        Some(Value::String(text)) => {
            let read = OffsetDateTime::parse(text, &Rfc3339).ok();
            let utc = read.and_then(|time| time.checked_to_offset(UtcOffset::UTC));
            let utc = utc.filter(|time| (1..=9999).contains(&time.year())).ok_or_else(fault)?;
            utc.replace_nanosecond(utc.microsecond() * 1_000).map(Some).map_err(|_| fault())
        }
        Some(_) => Err(fault()),
    }
}

#[derive(Serialize)]
struct Outgoing<'a> {
    login: &'a str,
    password_hash: &'a str,
    admin: bool,
    created_at: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    locked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

/// The line of a user.
///
/// # Errors
/// [`Error::Internal`] when it cannot be written as JSON, which does not happen.
pub(super) fn write(user: &Existing) -> Result<String> {
    let outgoing = Outgoing {
        login: &user.login,
        password_hash: &user.password_hash,
        admin: user.admin,
        created_at: show(user.created_at),
        locked: user.locked,
        expires_at: user.expires_at.map(show),
    };
    let text = serde_json::to_string(&outgoing)
        .map_err(|e| Error::Internal(format!("a user's line: {e}")))?;
    Ok(visible(&text))
}

/// The same JSON with everything invisible written out: it may go to a terminal.
fn visible(text: &str) -> String {
    let mut units = [0; 2];
    let mut visible = String::with_capacity(text.len());
    for c in text.chars() {
        // Outside of strings JSON has no such characters.
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

fn show(time: OffsetDateTime) -> String {
    let (date, clock) = (time.date(), time.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second(),
        clock.microsecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Option<String> {
        time("t", Some(&Value::String(text.to_owned()))).ok().flatten().map(show)
    }

    #[test]
    fn a_time_keeps_its_microseconds_and_is_written_in_utc() {
        for (text, shown) in [
            ("2026-01-31T18:00:00.123456Z", "2026-01-31T18:00:00.123456Z"),
            ("2026-01-31T18:00:00Z", "2026-01-31T18:00:00.000000Z"),
            ("2026-01-31T18:00:00.1239999Z", "2026-01-31T18:00:00.123999Z"),
            ("2026-01-31T18:00:00.5+05:30", "2026-01-31T12:30:00.500000Z"),
        ] {
            assert_eq!(moment(text).as_deref(), Some(shown));
        }
        for text in ["2026-01-31", "2026-01-31 18:00:00", "2026-01-31T18:00:00", "1800000000", ""] {
            assert_eq!(moment(text), None, "{text}");
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
