//! Where the machine keeps PostgreSQL's server binaries.

use super::cluster;
use crate::child::{OsUser, command};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Directories besides those in `PATH`; in each, `*` stands for a version.
const PLACES: [(&str, &str); 4] = [
    ("/usr/lib/postgresql", "*/bin"),
    ("/usr", "pgsql-*/bin"),
    ("/opt/homebrew/opt", "postgresql@*/bin"),
    ("/usr/local/opt", "postgresql@*/bin"),
];

/// The directory of the binaries to use: for an existing cluster those of its major version, as no
/// other can read it; for a new one the newest.
///
/// # Errors
/// [`Error::Startup`], naming the package to install; and when it is unknown which version made the
/// cluster.
pub(super) fn find(cluster: &Path, user: Option<OsUser>) -> Result<PathBuf> {
    let version = cluster::version(cluster, user)?;
    let mut found = installed(user);
    match version {
        Some(major) => found.remove(&major).ok_or_else(|| {
            Error::startup(format!(
                "{} was made by PostgreSQL {major}, whose server binaries are not here: \
                 install them (Debian, Ubuntu: `apt-get install postgresql-{major}`) and start \
                 again; or restore a backup, which makes a new cluster (docs/backup.md); the users are in \
                 this one, so keep it",
                cluster.display()
            ))
        }),
        None => found.pop_last().map(|(_, bin)| bin).ok_or_else(none),
    }
}

/// That nothing is installed.
pub(super) fn none() -> Error {
    Error::startup(
        "no PostgreSQL server binaries on this machine: install them (Debian, Ubuntu: \
         `apt-get install postgresql`; Fedora: `dnf install postgresql-server`; \
         Homebrew: `brew install postgresql`), or set database.url to use another server",
    )
}

/// Major versions and their directories. `PATH` comes first, and the first find wins.
pub(super) fn installed(user: Option<OsUser>) -> BTreeMap<u32, PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = std::env::split_paths(&path).filter(|p| p.is_absolute()).collect();
    for (parent, pattern) in PLACES {
        dirs.extend(matching(Path::new(parent), pattern));
    }
    let mut found = BTreeMap::new();
    for dir in dirs {
        // A link in PATH leads to the directory where the rest of the binaries are.
        let Ok(postgres) = dir.join("postgres").canonicalize() else {
            continue;
        };
        let Some(bin) = postgres.parent() else {
            continue;
        };
        if found.values().any(|known| known == bin) || !bin.join("initdb").exists() {
            continue;
        }
        if let Some(major) = major(&postgres, user) {
            found.entry(major).or_insert_with(|| bin.to_path_buf());
        }
    }
    found
}

/// The directories below `parent` that match `prefix*/bin`.
fn matching(parent: &Path, pattern: &str) -> Vec<PathBuf> {
    let (prefix, rest) = pattern.split_once('*').unwrap_or((pattern, ""));
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join(rest.trim_start_matches('/')))
        .collect()
}

/// The major version that `postgres --version` reports, run as the user that would run the server.
fn major(postgres: &Path, user: Option<OsUser>) -> Option<u32> {
    let output = command(postgres, user, Path::new("/")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version =
        text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_numeric()))?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}
