//! Connection strings. They hold passwords, so no message quotes one, not even in part: what the
//! driver says about a string that it does not understand, it says with pieces of it.

use super::complete;
use crate::config;
use crate::error::{Error, Result};
use crate::secret::Secret;
use std::str::FromStr;

/// What a connection string looks like, for the message about one that does not.
const FORM: &str = "expected postgresql://USER:PASSWORD@HOST/DATABASE, in which @ is written %40, \
                    / is %2F and ? is %3F in a password, or \
                    host=HOST user=USER password=PASSWORD dbname=DATABASE";

/// The options whose names the driver repeats when their value is wrong.
const OPTIONS: [&str; 13] = [
    "channel_binding",
    "connect_timeout",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "port",
    "sslmode",
    "sslnegotiation",
    "target_session_attrs",
];

/// Reads a connection string, a URL or `key=value` words, and adds what it does not say.
///
/// # Errors
/// [`Error::Configuration`]; the text holds nothing of the string.
pub(crate) fn parse_url(
    name: &str,
    url: &Secret,
    settings: &config::Database,
) -> Result<postgres::Config> {
    let fault = |cause: &str| {
        Error::Configuration(vec![format!("{name}: not a connection string: {cause}; {FORM}")])
    };
    if is_cut_in_the_password(url.expose()) {
        return Err(fault("there is an @ after the one that ends the password"));
    }
    let mut connect =
        postgres::Config::from_str(url.expose()).map_err(|e| fault(&cause(url.expose(), &e)))?;
    if connect.get_ssl_mode() == postgres::config::SslMode::Require {
        return Err(Error::Configuration(vec![format!(
            "{name}: sslmode=require, and this version cannot speak TLS to PostgreSQL; use a \
             Unix socket, a private network, or a TLS tunnel on this machine"
        )]));
    }
    complete(&mut connect, settings);
    Ok(connect)
}

/// Whether the password holds an `@` that is not encoded. The driver ends it at the first one, and
/// would look for the rest as a host or a database, which the server's answer and then the log
/// would name.
fn is_cut_in_the_password(text: &str) -> bool {
    let schemes = ["postgres://", "postgresql://"];
    let Some(rest) = schemes.iter().find_map(|scheme| text.strip_prefix(scheme)) else {
        return false;
    };
    let place = rest.split_once('@').map_or("", |(_, place)| place);
    place.split('?').next().is_some_and(|place| place.contains('@'))
}

/// What is wrong with a string, in words of ours only.
fn cause(text: &str, error: &postgres::Error) -> String {
    let first = text.chars().next();
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let is_scheme =
        |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.:".contains(&b));
    if first == Some('\u{feff}') {
        return "it begins with a byte order mark, which an editor has put there".to_owned();
    }
    if first.is_some_and(char::is_whitespace) {
        return "it begins with white space".to_owned();
    }
    if matches!(first, Some('"' | '\'' | '`')) {
        return "it begins with quotes, which do not belong to it".to_owned();
    }
    if scheme.is_some_and(|word| is_scheme(word) && !matches!(word, "postgres" | "postgresql")) {
        return "it begins with another scheme".to_owned();
    }
    let said = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let option = OPTIONS.iter().find(|name| said == format!("invalid value for option `{name}`"));
    match option {
        Some(name) => format!("its {name} is none"),
        None if said.starts_with("unknown option") => {
            "it has an option that is not known".to_owned()
        }
        None => "it cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Profile};

    fn parse(text: &str) -> Result<postgres::Config> {
        parse_url("x", &Secret::from(text), &Config::new(Profile::Testing).database)
    }

    #[test]
    fn both_forms_are_read_and_a_password_may_hold_anything_that_is_encoded() {
        for text in [
            "postgresql://u:p%40ss%2Fw%3Frd@h/g",
            "postgres://u:p/w?rd@h/g",
            "postgres://u:p@h1,h2:5433/g?application_name=a@b",
            "host=h user=u password='p@ss@word' dbname=g",
        ] {
            assert!(parse(text).is_ok(), "{text}");
        }
        let connect = parse("postgresql://u:p%40ss%2Fw%3Frd@h/g").unwrap();
        assert_eq!(connect.get_password(), Some(&b"p@ss/w?rd"[..]));
        assert_eq!(connect.get_dbname(), Some("g"));
    }

    #[test]
    fn what_the_driver_says_is_known_to_us() {
        // Should its words change, the fault is still told, but no longer the option.
        for (text, said) in [
            ("host=h port=x", "its port is none"),
            ("host=h sslmode=x", "its sslmode is none"),
            ("host=h hostaddr=x", "its hostaddr is none"),
            ("host=h keepalives=x", "its keepalives is none"),
            ("host=h target_session_attrs=x", "its target_session_attrs is none"),
            ("host=h hosst=x", "an option that is not known"),
            ("host=h password='x", "it cannot be read"),
        ] {
            let fault = parse(text).unwrap_err().to_string();
            assert!(fault.contains(said), "{text}: {fault}");
        }
    }
}
