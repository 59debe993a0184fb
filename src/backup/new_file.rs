//! A file that has its name only when all of it is written, and never takes the place of another.

use crate::error::{Error, Result};
use crate::plain_file;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::{File, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A new file.
pub(super) struct NewFile {
    file: File,
    partial: PathBuf,
    path: PathBuf,
}

impl NewFile {
    /// Opens it under the name with `.partial` at the end. One that was left behind is used again.
    ///
    /// # Errors
    /// [`Error::File`] when the name is taken, or the system refuses.
    pub(super) fn create(path: &Path) -> Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(taken(path));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let fault = |e: io::Error| Error::File(format!("{}: {e}", partial.display()));
        let file = open(&partial).map_err(fault)?;
        file.try_lock().map_err(|e| match e {
            TryLockError::WouldBlock => {
                Error::File(format!("{}: another process is writing it", partial.display()))
            }
            TryLockError::Error(e) => fault(e),
        })?;
        file.set_len(0).map_err(fault)?;
        Ok(Self { file, partial, path: path.to_owned() })
    }

    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives it its name, when all of it is on the disk.
    ///
    /// # Errors
    /// [`Error::File`], also when something has that name by now.
    pub(super) fn keep(self) -> Result<()> {
        let fault = |e: io::Error| Error::File(format!("{}: {e}", self.path.display()));
        self.file.sync_all().map_err(fault)?;
        rename(&self.partial, &self.path).map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => taken(&self.path),
            _ => fault(e),
        })?;
        let dir = self.path.parent().filter(|dir| !dir.as_os_str().is_empty());
        File::open(dir.unwrap_or(Path::new("."))).and_then(|dir| dir.sync_all()).map_err(fault)
    }

    /// Removes it.
    pub(super) fn discard(self) {
        if let Err(e) = std::fs::remove_file(&self.partial) {
            log::warn!("{}: cannot be removed: {e}", self.partial.display());
        }
    }
}

fn taken(path: &Path) -> Error {
    Error::File(format!("{}: is there already, and is not overwritten", path.display()))
}

/// Opens a file for us alone. A link in its place is not followed: the directory may be anybody's.
fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = plain_file::open(path, &mut options, None)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Renames a file, unless the name is taken.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot do it in one step.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            std::fs::hard_link(from, to)?;
            std::fs::remove_file(from)
        }
        outcome => Ok(outcome?),
    }
}
