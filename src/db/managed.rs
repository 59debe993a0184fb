//! The private PostgreSQL: made, started, watched and stopped by Gatepost itself.
//!
//! It runs from the machine's own server binaries, in a directory of ours, on a Unix socket in a
//! directory that only its owner can enter; it has no TCP port. That directory is its only
//! protection, so its roles need no passwords. But they are the same as anywhere else, and the
//! service runs as `gatepost_app`.
//!
//! In the data directory: `lock`, held by the process that runs the server; `cluster`, PostgreSQL's
//! own data directory; `run`, with the socket. As root, the latter two belong to the OS user
//! postgres.

mod binaries;
mod cluster;
mod directory;
mod orphans;
mod server;

use super::connect;
use super::names::{APP_ROLE, DATABASE, OWNER_ROLE};
use crate::config::conninfo::Conninfo;
use crate::error::{Error, Result};
use crate::plain_file;
use std::fs::{File, Permissions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a command waits for the server of a service that is just starting. A crash recovery
/// that takes longer is reported as one.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a service waits for a command that has the server. After that it takes the holder for
/// another service.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(3);

/// A private PostgreSQL that runs: ours, or one that belongs to another process and that we only
/// use.
#[derive(Debug)]
pub(crate) struct Managed {
    run: PathBuf,
    owned: Option<Owned>,
}

#[derive(Debug)]
struct Owned {
    server: server::Server,
    /// Locked for as long as the server runs; the kernel releases it when we die.
    _lock: File,
}

impl Managed {
    /// Checks the directory and its name, as [`start`](Self::start) does first.
    ///
    /// # Errors
    /// [`Error::Startup`].
    pub(crate) fn check(dir: &Path) -> Result<()> {
        let user = cluster::os_user()?;
        directory::check(dir, user)?;
        // What another process is making, or uses, is not to be judged from outside.
        if is_locked(dir) { Ok(()) } else { directory::check_inside(dir, user) }
    }

    /// Starts the server in `dir`, making the directory and the cluster when they are not there,
    /// with roles, database and the newest schema in place.
    ///
    /// # Errors
    /// [`Error::Startup`]: another process has it, there are no server binaries, the directory
    /// cannot be used, or the server does not start. The text says what to do.
    pub(crate) fn start(dir: &Path, connections: usize) -> Result<Self> {
        let deadline = Instant::now() + COMMAND_TIMEOUT;
        loop {
            let holder = match Self::take(dir, connections)? {
                Ok(managed) => return Ok(managed),
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

    /// As [`start`](Self::start), but uses the server of another process if one runs.
    ///
    /// # Errors
    /// As [`start`](Self::start); and when the other process's server does not answer in 30 s.
    pub(crate) fn start_or_attach(dir: &Path, connections: usize) -> Result<Self> {
        let deadline = Instant::now() + ATTACH_TIMEOUT;
        loop {
            let holder = match Self::take(dir, connections)? {
                Ok(managed) => return Ok(managed),
                Err(holder) => holder,
            };
            let attached = Self { run: dir.join("run"), owned: None };
            if connect::service(&attached.app()).is_ok() {
                return Ok(attached);
            }
            if Instant::now() > deadline {
                return Err(Error::startup(format!(
                    "the private PostgreSQL in {} belongs to {holder} and does not answer",
                    dir.display()
                )));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Takes the directory and starts the server, or names the process that has the directory.
    fn take(dir: &Path, connections: usize) -> Result<std::result::Result<Self, String>> {
        let user = cluster::os_user()?;
        directory::prepare(dir, user)?;
        let lock = match lock(dir)? {
            Ok(lock) => lock,
            Err(holder) => return Ok(Err(holder)),
        };
        directory::prepare_inside(dir, user)?;
        let cluster = dir.join("cluster");
        let run = dir.join("run");
        let binaries = binaries::find(&cluster, user)?;
        cluster::create(dir, &binaries, user)?;
        cluster::stop_orphan(&cluster, &binaries, user)?;
        cluster::clear_socket_lock(&run)?;
        let command = server::Command {
            postgres: binaries.join("postgres"),
            cluster,
            run: run.clone(),
            connections,
            user,
        };
        let server = server::Server::start(command)?;
        let managed = Self { run, owned: Some(Owned { server, _lock: lock }) };
        let superuser = Conninfo::local(&managed.run, cluster::SUPERUSER, "postgres");
        for mended in super::bootstrap::run(&superuser)? {
            log::warn!("{mended}");
        }
        super::bootstrap::keep_to_own_database(&superuser)?;
        super::migrate::apply(&managed.owner())?;
        Ok(Ok(managed))
    }

    /// How to connect as the service's role.
    pub(crate) fn app(&self) -> Conninfo {
        Conninfo::local(&self.run, APP_ROLE, DATABASE)
    }

    /// How to connect as the role that owns the schema.
    pub(crate) fn owner(&self) -> Conninfo {
        Conninfo::local(&self.run, OWNER_ROLE, DATABASE)
    }

    /// Notes that the server will be stopped: if it ends earlier, it is not started again.
    pub(crate) fn expect_end(&self) {
        if let Some(owned) = &self.owned {
            owned.server.expect_end();
        }
    }

    /// Stops the server, if it is ours, and waits until it has ended. Dropping does the same.
    pub(crate) fn stop(&mut self) {
        if let Some(owned) = self.owned.take() {
            owned.server.stop();
        }
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether a process has the directory locked. Changes nothing.
fn is_locked(dir: &Path) -> bool {
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
