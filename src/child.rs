//! Every process that we start is started from here, with a clean environment.
//!
//! Our own environment holds the secrets of the configuration. A child needs none of them, and any
//! process of its OS user can read its environment. So a child gets a search path, a locale and a
//! time zone, and nothing of ours. A test searches the source for commands made elsewhere.

use std::io;
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
    /// The user with this name. `None` when there is none.
    ///
    /// `id` is asked, which knows every source of users on the machine.
    ///
    /// # Errors
    /// When `id` cannot be run, which proves nothing about the user.
    pub(crate) fn named(name: &str) -> io::Result<Option<Self>> {
        let mut places = std::env::var_os("PATH").unwrap_or_default();
        // Not every system has it in one of the usual places, and not every PATH names those.
        places.push(":");
        places.push(SEARCH_PATH);
        let ask = |flag: &str| -> io::Result<Option<u32>> {
            let mut id = command(Path::new("id"), None, Path::new("/"));
            let output = id.env("PATH", &places).args([flag, name]).output().map_err(|e| {
                io::Error::new(e.kind(), format!("cannot run `id {flag} {name}`: {e}"))
            })?;
            Ok(String::from_utf8(output.stdout).ok().and_then(|text| text.trim().parse().ok()))
        };
        Ok(match (ask("-u")?, ask("-g")?) {
            (Some(uid), Some(gid)) => Some(Self { uid, gid }),
            _ => None,
        })
    }
}

/// A command with a clean environment in this directory, run as this OS user if one is given.
pub(crate) fn command(program: &Path, user: Option<OsUser>, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", SEARCH_PATH).env("LC_ALL", "C").env("TZ", "UTC");
    command.current_dir(dir).stdin(Stdio::null());
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}
