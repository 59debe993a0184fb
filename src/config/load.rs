//! Where settings come from: the defaults in code, then a file, then the environment.
//!
//! Every fault is collected, so that one run names them all.

use super::{Config, Profile, Setting, table};
use crate::error::{Error, Result};
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// The three configuration files, so that the bare binary runs anywhere.
const EMBEDDED: [&str; 3] = [
    include_str!("../../config/development.toml"),
    include_str!("../../config/testing.toml"),
    include_str!("../../config/production.toml"),
];

/// The beginning of every environment variable that is a setting.
const PREFIX: &str = "GATEPOST_";

/// The variable that chooses the profile.
const PROFILE_VARIABLE: &str = "APP_SETTINGS";

/// The one variable with that beginning that is not a setting: it names a configuration file.
const CONFIG_VARIABLE: &str = "GATEPOST_CONFIG";

/// What a container platform sets by itself for a service of our name, without the beginning. No
/// section is ever called so.
fn is_of_platform(rest: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_name = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    if matches!(rest, "PORT" | "SERVICE_HOST" | "SERVICE_PORT") {
        return true;
    }
    if let Some(name) = rest.strip_prefix("SERVICE_PORT_") {
        return is_name(name);
    }
    let mut parts = rest.strip_prefix("PORT_").unwrap_or_default().splitn(3, '_');
    let number = parts.next().is_some_and(is_number);
    let protocol = matches!(parts.next(), Some("TCP" | "UDP" | "SCTP"));
    number && protocol && matches!(parts.next(), None | Some("PROTO" | "PORT" | "ADDR"))
}

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
pub struct Loaded {
    /// The settings themselves, validated.
    pub config: Config,
    origins: BTreeMap<(&'static str, &'static str), Origin>,
    passed_over: Vec<String>,
}

