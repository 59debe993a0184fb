//! A directory for private sockets: closed to others, with an unpredictable name, and removed with
//! the process. If a process was killed, the next one removes its directory.

use crate::modes;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const PREFIX: &str = "gatepost-run-";

/// A directory of ours in the system's directory for temporary files.
pub(crate) struct PrivateDir {
    path: PathBuf,
    /// Locked for as long as we live; the kernel releases it when we die.
    _lock: File,
}

impl PrivateDir {
    /// Makes the directory.
    ///
    /// # Errors
    /// When it cannot be made or locked.
    pub(crate) fn new() -> std::io::Result<Self> {
        let parent = std::env::temp_dir();
        sweep(&parent);
        let path = parent.join(format!("{PREFIX}{:016x}", rand::random::<u64>()));
        let fault = |e: std::io::Error| {
            let text = format!("{}: {e}; TMPDIR says where that is", parent.display());
            std::io::Error::new(e.kind(), text)
        };
        modes::make_dir(&path, 0o700).map_err(fault)?;
        // Locked before it has the name that a sweep looks for. Otherwise a sweep in between would
        // take the directory for a dead process's.
        let (unlocked, locked) = (path.join("lock.new"), path.join("lock"));
        let lock = modes::make_file(&unlocked)?;
        lock.try_lock()?;
        std::fs::rename(unlocked, locked)?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            log::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Removes the directories of dead processes: ours by name and owner, and not locked. A directory
/// without a lock file is being made at this moment, or is not one of ours.
fn sweep(parent: &Path) {
    let us = rustix::process::geteuid().as_raw();
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.metadata().is_ok_and(|meta| meta.is_dir() && meta.uid() == us);
        let path = entry.path();
        if is_ours
            && let Ok(lock) = File::open(path.join("lock"))
            && lock.try_lock().is_ok()
            && let Err(error) = std::fs::remove_dir_all(&path)
        {
            log::warn!("cannot remove {}: {error}", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn what_a_killed_process_left_is_cleared_away_and_what_is_in_use_is_not() {
        let living = PrivateDir::new().unwrap();
        let left = PrivateDir::new().unwrap();
        let path = left.path().to_owned();
        let PrivateDir { path: _, _lock } = &left;
        _lock.unlock().unwrap();
        std::mem::forget(left);
        let another = PrivateDir::new().unwrap();
        // Another process that starts at this moment may be the one that removes it.
        let begin = Instant::now();
        while path.exists() {
            assert!(begin.elapsed() < Duration::from_secs(10), "{} stays", path.display());
            std::thread::yield_now();
        }
        assert!(living.path().exists() && another.path().exists());
    }

    #[test]
    fn those_made_at_the_same_time_do_not_clear_each_other_away() {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        assert!(PrivateDir::new().unwrap().path().exists());
                    }
                });
            }
        });
    }
}
