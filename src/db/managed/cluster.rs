//! The files of the private PostgreSQL: directories, the cluster, and what a crash left behind.

use crate::child::{OsUser, command};
use crate::error::{Error, Result};
use crate::plain_file;
use std::fs::{DirBuilder, Metadata, Permissions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
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

/// Most bytes of `PG_VERSION`, which holds a number.
const VERSION_BYTES: u64 = 64;

/// Most bytes of `postmaster.pid`: eight lines, two of them paths.
const PID_FILE_BYTES: u64 = 16 * 1024;

/// As root, the user `postgres`, since PostgreSQL refuses to run as root; else nobody special.
///
/// # Errors
/// [`Error::Startup`] when we are root and there is no such user.
pub(super) fn os_user() -> Result<Option<OsUser>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    OsUser::named("postgres").map(Some).ok_or_else(|| {
        Error::startup(
            "PostgreSQL does not run as root, and there is no OS user postgres: install \
             PostgreSQL's package, or run gatepost as an ordinary user",
        )
    })
}

/// A file of the cluster. The server's OS user may have put anything in its place.
fn read(file: &Path, user: Option<OsUser>, most: u64) -> Result<Option<String>> {
    plain_file::read(file, user.map(|user| user.uid), most)
        .map_err(|e| Error::startup(format!("{}: {e}", file.display())))
}

/// The major version that made the cluster; `None` when there is no cluster yet.
///
/// # Errors
/// [`Error::Startup`] when the file is not what a server writes. Its content is not repeated.
pub(super) fn version(cluster: &Path, user: Option<OsUser>) -> Result<Option<u32>> {
    let file = cluster.join("PG_VERSION");
    let Some(text) = read(&file, user, VERSION_BYTES)? else { return Ok(None) };
    let fault = || Error::startup(format!("{}: holds no version number", file.display()));
    text.trim().parse().map(Some).map_err(|_| fault())
}

/// What the server has written about itself; `None` when it has not, or has ended.
///
/// # Errors
/// As [`version`].
pub(super) fn pid_file(cluster: &Path, user: Option<OsUser>) -> Result<Option<String>> {
    read(&cluster.join("postmaster.pid"), user, PID_FILE_BYTES)
}

/// Checks the name of the data directory and, where it exists, the directory itself.
///
/// # Errors
/// As [`prepare_dir`].
pub(super) fn check_dir(dir: &Path, user: Option<OsUser>) -> Result<()> {
    check_name(dir)?;
    if let Ok(meta) = dir.metadata() {
        check_ours(dir, &meta)?;
    }
    user.map_or(Ok(()), |user| reachable(dir, user))
}

/// Checks that the server can take the path, for its socket and in its own files.
fn check_name(dir: &Path) -> Result<()> {
    let length = dir.join("run").join(".s.PGSQL.5432").as_os_str().len();
    if length > SOCKET_PATH {
        return Err(Error::startup(format!(
            "database.data_dir: {} is too long by {} bytes for the path of a Unix socket",
            dir.display(),
            length - SOCKET_PATH
        )));
    }
    if dir.as_os_str().as_bytes().iter().any(u8::is_ascii_control) {
        // The server writes paths into files of lines.
        return Err(Error::startup("database.data_dir: has a control character in its name"));
    }
    Ok(())
}

/// Makes the data directory, and the one for the socket below it.
///
/// As root the data directory stays root's, so that the server's OS user cannot put a link where
/// root then writes; only `cluster` and `run` below it are given away. A directory that is there
/// already is taken as it is or not at all: its owner and mode are somebody's decision.
///
/// # Errors
/// [`Error::Startup`] when a directory cannot be made or reached, belongs to somebody else, holds
/// something else, or its path is too long.
pub(super) fn prepare_dir(dir: &Path, user: Option<OsUser>) -> Result<()> {
    check_name(dir)?;
    let run = dir.join("run");
    let fault = |e: std::io::Error| {
        Error::startup(format!(
            "the private PostgreSQL needs the directory {}: {e}; set database.data_dir to a place \
             that can be written",
            dir.display()
        ))
    };
    match dir.metadata() {
        Ok(meta) => check_ours(dir, &meta)?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            // The server's user must pass through; what is below is closed to everybody else.
            let mode = if user.is_some() { 0o711 } else { 0o700 };
            std::fs::create_dir_all(dir.parent().unwrap_or(dir)).map_err(fault)?;
            DirBuilder::new().recursive(true).mode(mode).create(dir).map_err(fault)?;
        }
        Err(e) => return Err(fault(e)),
    }
    user.map_or(Ok(()), |user| reachable(dir, user))?;
    make_private(&run, user).map_err(fault)
}

/// Makes a directory for the server's OS user alone. One that is there is closed to others: only we
/// can have put it there, since nobody else can write to the directory above.
fn make_private(path: &Path, user: Option<OsUser>) -> std::io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            let meta = path.symlink_metadata()?;
            if meta.is_dir() && meta.mode() & 0o077 != 0 {
                std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
            }
            return Ok(());
        }
        outcome => outcome?,
    }
    user.map_or(Ok(()), |user| chown(path, Some(user.uid), Some(user.gid)))
}

