//! How much the log says, for all modules and for some.

use log::LevelFilter;
use std::fmt;
use std::str::FromStr;

/// The library that speaks with PostgreSQL. At debug level it logs the values of parameters,
/// password hashes among them.
const DRIVER: &str = "tokio_postgres";

/// Levels of the log: one for everything, and others for modules, such as
/// `info,gatepost::db=debug`. A module's level holds for what is below it too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevels {
    level: LevelFilter,
    modules: Vec<(String, LevelFilter)>,
}

impl LogLevels {
    /// The level of everything that has none of its own.
    #[must_use]
    pub fn level(&self) -> LevelFilter {
        self.level
    }

    /// The modules with a level of their own. The database driver is always among them, at no more
    /// than `warn`.
    pub fn modules(&self) -> impl Iterator<Item = (&str, LevelFilter)> {
        let driver = (DRIVER, self.level.min(LevelFilter::Warn));
        let named = self.modules.iter().map(|(name, level)| (name.as_str(), *level));
        let is_named = self.modules.iter().any(|(name, _)| name == DRIVER);
        named.chain((!is_named).then_some(driver))
    }

    /// The same levels, none of them beyond this one.
    #[must_use]
    pub fn at_most(mut self, most: LevelFilter) -> Self {
        self.level = self.level.min(most);
        self.modules.iter_mut().for_each(|(_, level)| *level = (*level).min(most));
        self
    }
}

impl From<LevelFilter> for LogLevels {
    fn from(level: LevelFilter) -> Self {
        Self { level, modules: Vec::new() }
    }
}

impl fmt::Display for LogLevels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.level.as_str().to_lowercase())?;
        for (name, level) in &self.modules {
            write!(f, ",{name}={}", level.as_str().to_lowercase())?;
        }
        Ok(())
    }
}

impl FromStr for LogLevels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut levels = Self::from(LevelFilter::Info);
        let mut has_level = false;
        for part in text.split(',').map(str::trim) {
            let (name, word) = part.split_once('=').map_or((None, part), |(n, w)| (Some(n), w));
            let level = word.parse().map_err(|_| {
                format!(
                    "{part:?}: expected off, error, warn, info, debug or trace, and for one module a \
                     name before it, as in \"info,gatepost::db=debug\""
                )
            })?;
            let Some(name) = name else {
                if std::mem::replace(&mut has_level, true) {
                    return Err(format!("{part:?}: a second level for everything"));
                }
                levels.level = level;
                continue;
            };
            let of_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b':';
            if name.is_empty() || !name.bytes().all(of_name) {
                return Err(format!(
                    "{part:?}: expected the name of a module, such as gatepost::db"
                ));
            }
            if levels.modules.iter().any(|(known, _)| known == name) {
                return Err(format!("{part:?}: a second level for this module"));
            }
            let of_driver = name.starts_with(DRIVER) || DRIVER.starts_with(name);
            if of_driver && level > LevelFilter::Warn {
                return Err(format!(
                    "{part:?}: at most warn, since beyond that the database driver logs the values of \
                     parameters, password hashes among them"
                ));
            }
            levels.modules.push((name.to_owned(), level));
        }
        Ok(levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_one_for_everything_and_some_for_modules() {
        let levels: LogLevels = " debug, gatepost::db=trace,mio=off".parse().unwrap();
        assert_eq!(levels.to_string(), "debug,gatepost::db=trace,mio=off");
        let modules: Vec<_> = levels.modules().collect();
        let driver = ("tokio_postgres", LevelFilter::Warn);
        let expected = [("gatepost::db", LevelFilter::Trace), ("mio", LevelFilter::Off), driver];
        assert_eq!(modules, expected);
        assert_eq!(levels.at_most(LevelFilter::Warn).to_string(), "warn,gatepost::db=warn,mio=off");
        let only: LogLevels = "gatepost::db=debug".parse().unwrap();
        assert_eq!(
            (only.level(), only.to_string().as_str()),
            (LevelFilter::Info, "info,gatepost::db=debug")
        );
        let quiet: LogLevels = "error,tokio_postgres=off".parse().unwrap();
        assert_eq!(quiet.modules().collect::<Vec<_>>(), [("tokio_postgres", LevelFilter::Off)]);
    }

    #[test]
    fn a_part_that_makes_no_sense_is_named() {
        for (text, part, reason) in [
            ("", "\"\"", "expected off"),
            ("verbose", "\"verbose\"", "expected off"),
            ("info,", "\"\"", "expected off"),
            ("info,gatepost::db=loud", "\"gatepost::db=loud\"", "expected off"),
            ("info,=debug", "\"=debug\"", "name of a module"),
            ("info,gatepost/db=debug", "\"gatepost/db=debug\"", "name of a module"),
            ("info,debug", "\"debug\"", "second level for everything"),
            ("a=info,a=info", "\"a=info\"", "second level for this module"),
            ("tokio_postgres=debug", "\"tokio_postgres=debug\"", "password hashes"),
            ("tokio=trace", "\"tokio=trace\"", "password hashes"),
            ("tokio_postgres::query=info", "\"tokio_postgres::query=info\"", "password hashes"),
        ] {
            let fault = text.parse::<LogLevels>().unwrap_err();
            assert!(fault.starts_with(part) && fault.contains(reason), "{text}: {fault}");
        }
    }
}
