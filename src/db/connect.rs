//! From a connection string to a connection, with a limit on every wait.
//!
//! The hosts that a string names are tried in turn here and not in the driver, whose time limit ends
//! when the network connection is there: a server that accepts one and then says nothing would be
//! waited for without end, and the next host never tried.

use super::client::Client;
use super::names::DATABASE;
use super::{fault, tls};
use crate::config::conninfo::{Conninfo, Place, SslMode, shuffle};
use crate::config::{self, Config, Profile};
use crate::error::{Error, Result};
use crate::secret::Secret;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::time::timeout;
use tokio_postgres::config::{self as driver, Host};
use tokio_postgres::{Connection, Socket};

/// How long a statement of the service may take. The server ends it after 5 s (`statement_timeout` in
/// `sql/bootstrap.sql`), so only one that is not there any more takes longer.
const ANSWER: Duration = Duration::from_millis(5_500);

/// Why a connection could not be opened.
#[derive(Debug)]
pub(crate) enum Fault {
    /// As the driver says.
    Driver(tokio_postgres::Error),
    /// A name that cannot be resolved, a server that does not answer, files that cannot be read.
    Other(String),
}

impl Fault {
    /// Whether the server wants a password and none was given.
    pub(crate) fn asks_for_password(&self) -> bool {
        matches!(self, Self::Driver(error) if fault::asks_for_password(error))
    }

    /// What to do about a fault that waiting cannot heal.
    fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Driver(error) => fault::advice(error),
            Self::Other(_) => None,
        }
    }
}

impl std::error::Error for Fault {}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Driver(error) => f.write_str(&fault::describe(error)),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Driver(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Driver(error) => error.into(),
            Fault::Other(text) => Self::Unavailable(text),
        }
    }
}

/// Reads a connection string, a URL or `key=value` words, and fills in its gaps.
///
/// # Errors
/// [`Error::Configuration`]; the text holds nothing of the string.
pub(crate) fn parse_url(name: &str, url: &Secret, config: &Config) -> Result<Conninfo> {
    let parsed = Conninfo::parse(name, url);
    let mut conninfo = parsed.map_err(|fault| Error::Configuration(vec![fault]))?;
    complete(&mut conninfo, &config.database);
    conninfo.plain_text_to_others = config.profile != Profile::Production;
    tls::connector(&conninfo.tls)
        .map_err(|cause| Error::Configuration(vec![format!("{name}: {cause}")]))?;
    Ok(conninfo)
}

/// Opens one connection, to see whether that can be done at all.
///
/// # Errors
/// [`Error::Startup`] for faults that waiting cannot heal, such as a wrong password or a missing
/// database, naming the setting and what to do; [`Error::Unavailable`] for the rest.
pub(crate) fn try_connect(name: &str, conninfo: &Conninfo) -> Result<Client> {
    service(conninfo).map_err(|cause| match cause.advice() {
        Some(advice) => Error::startup(format!("{name}: cannot connect: {cause}; {advice}")),
        None => Error::Unavailable(cause.to_string()),
    })
}

/// Opens a connection whose statements have a deadline, for what serves requests.
///
/// # Errors
/// [`Fault`], of the last host that was tried.
pub(crate) fn service(conninfo: &Conninfo) -> Result<Client, Fault> {
    open(conninfo, Some(ANSWER))
}

/// Opens a connection whose statements take as long as they need, for what an operator runs and
/// watches: migrations, imports, the pruning of the audit log.
///
/// # Errors
/// As [`service`].
pub(crate) fn patient(conninfo: &Conninfo) -> Result<Client, Fault> {
    open(conninfo, None)
}

fn open(conninfo: &Conninfo, limit: Option<Duration>) -> Result<Client, Fault> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Fault::Other(error.to_string()))?;
    match runtime.block_on(first_that_answers(conninfo)) {
        Ok((driver, half)) => Ok(Client::new(runtime, driver, half, limit)),
        Err(fault) => {
            // The resolver of names may still be at work, and has no deadline.
            runtime.shutdown_background();
            Err(fault)
        }
    }
}

type Opened = (tokio_postgres::Client, Connection<Socket, tls::Stream>);

async fn first_that_answers(conninfo: &Conninfo) -> Result<Opened, Fault> {
    let mut last = Fault::Other("the connection string names no host".to_owned());
    for place in conninfo.places() {
        let places = match resolve(place, conninfo).await {
            Ok(places) => places,
            Err(fault) => {
                last = fault;
                continue;
            }
        };
        for place in places {
            match once(conninfo, &place).await {
                Ok(opened) => return Ok(opened),
                Err(fault) => last = fault,
            }
        }
    }
    Err(last)
}

/// A place for each address of its name.
async fn resolve(place: Place, conninfo: &Conninfo) -> Result<Vec<Place>, Fault> {
    let (Host::Tcp(name), None) = (&place.host, place.address) else { return Ok(vec![place]) };
    let found =
        timeout(limit(conninfo), tokio::net::lookup_host((name.as_str(), place.port))).await;
    let failed = |cause: &str| Fault::Other(format!("the name of the database's host: {cause}"));
    let found = found.map_err(|_| failed("no answer from the resolver"))?;
    let found = found.map_err(|error| failed(&error.to_string()))?;
    let at = |address: SocketAddr| Place { address: Some(address.ip()), ..place.clone() };
    let mut places: Vec<Place> = found.map(at).collect();
    places.dedup();
    shuffle(&conninfo.driver, &mut places);
    Ok(places)
}

