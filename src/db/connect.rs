//! From a connection string to a connection, with a limit on every wait that the string leaves open.

use super::{DATABASE, fault};
use crate::config;
use crate::error::{Error, Result};
use crate::secret::Secret;
use postgres::{Client, NoTls};
use std::time::Duration;

/// Reads a connection string, a URL or `key=value` words, and fills in its gaps.
///
/// # Errors
/// [`Error::Configuration`]; the text holds nothing of the string.
pub(crate) fn parse_url(
    name: &str,
    url: &Secret,
    settings: &config::Database,
) -> Result<postgres::Config> {
    let parsed = config::conninfo::parse(name, url);
    let mut connect = parsed.map_err(|fault| Error::Configuration(vec![fault]))?;
    complete(&mut connect, settings);
    Ok(connect)
}

/// Opens one connection, to see whether that can be done at all.
///
/// # Errors
/// [`Error::Startup`] for faults that waiting cannot heal, such as a wrong password or a missing
/// database, naming the setting and what to do; [`Error::Unavailable`] for the rest.
pub(crate) fn try_connect(name: &str, connect: &postgres::Config) -> Result<Client> {
    connect.connect(NoTls).map_err(|error| {
        let cause = fault::describe(&error);
        match fault::advice(&error) {
            Some(advice) => Error::startup(format!("{name}: cannot connect: {cause}; {advice}")),
            None => Error::Unavailable(cause),
        }
    })
}

/// Sets the database's name and the time limits, where the connection string leaves them open.
pub(crate) fn complete(connect: &mut postgres::Config, settings: &config::Database) {
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
    // A server that vanishes while it computes leaves nothing unacknowledged, so only probes on the
    // idle line notice it. The system's default of two hours would hold the worker for as long.
    connect.keepalives_idle(Duration::from_secs(5)).keepalives_interval(Duration::from_secs(2));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Profile};

    #[test]
    fn the_time_limits_of_a_connection_string_hold() {
        let settings = Config::new(Profile::Testing).database;
        let limits = |text: &str| {
            let mut connect: postgres::Config = text.parse().unwrap();
            complete(&mut connect, &settings);
            (connect.get_connect_timeout().copied(), connect.get_tcp_user_timeout().copied())
        };
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(limits("host=h"), (seconds(2), seconds(3)));
        let own = "host=h connect_timeout=7 tcp_user_timeout=9";
        assert_eq!(limits(own), (seconds(7), seconds(9)));
    }
}
