//! PostgreSQL's own programs that write and read a dump, of one major version.

use super::super::names::{DATABASE, OWNER_ROLE};
use super::{binaries, cluster};
use crate::child::{OsUser, command};
use crate::error::{Error, Result};
use crate::threads;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

/// What is read at most of what a program has to say.
const MESSAGES: u64 = 16 * 1024;

/// How long a dump waits for a lock, such as that of a migration which is under way.
const LOCK_WAIT: &str = "--lock-wait-timeout=30s";

/// The binaries of one major version.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    pub(crate) major: u32,
    pub(super) bin: PathBuf,
    pub(super) user: Option<OsUser>,
}

impl Tools {
    /// Those that made the cluster in a data directory.
    ///
    /// # Errors
    /// [`Error::Startup`] when there is no cluster, or they are not installed.
    pub(crate) fn of(dir: &Path) -> Result<Self> {
        let user = cluster::os_user()?;
        let place = dir.join("cluster");
        let Some(major) = cluster::version(&place, user)? else {
            return Err(Error::startup(format!(
                "there is no private PostgreSQL in {}: check APP_SETTINGS and database.data_dir",
                dir.display()
            )));
        };
        Ok(Self { major, bin: binaries::find(&place, user)?, user })
    }

    /// The newest that are installed.
    ///
    /// # Errors
    /// [`Error::Startup`] when there are none.
    pub(crate) fn newest() -> Result<Self> {
        let user = cluster::os_user()?;
        match binaries::installed(user).pop_last() {
            Some((major, bin)) => Ok(Self { major, bin, user }),
            None => Err(binaries::none()),
        }
    }

    /// Those for a new cluster in a data directory that a dump of this version fits into: as before, if
    /// they will do, otherwise the newest.
    ///
    /// # Errors
    /// [`Error::Startup`] when there are none that are new enough.
    pub(crate) fn for_dump_of(major: u32, dir: &Path) -> Result<Self> {
        if dir.join("cluster").exists()
            && let Ok(same) = Self::of(dir)
            && same.major >= major
        {
            return Ok(same);
        }
        let newest = Self::newest()?;
        if newest.major >= major {
            return Ok(newest);
        }
        Err(Error::startup(format!(
            "the backup is from PostgreSQL {major}, and the newest server binaries here are of {}: \
             install those of {major} (Debian, Ubuntu: `apt-get install postgresql-{major}`)",
            newest.major
        )))
    }

    /// Starts to dump the schema of a server.
    ///
    /// # Errors
    /// [`Error::Startup`].
    pub(crate) fn dump(&self, run: &Path, port: u16) -> Result<(Running, ChildStdout)> {
        let mut program = self.program("pg_dump", run, port);
        program.args(["-F", "custom", "-n", "gatepost", LOCK_WAIT]).stdout(Stdio::piped());
        let mut running = Running::start("pg_dump", program, &self.bin)?;
        let output = running.child.stdout.take();
        Ok((running, output.ok_or_else(|| Error::startup("pg_dump has no output"))?))
    }

    /// Starts to restore a dump into a server, all or nothing.
    ///
    /// # Errors
    /// [`Error::Startup`].
    pub(crate) fn restore(&self, run: &Path, port: u16) -> Result<(Running, ChildStdin)> {
        let mut program = self.program("pg_restore", run, port);
        program.args(["--clean", "--if-exists", "--exit-on-error", "--single-transaction"]);
        program.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut running = Running::start("pg_restore", program, &self.bin)?;
        let input = running.child.stdin.take();
        Ok((running, input.ok_or_else(|| Error::startup("pg_restore has no input"))?))
    }

    fn program(&self, name: &str, run: &Path, port: u16) -> Command {
        let mut program = command(&self.bin.join(name), self.user, Path::new("/"));
        program.arg("-h").arg(run).args(["-p", &port.to_string()]);
        program.args(["-U", OWNER_ROLE, "-d", DATABASE, "--no-password"]);
        program
    }
}

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    messages: JoinHandle<String>,
}

impl Running {
    fn start(name: &'static str, mut program: Command, bin: &Path) -> Result<Self> {
        let mut child = program.stderr(Stdio::piped()).spawn().map_err(|e| match e.kind() {
            ErrorKind::NotFound => Error::startup(format!(
                "{name} is not in {}: install the client programs of the same version (Debian, Ubuntu: \
                 `apt-get install postgresql-client`; Fedora: `dnf install postgresql`)",
                bin.display()
            )),
            _ => Error::startup(format!("cannot start {name}: {e}")),
        })?;
        let stderr = child.stderr.take();
        let messages = threads::start(name, move || stderr.map(read).unwrap_or_default())?;
        Ok(Self { name, child, messages })
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`Error::Startup`] when it failed, with the first thing that it said. The rest may repeat values
    /// of rows.
    pub(crate) fn finish(mut self) -> Result<()> {
        let status = self.child.wait();
        let said = self.messages.join().unwrap_or_default();
        let cause = match status {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) => {
                format!("{} ({status})", said.lines().next().unwrap_or("it said nothing"))
            }
            Err(e) => e.to_string(),
        };
        let prefix = format!("{}: ", self.name);
        let cause = cause.strip_prefix(&prefix).unwrap_or(&cause);
        Err(Error::startup(format!("{} failed: {cause}", self.name)))
    }
}

/// What a program says, to the end, as far as it is kept.
fn read(mut stderr: ChildStderr) -> String {
    let mut said = Vec::new();
    let kept = stderr.by_ref().take(MESSAGES).read_to_end(&mut said);
    if let Err(e) = kept.and_then(|_| std::io::copy(&mut stderr, &mut std::io::sink()).map(drop)) {
        log::debug!("reading the messages of a program: {e}");
    }
    String::from_utf8_lossy(&said).into_owned()
}
