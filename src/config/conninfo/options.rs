//! The options of a connection string that the driver does not know, in both forms of the string.
//!
//! They are taken out of it, and the rest is left as it was written.

use percent_encoding::percent_decode_str;
use std::str::CharIndices;

/// The options about TLS that are read here. The driver knows three of libpq's six values of `sslmode`
/// and nothing of files.
const TAKEN: [&str; 4] = ["sslmode", "sslrootcert", "sslcert", "sslkey"];

/// Options of libpq that ask for nothing with these values.
const WITHOUT_EFFECT: [(&str, &[&str]); 5] = [
    ("client_encoding", &["auto", "utf8", "UTF8", "utf-8", "UTF-8"]),
    ("gssencmode", &["disable", "prefer"]),
    ("sslcompression", &["0"]),
    ("sslsni", &["1"]),
    ("uselibpqcompat", &["true"]),
];

/// Options of libpq, and of other programs whose strings get pasted, with what to write instead.
const FOREIGN: [(&str, &str); 29] = [
    ("client_encoding", "leave it out; Gatepost speaks UTF-8"),
    ("connection_limit", "leave it out and set database.pool_size"),
    ("connectTimeout", "write connect_timeout, in seconds"),
    ("currentSchema", "leave it out; Gatepost's schema is always gatepost"),
    ("fallback_application_name", "write application_name"),
    ("gssencmode", "leave it out; encryption by GSSAPI is not supported"),
    ("krbsrvname", "leave it out; GSSAPI is not supported"),
    (
        "passfile",
        "put the password into the string, and the string into a file that \
                  GATEPOST_DATABASE_URL_FILE names",
    ),
    ("pgbouncer", "leave it out; that is how Gatepost works anyway"),
    ("pool_mode", "leave it out; Gatepost works with every mode of a pooler"),
    ("pool_timeout", "leave it out and set database.tuning.pool_wait"),
    ("prepared_statements", "leave it out and set database.prepared_statements"),
    ("require_auth", "leave it out; channel_binding=require asks for the safest method"),
    ("requiressl", "write sslmode=require"),
    ("schema", "leave it out; Gatepost's schema is always gatepost"),
    ("service", "write host, user and dbname"),
    ("ssl", "write sslmode=require, or sslmode=verify-full and sslrootcert=system"),
    ("sslaccept", "write sslmode=require, or sslmode=verify-full and sslrootcert=system"),
    ("sslcompression", "leave it out; TLS is not compressed"),
    ("sslcrl", "leave it out; lists of revoked certificates are not supported"),
    ("sslcrldir", "leave it out; lists of revoked certificates are not supported"),
    ("sslidentity", "write sslcert and sslkey, two files in PEM"),
    ("sslpassword", "leave it out and name a key without passphrase in sslkey"),
    ("sslsni", "leave it out; the server is always told the name"),
    ("ssl_max_protocol_version", "leave it out; the newest version of both is used"),
    ("ssl_min_protocol_version", "leave it out; TLS 1.2 is the least"),
    ("statement_timeout", "leave it out; `gatepost database create` sets it on the role"),
    ("supa", "leave it out; it says nothing to the server"),
    ("uselibpqcompat", "leave it out; all options mean what they mean to libpq"),
];

/// A connection string in two parts.
#[derive(Debug, Default)]
pub(super) struct Split {
    /// What the driver reads.
    pub(super) rest: String,
    /// Name and value of what it does not know. Of an option that is there twice, the last counts.
    pub(super) taken: Vec<(String, String)>,
}

impl Split {
    /// The value of an option that was taken out. An empty one counts as none, as for libpq.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.taken.iter().rev().find(|(taken, _)| taken == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// Sorts one option. `written` is the whole of it as it stands in the string.
    fn sort(
        &mut self,
        name: &str,
        value: &str,
        written: &str,
        between: &str,
    ) -> Result<(), String> {
        if TAKEN.contains(&name) {
            self.taken.push((name.to_owned(), value.to_owned()));
            return Ok(());
        }
        if WITHOUT_EFFECT.iter().any(|(known, values)| *known == name && values.contains(&value)) {
            return Ok(());
        }
        if let Some((name, advice)) = FOREIGN.iter().find(|(foreign, _)| *foreign == name) {
            return Err(format!("{name}: {advice}"));
        }
        if !self.rest.ends_with(['?', ' ']) && !self.rest.is_empty() {
            self.rest.push_str(between);
        }
        self.rest.push_str(written);
        Ok(())
    }
}

