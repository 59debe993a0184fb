//! A configuration that was read, and where each of its values came from.

use crate::config::sections::{Config, table};
use crate::config::setting::Setting;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where the value of a setting was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The default in the code.
    Default,
    /// A configuration file and its line.
    File(String, usize),
    /// A variable of the environment.
    Environment(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(name, line) => write!(f, "{name}:{line}"),
            Self::Environment(name) => write!(f, "environment {name}"),
        }
    }
}

/// A configuration with the place each value came from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The settings themselves, validated.
    pub config: Config,
    pub(super) origins: BTreeMap<(&'static str, &'static str), Origin>,
    pub(super) passed_over: Vec<String>,
    /// Every file that settings were read from, and whether it holds a secret.
    pub(super) files: Vec<(PathBuf, bool)>,
}

impl Loaded {
    /// The files that settings were read from and the key of the certificate, each with whether it
    /// holds a secret.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, bool)> {
        let read = self.files.iter().map(|(path, secret)| (path.as_path(), *secret));
        read.chain(self.config.server.tls_key.as_deref().map(|key| (key, true)))
    }

    /// The variables that look like settings but are set by a container platform for a service of
    /// our name, as a line for the log; `None` when there are none.
    pub fn passed_over(&self) -> Option<String> {
        let names = self.passed_over.join(", ");
        let text = "ignored, because a container platform sets it for a service called gatepost";
        (!names.is_empty()).then(|| format!("{text}: {names}"))
    }

    /// Every setting as `section.key`, its value with secrets hidden, and where it came from.
    pub fn settings(&self) -> Vec<(String, String, Origin)> {
        let line = |setting: &Setting| {
            let place = (setting.section, setting.key);
            (
                setting.name(),
                self.config.show(setting),
                self.origins.get(&place).cloned().unwrap_or(Origin::Default),
            )
        };
        table().map(line).collect()
    }
}