impl Loaded {
    /// Reads the configuration: the profile named by `APP_SETTINGS`, its file, the environment.
    ///
    /// The file is `file` if given, else the one `GATEPOST_CONFIG` names, else
    /// `config/PROFILE.toml` below the working directory, else the copy in the binary.
    ///
    /// # Errors
    /// [`Error::Configuration`] with every fault found: unknown keys with file and line, values
    /// that cannot be read, and all that [`Config::validate`] refuses.
    pub fn read(file: Option<&Path>) -> Result<Self> {
        let (mut env, mut faults) = (BTreeMap::new(), Vec::new());
        for (name, value) in std::env::vars_os() {
            // A name that is not UTF-8 is none of ours.
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

    /// The variables that look like settings and are what a container platform sets by itself for a
    /// service of our name, as a line for the log; `None` when there are none.
    pub fn passed_over(&self) -> Option<String> {
        let names = self.passed_over.join(", ");
        let text = "passed over, as a container platform sets it for a service called gatepost";
        (!names.is_empty()).then(|| format!("{text}: {names}"))
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

    /// Reads a configuration file whose text is at hand, and nothing else.
    #[cfg(any(test, feature = "internals"))]
    pub(crate) fn from_text(profile: Profile, name: &str, text: &str) -> Result<Self> {
        let mut loader = Loader::new(profile);
        loader.file(name, text);
        loader.finish()
    }

    /// Every setting as `section.key`, its value with secrets hidden, and where it came from.
    pub fn settings(&self) -> Vec<(String, String, Origin)> {
        let line = |setting: &Setting| {
            let place = (setting.section, setting.key);
            (
                format!("{}.{}", setting.section, setting.key),
                (setting.show)(&self.config),
                self.origins.get(&place).cloned().unwrap_or(Origin::Default),
            )
        };
        table().iter().map(line).collect()
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
        Err(e) => Err(Error::Configuration(vec![format!("{}: {e}", path.display())])),
    }
}

struct Loader {
    table: Vec<Setting>,
    loaded: Loaded,
    faults: Vec<String>,
}

impl Loader {
    fn new(profile: Profile) -> Self {
        let loaded = Loaded {
            config: Config::new(profile),
            origins: BTreeMap::new(),
            passed_over: Vec::new(),
        };
        Self { table: table(), loaded, faults: Vec::new() }
    }

    fn finish(mut self) -> Result<Loaded> {
        if let Err(Error::Configuration(faults)) = self.loaded.config.validate() {
            self.faults.extend(faults);
        }
        if self.faults.is_empty() {
            Ok(self.loaded)
        } else {
            Err(Error::Configuration(self.faults))
        }
    }

    fn file(&mut self, name: &str, text: &str) {
        let document = match DeTable::parse(text) {
            Ok(document) => document,
            Err(e) => {
                let line = line_of(text, e.span().map_or(0, |span| span.start));
                // The message alone: the error shown whole quotes the line, and a secret in it.
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
            match plain(value.get_ref(), self.is_list(section, key.get_ref())) {
                Some(value) => self.set(section, key.get_ref(), &value, origin),
                None => self.faults.push(format!(
                    "{origin}: {section}.{}: a value of type {} does not fit here",
                    key.get_ref(),
                    value.get_ref().type_str()
                )),
            }
        }
    }

    fn environment(&mut self, env: &BTreeMap<String, String>) {
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
        let found = self.table.iter().find(|setting| {
            setting.section == section
                && (setting.key == key || (setting.secret && Some(setting.key) == twin))
        });
        let Some(setting) = found else {
            let hint = self.hint(section);
            return self.faults.push(format!("{origin}: unknown setting {section}.{key}; {hint}"));
        };
        let place = (setting.section, setting.key);
        if self.loaded.origins.get(&place).is_some_and(|earlier| same_layer(earlier, &origin)) {
            let fault = format!("{origin}: {section}.{} and its _file twin are both set", place.1);
            return self.faults.push(fault);
        }
        let config = &mut self.loaded.config;
        let outcome = if setting.key == key {
            (setting.set)(config, value)
        } else {
            Secret::read_file(value).and_then(|secret| (setting.set)(config, secret.expose()))
        };
        match outcome {
            Ok(()) => drop(self.loaded.origins.insert(place, origin)),
            // The value of a secret must not appear, whatever is wrong with it.
            Err(fault) => self.faults.push(format!("{origin}: {section}.{key}: {fault}")),
        }
    }

    /// Whether an array may stand here. Of what is unknown the name is the fault.
    fn is_list(&self, section: &str, key: &str) -> bool {
        let of_name = |setting: &&Setting| setting.section == section && setting.key == key;
        self.table.iter().find(of_name).is_none_or(|setting| setting.list)
    }

    fn knows_section(&self, section: &str) -> bool {
        self.table.iter().any(|setting| setting.section == section)
    }

    fn sections(&self) -> String {
        let mut names: Vec<&str> = self.table.iter().map(|setting| setting.section).collect();
        names.dedup();
        names.join(", ")
    }

    fn hint(&self, section: &str) -> String {
        if !self.knows_section(section) {
            return format!("the sections are {}", self.sections());
        }
        let of_section = self.table.iter().filter(|setting| setting.section == section);
        let names: Vec<&str> = of_section.map(|setting| setting.key).collect();
        format!("[{section}] has {}", names.join(", "))
    }
}

/// Whether two places are of one layer, where the later must not silently win.
fn same_layer(a: &Origin, b: &Origin) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// A TOML value as the text that the environment would hold.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, env: &[(&str, &str)]) -> Result<Loaded> {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), file).unwrap();
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Loaded::from_environment(Some(path.path()), &env)
    }

    fn faults(file: &str, env: &[(&str, &str)]) -> String {
        load(file, env).map_or_else(|e| e.to_string(), |_| String::new())
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_default() {
        let file = "[passwords]\nmin_length = 10\niterations = 1_000\n";
        let loaded = load(file, &[("GATEPOST_PASSWORDS_MIN_LENGTH", "12")]).unwrap();
        assert_eq!(loaded.config.passwords.min_length, 12);
        assert_eq!(loaded.config.passwords.iterations, 1_000);
        assert_eq!(loaded.config.tokens.issuer, "gatepost");
        let origins: Vec<String> = loaded
            .settings()
            .into_iter()
            .filter(|(name, ..)| name.starts_with("passwords.") || name == "tokens.issuer")
            .map(|(.., origin)| origin.to_string())
            .collect();
        assert!(origins[0].ends_with(":3"), "{origins:?}");
        assert_eq!(origins[1], "environment GATEPOST_PASSWORDS_MIN_LENGTH");
        assert_eq!(origins[2], "default");
    }

    #[test]
    fn every_fault_is_named_with_its_line() {
        let text = faults(
            "[server]\nlisen = \"127.0.0.1:1\"\n\n[acess]\nmode = \"open\"\n[server2]\n[tokens]\n\
             access_ttl = 15\nissuer = 1.5\n",
            &[("GATEPOST_ACCESS_MODUS", "open"), ("GATEPOST_PASSWORDS_ITERATIONS", "many")],
        );
        for part in [
            ":2: unknown setting server.lisen; [server] has listen,",
            ":4: unknown section [acess]; there are server, database, access,",
            ":6: unknown section [server2]",
            ":8: tokens.access_ttl: \"15\" is not a duration",
            ":9: tokens.issuer: a value of type float does not fit here",
            "environment GATEPOST_ACCESS_MODUS: unknown setting access.modus",
            "environment GATEPOST_PASSWORDS_ITERATIONS: passwords.iterations: \"many\"",
        ] {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
    }

    #[test]
    fn what_a_container_platform_sets_for_a_service_of_our_name_is_passed_over() {
        let names = [
            "GATEPOST_PORT",
            "GATEPOST_PORT_8080_TCP",
            "GATEPOST_PORT_8080_TCP_ADDR",
            "GATEPOST_PORT_8080_TCP_PORT",
            "GATEPOST_PORT_53_UDP_PROTO",
            "GATEPOST_PORT_53_SCTP",
            "GATEPOST_SERVICE_HOST",
            "GATEPOST_SERVICE_PORT",
            "GATEPOST_SERVICE_PORT_HTTP_ALT",
        ];
        let env: Vec<_> = names.into_iter().map(|name| (name, "tcp://10.0.0.1:80")).collect();
        let line = load("", &env).unwrap().passed_over().unwrap();
        assert!(names.iter().all(|name| line.contains(name)) && line.lines().count() == 1);
        assert_eq!(load("", &[]).unwrap().passed_over(), None);
        for name in [
            "GATEPOST_PORT_",
            "GATEPOST_PORTS",
            "GATEPOST_PORT_8080",
            "GATEPOST_PORT_X_TCP",
            "GATEPOST_PORT_80_QUIC",
            "GATEPOST_PORT_80_TCP_NAME",
            "GATEPOST_SERVICE_NAME",
            "GATEPOST_SERVICE_PORT_",
            "GATEPOST_SERVER_PORT",
        ] {
            assert!(faults("", &[(name, "80")]).contains("unknown setting"), "{name}");
        }
    }

    #[test]
    fn an_array_stands_only_where_there_may_be_several() {
        let loaded = load("[passwords]\nrefused_words = [\"a, b\", \"c\"]\n", &[]).unwrap();
        assert_eq!(loaded.config.passwords.refused_words, ["a, b", "c"]);
        let text = faults("[tokens]\nissuer = [\"a\", \"b\"]\n", &[]);
        assert!(text.contains("tokens.issuer: a value of type array does not fit here"), "{text}");
    }

    #[test]
    fn an_empty_name_of_the_configuration_file_is_told_as_such() {
        let env = [("GATEPOST_CONFIG".to_owned(), String::new())].into();
        let text = Loaded::from_environment(None, &env).unwrap_err().to_string();
        assert!(text.contains("GATEPOST_CONFIG") && text.contains("is empty"), "{text}");
    }

    #[test]
    fn broken_toml_is_named_with_its_line() {
        assert!(faults("[server]\nlisten = \n", &[]).contains(":2: "));
    }

    #[test]
    fn a_secret_comes_from_its_file_without_the_line_end() {
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(secret.path(), "0123456789abcdef0123456789abcdef\n").unwrap();
        let path = secret.path().to_str().unwrap();
        let loaded =
            load("tokens.algorithm = \"HS256\"", &[("GATEPOST_TOKENS_HS256_SECRET_FILE", path)])
                .unwrap();
        let value = loaded.config.tokens.hs256_secret.as_ref().unwrap().expose();
        assert_eq!(value, "0123456789abcdef0123456789abcdef");
        let shown = format!("{:?} {loaded:?}", loaded.settings());
        assert!(!shown.contains(value), "{shown}");
    }

    #[test]
    fn a_secret_and_its_file_twin_together_are_refused() {
        let text = faults(
            "",
            &[
                ("GATEPOST_DATABASE_URL", "postgres://x"),
                ("GATEPOST_DATABASE_URL_FILE", "/does/not/matter"),
            ],
        );
        assert!(text.contains("database.url and its _file twin are both set"), "{text}");
    }

    #[test]
    fn only_secrets_have_a_file_twin() {
        assert!(faults("", &[("GATEPOST_SERVER_LISTEN_FILE", "/x")]).contains("unknown setting"));
    }

    #[test]
    fn app_settings_takes_three_words_and_no_other() {
        assert!(
            faults("", &[("APP_SETTINGS", "prod")]).contains("development, testing, production")
        );
        let testing = load("", &[("APP_SETTINGS", "testing")]).unwrap();
        assert_eq!(testing.config.profile, Profile::Testing);
    }

    #[test]
    fn the_built_in_files_are_valid() {
        for profile in [Profile::Development, Profile::Testing, Profile::Production] {
            let mut loader = Loader::new(profile);
            loader.file("built in", EMBEDDED[profile as usize]);
            if profile == Profile::Production {
                loader.loaded.config.database.private = true;
                loader.loaded.config.tokens.encryption_key = Some(Secret::new("x".repeat(32)));
            }
            loader.finish().unwrap();
        }
    }
}
