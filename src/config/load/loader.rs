//! Takes the settings out of a file's text and out of an environment, one at a time.
//!
//! Faults are collected, and reading goes on.

use super::loaded::{Loaded, Origin};
use super::variables::{CONFIG_VARIABLE, PREFIX, is_of_platform};
use crate::config::claims;
use crate::config::profile::Profile;
use crate::config::retired;
use crate::config::sections::{Config, table};
use crate::config::setting::Setting;
use crate::error::{Error, Result};
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// A configuration that is being read.
pub(super) struct Loader {
    pub(super) loaded: Loaded,
    faults: Vec<String>,
}

impl Loader {
    pub(super) fn new(profile: Profile) -> Self {
        let loaded = Loaded {
            config: Config::new(profile),
            origins: BTreeMap::new(),
            passed_over: Vec::new(),
            files: Vec::new(),
        };
        Self { loaded, faults: Vec::new() }
    }

    pub(super) fn finish(mut self) -> Result<Loaded> {
        if let Err(Error::Configuration(faults)) = self.loaded.config.validate() {
            self.faults.extend(faults);
        }
        if self.faults.is_empty() {
            Ok(self.loaded)
        } else {
            Err(Error::Configuration(self.faults))
        }
    }

    pub(super) fn file(&mut self, name: &str, text: &str) {
        self.loaded.files.push((PathBuf::from(name), false));
        let document = match DeTable::parse(text) {
            Ok(document) => document,
            Err(e) => {
                let line = line_of(text, e.span().map_or(0, |span| span.start));
                // The message alone: the whole error quotes the line, and any secret in it.
                return self.faults.push(format!("{name}:{line}: {}", e.message()));
            }
        };
        for (section, content) in document.get_ref() {
            let at = line_of(text, section.span().start);
            match content.get_ref() {
                DeValue::Table(keys) if self.knows_section(section.get_ref()) => {
                    self.section(name, text, section.get_ref(), keys);
                }
                _ => self.faults.push(format!(
                    "{name}:{at}: unknown section [{}]; there are {}",
                    section.get_ref(),
                    self.sections()
                )),
            }
        }
    }

    fn section(&mut self, name: &str, text: &str, section: &str, keys: &DeTable<'_>) {
        for (key, value) in keys {
            let origin = Origin::File(name.to_owned(), line_of(text, key.span().start));
            let value_of = |setting: Option<&Setting>| match value.get_ref() {
                table @ DeValue::Table(_) if setting.is_some_and(|setting| setting.table) => {
                    claims::json(table).map(|json| json.to_string())
                }
                tables @ DeValue::Array(_) if setting.is_some_and(|setting| setting.tables) => {
                    claims::json(tables).map(|json| json.to_string())
                }
                _ if setting.is_some_and(|setting| setting.tables) => None,
                // For an unknown setting an array is accepted, so that the fault is its name.
                other => plain(other, setting.is_none_or(|setting| setting.list)),
            };
            match value_of(setting(section, key.get_ref())) {
                Some(value) => self.set(section, key.get_ref(), &value, origin),
                None => self.faults.push(format!(
                    "{origin}: {section}.{}: a value of type {} does not fit here",
                    key.get_ref(),
                    value.get_ref().type_str()
                )),
            }
        }
    }

    pub(super) fn environment(&mut self, env: &BTreeMap<String, String>) {
        for (name, value) in env {
            let Some(rest) = name.strip_prefix(PREFIX) else {
                continue;
            };
            if name == CONFIG_VARIABLE {
                continue;
            }
            if is_of_platform(rest) {
                self.loaded.passed_over.push(name.clone());
                continue;
            }
            let lower = rest.to_lowercase();
            let (section, key) = lower.split_once('_').unwrap_or((&lower, ""));
            self.set(section, key, value, Origin::Environment(name.clone()));
        }
    }

    /// Sets one value, or the value that the file named by a secret's `_file` twin holds.
    fn set(&mut self, section: &str, key: &str, value: &str, origin: Origin) {
        let twin = key.strip_suffix("_file");
        let found = table().find(|setting| {
            setting.section == section
                && (setting.key == key || (setting.secret && Some(setting.key) == twin))
        });
        let Some(setting) = found else {
            let fault = retired::message(section, key).unwrap_or_else(|| {
                format!("unknown setting {section}.{key}; {}", self.hint(section))
            });
            return self.faults.push(format!("{origin}: {fault}"));
        };
        if setting.tables && matches!(origin, Origin::Environment(_)) {
            let fault =
                format!("{origin}: {section}.{key} stands in a file alone, as [[{section}.{key}]]");
            return self.faults.push(fault);
        }
        let place = (setting.section, setting.key);
        if self.loaded.origins.get(&place).is_some_and(|earlier| same_layer(earlier, &origin)) {
            let fault = format!("{origin}: {section}.{} and its _file twin are both set", place.1);
            return self.faults.push(fault);
        }
        let config = &mut self.loaded.config;
        let outcome = if setting.key == key {
            if let Origin::File(name, _) = &origin {
                let file = self.loaded.files.iter_mut().find(|(path, _)| path == Path::new(name));
                file.into_iter().for_each(|(_, secret)| *secret |= setting.secret);
            }
            config.set(setting, value)
        } else {
            self.loaded.files.push((PathBuf::from(value), true));
            Secret::read_file(value).and_then(|secret| config.set(setting, secret.expose()))
        };
        match outcome {
            Ok(()) => drop(self.loaded.origins.insert(place, origin)),
            // A secret's value must not appear, whatever is wrong with it.
            Err(fault) => self.faults.push(format!("{origin}: {section}.{key}: {fault}")),
        }
    }

    fn knows_section(&self, section: &str) -> bool {
        table().any(|setting| setting.section == section)
    }

    fn sections(&self) -> String {
        let mut names: Vec<&str> = table().map(|setting| setting.section).collect();
        names.dedup();
        names.join(", ")
    }

    fn hint(&self, section: &str) -> String {
        if !self.knows_section(section) {
            return format!("the sections are {}", self.sections());
        }
        let of_section = table().filter(|setting| setting.section == section);
        let names: Vec<&str> = of_section.map(|setting| setting.key).collect();
        format!("[{section}] has {}", names.join(", "))
    }
}

fn setting(section: &str, key: &str) -> Option<&'static Setting> {
    table().find(|setting| setting.section == section && setting.key == key)
}

/// Whether two places are in one layer, where the later must not silently win.
fn same_layer(a: &Origin, b: &Origin) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// A TOML value as text, as the environment would hold it.
fn plain(value: &DeValue<'_>, list: bool) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Array(items) if list => {
            let texts = items.iter().map(|item| item.get_ref().as_str());
            // As an array, so that a comma in an entry stays one.
            serde_json::to_string(&texts.collect::<Option<Vec<_>>>()?).ok()
        }
        _ => None,
    }
}

/// The line, counted from 1, of a byte position.
fn line_of(text: &str, position: usize) -> usize {
    text.bytes().take(position).filter(|byte| *byte == b'\n').count() + 1
}
