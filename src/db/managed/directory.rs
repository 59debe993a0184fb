//! The directories of the private PostgreSQL: made if missing, and checked if they exist. A fault
//! is reported with the path, the cause, and what to type.

use crate::child::OsUser;
use crate::error::{Error, Result};
use crate::modes;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

/// The file that says which major version made a cluster.
pub(super) const VERSION_FILE: &str = "PG_VERSION";

/// Where a cluster is kept that another one has taken the place of.
pub(super) const FORMER: &str = "cluster.old";

/// Longest path of a Unix socket in bytes, without the final NUL (`sun_path`, unix(7)).
const SOCKET_PATH: usize = 107;

/// Checks the name of the data directory and, if it exists, the directory. Changes nothing.
///
/// # Errors
/// As [`prepare`].
pub(super) fn check(dir: &Path, user: Option<OsUser>) -> Result<()> {
    check_name(dir)?;
    if let Ok(meta) = dir.metadata() {
        check_ours(dir, &meta)?;
    }
    user.map_or(Ok(()), |user| reachable(dir, user))
}

/// Checks that the server can use the path, for its socket and in its own files, and that no link
/// in it dangles.
fn check_name(dir: &Path) -> Result<()> {
    let run = dir.join("run");
    let length = run.join(".s.PGSQL.5432").as_os_str().len();
    if length > SOCKET_PATH {
        return Err(Error::startup(format!(
            "database.data_dir: {} is too long by {} bytes for the path of a Unix socket",
            dir.display(),
            length - SOCKET_PATH
        )));
    }
    if dir.as_os_str().as_bytes().iter().any(u8::is_ascii_control) {
        // The server writes paths into line-based files.
        return Err(Error::startup("database.data_dir: has a control character in its name"));
    }
    refuse_dangling(&run)?;
    refuse_dangling(&dir.join("cluster"))
}

/// Checks that the server can use the present content of the data directory.
///
/// # Errors
/// As [`prepare`].
pub(super) fn check_inside(dir: &Path, user: Option<OsUser>) -> Result<()> {
    let (run, cluster) = (dir.join("run"), dir.join("cluster"));
    check_owner(&run, &run, user)?;
    match cluster.metadata() {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::startup(format!("{}: {e}", cluster.display()))),
        Ok(meta) => check_cluster(&cluster, &meta, user),
    }
}

/// Makes the data directory. What is in it is left to [`prepare_inside`], once it is locked: another
/// process that starts now may be in the middle of making that.
///
/// As root the data directory stays root's, so that the server's OS user cannot put a link where
/// root then writes; only `cluster` and `run` in it are given away. An existing directory is used
/// as it is or not at all: its owner and mode were chosen by someone else.
///
/// # Errors
/// [`Error::Startup`] when a directory cannot be made or reached, belongs to another user, holds
/// something else, or its path is too long.
pub(super) fn prepare(dir: &Path, user: Option<OsUser>) -> Result<()> {
    check_name(dir)?;
    let fault = |e: std::io::Error| {
        Error::startup(format!(
            "the private PostgreSQL needs the directory {}: {e}; set database.data_dir to a place \
             that can be written",
            dir.display()
        ))
    };
    match dir.metadata() {
        Ok(meta) => check_ours(dir, &meta)?,
        Err(e) if e.kind() == ErrorKind::NotFound => make(dir, user).map_err(fault)?,
        Err(e) => return Err(fault(e)),
    }
    warn_of_parent(dir);
    user.map_or(Ok(()), |user| reachable(dir, user))
}

/// Makes the directory for the socket in the data directory, which is locked, and checks what else is
/// there.
///
/// # Errors
/// As [`prepare`].
pub(super) fn prepare_inside(dir: &Path, user: Option<OsUser>) -> Result<()> {
    let run = dir.join("run");
    let fault = |e: std::io::Error| Error::startup(format!("{}: {e}", run.display()));
    make_private(&run, user).map_err(fault)?;
    check_inside(dir, user)
}

/// Makes the data directory, and missing ones above it.
fn make(dir: &Path, user: Option<OsUser>) -> std::io::Result<()> {
    // The server's user must pass through; the directories inside are closed to others.
    let (above, mode) = if user.is_some() { (0o755, 0o711) } else { (0o700, 0o700) };
    modes::make_dirs(dir.parent().unwrap_or(dir), above)?;
    match modes::make_dir(dir, mode) {
        // Another process was quicker.
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Makes a directory for the server's OS user alone. An existing one is closed to others: only we
/// can have put it there, since no other user can write to the directory above.
///
/// # Errors
/// Those of the system.
pub(super) fn make_private(path: &Path, user: Option<OsUser>) -> std::io::Result<()> {
    match modes::make_dir(path, 0o700) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            let meta = path.symlink_metadata()?;
            if meta.is_dir() && meta.mode() & 0o077 != 0 {
                modes::set(path, 0o700)?;
            }
            return Ok(());
        }
        outcome => outcome?,
    }
    user.map_or(Ok(()), |user| chown(path, Some(user.uid), Some(user.gid)))
}

/// Refuses a path with a dangling link. Making the target would be wrong: most likely a disk is not
/// mounted, and the users are on it.
fn refuse_dangling(path: &Path) -> Result<()> {
    let is_link = |path: &&Path| path.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
    for link in path.ancestors().filter(is_link) {
        if link.metadata().is_err_and(|e| e.kind() == ErrorKind::NotFound) {
            let target = std::fs::read_link(link).unwrap_or_default();
            return Err(Error::startup(format!(
                "{} is a link to {}, which is not there: mount what belongs there, or remove the \
                 link (rm {})",
                link.display(),
                target.display(),
                link.display()
            )));
        }
    }
    Ok(())
}

