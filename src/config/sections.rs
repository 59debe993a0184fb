//! All sections together: [`Config`], and the table of every setting.

use super::access::Access;
use super::audit::Audit;
use super::database::Database;
use super::gate::Gate;
use super::limits::Limits;
use super::logging::Log;
use super::mail::{Events, Mail, Recovery};
use super::monitoring::Metrics;
use super::pages::Pages;
use super::passkeys::Passkeys;
use super::passwords::Passwords;
use super::profile::Profile;
use super::server::Server;
use super::sessions::Sessions;
use super::setting::Setting;
use super::tokens::{Encryption, Tokens};
use crate::error::{Error, Result};
use std::path::PathBuf;

/// Lists the sections, in the order in which they are shown.
macro_rules! sections {
    ($($section:ident: $Section:ident)+) => {
        /// Every setting of Gatepost. [`Config::new`] gives the defaults. Change fields, then hand
        /// it to [`Service::start`](crate::Service::start), which refuses anything that
        /// [`Config::validate`] refuses.
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

            /// Reads a text into the field of a setting.
            pub(super) fn set(
                &mut self,
                setting: &Setting,
                text: &str,
            ) -> std::result::Result<(), String> {
                match setting.section {
                    $(stringify!($section) => self.$section.set(setting.key, text),)+
                    _ => unreachable!("no section {}", setting.section),
                }
            }

            /// Shows the field of a setting.
            pub(super) fn show(&self, setting: &Setting) -> String {
                match setting.section {
                    $(stringify!($section) => self.$section.show(setting.key),)+
                    _ => unreachable!("no section {}", setting.section),
                }
            }

            /// A fault for each value that is outside its range.
            pub(super) fn out_of_range(&self) -> Vec<String> {
                let faults = [$(self.$section.out_of_range()),+];
                faults.into_iter().flatten().flatten().collect()
            }
        }

        /// Every setting there is.
        pub(super) fn table() -> impl Iterator<Item = &'static Setting> {
            [$($Section::SETTINGS),+].into_iter().flatten()
        }

        /// The description of each section.
        #[cfg(test)]
        pub(super) const SECTIONS: &[(&str, &[&str])] = &[$($Section::ABOUT),+];
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
    passkeys: Passkeys
    mail: Mail
    events: Events
    recovery: Recovery
    pages: Pages
    gate: Gate
    log: Log
    metrics: Metrics
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

    /// The same, for a command that is for the private PostgreSQL only.
    ///
    /// # Errors
    /// As [`data_dir`](Self::data_dir); and when `database.url` names another server.
    pub(crate) fn private_dir(&self, command: &str) -> Result<PathBuf> {
        if self.database.url.is_none() {
            return self.data_dir();
        }
        Err(Error::Configuration(vec![format!(
            "database.url: is set, and `gatepost {command}` is for the private PostgreSQL alone; \
             docs/backup.md has the commands for a server of your own"
        )]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads every declaration; one that cannot be read panics.
    #[test]
    fn every_default_is_within_its_range() {
        for profile in Profile::ALL {
            assert_eq!(Config::new(profile).out_of_range(), Vec::<String>::new());
        }
    }

    /// A profile under a wrong name would silently have the usual default.
    #[test]
    fn a_special_default_is_that_of_a_profile() {
        for setting in table() {
            for (profile, _) in setting.reference.special {
                assert!(Profile::parse(profile).is_ok(), "{profile}");
            }
        }
    }

    /// Each is one more thing to read and to decide. The bound leaves room for parts that come, and
    /// is there to be met with a constant first.
    #[test]
    fn there_are_at_most_88_settings() {
        assert!(table().count() <= 88, "{}", table().count());
    }

    #[test]
    fn no_section_has_the_name_of_what_a_container_platform_sets() {
        for setting in table() {
            assert!(!matches!(setting.section, "port" | "service"), "[{}]", setting.section);
        }
    }
}
