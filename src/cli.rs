//! The command line: which command, its arguments, its exit code.
//!
//! 0 done, 1 failed with one clear line on standard error, 2 wrong usage. One file a command.

mod audit;
mod check_config;
mod database;
mod key;
mod keys;
mod output;
mod passwords;
mod selftest;
mod serve;
mod user;

use gatepost::config::{Config, Loaded};
use lexopt::prelude::*;
use output::{print, start_log, tell};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
gatepost: the authentication server for small machines

Usage: gatepost [--config FILE] [COMMAND]

Commands:
  serve               Run the service (this is what happens without a command)
  check-config        Show the effective settings and where each comes from
  database create     Make roles and database on a PostgreSQL server
  database migrate    Bring the schema up to date
  database after-restore
                      What a restored backup needs before anybody is let in
  keys COMMAND        list, rotate, reencrypt: the keys that sign tokens
  audit COMMAND       head, verify, prune
  passwords COMMAND   build-list: of breached passwords, which are then refused
  user COMMAND        create, list, show, promote, demote, lock, unlock, expire, delete,
                      set-password, import, export
  key COMMAND         create, list, revoke: API keys, for programs
  selftest timing     Whether the time of a refused login tells anything, on this machine

Options:
  --config FILE       Read this configuration file (also: GATEPOST_CONFIG)
  -h, --help          Show this text, or that of a command
  -V, --version       Show the version

APP_SETTINGS chooses the configuration: development (default), testing or production.
Every setting KEY of [SECTION] can be given as GATEPOST_SECTION_KEY in the environment, and
every secret in a file that GATEPOST_SECTION_KEY_FILE names. The README lists the settings.
";

/// Why a command did not do what it was asked.
enum Failure {
    /// It was asked wrongly.
    Usage(String),
    /// It was asked rightly and failed.
    Failed(String),
    /// The configuration has these faults.
    Faults(Vec<String>),
}

impl Failure {
    /// An argument that nobody asked for. It is not repeated: it may be a password, and what is said
    /// here ends in logs.
    fn unexpected() -> Self {
        Self::Usage("there is an argument too many, which is not shown here".to_owned())
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        use lexopt::Error::{NonUnicodeValue, UnexpectedArgument, UnexpectedValue};
        match error {
            UnexpectedArgument(_) => Self::unexpected(),
            UnexpectedValue { option, .. } => Self::Usage(format!("{option} takes no value")),
            NonUnicodeValue(_) => Self::Usage("an argument is not UTF-8".to_owned()),
            other => Self::Usage(other.to_string()),
        }
    }
}

impl From<gatepost::Error> for Failure {
    fn from(error: gatepost::Error) -> Self {
        match error {
            gatepost::Error::Configuration(faults) => Self::Faults(faults),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

type Outcome = Result<(), Failure>;

/// Runs the command that the arguments name.
pub(crate) fn run() -> ExitCode {
    std::panic::set_hook(Box::new(output::tell_panic));
    match dispatch(lexopt::Parser::from_env()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(text)) => {
            tell(&format!("gatepost: {text}"));
            ExitCode::from(1)
        }
        Err(Failure::Faults(faults)) => {
            tell(&format!("gatepost: {}", faults.first().map_or("", String::as_str)));
            faults.iter().skip(1).for_each(|fault| tell(fault));
            ExitCode::from(1)
        }
        Err(Failure::Usage(text)) => {
            tell(&format!("gatepost: {text}; see gatepost --help"));
            ExitCode::from(2)
        }
    }
}

fn dispatch(mut parser: lexopt::Parser) -> Outcome {
    let mut file: Option<PathBuf> = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("config") => file = Some(parser.value()?.into()),
            Short('h') | Long("help") => return print(HELP),
            Short('V') | Long("version") => {
                return print(concat!("gatepost ", env!("CARGO_PKG_VERSION"), "\n"));
            }
            Value(command) => {
                let arguments = Arguments { parser, file };
                return match command.to_str() {
                    Some("serve") => serve::command(arguments),
                    Some("check-config") => check_config::command(arguments),
                    Some("database") => database::command(arguments),
                    Some("audit") => audit::command(arguments),
                    Some("keys") => keys::command(arguments),
                    Some("passwords") => passwords::command(arguments),
                    Some("user") => user::command(arguments),
                    Some("key") => key::command(arguments),
                    Some("selftest") => selftest::command(arguments),
                    // Another word may be anything, a connection string for one.
                    Some(word) if is_command(word) => {
                        Err(Failure::Usage(format!("there is no command {word:?}")))
                    }
                    _ => Err(Failure::unexpected()),
                };
            }
            other => return Err(other.unexpected().into()),
        }
    }
    serve::command(Arguments { parser, file })
}

/// Whether a word could be a command.
fn is_command(word: &str) -> bool {
    word.len() <= 20 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// What stands behind a command.
struct Arguments {
    parser: lexopt::Parser,
    file: Option<PathBuf>,
}

/// An argument of a command.
enum Argument {
    Word(String),
    Flag(String),
}

impl Arguments {
    /// The next argument; `--config` is taken care of wherever it stands. `None` at the end, and
    /// after `--help`, which has then been printed.
    fn next(&mut self, help: &str) -> Result<Option<Argument>, Failure> {
        match self.parser.next()? {
            None => Ok(None),
            Some(Short('h') | Long("help")) => {
                print(help)?;
                std::process::exit(0)
            }
            Some(Long("config")) => {
                self.file = Some(self.parser.value()?.into());
                self.next(help)
            }
            Some(Long(name)) => Ok(Some(Argument::Flag(name.to_owned()))),
            Some(Value(word)) => Ok(Some(Argument::Word(word.string()?))),
            Some(other) => Err(other.unexpected().into()),
        }
    }

    /// The value of the option that was just read.
    fn value(&mut self) -> Result<String, Failure> {
        Ok(self.parser.value()?.string()?)
    }

    /// That nothing more comes.
    fn end(&mut self, help: &str) -> Outcome {
        match self.next(help)? {
            None => Ok(()),
            Some(Argument::Flag(name)) => Err(Failure::Usage(format!("unknown option --{name}"))),
            Some(Argument::Word(_)) => Err(Failure::unexpected()),
        }
    }

    /// The configuration, for a command that is not the service: what it has to say, it says
    /// itself, so only warnings are logged.
    fn load(&self) -> Result<Config, Failure> {
        let loaded = load(self.file.as_deref())?;
        start_log(loaded.config.log.level.min(log::LevelFilter::Warn))?;
        Ok(loaded.config)
    }
}

fn load(file: Option<&Path>) -> Result<Loaded, Failure> {
    Ok(Loaded::read(file)?)
}
