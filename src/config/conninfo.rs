//! Connection strings. They hold passwords, so no message quotes one, not even in part. The
//! driver's own messages quote parts, so they are not repeated.

mod options;
mod place;
mod tls;

use crate::secret::Secret;
pub(crate) use place::{Place, shuffle};
use std::path::Path;
use std::str::FromStr;
#[cfg(feature = "tls")]
pub(crate) use tls::{ClientCertificate, Roots};
pub(crate) use tls::{SslMode, TlsOptions};
use tokio_postgres::config::{ChannelBinding, SslNegotiation};

/// The form of a connection string, for the message about a malformed one.
const FORM: &str = "expected postgresql://USER:PASSWORD@HOST/DATABASE, in which @ is written %40, \
                    / is %2F and ? is %3F in a password, or \
                    host=HOST user=USER password=PASSWORD dbname=DATABASE";

/// The options that the driver names when their value is wrong.
const OPTIONS: [&str; 12] = [
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
    "sslnegotiation",
    "target_session_attrs",
];

/// How to connect to a PostgreSQL: what the driver knows, and what it does not.
#[derive(Clone, Debug)]
pub(crate) struct Conninfo {
    pub(crate) driver: tokio_postgres::Config,
    pub(crate) tls: TlsOptions,
    /// Whether `sslmode=prefer` may end in plain text on the way to another machine.
    pub(crate) plain_text_to_others: bool,
}

impl Conninfo {
    /// Reads a connection string, a URL or `key=value` words.
    ///
    /// # Errors
    /// What is wrong with it, including faults that the driver would only find when it connects. The
    /// text holds nothing of the string.
    pub(crate) fn parse(name: &str, url: &Secret) -> Result<Self, String> {
        let fault = |cause: &str| format!("{name}: not a connection string: {cause}; {FORM}");
        let text = url.expose();
        if is_cut_in_the_password(text) {
            return Err(fault("there is an @ after the one that ends the password"));
        }
        let split = options::split(text).map_err(|option| format!("{name}: {option}"))?;
        let parsed = tokio_postgres::Config::from_str(&split.rest);
        let driver = parsed.map_err(|e| fault(&cause(text, &e)))?;
        reaches(&driver).map_err(fault)?;
        if split.get("sslmode").is_some_and(|mode| !SslMode::NAMES.contains(&mode)) {
            return Err(fault(
                "its sslmode is none of disable, prefer, require, verify-ca and verify-full",
            ));
        }
        let mut tls = TlsOptions::read(&split).map_err(|cause| format!("{name}: {cause}"))?;
        if tls.mode < SslMode::Require && driver.get_ssl_negotiation() == SslNegotiation::Direct {
            return Err(format!("{name}: sslnegotiation=direct needs sslmode=require or more"));
        }
        tls.mode = match (tls.mode, driver.get_channel_binding()) {
            (SslMode::Disable, ChannelBinding::Require) => {
                return Err(format!(
                    "{name}: channel_binding=require needs TLS, and sslmode=disable forbids it"
                ));
            }
            // There is nothing to bind to without TLS.
            (SslMode::Prefer, ChannelBinding::Require) => SslMode::Require,
            (mode, _) => mode,
        };
        Ok(Self { driver, tls, plain_text_to_others: true })
    }

    /// A server on this machine, by its Unix socket.
    pub(crate) fn local(dir: &Path, role: &str, database: &str) -> Self {
        let mut driver = tokio_postgres::Config::new();
        driver.host_path(dir).user(role).dbname(database);
        let tls = TlsOptions { mode: SslMode::Disable, ..TlsOptions::default() };
        Self { driver, tls, plain_text_to_others: false }
    }

    /// What is to be said about the way to a server on another machine, if anything.
    pub(crate) fn caution(&self) -> Option<&'static str> {
        match self.tls.mode {
            _ if !self.leaves_this_machine() => None,
            SslMode::Disable => Some(
                "nothing on the way to the database is encrypted, passwords' hashes included; \
                 sslmode=verify-full with sslrootcert encrypts it and checks the server",
            ),
            SslMode::Prefer => Some(
                "with sslmode=prefer, which is the default, nobody checks that the server is the \
                 right one, and it decides whether the connection is encrypted; write \
                 sslmode=verify-full with sslrootcert, or at least sslmode=require",
            ),
            _ => None,
        }
    }

    /// The servers that it names, in the order in which they are to be tried.
    pub(crate) fn places(&self) -> Vec<Place> {
        Place::all(&self.driver)
    }

    /// Whether a server that it names is on another machine, as far as the string tells.
    fn leaves_this_machine(&self) -> bool {
        self.places().iter().any(Place::is_remote)
    }
}

