//! The cluster of the private PostgreSQL, and the remains of a crash in it.

use super::directory::VERSION_FILE;
use crate::child::{OsUser, command};
use crate::error::{Error, Result};
use crate::plain_file;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// The database superuser of the private PostgreSQL. Used for the bootstrap only.
pub(super) const SUPERUSER: &str = "postgres";

/// Most bytes of `PG_VERSION`, which holds a number.
const VERSION_BYTES: u64 = 64;

/// Most bytes of `postmaster.pid`: eight lines, two of them paths.
const PID_FILE_BYTES: u64 = 16 * 1024;

/// Most bytes of `memory.conf`: a setting and a comment.
const MEMORY_FILE_BYTES: u64 = 1024;

/// As root, the user `postgres`, since PostgreSQL refuses to run as root; otherwise none.
///
/// # Errors
/// [`Error::Startup`] when we are root and there is no such user.
pub(super) fn os_user() -> Result<Option<OsUser>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let user = OsUser::named("postgres").map_err(|e| {
        Error::startup(format!(
            "PostgreSQL does not run as root, and the OS user to run it as is unknown: {e}"
        ))
    })?;
    user.map(Some).ok_or_else(|| {
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
/// [`Error::Startup`] when a server did not write the file. Its content is not repeated.
pub(super) fn version(cluster: &Path, user: Option<OsUser>) -> Result<Option<u32>> {
    let file = cluster.join(VERSION_FILE);
    let Some(text) = read(&file, user, VERSION_BYTES)? else { return Ok(None) };
    let fault = || Error::startup(format!("{}: holds no version number", file.display()));
    text.trim().parse().map(Some).map_err(|_| fault())
}

/// The server's own description of itself; `None` when there is none, or the server has ended.
///
/// # Errors
/// As [`version`].
pub(super) fn pid_file(cluster: &Path, user: Option<OsUser>) -> Result<Option<String>> {
    read(&cluster.join("postmaster.pid"), user, PID_FILE_BYTES)
}

/// The file that sets the server's memory; `None` when there is none.
///
/// # Errors
/// As [`version`].
pub(super) fn memory_file(file: &Path, user: Option<OsUser>) -> Result<Option<String>> {
    read(file, user, MEMORY_FILE_BYTES)
}

/// Stops a server that an earlier process of ours left running in this cluster, and removes a
/// `postmaster.pid` that names no such server.
///
/// # Errors
/// [`Error::Startup`] when it does not stop within a minute, or the file cannot be used.
pub(super) fn stop_orphan(cluster: &Path, binaries: &Path, user: Option<OsUser>) -> Result<()> {
    let file = cluster.join("postmaster.pid");
    let deadline = Instant::now() + Duration::from_secs(60);
    while let Some(text) = pid_file(cluster, user)? {
        // A single-user server writes its number with a minus. PostgreSQL judges that case itself
        // when it starts.
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

/// Whether a process is a server in this cluster; `None` when there is no such process, or it is
/// unknown. A server's working directory is its cluster. Where we may not read that, as root in a
/// container, its arguments name the cluster.
fn lives_in(pid: u32, cluster: &Path) -> Option<bool> {
    let process = Path::new("/proc").join(pid.to_string());
    let cluster = cluster.canonicalize().ok()?;
    match std::fs::read_link(process.join("cwd")) {
        Ok(cwd) => Some(cwd == cluster),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(_) => is_told_to_live_in(&std::fs::read(process.join("cmdline")).ok()?, &cluster),
    }
}

/// The same by a process's arguments. A server names its directory. Any other process is none, such
/// as one that got the number after a restart of the machine.
fn is_told_to_live_in(arguments: &[u8], cluster: &Path) -> Option<bool> {
    let words: Vec<&Path> =
        arguments.split(|byte| *byte == 0).map(|word| Path::new(OsStr::from_bytes(word))).collect();
    let program = words.first().and_then(|word| word.file_name()).unwrap_or_default();
    let mut paths = words.iter().skip(1).filter(|word| word.is_absolute());
    if paths.any(|path| path.canonicalize().is_ok_and(|path| path == cluster)) {
        return Some(true);
    }
    // A server that names its directory in another way may be in any.
    let tells = words.windows(2).any(|pair| pair[0] == Path::new("-D") && pair[1].is_absolute());
    (tells || (program != "postgres" && program != "postmaster")).then_some(false)
}

/// Removes the lock of a socket that an earlier server left. By its number alone PostgreSQL would
/// take any process of the same OS user for that server. We hold our own lock, and there is no
/// server in the cluster, so nothing listens on the socket.
///
/// # Errors
/// [`Error::Startup`] when it cannot be removed.
pub(super) fn clear_socket_lock(run: &Path) -> Result<()> {
    let file = run.join(".s.PGSQL.5432.lock");
    match std::fs::remove_file(&file) {
        Ok(()) => log::info!("removed {}, left over from an earlier run", file.display()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => (),
        Err(e) => return Err(Error::startup(format!("{}: {e}", file.display()))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_the_directory_that_its_arguments_name() {
        let dir = tempfile::tempdir().unwrap();
        let cluster = dir.path().canonicalize().unwrap();
        let other = tempfile::tempdir().unwrap();
        let told = |words: &[&str]| is_told_to_live_in(words.join("\0").as_bytes(), &cluster);
        let (ours, theirs) = (cluster.to_str().unwrap(), other.path().to_str().unwrap());
        assert_eq!(told(&["/usr/bin/postgres", "-D", ours, "-c", "a=b"]), Some(true));
        assert_eq!(told(&["/usr/bin/postgres", "-D", &format!("{ours}/.")]), Some(true));
        assert_eq!(told(&["/usr/lib/postgresql/15/bin/postgres", "-D", theirs]), Some(false));
        assert_eq!(told(&["postgres: checkpointer "]), Some(false));
        assert_eq!(told(&["sleep", "100"]), Some(false));
        assert_eq!(told(&["/usr/bin/postgres", "-D", "data"]), None);
        assert_eq!(told(&["postgres"]), None);
    }
}
