//! Looking an installation over: what is wrong, why that matters, and what to type.
//!
//! Nothing is changed, except that a private PostgreSQL that does not run is started for the time
//! of the examination, with the newest schema, as by every command.

#[cfg(feature = "tls")]
mod certificate;
mod database;
mod files;
mod grants;
mod keys;
mod machine;
mod messages;
mod proxy;
#[cfg(feature = "pages")]
mod through;
mod verdict;

use crate::config::{Loaded, SAFE_ITERATIONS};
use crate::db;
use crate::db::Client;
use crate::db::managed::Managed;
use crate::error::{Error, Result};
use crate::health::{self, Question};
use crate::service::Service;
#[cfg(feature = "pages")]
pub use through::{Through, through_proxy};
use verdict::examination;
pub use verdict::{Examination, Fault, Verdict};

/// Runs every check. A configuration that could not be read is a finding too: pass on what
/// [`Loaded::read`] returned.
#[must_use]
pub fn examine(loaded: &Result<Loaded>) -> Vec<Examination> {
    let (loaded, configuration) = match loaded {
        Ok(loaded) => (Some(loaded), configuration(loaded)),
        Err(error) => (None, unreadable(error)),
    };
    let mut done = vec![examination("configuration", configuration)];
    let iterations = loaded.map_or(SAFE_ITERATIONS, |loaded| loaded.config.passwords.iterations);
    done.push(examination("sha-instructions", machine::sha_instructions(iterations)));
    if let Some(loaded) = loaded {
        done.push(examination("limits", machine::limits(&loaded.config)));
        done.push(examination("file-modes", files::modes(loaded)));
        done.extend(certificates(loaded));
        done.push(examination("service", service(loaded)));
        done.extend(databases(loaded));
    }
    done
}

const REFUSED: &str = "`gatepost serve` refuses to start with it";

fn unreadable(error: &Error) -> Verdict {
    Verdict::fault(error.to_string(), REFUSED, "mend the settings; docs/settings.md lists them all")
}

fn configuration(loaded: &Loaded) -> Verdict {
    match Service::check(&loaded.config) {
        Ok(()) => {
            Verdict::ok(format!("every setting of the profile {}", loaded.config.profile.name()))
        }
        Err(error) => Verdict::fault(error.to_string(), REFUSED, "mend what is named"),
    }
}

#[cfg(feature = "tls")]
fn certificates(loaded: &Loaded) -> Vec<Examination> {
    certificate::examine(&loaded.config)
}

#[cfg(not(feature = "tls"))]
fn certificates(_: &Loaded) -> Vec<Examination> {
    vec![examination("certificate", Verdict::skipped("this binary was built without TLS"))]
}

fn service(loaded: &Loaded) -> Verdict {
    let (config, tls) = (&loaded.config, loaded.config.server.tls_certificate.is_some());
    let address = match health::address(config) {
        Ok(address) => address,
        Err(error) => return Verdict::skipped(error.to_string()),
    };
    match health::status(&address, tls, Question::Ready) {
        Ok(200) => Verdict::ok(format!("ready at {address}")),
        Ok(status) => Verdict::fault(
            format!("the service at {address} answers /readyz with {status}"),
            "a proxy or balancer sends it no requests, and logins fail",
            "look into its log: `journalctl -u gatepost`",
        ),
        Err(error) => Verdict::skipped(format!("none answers at {address} ({error})")),
    }
}

/// The checks that need the database, of which there is one more where it cannot be reached.
fn databases(loaded: &Loaded) -> Vec<Examination> {
    let config = &loaded.config;
    let disk = examination("disk", machine::disk(config));
    let no_cluster = match (&config.database.url, config.data_dir()) {
        (None, Ok(dir)) if !dir.join("cluster").exists() => Some(dir),
        _ => None,
    };
    if let Some(dir) = no_cluster {
        let text = format!("none yet; `gatepost serve` makes a private one in {}", dir.display());
        return vec![examination("database", Verdict::skipped(text)), disk];
    }
    // The server is there for as long as what holds it is.
    let (_managed, mut client) = match connect(loaded) {
        Ok(connected) => connected,
        Err(error) => {
            let verdict = Verdict::fault(
                error.to_string(),
                "nobody can log in while the database cannot be reached",
                "start PostgreSQL, or mend database.url; `gatepost check-config --connect` tries it",
            );
            return vec![examination("database", verdict), disk];
        }
    };
    let mut done = database::examine(&mut client, config);
    let messages = messages::examine(&mut client, config);
    done.push(examination(
        "messages",
        messages.unwrap_or_else(|e| Verdict::skipped(e.to_string())),
    ));
    done.push(disk);
    done.push(examination("keys", keys::examine(config)));
    done.push(examination("proxy", proxy::examine(&mut client, config)));
    done
}

/// A connection as the service's role, and the private server that it may need.
fn connect(loaded: &Loaded) -> Result<(Option<Managed>, Client)> {
    let config = &loaded.config;
    match &config.database.url {
        Some(url) => {
            let connect = db::connect::parse_url("database.url", url, config)?;
            Ok((None, db::connect::try_connect("database.url", &connect)?))
        }
        None => {
            let managed = Managed::start_or_attach(&config.data_dir()?, config.database.pool_size)?;
            let mut connect = managed.app();
            db::connect::complete(&mut connect, &config.database);
            let client = db::connect::service(&connect)?;
            Ok((Some(managed), client))
        }
    }
}
