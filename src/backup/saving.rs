//! Backing up the private PostgreSQL, while it is used.

use super::archive::Writer;
use super::new_file::NewFile;
use crate::app::App;
use crate::audit::{self, Head};
use crate::config::Config;
use crate::db::managed::{Managed, Tools};
use crate::error::{Error, Result};
use std::io::Write;
use std::path::Path;

/// What a backup is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Saved {
    /// The length of the dump in it, in bytes.
    pub bytes: u64,
    /// A head of the audit log that the backup has, to be kept elsewhere. `None` when the log is empty,
    /// or could not be read, which is logged.
    pub head: Option<Head>,
}

/// Writes a backup of the private PostgreSQL into a new file, which only we can read. It has its name
/// when it is complete. `progress` is told how many bytes are written so far.
///
/// The backup is of one moment, and nothing waits for it but a migration. It holds the hashes of the
/// passwords, and neither `encryption.key` nor `passwords.pepper`.
///
/// # Errors
/// [`Error::File`] when the file is there already or cannot be written; otherwise as [`save_to`].
pub fn save(config: &Config, file: &Path, mut progress: impl FnMut(u64)) -> Result<Saved> {
    let mut new = NewFile::create(file)?;
    match write(config, new.file(), &file.display().to_string(), &mut progress) {
        Ok(saved) => new.keep().map(|()| saved),
        Err(error) => {
            new.discard();
            Err(error)
        }
    }
}

/// As [`save`], into anything that can be written to. It is complete when this returns without an error.
///
/// # Errors
/// [`Error::Configuration`] with `database.url`, whose server has its own ways; [`Error::Startup`] when
/// there is no private PostgreSQL, or it does not start, or `pg_dump` fails; [`Error::File`] when `out`
/// takes no more.
pub fn save_to(
    config: &Config,
    out: &mut impl Write,
    mut progress: impl FnMut(u64),
) -> Result<Saved> {
    write(config, out, "the output", &mut progress)
}

fn write(
    config: &Config,
    out: &mut dyn Write,
    name: &str,
    progress: &mut dyn FnMut(u64),
) -> Result<Saved> {
    let dir = config.private_dir("database backup")?;
    // Before a start, which would make an empty cluster.
    let tools = Tools::of(&dir)?;
    // A log that cannot be read, as without the right key, is no reason to go without a backup. The head
    // comes first: what is sealed later may not be in the dump.
    let opened = App::open(config.clone());
    let head = opened.as_ref().map_err(Clone::clone).and_then(audit::head);
    let head = head.unwrap_or_else(|error| {
        log::warn!("the backup is made without a head of the audit log: {error}");
        None
    });
    let managed = Managed::start_or_attach(&dir, config.database.pool_size)?;
    let (program, mut dump) = managed.dump(&tools)?;
    let mut writer = Writer::new(out);
    let copied = writer.copy(&mut dump, progress);
    drop(dump);
    let dumped = program.finish();
    let fault = |e: std::io::Error| Error::File(format!("{name}: {e}"));
    copied.map_err(fault)?;
    dumped?;
    let bytes = writer.finish(tools.major).map_err(fault)?;
    Ok(Saved { bytes, head })
}
