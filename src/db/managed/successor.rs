//! A cluster that is made beside the one in use, filled, and put in its place; or thrown away.
//!
//! A restore and a change of PostgreSQL's major version work that way. Until the new cluster is complete
//! and its server has stopped in order, nothing of the old one is touched. Then one rename exchanges the
//! two, and the old one is kept.

use super::super::connect;
use super::super::names::{APP_ROLE, DATABASE, OWNER_ROLE};
use super::binaries;
use super::cluster::{self, SUPERUSER};
use super::directory::{self, FORMER};
use super::held::Held;
use super::making::{self, Half};
use super::memory;
use super::server::{Command, Server};
use super::tools::Tools;
use crate::config::conninfo::Conninfo;
use crate::error::{Error, Result};
use crate::secret::Secret;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A cluster that may take the place of another one, and its server.
#[derive(Debug)]
pub(crate) struct Successor {
    half: Half,
    run: PathBuf,
    port: u16,
    server: Option<Server>,
    tools: Tools,
}

impl Successor {
    /// Makes it beside the cluster of a data directory, and starts its server, with roles and an empty
    /// database. What was changed in the settings of a cluster of the same version is kept.
    ///
    /// # Errors
    /// [`Error::Startup`].
    pub(crate) fn make(dir: &Path, tools: Tools, connections: usize) -> Result<Self> {
        directory::prepare(dir, tools.user)?;
        let (former, run) = (dir.join("cluster"), dir.join("run"));
        directory::make_private(&run, tools.user)
            .map_err(|e| Error::startup(format!("{}: {e}", run.display())))?;
        let half = making::make_beside(dir, &tools.bin, tools.user)?;
        let mut made = Self { half, run, port: port(0), server: None, tools };
        let (path, user) = (&made.half.path, made.tools.user);
        if cluster::version(&former, user)? == Some(made.tools.major) {
            making::copy_settings(&former, path, user)?;
        }
        memory::prepare(path, user);
        let server = start(&made.tools, path, &made.run, made.port, connections)?;
        made.server = Some(server);
        making::populate(&made.connect(SUPERUSER, "postgres"))?;
        Ok(made)
    }

    /// Fills it with a dump, which `feed` writes.
    ///
    /// # Errors
    /// [`Error::Startup`] with what `pg_restore` says, and the errors of `feed`.
    pub(crate) fn fill(&self, feed: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
        let (program, mut input) = self.tools.restore(&self.run, self.port)?;
        let fed = feed(&mut input);
        drop(input);
        // A program that has ended reads nothing more, and its own words say more than that.
        program.finish()?;
        fed?;
        let mut client = connect::patient(&self.connect(SUPERUSER, DATABASE))?;
        // Without it the first queries on many rows are planned as if there were none.
        Ok(client.batch_execute("ANALYZE")?)
    }

    /// How to connect as the role that owns the schema.
    pub(crate) fn owner(&self) -> Conninfo {
        self.connect(OWNER_ROLE, DATABASE)
    }

    /// The same as a connection string, and one for the service's role.
    pub(crate) fn urls(&self) -> (Secret, Secret) {
        let run = self.run.to_string_lossy().replace('\\', r"\\").replace('\'', r"\'");
        let url = |role| format!("host='{run}' port={} user={role} dbname={DATABASE}", self.port);
        (Secret::new(url(OWNER_ROLE)), Secret::new(url(APP_ROLE)))
    }

    fn connect(&self, role: &str, database: &str) -> Conninfo {
        let mut conninfo = Conninfo::local(&self.run, role, database);
        conninfo.driver.port(self.port);
        conninfo
    }

    /// Stops its server and puts it in the place of the cluster. Returns where that is kept now, if there
    /// was one.
    ///
    /// # Errors
    /// [`Error::Startup`] when the system refuses, and nothing was changed.
    pub(crate) fn succeed(mut self, held: &Held) -> Result<Option<PathBuf>> {
        if let Some(server) = self.server.take() {
            server.stop();
        }
        let (cluster, former) = (held.cluster(), held.former());
        let fault = |e: std::io::Error| Error::startup(format!("{}: {e}", cluster.display()));
        // The server has written its own files. This is for those that were made around it.
        rustix::fs::sync();
        let replaced = cluster.exists();
        if replaced {
            exchange(&self.half.path, &cluster, &former).map_err(fault)?;
        } else {
            std::fs::rename(&self.half.path, &cluster).map_err(fault)?;
        }
        File::open(&held.dir).and_then(|dir| dir.sync_all()).map_err(fault)?;
        Ok(replaced.then_some(former))
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
        match std::fs::remove_dir_all(&self.half.path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                log::warn!("{}: cannot be removed: {e}", self.half.path.display());
            }
            _ => (),
        }
    }
}

