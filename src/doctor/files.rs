//! Who may read the files with secrets, and who may write those that configure the service.

use super::verdict::Verdict;
use crate::config::Loaded;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Looks at every file that the configuration was read from or names.
pub(super) fn modes(loaded: &Loaded) -> Verdict {
    let mut count = 0;
    for (path, secret) in loaded.files() {
        let Ok(about) = path.metadata() else { continue };
        count += 1;
        if let Some(fault) = fault(path, secret, about.mode(), about.uid()) {
            return fault;
        }
    }
    match count {
        0 => Verdict::skipped("all settings come from the environment"),
        count => Verdict::ok(format!(
            "{count} files, which others can neither change nor, where they hold secrets, read"
        )),
    }
}

fn fault(path: &Path, secret: bool, mode: u32, owner: u32) -> Option<Verdict> {
    let name = path.display();
    let us = rustix::process::geteuid().as_raw();
    if owner != 0 && owner != us {
        return Some(Verdict::fault(
            format!("{name} belongs to the user {owner}"),
            "that user can change how the service runs, and read its secrets",
            format!("type `chown root {name}`"),
        ));
    }
    if mode & 0o022 != 0 {
        return Some(Verdict::fault(
            format!("{name} can be changed by others (its mode is {:04o})", mode & 0o7777),
            "whoever can change it decides whom the service lets in",
            format!("type `chmod go-w {name}`"),
        ));
    }
    // Nobody else is in a container, and its platform mounts secrets so that any user can read them.
    if secret && mode & 0o007 != 0 && !is_mounted(path) {
        return Some(Verdict::fault(
            format!(
                "{name} holds a secret and can be read by everyone (its mode is {:04o})",
                mode & 0o7777
            ),
            "every user and program of this machine can read the secret",
            format!("type `chmod o-rwx {name}`"),
        ));
    }
    None
}

/// Whether a container's platform has put the file there.
fn is_mounted(path: &Path) -> bool {
    path.starts_with("/run/secrets") || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_by_its_owner_and_group_only_and_nothing_is_written_by_others() {
        let us = rustix::process::geteuid().as_raw();
        let is_fault = |secret, mode, owner| fault(Path::new("/x"), secret, mode, owner).is_some();
        for mode in [0o400, 0o600, 0o440, 0o640] {
            assert!(!is_fault(true, mode, us) && !is_fault(true, mode, 0), "{mode:o}");
        }
        assert!(!is_fault(false, 0o644, us));
        for (secret, mode) in
            [(true, 0o644), (true, 0o604), (true, 0o620), (false, 0o666), (false, 0o664)]
        {
            assert!(is_fault(secret, mode, us), "{mode:o}");
        }
        assert!(is_fault(false, 0o600, us + 1));
    }
}
