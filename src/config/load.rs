//! Where settings come from: the defaults in code, then a file, then the environment.
//!
//! Every fault is collected, so that one run names them all.

mod loaded;
mod loader;
mod variables;

use super::profile::Profile;
use crate::error::{Error, Result};
use loader::Loader;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use variables::{CONFIG_VARIABLE, PREFIX, PROFILE_VARIABLE, is_of_platform};

pub use loaded::{Loaded, Origin};

/// The three configuration files, so that the bare binary runs anywhere.
const EMBEDDED: [&str; 3] = [
    include_str!("../../config/development.toml"),
    include_str!("../../config/testing.toml"),
    include_str!("../../config/production.toml"),
];

impl Loaded {
    /// Reads the configuration: the profile named by `APP_SETTINGS`, its file, the environment.
    ///
    /// The file is `file` if given, otherwise the one that `GATEPOST_CONFIG` names, otherwise
    /// `config/PROFILE.toml` in the working directory, otherwise the copy in the binary.
    ///
    /// # Errors
    /// [`Error::Configuration`] with every fault found: unknown keys with file and line, values
    /// that cannot be read, and everything that [`Config::validate`](crate::Config::validate) refuses.
    pub fn read(file: Option<&Path>) -> Result<Self> {
        let mut env = BTreeMap::new();
        let mut faults = Vec::new();
        for (name, value) in std::env::vars_os() {
            // A name that is not UTF-8 is not one of ours.
            let Some(name) = name.to_str().filter(|name| is_ours(name)) else { continue };
            if name.strip_prefix(PREFIX).is_some_and(is_of_platform) {
                env.insert(name.to_owned(), String::new());
                continue;
            }
            match value.into_string() {
                Ok(value) => drop(env.insert(name.to_owned(), value)),
                Err(_) => faults.push(format!("environment {name}: not UTF-8")),
            }
        }
        if !faults.is_empty() {
            return Err(Error::Configuration(faults));
        }
        Self::from_environment(file, &env)
    }

    fn from_environment(file: Option<&Path>, env: &BTreeMap<String, String>) -> Result<Self> {
        let word = env.get(PROFILE_VARIABLE).map_or("development", String::as_str);
        let profile = Profile::parse(word)?;
        let named =
            file.map(Path::to_path_buf).or_else(|| env.get(CONFIG_VARIABLE).map(PathBuf::from));
        let (name, text) = read_file(profile, named)?;
        let mut loader = Loader::new(profile);
        loader.file(&name, &text);
        loader.environment(env);
        loader.finish()
    }

    /// Reads the text of a configuration file, and no other source.
    #[cfg(any(test, feature = "internals"))]
    pub(crate) fn from_text(profile: Profile, name: &str, text: &str) -> Result<Self> {
        let mut loader = Loader::new(profile);
        loader.file(name, text);
        loader.finish()
    }
}

fn is_ours(name: &str) -> bool {
    name == PROFILE_VARIABLE || name.starts_with(PREFIX)
}

/// The name and the text of the configuration file.
fn read_file(profile: Profile, named: Option<PathBuf>) -> Result<(String, String)> {
    let usual = PathBuf::from(format!("config/{}.toml", profile.name()));
    let is_named = named.is_some();
    let path = named.unwrap_or(usual);
    if path.as_os_str().is_empty() {
        return Err(Error::Configuration(vec![format!(
            "{CONFIG_VARIABLE}, or --config: is empty; it names a configuration file, and without it \
             the one of the profile is read"
        )]));
    }
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok((path.display().to_string(), text)),
        Err(e) if !is_named && e.kind() == std::io::ErrorKind::NotFound => {
            let text = EMBEDDED[profile as usize].to_owned();
            Ok((format!("{} (built in)", path.display()), text))
        }
        // It may be there or not; to go on without it could undo what it says.
        Err(e) if !is_named && e.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(Error::Configuration(vec![format!(
                "{}, below the working directory: {e}; run this in a directory that this user may \
                 read, such as /, or name a file with --config or {CONFIG_VARIABLE}",
                path.display()
            )]))
        }
        Err(e) => Err(Error::Configuration(vec![format!("{}: {e}", path.display())])),
    }
}

#[cfg(test)]
mod tests;