impl Held {
    /// Where the cluster is kept when another one takes its place.
    pub(super) fn former(&self) -> PathBuf {
        self.dir.join(FORMER)
    }

    /// Sees to it that another cluster can take the place of the one in use.
    ///
    /// # Errors
    /// [`Error::Startup`] when an earlier one is still kept, or the cluster is elsewhere.
    pub(crate) fn prepare_exchange(&self) -> Result<()> {
        let (cluster, former) = (self.cluster(), self.former());
        if former.symlink_metadata().is_ok() {
            return Err(Error::startup(format!(
                "{0} is there, the cluster that an earlier restore or upgrade replaced: remove it if \
                 nobody needs it any more (`rm -r {0}`)",
                former.display()
            )));
        }
        if cluster.is_symlink() {
            return Err(Error::startup(format!(
                "{} is a link, and the new cluster would not be where it leads: set database.data_dir to a \
                 directory there instead",
                cluster.display()
            )));
        }
        match binaries::find(&cluster, self.user) {
            Ok(binaries) => self.clear_remains(&binaries),
            // Its server cannot run, then.
            Err(_) => making::clear_halves(&self.dir),
        }
    }

    /// Starts a server in the cluster where no service and no command looks for it.
    ///
    /// # Errors
    /// [`Error::Startup`].
    pub(crate) fn start_aside(&self, tools: &Tools) -> Result<Aside> {
        let port = port(1);
        let server = start(tools, &self.cluster(), &self.run(), port, 1)?;
        Ok(Aside { server, run: self.run(), port })
    }
}

/// A server that only we know of.
#[derive(Debug)]
pub(crate) struct Aside {
    server: Server,
    run: PathBuf,
    port: u16,
}

impl Aside {
    /// Copies its content into another one, and stops.
    ///
    /// # Errors
    /// [`Error::Startup`] with what PostgreSQL's programs say.
    pub(crate) fn move_to(self, successor: &Successor) -> Result<()> {
        let (program, mut output) = successor.tools.dump(&self.run, self.port)?;
        let copied = successor.fill(|input| {
            let copied = std::io::copy(&mut output, input);
            copied.map(drop).map_err(|e| Error::startup(format!("the dump: {e}")))
        });
        drop(output);
        let dumped = program.finish();
        self.server.stop();
        dumped.and(copied)
    }
}

fn start(tools: &Tools, at: &Path, run: &Path, port: u16, connections: usize) -> Result<Server> {
    Server::start(Command {
        postgres: tools.bin.join("postgres"),
        cluster: at.to_owned(),
        run: run.to_owned(),
        port,
        connections,
        user: tools.user,
    })
}

/// A number for the socket of a server of this process. It has as many digits as that of the service's
/// server, since the path of a socket has a bound, and is another one in each process, so that a test
/// beside a service is not in the way of another.
fn port(which: u16) -> u16 {
    let own = u16::try_from(std::process::id() % 2_000).unwrap_or(0);
    6_000 + 2 * own + which
}

/// Puts `new` in the place of `cluster`, which is kept as `former`.
///
/// With one rename that exchanges two directories there is a cluster at each moment. Where the file
/// system has none, there is a moment without; then a start says how to put the old one back.
fn exchange(new: &Path, cluster: &Path, former: &Path) -> std::io::Result<()> {
    std::fs::rename(new, former)?;
    match renameat_with(CWD, former, CWD, cluster, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(e) => {
            log::debug!("no exchange of two directories here: {e}");
            std::fs::rename(former, new)?;
            exchange_in_steps(new, cluster, former)
        }
    }
}

fn exchange_in_steps(new: &Path, cluster: &Path, former: &Path) -> std::io::Result<()> {
    std::fs::rename(cluster, former)?;
    std::fs::rename(new, cluster)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_cluster_is_in_its_place_and_the_former_one_kept_with_one_rename_or_two() {
        for exchange in [exchange, exchange_in_steps] {
            let dir = tempfile::tempdir().unwrap();
            let at = |name: &str| dir.path().join(name);
            let [new, cluster, former] = ["new", "cluster", "old"].map(at);
            for path in [&new, &cluster] {
                std::fs::create_dir(path).unwrap();
                std::fs::write(path.join("which"), path.to_str().unwrap()).unwrap();
            }
            exchange(&new, &cluster, &former).unwrap();
            let which = |path: &Path| std::fs::read_to_string(path.join("which")).unwrap();
            assert_eq!(which(&cluster), new.to_str().unwrap());
            assert_eq!(which(&former), cluster.to_str().unwrap());
            assert!(!new.exists());
        }
    }
}
