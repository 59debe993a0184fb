//! Restoring a backup into the private PostgreSQL.

use super::archive::Archive;
use crate::api_keys::ApiKey;
use crate::app::App;
use crate::audit::{self, Verification};
use crate::config::Config;
use crate::db::managed::{Held, Successor, Tools};
use crate::db::migrate;
use crate::domain::Timestamp;
use crate::error::Result;
use crate::restore::after_restore;
use crate::transfer;
use std::path::{Path, PathBuf};

/// What a backup holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Content {
    /// When it was made.
    pub made: Timestamp,
    /// How many users it has.
    pub users: u64,
    /// Whether its audit log is as it was written.
    pub audit: Verification,
}

/// What a restore did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Restored {
    /// What the backup held.
    pub content: Content,
    /// Where the former cluster is kept, if there was one.
    pub former: Option<PathBuf>,
    /// The API keys, which an operator should review.
    pub api_keys: Vec<ApiKey>,
}

/// Restores a file that [`save`](super::save) has made into the private
/// PostgreSQL, and makes it safe to use, as [`after_restore`] does. `progress` is told how much of the
/// work on the file is done, and how much there is.
///
/// The file is read to its end first. Then its content goes into a new cluster, beside the one in use:
/// schema, keys and audit log are checked there. At last the new cluster takes the place of the former
/// one, which is kept as it was. Whatever fails, the former one stays in use.
///
/// # Errors
/// [`Error::File`](crate::Error::File) when the file cannot be read, is cut off or was changed;
/// [`Error::Configuration`](crate::Error::Configuration) with `database.url`;
/// [`Error::Startup`](crate::Error::Startup) when another process uses the directory, a former cluster
/// is kept there already, or PostgreSQL fails; the errors of [`App::open`], such as those of a wrong
/// `encryption.key`.
pub fn restore(
    config: &Config,
    file: &Path,
    mut progress: impl FnMut(u64, u64),
) -> Result<Restored> {
    let dir = config.private_dir("database restore")?;
    let archive = open(file, &mut progress)?;
    let held = Held::take(&dir)?;
    held.prepare_exchange()?;
    let successor = filled(config, &dir, &archive, &mut progress)?;
    let app = App::open(on(&successor, config))?;
    let content = look(&app, &archive)?;
    let api_keys = after_restore(&app)?;
    drop(app);
    Ok(Restored { content, former: successor.succeed(&held)?, api_keys })
}

/// Restores a backup as [`restore`] does, looks at it, and throws it away. The private PostgreSQL stays
/// as it is, and may be in use meanwhile.
///
/// # Errors
/// As [`restore`], except those about the directory's use.
pub fn rehearse(
    config: &Config,
    file: &Path,
    mut progress: impl FnMut(u64, u64),
) -> Result<Content> {
    let dir = config.private_dir("database restore")?;
    let archive = open(file, &mut progress)?;
    let successor = filled(config, &dir, &archive, &mut progress)?;
    look(&App::open(on(&successor, config))?, &archive)
}

/// Opens the file and reads it, which is the first half of the work.
fn open(file: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Archive> {
    Archive::open(file, &mut |done, all| progress(done, 2 * all))
}

/// A new cluster with the content of the file, and the newest schema.
fn filled(
    config: &Config,
    dir: &Path,
    archive: &Archive,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Successor> {
    let tools = Tools::for_dump_of(archive.postgres, dir)?;
    let successor = Successor::make(dir, tools, config.database.pool_size)?;
    successor.fill(|out| archive.copy(out, &mut |done, all| progress(all + done, 2 * all)))?;
    migrate::apply(&successor.owner())?;
    Ok(successor)
}

/// The configuration with the new cluster's server as the database.
fn on(successor: &Successor, config: &Config) -> Config {
    let mut config = config.clone();
    let (owner, app) = successor.urls();
    config.database.private = false;
    config.database.data_dir = None;
    config.database.owner_url = Some(owner);
    config.database.url = Some(app);
    config
}

fn look(app: &App, archive: &Archive) -> Result<Content> {
    Ok(Content {
        made: archive.made,
        users: transfer::count(app)?,
        audit: audit::verify(app, None)?,
    })
}
