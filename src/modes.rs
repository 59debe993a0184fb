//! The modes of the files and directories that we make, whatever the umask is.
//!
//! A umask of 077 would close a directory that the server's OS user must pass through, and one of
//! 000 would open files that only we may write. So the mode is set afterwards. The system makes the
//! file with that mode less the umask, so it is never open wider than in the end.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Makes a directory.
///
/// # Errors
/// Those of the system; also when something with this name exists.
pub(crate) fn make_dir(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().mode(mode).create(path)?;
    set(path, mode)
}

/// Makes a directory and the missing ones above it. Existing ones keep their modes.
///
/// # Errors
/// Those of the system.
pub(crate) fn make_dirs(path: &Path, mode: u32) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_dirs(parent, mode)?;
    }
    match make_dir(path, mode) {
        // Another process was quicker.
        Err(e) if e.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

/// Makes a new file, for us alone.
///
/// # Errors
/// Those of the system; also when something with this name exists.
pub(crate) fn make_file(path: &Path) -> io::Result<File> {
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Sets the mode of something that we have just made, such as the file of a socket.
///
/// # Errors
/// Those of the system.
pub(crate) fn set(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}