/// Takes the options apart.
///
/// # Errors
/// An option that neither the driver nor Gatepost knows, with what to write instead. Its name is one of
/// those listed here, so nothing of the string is quoted.
pub(super) fn split(text: &str) -> Result<Split, String> {
    let is_url = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
    if is_url { split_url(text) } else { split_words(text) }
}

fn split_url(text: &str) -> Result<Split, String> {
    // A question mark before it belongs to the password.
    let from = text.find('@').unwrap_or(0);
    let Some(at) = text[from..].find('?') else {
        return Ok(Split { rest: text.to_owned(), taken: Vec::new() });
    };
    let (place, parameters) = text.split_at(from + at + 1);
    let mut split = Split { rest: place.to_owned(), taken: Vec::new() };
    for written in parameters.split('&') {
        let (name, value) = written.split_once('=').unwrap_or((written, ""));
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        split.sort(&decoded(name), &decoded(value), written, "&")?;
    }
    Ok(split)
}

fn split_words(text: &str) -> Result<Split, String> {
    let mut split = Split::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some((name, value, length)) = word(rest) else {
            // The driver says what is wrong with it.
            split.rest.push(' ');
            split.rest.push_str(rest);
            break;
        };
        split.sort(name, &value, &rest[..length], " ")?;
        rest = rest[length..].trim_start();
    }
    Ok(split)
}

/// The first `name = value` of a text, by libpq's rules: white space around the equals sign, single
/// quotes around a value that has some, and a backslash before any character. Returns the name, the
/// value, and the bytes that they take; nothing where the text breaks the rules.
fn word(text: &str) -> Option<(&str, String, usize)> {
    let (name, after) = text.split_once('=')?;
    let name = name.trim_end();
    let value = after.trim_start();
    let begin = text.len() - value.len();
    let (inner, quoted) = match value.strip_prefix('\'') {
        Some(inner) => (inner, true),
        None => (value, false),
    };
    let mut chars = inner.char_indices();
    let mut read = String::new();
    let end = end_of_value(&mut chars, quoted, &mut read)?;
    let length = begin + usize::from(quoted) + end;
    let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
    is_name.then_some((name, read, length))
}

/// Reads a value up to its end, and returns how many bytes it takes, with the quote that ends it.
fn end_of_value(chars: &mut CharIndices<'_>, quoted: bool, read: &mut String) -> Option<usize> {
    loop {
        match chars.next() {
            Some((at, '\'')) if quoted => return Some(at + 1),
            Some((at, c)) if !quoted && c.is_whitespace() => return Some(at),
            Some((_, '\\')) => read.extend(chars.next().map(|(_, c)| c)),
            Some((_, c)) => read.push(c),
            None => return (!quoted).then(|| chars.offset()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_about_tls_are_taken_out_of_both_forms_and_the_rest_is_left() {
        for (text, rest, mode, root) in [
            ("postgres://u:p@h/d?sslmode=require", "postgres://u:p@h/d?", "require", ""),
            (
                "postgres://u:p?sslmode=x@h/d?sslmode=require&port=1&sslrootcert=%2Fa%20b",
                "postgres://u:p?sslmode=x@h/d?port=1",
                "require",
                "/a b",
            ),
            (
                "postgresql://h?application_name=a&sslmode=disable&sslmode=prefer",
                "postgresql://h?application_name=a",
                "prefer",
                "",
            ),
            ("host=h sslmode=require user=u", "host=h user=u", "require", ""),
            (
                r"password='a sslmode=x \' b' sslrootcert = '/a b' sslmode=verify-ca",
                r"password='a sslmode=x \' b'",
                "verify-ca",
                "/a b",
            ),
            (r"host=h sslrootcert=/a\ b", "host=h", "", "/a b"),
            ("host=h password='x", "host=h password='x", "", ""),
            ("host=h gssencmode=disable", "host=h", "", ""),
        ] {
            let split = split(text).unwrap();
            assert_eq!(split.rest, rest, "{text}");
            assert_eq!(split.get("sslmode").unwrap_or_default(), mode, "{text}");
            assert_eq!(split.get("sslrootcert").unwrap_or_default(), root, "{text}");
        }
    }

    #[test]
    fn an_option_of_others_is_named_with_what_to_write_instead() {
        for (text, said) in [
            ("postgres://u:p@h/d?pgbouncer=true", "pgbouncer: leave it out"),
            ("postgres://u:p@h/d?ssl=true", "ssl: write sslmode=require"),
            ("host=h gssencmode=require", "gssencmode: leave it out"),
            ("host=h sslpassword=x", "sslpassword: leave it out and name a key"),
        ] {
            let fault = split(text).unwrap_err();
            assert!(fault.starts_with(said) && !fault.contains("true"), "{fault}");
        }
    }
}
