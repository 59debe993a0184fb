//! The data directory, held by one process at a time.

use super::{cluster, directory, making};
use crate::child::OsUser;
use crate::error::{Error, Result};
use crate::plain_file;
use std::fs::{File, Permissions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a process waits for a command that has the directory. After that it takes the holder for
/// a service.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(3);

/// The data directory, checked, and locked for as long as this lives. The kernel releases it when we
/// die.
#[derive(Debug)]
pub(crate) struct Held {
    pub(super) dir: PathBuf,
    pub(super) user: Option<OsUser>,
    _lock: File,
}

impl Held {
    /// Takes the directory, which is made if it is not there.
    ///
    /// # Errors
    /// [`Error::Startup`]: another process has it, or it cannot be used. The text says what to do.
    pub(crate) fn take(dir: &Path) -> Result<Self> {
        let deadline = Instant::now() + COMMAND_TIMEOUT;
        loop {
            let holder = match Self::try_take(dir)? {
                Ok(held) => return Ok(held),
                Err(holder) => holder,
            };
            if Instant::now() > deadline {
                return Err(Error::startup(format!(
                    "the private PostgreSQL in {} is in use by {holder}; stop that, or give this \
                     one another database.data_dir",
                    dir.display()
                )));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Takes the directory, or names the process that has it.
    pub(super) fn try_take(dir: &Path) -> Result<std::result::Result<Self, String>> {
        let user = cluster::os_user()?;
        directory::prepare(dir, user)?;
        let lock = match lock(dir)? {
            Ok(lock) => lock,
            Err(holder) => return Ok(Err(holder)),
        };
        directory::prepare_inside(dir, user)?;
        Ok(Ok(Self { dir: dir.to_owned(), user, _lock: lock }))
    }

    pub(super) fn cluster(&self) -> PathBuf {
        self.dir.join("cluster")
    }

    pub(super) fn run(&self) -> PathBuf {
        self.dir.join("run")
    }

    /// Clears away what an earlier process of ours left behind: clusters that were never finished, a
    /// server that still runs, locks.
    ///
    /// # Errors
    /// [`Error::Startup`].
    pub(super) fn clear_remains(&self, binaries: &Path) -> Result<()> {
        making::clear_halves(&self.dir)?;
        cluster::stop_orphan(&self.cluster(), binaries, self.user)?;
        cluster::clear_socket_lock(&self.run())
    }
}

/// Whether a process has the directory locked. Changes nothing.
pub(super) fn is_held(dir: &Path) -> bool {
    let lock = plain_file::open(&dir.join("lock"), File::options().read(true), None);
    lock.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Locks the directory, or names the process that has it.
///
/// Anyone who can open the file can lock it, so it is closed to others. A file that others could
/// open, as an earlier version made it, is closed now. A process that has it open keeps it, so the
/// log says so.
fn lock(dir: &Path) -> Result<std::result::Result<File, String>> {
    let path = dir.join("lock");
    let fault = |e: std::io::Error| Error::startup(format!("{}: {e}", path.display()));
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = plain_file::open(&path, &mut options, None).map_err(|e| {
        match path.symlink_metadata() {
            // The directory is ours, so only root can have put it there.
            Ok(meta) if e.kind() == ErrorKind::PermissionDenied => Error::startup(format!(
                "{0}: belongs to the OS user with the id {1}; remove it (rm {0}), it holds nothing",
                path.display(),
                meta.uid()
            )),
            _ => fault(e),
        }
    })?;
    let mode = file.metadata().map_err(fault)?.mode() & 0o777;
    if mode != 0o600 {
        file.set_permissions(Permissions::from_mode(0o600)).map_err(fault)?;
    }
    if mode & 0o077 != 0 {
        log::warn!(
            "{0} had the mode {mode:o} and has 600 now; whoever opened it before can still hold \
             it, and `fuser -v {0}` names them",
            path.display()
        );
    }
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).map_err(fault)?;
            write!(file, "process {}", std::process::id()).map_err(fault)?;
            Ok(Ok(file))
        }
        Err(TryLockError::WouldBlock) => {
            // The process that has just locked it is about to write its number.
            std::thread::sleep(Duration::from_millis(20));
            let mut holder = String::new();
            file.read_to_string(&mut holder).map_err(fault)?;
            Ok(Err(if holder.is_empty() { "another process".to_owned() } else { holder }))
        }
        Err(TryLockError::Error(e)) => Err(fault(e)),
    }
}