/// Tries one address, from the network connection to the end of the authentication.
async fn once(conninfo: &Conninfo, place: &Place) -> Result<Opened, Fault> {
    let connector = tls::connector(&conninfo.tls).map_err(Fault::Other)?;
    let one = single(conninfo, place);
    match timeout(limit(conninfo), one.connect(connector)).await {
        Ok(outcome) => outcome.map_err(Fault::Driver),
        Err(_) => Err(Fault::Other(format!(
            "the server does not answer within {} s",
            limit(conninfo).as_secs_f64()
        ))),
    }
}

/// The time that each address has.
fn limit(conninfo: &Conninfo) -> Duration {
    conninfo.driver.get_connect_timeout().copied().unwrap_or(Duration::from_secs(2))
}

/// The driver's configuration for one address.
fn single(conninfo: &Conninfo, place: &Place) -> tokio_postgres::Config {
    let all = &conninfo.driver;
    let mut one = tokio_postgres::Config::new();
    match &place.host {
        Host::Tcp(name) => one.host(name),
        Host::Unix(dir) => one.host_path(dir),
    };
    place.address.map(|address| one.hostaddr(address));
    one.port(place.port);
    all.get_user().map(|user| one.user(user));
    all.get_password().map(|password| one.password(password));
    all.get_dbname().map(|name| one.dbname(name));
    all.get_options().map(|options| one.options(options));
    all.get_application_name().map(|name| one.application_name(name));
    all.get_tcp_user_timeout().map(|time| one.tcp_user_timeout(*time));
    one.keepalives(all.get_keepalives()).keepalives_idle(all.get_keepalives_idle());
    all.get_keepalives_interval().map(|time| one.keepalives_interval(time));
    all.get_keepalives_retries().map(|count| one.keepalives_retries(count));
    one.target_session_attrs(all.get_target_session_attrs());
    one.channel_binding(all.get_channel_binding());
    let mode = match conninfo.tls.mode {
        SslMode::Disable => driver::SslMode::Disable,
        // PostgreSQL speaks no TLS on a Unix socket, and libpq ignores the mode there.
        _ if place.is_socket() => driver::SslMode::Disable,
        SslMode::Prefer if conninfo.plain_text_to_others || !place.is_remote() => {
            driver::SslMode::Prefer
        }
        _ => driver::SslMode::Require,
    };
    one.ssl_mode(mode);
    if mode == driver::SslMode::Require {
        one.ssl_negotiation(all.get_ssl_negotiation());
    }
    one
}

/// Sets the database's name and the time limits, where the connection string leaves them open.
pub(crate) fn complete(conninfo: &mut Conninfo, settings: &config::Database) {
    let connect = &mut conninfo.driver;
    if connect.get_dbname().is_none() {
        connect.dbname(DATABASE);
    }
    if connect.get_connect_timeout().is_none() {
        connect.connect_timeout(settings.tuning.connect_timeout);
    }
    if connect.get_tcp_user_timeout().is_none() {
        connect.tcp_user_timeout(settings.tuning.tcp_user_timeout);
    }
    if connect.get_application_name().is_none() {
        connect.application_name("gatepost");
    }
    // Probes on the idle line notice a server that has vanished before a request does.
    connect.keepalives_idle(Duration::from_secs(5)).keepalives_interval(Duration::from_secs(2));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Profile};

    fn read(text: &str, profile: Profile) -> Conninfo {
        parse_url("x", &Secret::from(text), &Config::new(profile)).unwrap()
    }

    #[test]
    fn the_time_limits_of_a_connection_string_hold() {
        let limits = |text: &str| {
            let connect = read(text, Profile::Testing).driver;
            (connect.get_connect_timeout().copied(), connect.get_tcp_user_timeout().copied())
        };
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(limits("host=h"), (seconds(2), seconds(3)));
        let own = "host=h connect_timeout=7 tcp_user_timeout=9";
        assert_eq!(limits(own), (seconds(7), seconds(9)));
    }

    #[test]
    fn hosts_are_tried_in_order_with_their_own_addresses_and_ports() {
        let conninfo = read(
            "host=a,/run,c hostaddr=192.0.2.1,192.0.2.2,192.0.2.3 port=1,2,3",
            Profile::Testing,
        );
        let places = conninfo.places();
        let ports: Vec<u16> = places.iter().map(|place| place.port).collect();
        assert_eq!((places.len(), ports), (3, vec![1, 2, 3]));
        let one = single(&conninfo, &places[2]);
        assert_eq!(one.get_hosts(), [Host::Tcp("c".to_owned())]);
        assert_eq!(one.get_hostaddrs(), ["192.0.2.3".parse::<std::net::IpAddr>().unwrap()]);
        assert_eq!(one.get_ports(), [3]);
    }

    #[test]
    #[cfg(feature = "tls")]
    fn production_speaks_in_plain_text_to_another_machine_only_when_told_so() {
        use tokio_postgres::config::SslMode::{Disable, Prefer, Require};
        for (text, development, production) in [
            ("host=db.example", Prefer, Require),
            ("host=db.example sslmode=prefer", Prefer, Require),
            ("host=localhost hostaddr=192.0.2.1", Prefer, Require),
            ("host=db.example sslmode=disable", Disable, Disable),
            ("host=localhost", Prefer, Prefer),
            ("host=/run/postgresql", Disable, Disable),
            // An address is where it goes, so this is no socket.
            ("host=/run/postgresql hostaddr=192.0.2.1", Prefer, Require),
            ("host=/run/postgresql hostaddr=192.0.2.1 sslmode=require", Require, Require),
            ("host=db.example sslmode=require", Require, Require),
        ] {
            let mode = |profile| {
                let conninfo = read(text, profile);
                single(&conninfo, &conninfo.places()[0]).get_ssl_mode()
            };
            let modes = (mode(Profile::Development), mode(Profile::Production));
            assert_eq!(modes, (development, production), "{text}");
        }
    }
}
