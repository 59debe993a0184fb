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
mod held;
mod making;
mod memory;
mod orphans;
mod server;
mod successor;
mod tools;

use super::connect;
use super::names::{APP_ROLE, DATABASE, OWNER_ROLE};
use crate::config::conninfo::Conninfo;
use crate::error::{Error, Result};
pub(crate) use held::Held;
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::time::{Duration, Instant};
pub(crate) use successor::Successor;
pub(crate) use tools::Tools;

/// How long a command waits for the server of a service that is just starting. A crash recovery
/// that takes longer is reported as one.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(30);

/// The number in the name of the server's socket.
const PORT: u16 = 5432;

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
    /// For as long as the server runs.
    _held: Held,
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
        if held::is_held(dir) { Ok(()) } else { directory::check_inside(dir, user) }
    }

    /// Starts the server in `dir`, making the directory and the cluster when they are not there,
    /// with roles, database and the newest schema in place.
    ///
    /// # Errors
    /// [`Error::Startup`]: another process has it, there are no server binaries, the directory
    /// cannot be used, or the server does not start. The text says what to do.
    pub(crate) fn start(dir: &Path, connections: usize) -> Result<Self> {
        Self::start_held(Held::take(dir)?, connections)
    }

    /// As [`start`](Self::start), but uses the server of another process if one runs.
    ///
    /// # Errors
    /// As [`start`](Self::start); and when the other process's server does not answer in 30 s.
    pub(crate) fn start_or_attach(dir: &Path, connections: usize) -> Result<Self> {
        let deadline = Instant::now() + ATTACH_TIMEOUT;
        loop {
            let holder = match Held::try_take(dir)? {
                Ok(held) => return Self::start_held(held, connections),
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

    fn start_held(held: Held, connections: usize) -> Result<Self> {
        let (cluster, run) = (held.cluster(), held.run());
        let binaries = binaries::find(&cluster, held.user)?;
        held.clear_remains(&binaries)?;
        making::create(&held.dir, &binaries, held.user)?;
        memory::prepare(&cluster, held.user);
        let server = server::Server::start(server::Command {
            postgres: binaries.join("postgres"),
            cluster,
            run: run.clone(),
            port: PORT,
            connections,
            user: held.user,
        })?;
        let managed = Self { run, owned: Some(Owned { server, _held: held }) };
        making::populate(&Conninfo::local(&managed.run, cluster::SUPERUSER, "postgres"))?;
        super::migrate::apply(&managed.owner())?;
        Ok(managed)
    }

    /// How to connect as the service's role.
    pub(crate) fn app(&self) -> Conninfo {
        Conninfo::local(&self.run, APP_ROLE, DATABASE)
    }

    /// How to connect as the role that owns the schema.
    pub(crate) fn owner(&self) -> Conninfo {
        Conninfo::local(&self.run, OWNER_ROLE, DATABASE)
    }

    /// Starts to dump its schema.
    ///
    /// # Errors
    /// [`Error::Startup`].
    pub(crate) fn dump(&self, tools: &Tools) -> Result<(tools::Running, ChildStdout)> {
        tools.dump(&self.run, PORT)
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
