//! Taking the private PostgreSQL to another major version.

use crate::config::Config;
use crate::db::managed::{Held, Successor, Tools};
use crate::db::migrate;
use crate::error::Result;
use std::path::PathBuf;

/// What an upgrade did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Upgraded {
    /// The major version that made the cluster before.
    pub from: u32,
    /// The one that made it now.
    pub to: u32,
    /// Where the former cluster is kept. Without one the version was the newest already.
    pub former: Option<PathBuf>,
}

/// Moves the content of the private PostgreSQL into a cluster of the newest major version that is
/// installed, which then takes the place of the former one. That one is kept as it was. Whatever fails,
/// the former one stays in use.
///
/// Both versions must be installed, and nothing else may use the directory meanwhile. Changed settings
/// of PostgreSQL are not taken over, since another version may not know them.
///
/// # Errors
/// [`Error::Configuration`](crate::Error::Configuration) with `database.url`;
/// [`Error::Startup`](crate::Error::Startup) when another process uses the directory, there is no
/// cluster, one of the versions is not installed, or one of PostgreSQL's programs fails.
pub fn upgrade(config: &Config) -> Result<Upgraded> {
    let dir = config.private_dir("database upgrade")?;
    let (tools, newest) = (Tools::of(&dir)?, Tools::newest()?);
    let (from, to) = (tools.major, newest.major);
    if to <= from {
        return Ok(Upgraded { from, to: from, former: None });
    }
    let held = Held::take(&dir)?;
    held.prepare_exchange()?;
    let before = held.start_aside(&tools)?;
    let successor = Successor::make(&dir, newest, config.database.pool_size)?;
    before.move_to(&successor)?;
    migrate::apply(&successor.owner())?;
    Ok(Upgraded { from, to, former: successor.succeed(&held)? })
}
