//! Every process that we start is started from here, with a clean environment.
//!
//! Our own environment holds the secrets of the configuration. A child has no use for any of them,
//! and its environment can be read by whoever runs as its OS user. So a child gets a search path,
//! a locale and a time zone, and nothing of ours. A test reads the source for commands that are
//! made elsewhere.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Where a child finds the programs that it starts itself.
const SEARCH_PATH: &str = "/usr/bin:/bin";

/// An OS user that is not our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OsUser {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl OsUser {
    /// The user of this name. `None` when there is none.
    ///
    /// It is asked for with `id`, which knows every source of users that the machine has.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let ask = |flag: &str| {
            let mut id = command(Path::new("id"), None, Path::new("/"));
            // Not every system keeps it in one of the usual places.
            if let Some(path) = std::env::var_os("PATH").filter(|path| !path.is_empty()) {
                id.env("PATH", path);
            }
            let output = id.args([flag, name]).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        Some(Self { uid: ask("-u")?, gid: ask("-g")? })
    }
}

/// A command with a clean environment in this directory, run as this OS user where one is given.
pub(crate) fn command(program: &Path, user: Option<OsUser>, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", SEARCH_PATH).env("LC_ALL", "C").env("TZ", "UTC");
    command.current_dir(dir).stdin(Stdio::null());
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}