/// Checks that a directory that exists may be our data directory.
fn check_ours(dir: &Path, meta: &Metadata) -> Result<()> {
    let refuse =
        |text: String| Err(Error::startup(format!("database.data_dir: {} {text}", dir.display())));
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return refuse(format!(
            "belongs to the OS user with the id {}; run this command as that user",
            meta.uid()
        ));
    }
    if meta.mode() & 0o022 != 0 {
        return refuse("can be written by others; take that right away (chmod go-w)".to_owned());
    }
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) => return refuse(format!("cannot be used: {e}")),
    };
    let is_ours =
        |name: &str| matches!(name, "lock" | "run" | "cluster") || name.starts_with("cluster.new.");
    match entries.flatten().find(|entry| !entry.file_name().to_str().is_some_and(is_ours)) {
        Some(entry) => refuse(format!(
            "holds something else ({}); name an empty or a new directory",
            entry.file_name().display()
        )),
        None => Ok(()),
    }
}

/// Checks that the server's OS user can get to the directory: below `/root` it cannot.
fn reachable(dir: &Path, user: OsUser) -> Result<()> {
    for path in dir.ancestors() {
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
    if version(&cluster, user)?.is_some() {
        return Ok(());
    }
    let fault = |e: std::io::Error| Error::startup(format!("{}: {e}", dir.display()));
    clear_halves(dir).map_err(fault)?;
    log::info!("making a private PostgreSQL in {}", dir.display());
    let new = dir.join(format!("cluster.new.{}", std::process::id()));
    make_private(&new, user).map_err(fault)?;
    let output = command(&binaries.join("initdb"), user, dir)
        .arg("-D")
        .arg(&new)
        .args(["-U", super::SUPERUSER, "-E", "UTF8", "--locale=C", "--data-checksums"])
        // The directory of the socket keeps everybody else out.
        .args(["-A", "trust"])
        // Not in our process group: Ctrl-C is for us, who then stop in order.
        .process_group(0)
        .output()
        .map_err(fault)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().lines().collect::<Vec<_>>().join("; ");
        return Err(Error::startup(format!("initdb failed in {}: {said}", dir.display())));
    }
    append(&new.join("postgresql.conf"), SETTINGS, user, dir).map_err(fault)?;
    std::fs::rename(&new, &cluster).map_err(fault)
}

/// Removes what processes left that were killed while they made a cluster. Their `initdb` may
/// still be writing for a moment.
fn clear_halves(dir: &Path) -> std::io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    for entry in std::fs::read_dir(dir)?.flatten() {
        if !entry.file_name().to_string_lossy().starts_with("cluster.new.") {
            continue;
        }
        while let Err(error) = std::fs::remove_dir_all(entry.path()) {
            if error.kind() == std::io::ErrorKind::NotFound {
                break;
            }
            if Instant::now() > deadline {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(())
}

/// Appends to a file of the server's OS user, as that user.
fn append(file: &Path, text: &str, user: Option<OsUser>, dir: &Path) -> std::io::Result<()> {
    let mut child = command(Path::new("/bin/sh"), user, dir)
        .args(["-c", "cat >>\"$1\"", "sh"])
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

/// Stops a server that an earlier process of ours left running in this cluster, and clears away a
/// `postmaster.pid` that names a process that is not one.
///
/// # Errors
/// [`Error::Startup`] when it does not stop within a minute, or the file is none.
pub(super) fn stop_orphan(cluster: &Path, binaries: &Path, user: Option<OsUser>) -> Result<()> {
    let file = cluster.join("postmaster.pid");
    let deadline = Instant::now() + Duration::from_secs(60);
    while let Some(text) = pid_file(cluster, user)? {
        // A single-user server writes its number with a minus; what cannot be judged here,
        // PostgreSQL judges when it starts.
        let pid = text.lines().next().unwrap_or_default().parse::<u32>();
        let Some(lives_here) = pid.ok().and_then(|pid| lives_in(pid, cluster)) else {
            return Ok(());
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
                "a PostgreSQL that was left running in {} does not stop",
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

/// Whether a process is a server in this cluster; `None` when there is no such process, or it
/// cannot be told. A server's working directory is its cluster; where we may not look at that, as
/// root in a container, its arguments name it.
fn lives_in(pid: u32, cluster: &Path) -> Option<bool> {
    let process = Path::new("/proc").join(pid.to_string());
    let cluster = cluster.canonicalize().ok()?;
    match std::fs::read_link(process.join("cwd")) {
        Ok(cwd) => Some(cwd == cluster),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(_) => {
            let arguments = std::fs::read(process.join("cmdline")).ok()?;
            let name = cluster.as_os_str().as_bytes();
            arguments.split(|byte| *byte == 0).any(|word| word == name).then_some(true)
        }
    }
}
