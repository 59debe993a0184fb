//! The files of the private PostgreSQL: directories, the cluster, and what a crash left behind.

use crate::error::{Error, Result};
use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longest path of a Unix socket in bytes, without its end (`sun_path`, unix(7)).
const SOCKET_PATH: usize = 107;

/// What is added to PostgreSQL's own configuration file, once, when the cluster is made.
const SETTINGS: &str = "
# Added by Gatepost when it made this cluster, for a small machine. Change what you like: it is
# written once. Durability is PostgreSQL's default, which is full.
shared_buffers = 16MB
max_wal_size = 256MB
wal_level = minimal
max_wal_senders = 0
max_parallel_workers = 0
autovacuum_max_workers = 1
jit = off
";

/// The OS user that the server runs as, when that is not our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OsUser {
    uid: u32,
    gid: u32,
}

/// As root, the user `postgres`, since PostgreSQL refuses to run as root; else nobody special.
///
/// # Errors
/// [`Error::Startup`] when we are root and there is no such user.
pub(super) fn os_user() -> Result<Option<OsUser>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let id = |flag: &str| {
        let output = Command::new("id").args([flag, "postgres"]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    match (id("-u"), id("-g")) {
        (Some(uid), Some(gid)) => Ok(Some(OsUser { uid, gid })),
        _ => Err(Error::startup(
            "PostgreSQL does not run as root, and there is no OS user postgres: install \
             PostgreSQL's package, or run gatepost as an ordinary user",
        )),
    }
}

/// A command with a clean environment, run as the server's OS user.
pub(super) fn command(program: &Path, user: Option<OsUser>, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("TZ", "UTC");
    command.current_dir(dir).stdin(Stdio::null());
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

/// Makes the data directory, and the one for the socket below it, enterable by the server's user
/// alone.
///
/// # Errors
/// [`Error::Startup`] when a directory cannot be made or reached, or its path is too long.
pub(super) fn prepare_dir(dir: &Path, user: Option<OsUser>) -> Result<()> {
    let run = dir.join("run");
    let length = run.join(".s.PGSQL.5432").as_os_str().len();
    if length > SOCKET_PATH {
        return Err(Error::startup(format!(
            "database.data_dir: {} is too long by {} bytes for the path of a Unix socket",
            dir.display(),
            length - SOCKET_PATH
        )));
    }
    let fault = |path: &Path, e: &std::io::Error| {
        Error::startup(format!(
            "the private PostgreSQL needs the directory {}: {e}; set database.data_dir to a place \
             that can be written",
            path.display()
        ))
    };
    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent).map_err(|e| fault(parent, &e))?;
    }
    for path in [dir, &run] {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|e| fault(path, &e))?;
        let private = Permissions::from_mode(0o700);
        std::fs::set_permissions(path, private).map_err(|e| fault(path, &e))?;
        if let Some(user) = user {
            chown(path, Some(user.uid), Some(user.gid)).map_err(|e| fault(path, &e))?;
        }
    }
    user.map_or(Ok(()), |user| reachable(dir, user))
}

/// Checks that the server's OS user can get to the directory: below `/root` it cannot.
fn reachable(dir: &Path, user: OsUser) -> Result<()> {
    for path in dir.ancestors().skip(1) {
        let Ok(meta) = path.metadata() else { continue };
        let bit = if meta.uid() == user.uid {
            0o100
        } else if meta.gid() == user.gid {
            0o010
        } else {
            0o001
        };
        if meta.mode() & bit == 0 {
            return Err(Error::startup(format!(
                "database.data_dir: the OS user postgres cannot enter {}; choose another place, \
                 such as /var/lib/gatepost",
                path.display()
            )));
        }
    }
    Ok(())
}

/// Makes the cluster unless it is there. It is made beside its place and then renamed, so that
/// half a cluster is never taken for one.
///
/// # Errors
/// [`Error::Startup`] with what `initdb` said.
pub(super) fn create(dir: &Path, binaries: &Path, user: Option<OsUser>) -> Result<()> {
    let cluster = dir.join("cluster");
    if cluster.join("PG_VERSION").exists() {
        return Ok(());
    }
    let fault = |e: std::io::Error| Error::startup(format!("{}: {e}", dir.display()));
    for entry in std::fs::read_dir(dir).map_err(fault)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with("cluster.new.") {
            std::fs::remove_dir_all(entry.path()).map_err(fault)?;
        }
    }
    log::info!("making a private PostgreSQL in {}", dir.display());
    let new = dir.join(format!("cluster.new.{}", std::process::id()));
    let output = command(&binaries.join("initdb"), user, dir)
        .arg("-D")
        .arg(&new)
        .args(["-U", super::SUPERUSER, "-E", "UTF8", "--locale=C", "--data-checksums"])
        // The directory of the socket keeps everybody else out.
        .args(["-A", "trust"])
        .output()
        .map_err(fault)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::startup(format!("initdb failed in {}: {}", dir.display(), said.trim())));
    }
    let settings = new.join("postgresql.conf");
    let text = std::fs::read_to_string(&settings).map_err(fault)?;
    std::fs::write(&settings, text + SETTINGS).map_err(fault)?;
    std::fs::rename(&new, &cluster).map_err(fault)
}

/// Stops a server that an earlier process of ours left running in this cluster, and clears away a
/// `postmaster.pid` that names a process that is not one.
///
/// # Errors
/// [`Error::Startup`] when it does not stop within a minute.
pub(super) fn stop_orphan(cluster: &Path, binaries: &Path, user: Option<OsUser>) -> Result<()> {
    let file = cluster.join("postmaster.pid");
    let deadline = Instant::now() + Duration::from_secs(60);
    while let Ok(text) = std::fs::read_to_string(&file) {
        let pid = text.lines().next().unwrap_or_default();
        let cwd = std::fs::read_link(Path::new("/proc").join(pid).join("cwd"));
        let lives_here = match cwd.and_then(|cwd| Ok(cwd == cluster.canonicalize()?)) {
            Ok(same) => same,
            // Without /proc PostgreSQL itself judges whether the file is stale.
            Err(_) if !Path::new("/proc/self").exists() => return Ok(()),
            Err(_) => false,
        };
        if !lives_here {
            log::warn!("removing a stale {}", file.display());
            return std::fs::remove_file(&file).or_else(|e| match e.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(Error::startup(format!("{}: {e}", file.display()))),
            });
        }
        if Instant::now() > deadline {
            return Err(Error::startup(format!(
                "a PostgreSQL that was left running in {} (process {pid}) does not stop",
                cluster.display()
            )));
        }
        log::warn!("stopping a PostgreSQL that was left running in {}", cluster.display());
        let stop = command(&binaries.join("pg_ctl"), user, cluster)
            .args(["stop", "-s", "-m", "fast", "-t", "30", "-D"])
            .arg(cluster)
            .output();
        if stop.is_err() {
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    Ok(())
}