/// Checks that an existing directory may be our data directory.
fn check_ours(dir: &Path, meta: &Metadata) -> Result<()> {
    let refuse =
        |text: String| Err(Error::startup(format!("database.data_dir: {} {text}", dir.display())));
    let (us, group) = (rustix::process::geteuid(), rustix::process::getegid());
    if meta.uid() != us.as_raw() {
        let copied = format!(
            ", or, if it was copied here, give it away as root: `chown -R {us}:{group} {}`",
            dir.display()
        );
        return refuse(format!(
            "belongs to the OS user with the id {}; run this command as that user{}",
            meta.uid(),
            if us.is_root() { String::new() } else { copied }
        ));
    }
    if meta.mode() & 0o022 != 0 {
        return refuse(format!(
            "can be written by others; take that right away (chmod go-w {})",
            dir.display()
        ));
    }
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) => return refuse(format!("cannot be used: {e}")),
    };
    let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    // A former cluster is ours beside the one that took its place. Alone it holds the users.
    let succeeded = names.iter().any(|name| name == "cluster");
    let is_ours = |name: &str| {
        matches!(name, "lock" | "run" | "cluster")
            || name.starts_with("cluster.new.")
            || (name == FORMER && succeeded)
    };
    let Some(foreign) = names.iter().find(|name| !name.to_str().is_some_and(is_ours)) else {
        return Ok(());
    };
    let foreign = foreign.display();
    // The users are here; a new directory would have none.
    if succeeded {
        return refuse(format!(
            "holds something else ({foreign}) beside the cluster; keep that elsewhere: \
             `mv {0}/{foreign} {0}.{foreign}`",
            dir.display()
        ));
    }
    if foreign.to_string().starts_with("cluster") {
        return refuse(format!(
            "holds something else ({foreign}) and no cluster; if that is the cluster with the \
             users, put it back: `mv {0}/{foreign} {0}/cluster`",
            dir.display()
        ));
    }
    refuse(format!("holds something else ({foreign}); name an empty or a new directory"))
}

/// Warns when others can write to the directory above, since they could put another directory in
/// the place of ours. Its mode was chosen by someone else, and is not ours to change.
fn warn_of_parent(dir: &Path) {
    let Some(parent) = dir.parent() else { return };
    if parent.metadata().is_ok_and(|meta| meta.mode() & 0o1002 == 0o002) {
        log::warn!(
            "anyone can write to {0}, and so put another directory in the place of {1}; take \
             that right away: `chmod o-w {0}`",
            parent.display(),
            dir.display()
        );
    }
}

/// Checks that the server's OS user can reach the directory: below `/root` it cannot.
fn reachable(dir: &Path, user: OsUser) -> Result<()> {
    for path in dir.ancestors() {
        let Ok(meta) = path.metadata() else { continue };
        let (bit, whose) = if meta.uid() == user.uid {
            (0o100, 'u')
        } else if meta.gid() == user.gid {
            (0o010, 'g')
        } else {
            (0o001, 'o')
        };
        if meta.mode() & bit == 0 {
            return Err(Error::startup(format!(
                "database.data_dir: the OS user postgres cannot enter {0}, whose mode is {1:o}; \
                 let it pass through (`chmod {whose}+x {0}`), or choose a place that everybody may \
                 pass through",
                path.display(),
                meta.mode() & 0o7777
            )));
        }
    }
    Ok(())
}

/// Checks that the server can use an existing cluster.
fn check_cluster(cluster: &Path, meta: &Metadata, user: Option<OsUser>) -> Result<()> {
    check_owner(cluster, cluster, user)?;
    // PostgreSQL itself refuses these.
    if meta.mode() & 0o027 != 0 {
        return Err(Error::startup(format!(
            "{0} has the mode {1:o}, and PostgreSQL wants it closed to others: type \
             `chmod 700 {0}`",
            cluster.display(),
            meta.mode() & 0o7777
        )));
    }
    check_owner(&cluster.join(VERSION_FILE), cluster, user)
}

/// Checks that an existing file or directory belongs to the OS user that the server runs as. `top`
/// is what to give to that user otherwise.
fn check_owner(path: &Path, top: &Path, user: Option<OsUser>) -> Result<()> {
    // If it is missing or cannot be examined, the code that needs it says so.
    let Ok(meta) = path.symlink_metadata() else { return Ok(()) };
    let server = user.map_or(rustix::process::geteuid().as_raw(), |user| user.uid);
    // A link is a choice of the operator, and its target counts.
    let meta =
        if meta.is_symlink() && path == top { path.metadata().unwrap_or(meta) } else { meta };
    if meta.uid() == server {
        return Ok(());
    }
    let (who, owner) = match user {
        Some(_) => ("the OS user postgres", "postgres:".to_owned()),
        None => ("you", format!("{server}:{}", rustix::process::getegid())),
    };
    // The file has a second name: an attacker may hope that it is given away.
    let advice = if meta.is_file() && meta.nlink() > 1 {
        String::new()
    } else {
        format!(
            ", as after a copy by cp or tar; as root type `chown -R {owner} {}/`",
            top.display()
        )
    };
    Err(Error::startup(format!(
        "{}: belongs to the OS user with the id {}, and the private PostgreSQL runs as {who}{advice}",
        path.display(),
        meta.uid()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_above_that_everybody_may_write_to_is_no_reason_to_refuse() {
        let dir = tempfile::tempdir().unwrap();
        let above = dir.path().join("above");
        modes::make_dir(&above, 0o777).unwrap();
        prepare(&above.join("data"), None).unwrap();
        assert_eq!(above.join("data").metadata().unwrap().mode() & 0o777, 0o700);
        assert_eq!(above.metadata().unwrap().mode() & 0o777, 0o777);
    }
}
