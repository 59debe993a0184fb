//! Making a cluster: beside its place first, so that an incomplete one is never taken for a complete one.

use super::super::bootstrap;
use super::cluster::{SUPERUSER, version};
use super::directory::make_private;
use crate::child::{OsUser, command};
use crate::config::conninfo::Conninfo;
use crate::error::{Error, Result};
use rustix::fs::OFlags;
use std::fs::{File, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Added to PostgreSQL's own configuration file, once, when the cluster is made.
const SETTINGS: &str = "
# Added by Gatepost when it made this cluster, for a small machine. Change what you like: it is
# written once. Durability is PostgreSQL's default, which is full.
# The next line sets shared_buffers, by the machine's memory; one below it counts instead.
include_if_exists = 'memory.conf'
wal_buffers = 1MB
max_wal_size = 256MB
wal_level = minimal
max_wal_senders = 0
max_parallel_workers = 0
autovacuum_max_workers = 1
jit = off
";

/// What the name of a half begins with; the number of its process follows.
const HALF: &str = "cluster.new.";

/// Makes the cluster of a data directory unless it exists.
///
/// # Errors
/// As [`make_beside`].
pub(super) fn create(dir: &Path, binaries: &Path, user: Option<OsUser>) -> Result<()> {
    let cluster = dir.join("cluster");
    if version(&cluster, user)?.is_some() {
        return Ok(());
    }
    log::info!("making a private PostgreSQL in {}", dir.display());
    let new = make_beside(dir, binaries, user)?;
    std::fs::rename(&new.path, &cluster)
        .map_err(|e| Error::startup(format!("{}: {e}", dir.display())))
}

/// A cluster that is being made, beside the place where it shall be.
#[derive(Debug)]
pub(super) struct Half {
    pub(super) path: PathBuf,
    /// Locked while somebody is at it. The kernel releases it when we die.
    _lock: File,
}

/// Makes an empty cluster beside the one in use.
///
/// # Errors
/// [`Error::Startup`] with the output of `initdb`.
pub(super) fn make_beside(dir: &Path, binaries: &Path, user: Option<OsUser>) -> Result<Half> {
    let fault = |e: std::io::Error| Error::startup(format!("{}: {e}", dir.display()));
    let path = dir.join(format!("{HALF}{}", std::process::id()));
    // Another process had our number before.
    if path.symlink_metadata().is_ok() {
        clear_half(&path).map_or(Ok(()), Err).map_err(fault)?;
    }
    make_private(&path, user).map_err(fault)?;
    let lock = lock_half(&path).map_err(fault)?.ok_or_else(|| {
        Error::startup(format!("{} is in use by another process", path.display()))
    })?;
    let output = command(&binaries.join("initdb"), user, dir)
        .arg("-D")
        .arg(&path)
        .args(["-U", SUPERUSER, "-E", "UTF8", "--locale=C", "--data-checksums"])
        // The socket's directory keeps other users out.
        .args(["-A", "trust"])
        // Not in our process group: Ctrl-C is for us, and we then stop the server in order.
        .process_group(0)
        .output()
        .map_err(fault)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().lines().collect::<Vec<_>>().join("; ");
        return Err(Error::startup(format!("initdb failed in {}: {said}", dir.display())));
    }
    append(&path.join("postgresql.conf"), SETTINGS, user, dir).map_err(fault)?;
    Ok(Half { path, _lock: lock })
}

/// Gives a new cluster the settings of another one of the same major version, which somebody may have
/// changed.
///
/// # Errors
/// [`Error::Startup`].
pub(super) fn copy_settings(from: &Path, to: &Path, user: Option<OsUser>) -> Result<()> {
    let copy = command(Path::new("cp"), user, to)
        .args(["postgresql.conf", "postgresql.auto.conf"].map(|name| from.join(name)))
        .arg(to)
        .output();
    let cause = match copy {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(e) => e.to_string(),
    };
    Err(Error::startup(format!("cannot copy the settings of {}: {cause}", from.display())))
}

/// Locks a half, or finds that somebody has it.
fn lock_half(path: &Path) -> std::io::Result<Option<File>> {
    let flags = OFlags::NOFOLLOW | OFlags::DIRECTORY;
    let dir = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    match dir.try_lock() {
        Ok(()) => Ok(Some(dir)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

/// Removes the remains of processes that were killed while they made a cluster. Their `initdb` or
/// their server may still be writing for a moment.
///
/// # Errors
/// [`Error::Startup`] when the directory cannot be read. What cannot be removed is only told.
pub(super) fn clear_halves(dir: &Path) -> Result<()> {
    let entries = std::fs::read_dir(dir);
    let entries = entries.map_err(|e| Error::startup(format!("{}: {e}", dir.display())))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with(HALF)
            && let Some(fault) = clear_half(&path)
        {
            log::warn!("{}: cannot be removed: {fault}", path.display());
        }
    }
    Ok(())
}

fn clear_half(path: &Path) -> Option<std::io::Error> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let _lock = match lock_half(path) {
        Ok(Some(lock)) => lock,
        Ok(None) => return None,
        Err(e) => return Some(e),
    };
    while let Err(error) = std::fs::remove_dir_all(path) {
        if error.kind() == std::io::ErrorKind::NotFound {
            break;
        }
        if Instant::now() > deadline {
            return Some(error);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    None
}

/// Appends to a file of the server's OS user, as that user.
fn append(file: &Path, text: &str, user: Option<OsUser>, dir: &Path) -> std::io::Result<()> {
    pipe("cat >>\"$1\"", file, text, user, dir)
}

/// Writes a file of the server's OS user, as that user, whole or not at all.
pub(super) fn write(
    file: &Path,
    text: &str,
    user: Option<OsUser>,
    dir: &Path,
) -> std::io::Result<()> {
    pipe("cat >\"$1.new\" && mv \"$1.new\" \"$1\"", file, text, user, dir)
}

fn pipe(
    script: &str,
    file: &Path,
    text: &str,
    user: Option<OsUser>,
    dir: &Path,
) -> std::io::Result<()> {
    let mut child = command(Path::new("/bin/sh"), user, dir)
        .args(["-c", script, "sh"])
        .arg(file)
        .stdin(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text.as_bytes())?;
    }
    let status = child.wait()?;
    let fault = || std::io::Error::other(format!("cannot write {}", file.display()));
    if status.success() { Ok(()) } else { Err(fault()) }
}

/// Makes the roles, the database and the schema in a new server, without anything in it.
///
/// # Errors
/// [`Error::Startup`].
pub(super) fn populate(superuser: &Conninfo) -> Result<()> {
    for mended in bootstrap::run(superuser)? {
        log::warn!("{mended}");
    }
    bootstrap::keep_to_own_database(superuser)
}