/// Checks that there is something to connect to.
fn reaches(connect: &tokio_postgres::Config) -> Result<(), &'static str> {
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
fn cause(text: &str, error: &tokio_postgres::Error) -> String {
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
        Some(name) => format!("its {name} is invalid"),
        None if said.starts_with("unknown option") => "it has an unknown option".to_owned(),
        None => "it cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Conninfo, String> {
        Conninfo::parse("x", &Secret::from(text))
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
        let connect = parse("postgresql://u:p%40ss%2Fw%3Frd@h/g").unwrap().driver;
        assert_eq!(connect.get_password(), Some(&b"p@ss/w?rd"[..]));
        assert_eq!(connect.get_dbname(), Some("g"));
    }

    #[test]
    #[cfg(feature = "tls")]
    fn what_is_said_about_tls_means_what_it_means_to_libpq() {
        for (text, mode) in [
            ("host=h", SslMode::Prefer),
            ("host=h sslmode=disable", SslMode::Disable),
            ("postgres://u:p@h/d?sslmode=require&channel_binding=require", SslMode::Require),
            ("postgres://u:p@h/d?channel_binding=require", SslMode::Require),
            ("host=h sslmode=require sslrootcert=/ca.pem", SslMode::VerifyCa),
            ("host=h sslmode=verify-ca sslrootcert=/ca.pem", SslMode::VerifyCa),
            ("host=h sslrootcert=system", SslMode::VerifyFull),
            ("host=h sslmode=verify-full sslrootcert=system", SslMode::VerifyFull),
            ("host=h sslmode=require sslnegotiation=direct", SslMode::Require),
        ] {
            assert_eq!(parse(text).unwrap().tls.mode, mode, "{text}");
        }
        for (text, said) in [
            ("host=h sslmode=allow", "write prefer"),
            ("host=h sslmode=full", "none of disable, prefer, require, verify-ca and verify-full"),
            ("host=h sslmode=verify-full", "needs sslrootcert"),
            ("host=h sslmode=verify-ca sslrootcert=system", "needs sslmode=verify-full"),
            ("host=h sslmode=require sslrootcert=system", "needs sslmode=verify-full"),
            ("host=h sslmode=verify-ca sslrootcert=ca.pem", "absolute paths"),
            ("host=h sslcert=/c", "sslcert without sslkey"),
            ("host=h sslkey=/c", "sslkey without sslcert"),
            ("host=h sslmode=disable channel_binding=require", "sslmode=disable forbids it"),
            ("host=h sslnegotiation=direct", "needs sslmode=require"),
            ("postgres://u:secret@h/d?ssl=true", "x: ssl: write sslmode=require"),
        ] {
            let fault = parse(text).unwrap_err();
            assert!(fault.contains(said) && !fault.contains("secret"), "{text}: {fault}");
        }
    }

    #[test]
    #[cfg(feature = "tls")]
    fn what_providers_show_works_as_it_is_or_is_refused_by_name() {
        for text in [
            "postgresql://alex:AbC123@ep-cool-1-pooler.us-east-2.aws.example/neondb?sslmode=require&channel_binding=require",
            "postgres://u:p@ep-cool-1.aws.example/d?sslmode=require&options=endpoint%3Dep-cool-1",
            "postgresql://postgres.abc:[PASSWORD]@aws-0.pooler.example:6543/postgres",
            "postgres://u:p@ec2-1-2-3-4.compute-1.example:5432/d1",
            "host=/cloudsql/project:region:instance user=u password=p dbname=d",
            "postgresql://doadmin:p@db-1.ondigital.example:25060/defaultdb?sslmode=require",
            "host=db.example port=5432 dbname=d user=u password=p sslmode=verify-full sslrootcert=/etc/ca.pem",
        ] {
            assert!(parse(text).is_ok(), "{text}");
        }
        for (text, named) in [
            ("postgres://u:p@h/d?pgbouncer=true&connection_limit=1", "x: pgbouncer: leave it out"),
            ("postgres://u:p@h/d?sslmode=require&supa=base-pooler.x", "x: supa: leave it out"),
            ("postgres://u:p@h/d?ssl=true", "x: ssl: write sslmode=require"),
            ("postgres://u:p@h/d?schema=public", "x: schema: leave it out"),
        ] {
            let fault = parse(text).unwrap_err();
            assert!(fault.starts_with(named), "{fault}");
        }
    }

    #[test]
    fn a_way_that_nobody_checks_is_warned_of_unless_it_stays_on_this_machine() {
        for (text, said) in [
            ("host=db.example", Some("nobody checks that the server is the right one")),
            ("host=db.example sslmode=prefer", Some("nobody checks")),
            (
                "host=db.example sslmode=disable",
                Some("nothing on the way to the database is encrypted"),
            ),
            ("host=localhost sslmode=disable", None),
            ("host=/run/postgresql", None),
        ] {
            match (parse(text).unwrap().caution(), said) {
                (Some(caution), Some(said)) => assert!(caution.contains(said), "{text}: {caution}"),
                (caution, said) => assert_eq!((caution, said), (None, None), "{text}"),
            }
        }
    }

    #[test]
    fn what_is_on_another_machine_is_told_from_what_is_not() {
        for (text, remote) in [
            ("host=/run/postgresql", false),
            ("host=localhost,127.0.0.1,::1", false),
            ("host=db.example hostaddr=127.0.0.1", false),
            ("host=localhost,db.example", true),
            ("hostaddr=192.0.2.1", true),
            ("host=/run/postgresql hostaddr=192.0.2.1", true),
            ("postgres://u:p@[2001:db8::1]/d", true),
        ] {
            assert_eq!(parse(text).unwrap().leaves_this_machine(), remote, "{text}");
        }
    }

    #[test]
    fn what_the_driver_says_is_known_to_us() {
        // Should the driver's words change, the fault is still reported, but without the option.
        for (text, said) in [
            ("host=h port=x", "its port is invalid"),
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
