//! The settings: what there is, and the defaults.
//!
//! Each section has a file in `config/`, where a setting is declared once, with its type, default,
//! range and reason; `config/setting.rs` makes everything else out of that. What only programs that
//! embed Gatepost have a reason to change is no setting, but a field of the section's `tuning`. What does not go together
//! is in `config/checks.rs`; where settings come from (files, environment) in `config/load.rs`; how a
//! value is written in `config/values.rs`; names that are no longer settings in `config/retired.rs`.

#[macro_use]
mod setting;

mod access;
mod audit;
mod checks;
pub(crate) mod conninfo;
mod database;
mod host_name;
mod inert;
mod limits;
mod load;
mod net;
mod passwords;
#[cfg(test)]
mod reference;
mod retired;
mod server;
mod sessions;
mod tokens;
mod values;

use crate::error::{Error, Result};
use std::path::PathBuf;

pub use access::{Access, AccessMode, Registration};
pub use audit::{Audit, AuditTuning};
pub use database::{Database, DatabaseTuning};
pub use host_name::{HostName, NotAHostName};
pub use limits::{Limits, LimitsTuning};
pub use load::{Loaded, Origin};
pub use net::{Cidr, ForwardedHeader, Listen, NotACidr, NotListen};
pub(crate) use passwords::MAX_ITERATIONS;
pub use passwords::{Passwords, PasswordsTuning};
pub use server::{Server, ServerTuning};
pub use sessions::{Log, Sessions, SessionsTuning};
pub(crate) use setting::Setting;
pub use tokens::{Algorithm, Encryption, Tokens, TokensTuning};

/// Which of the three configurations is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// For a developer's own machine. The default.
    Development,
    /// For automated tests: cheap password hashes.
    Testing,
    /// For real users: strong settings, and nothing assumed that must be decided.
    Production,
}

/// Lists the sections, in the order in which they are shown.
macro_rules! sections {
    ($($section:ident: $Section:ident)+) => {
        /// Every setting of Gatepost. [`Config::new`] gives the defaults; change fields, then hand it
        /// to [`Service::start`](crate::Service::start), which refuses what [`Config::validate`]
        /// refuses.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub struct Config {
            /// The configuration these settings belong to.
            pub profile: Profile,
            $(
                #[doc = concat!("`[", stringify!($section), "]`")]
                pub $section: $Section,
            )+
        }

        impl Config {
            /// The defaults of a profile, before any file or the environment.
            ///
            /// `production` also needs [`Encryption::key`], and [`Database::url`] or
            /// [`Database::private`].
            pub fn new(profile: Profile) -> Self {
                Self { profile, $($section: $Section::new(profile)),+ }
            }

            /// A fault for each value that is outside its range.
            fn out_of_range(&self) -> Vec<String> {
                let faults = [$(self.$section.out_of_range()),+];
                faults.into_iter().flatten().flatten().collect()
            }
        }

        /// Every setting there is.
        pub(crate) fn table() -> Vec<Setting> {
            [$($Section::settings()),+].into_iter().flatten().collect()
        }

        /// What each section is about.
        #[cfg(test)]
        const SECTIONS: &[(&str, &[&str])] = &[$($Section::ABOUT),+];
    };
}

sections! {
    server: Server
    database: Database
    access: Access
    passwords: Passwords
    limits: Limits
    audit: Audit
    tokens: Tokens
    encryption: Encryption
    sessions: Sessions
    log: Log
}

impl Config {
    /// The directory of the private PostgreSQL.
    ///
    /// # Errors
    /// [`Error::Configuration`] when none is set and none can be derived.
    pub fn data_dir(&self) -> Result<PathBuf> {
        if let Some(dir) = &self.database.data_dir {
            return std::path::absolute(dir)
                .map_err(|e| Error::Configuration(vec![format!("database.data_dir: {e}")]));
        }
        if rustix::process::geteuid().is_root() {
            return Ok(PathBuf::from("/var/lib/gatepost").join(self.profile.name()));
        }
        let absolute = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
        };
        absolute("XDG_DATA_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
            .map(|base| base.join("gatepost").join(self.profile.name()))
            .ok_or_else(|| {
                Error::Configuration(vec![
                    "database.data_dir: not set, and neither XDG_DATA_HOME nor HOME names a place"
                        .to_owned(),
                ])
            })
    }
}

impl Profile {
    const ALL: [Self; 3] = [Self::Development, Self::Testing, Self::Production];

    /// The word that `APP_SETTINGS` holds.
    pub fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Testing => "testing",
            Self::Production => "production",
        }
    }

    /// Reads the word that `APP_SETTINGS` holds.
    ///
    /// # Errors
    /// [`Error::Configuration`], listing the three words, for any other.
    pub fn parse(word: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == word).ok_or_else(|| {
            Error::Configuration(vec![format!(
                "APP_SETTINGS: {word:?} is none of development, testing, production"
            )])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reading the declarations fails for one that cannot be read.
    #[test]
    fn every_default_is_within_its_range() {
        for profile in Profile::ALL {
            assert_eq!(Config::new(profile).out_of_range(), Vec::<String>::new());
        }
    }

    /// A profile that is not called so would silently have the usual default.
    #[test]
    fn a_special_default_is_that_of_a_profile() {
        for setting in table() {
            for (profile, _) in setting.reference.special {
                assert!(Profile::parse(profile).is_ok(), "{profile}");
            }
        }
    }

    #[test]
    fn there_are_at_most_fifty_settings() {
        assert!(table().len() <= 50, "{}", table().len());
    }

    #[test]
    fn no_section_has_the_name_of_what_a_container_platform_sets() {
        for setting in table() {
            assert!(!matches!(setting.section, "port" | "service"), "[{}]", setting.section);
        }
    }
}
