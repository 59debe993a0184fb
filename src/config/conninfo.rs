//! Connection strings. They hold passwords, so no message quotes one, not even in part. The
//! driver's own messages quote parts, so they are not repeated.

use crate::secret::Secret;
use postgres::config::{ChannelBinding, SslMode, SslNegotiation};
use std::str::FromStr;

/// The form of a connection string, for the message about a malformed one.
const FORM: &str = "expected postgresql://USER:PASSWORD@HOST/DATABASE, in which @ is written %40, \
                    / is %2F and ? is %3F in a password, or \
                    host=HOST user=USER password=PASSWORD dbname=DATABASE";

/// The options that the driver names when their value is wrong.
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

/// What to do when a string asks for TLS.
const NO_TLS: &str = "and this version cannot speak TLS to PostgreSQL; use a Unix socket, a private \
                      network, or a TLS tunnel on this machine";

/// Reads a connection string, a URL or `key=value` words.
///
/// # Errors
/// What is wrong with it, including faults that the driver would only find when it connects. The
/// text holds nothing of the string.
pub(crate) fn parse(name: &str, url: &Secret) -> Result<postgres::Config, String> {
    let fault = |cause: &str| format!("{name}: not a connection string: {cause}; {FORM}");
    if is_cut_in_the_password(url.expose()) {
        return Err(fault("there is an @ after the one that ends the password"));
    }
    let connect =
        postgres::Config::from_str(url.expose()).map_err(|e| fault(&cause(url.expose(), &e)))?;
    let tls = if connect.get_ssl_mode() == SslMode::Require {
        Some("sslmode=require")
    } else if connect.get_channel_binding() == ChannelBinding::Require {
        Some("channel_binding=require")
    } else if connect.get_ssl_negotiation() == SslNegotiation::Direct {
        Some("sslnegotiation=direct")
    } else {
        None
    };
    if let Some(option) = tls {
        return Err(format!("{name}: {option}, {NO_TLS}"));
    }
    reaches(&connect).map_err(fault)?;
    Ok(connect)
}

/// Checks that there is something to connect to.
fn reaches(connect: &postgres::Config) -> Result<(), &'static str> {
    let (hosts, addresses) = (connect.get_hosts().len(), connect.get_hostaddrs().len());
    if hosts == 0 && addresses == 0 {
        return Err("it names no host");
    }
    if hosts != 0 && addresses != 0 && hosts != addresses {
        return Err("it names another number of hosts than of their addresses (hostaddr)");
    }
    let ports = connect.get_ports();
    if ports.len() > 1 && ports.len() != hosts.max(addresses) {
        return Err("it names another number of ports than of hosts");
    }
    if ports.contains(&0) {
        return Err("nobody can listen on port 0");
    }
    Ok(())
}

/// Whether the password holds an `@` that is not encoded. The driver ends it at the first one, and
/// takes the rest for a host or a database. The server's answer, and then the log, would name that.
fn is_cut_in_the_password(text: &str) -> bool {
    let schemes = ["postgres://", "postgresql://"];
    let Some(rest) = schemes.iter().find_map(|scheme| text.strip_prefix(scheme)) else {
        return false;
    };
    let place = rest.split_once('@').map_or("", |(_, place)| place);
    place.split('?').next().is_some_and(|place| place.contains('@'))
}

/// What is wrong with a string, in our own words only.
fn cause(text: &str, error: &postgres::Error) -> String {
    let first = text.chars().next();
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let is_scheme =
        |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.:".contains(&b));
    if first == Some('\u{feff}') {
        return "it begins with a byte order mark, put there by an editor".to_owned();
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
        // The other values that libpq knows need TLS.
        Some(&"sslmode") => format!("its sslmode is neither disable nor prefer, {NO_TLS}"),
        Some(name) => format!("its {name} is invalid"),
        None if said.starts_with("unknown option") => "it has an unknown option".to_owned(),
        None => "it cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<postgres::Config, String> {
        super::parse("x", &Secret::from(text))
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
        // Should the driver's words change, the fault is still reported, but without the option.
        for (text, said) in [
            ("host=h port=x", "its port is invalid"),
            ("host=h sslmode=verify-full", "its sslmode is neither disable nor prefer, and this"),
            ("host=h sslmode=require", "x: sslmode=require, and this version cannot speak TLS"),
            ("host=h channel_binding=require", "x: channel_binding=require, and this version"),
            ("user=u dbname=g", "it names no host"),
            ("host=a,b port=1,2,3", "another number of ports"),
            ("host=a,b hostaddr=127.0.0.1", "another number of hosts"),
            ("postgres://u:p@h:0/g", "port 0"),
            ("host=h hostaddr=x", "its hostaddr is invalid"),
            ("host=h keepalives=x", "its keepalives is invalid"),
            ("host=h target_session_attrs=x", "its target_session_attrs is invalid"),
            ("host=h hosst=x", "an unknown option"),
            ("host=h password='x", "it cannot be read"),
        ] {
            let fault = parse(text).unwrap_err();
            assert!(fault.contains(said), "{text}: {fault}");
        }
    }
}
