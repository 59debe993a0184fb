//! The command line: which command, its arguments, its exit code.
//!
//! 0 done, 1 failed with one clear line on standard error, 2 wrong usage. One file a command.

mod api_key;
mod ask;
mod audit;
mod check_config;
mod database;
mod health;
mod log_line;
mod notify;
mod output;
mod passwords;
mod selftest;
mod serve;
mod signing_key;
mod sockets;
mod user;

use gatepost::config::{Config, Loaded};
use lexopt::prelude::*;
use output::{print, start_log, tell_fault};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
gatepost: the authentication server for small machines

Usage: gatepost [--config FILE] [COMMAND]

Commands:
  serve               Run the service (the default)
  health              Ask the running service whether it is well
  check-config        Show the settings in force and where each comes from
  database create     Create the roles and the database on a PostgreSQL server
  database migrate    Bring the schema up to date
  database after-restore
                      Make a restored database safe to use
  signing-key COMMAND list, rotate, reencrypt: the keys that sign tokens
  audit COMMAND       head, verify, prune
  passwords COMMAND   build-list: breached passwords to refuse
  user COMMAND        create, list, show, promote, demote, lock, unlock, expire, delete,
                      set-password, import, export
  api-key COMMAND     create, list, revoke: API keys, for programs
  selftest timing     Check that the time of a refused login reveals nothing
  help [COMMAND]      Show this text, or that of a command

Options:
  --config FILE       Read this configuration file (also: GATEPOST_CONFIG)
  -h, --help          Show this text, or that of a command
  -V, --version       Show the version

APP_SETTINGS chooses the configuration: development (default), testing or production.
Every setting KEY of [SECTION] can be given as GATEPOST_SECTION_KEY in the environment, and
every secret in a file that GATEPOST_SECTION_KEY_FILE names. docs/settings.md lists them all.
";

/// Why a command did not do what it was asked.
enum Failure {
    /// The arguments were wrong.
    Usage(String),
    /// The arguments were right, and the command failed.
    Failed(String),
}

impl Failure {
    /// An unexpected argument. It is not repeated: it may be a password, and this message may end
    /// up in logs.
    fn unexpected() -> Self {
        Self::Usage("there is an unexpected argument, which is not shown here".to_owned())
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
        Self::Failed(error.to_string())
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
    let mut topic = "";
    match dispatch(lexopt::Parser::from_env(), &mut topic) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(text)) => {
            tell_fault(&format!("gatepost: {text}"));
            ExitCode::from(1)
        }
        Err(Failure::Usage(text)) => {
            let space = if topic.is_empty() { "" } else { " " };
            tell_fault(&format!("gatepost: {text}; see gatepost{space}{topic} --help"));
            ExitCode::from(2)
        }
    }
}

type Command = fn(Arguments) -> Outcome;

/// Every command: its name, its text, and what runs it.
const COMMANDS: [(&str, &str, Command); 10] = [
    ("serve", serve::HELP, serve::command),
    ("health", health::HELP, health::command),
    ("check-config", check_config::HELP, check_config::command),
    ("database", database::HELP, database::command),
    ("audit", audit::HELP, audit::command),
    ("signing-key", signing_key::HELP, signing_key::command),
    ("passwords", passwords::HELP, passwords::command),
    ("user", user::HELP, user::command),
    ("api-key", api_key::HELP, api_key::command),
    ("selftest", selftest::HELP, selftest::command),
];

/// Runs what the arguments ask for. `topic` becomes the command whose text explains the usage.
fn dispatch(mut parser: lexopt::Parser, topic: &mut &'static str) -> Outcome {
    let mut file: Option<PathBuf> = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("config") => file = Some(parser.value()?.into()),
            Short('h') | Long("help") => return print(HELP),
            Short('V') | Long("version") => {
                return print(concat!("gatepost ", env!("CARGO_PKG_VERSION"), "\n"));
            }
            Value(command) => {
                if command == "help" {
                    return help(&mut parser);
                }
                let (name, _, run) = named(&command)?;
                *topic = name;
                return run(Arguments { parser, file });
            }
            other => return Err(other.unexpected().into()),
        }
    }
    *topic = "serve";
    serve::command(Arguments { parser, file })
}

/// `gatepost help [COMMAND…]`: a command's text covers all its subcommands.
fn help(parser: &mut lexopt::Parser) -> Outcome {
    let Some(argument) = parser.next()? else { return print(HELP) };
    match argument {
        Value(word) => print(named(&word)?.1),
        Long("help") | Short('h') => print(HELP),
        other => Err(other.unexpected().into()),
    }
}

/// The command of this name.
fn named(word: &OsStr) -> Result<(&'static str, &'static str, Command), Failure> {
    let found = COMMANDS.into_iter().find(|(name, ..)| word == *name);
    found.ok_or_else(|| match word.to_str() {
        Some("key") => {
            Failure::Usage("there is no command \"key\"; API keys are under api-key".to_owned())
        }
        Some("keys") => Failure::Usage(
            "there is no command \"keys\"; signing keys are under signing-key".to_owned(),
        ),
        // Any other word may be anything, such as a connection string.
        Some(word) if is_command(word) => Failure::Usage(format!("there is no command {word:?}")),
        _ => Failure::unexpected(),
    })
}

/// Whether a word could be a command.
fn is_command(word: &str) -> bool {
    word.len() <= 20 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// What follows a command.
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
    /// The next argument, or `None` at the end. `--config` is handled wherever it stands, and
    /// `--help` prints the text and exits.
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

    /// Checks that nothing more follows.
    fn end(&mut self, help: &str) -> Outcome {
        match self.next(help)? {
            None => Ok(()),
            Some(Argument::Flag(name)) => Err(Failure::Usage(format!("unknown option --{name}"))),
            Some(Argument::Word(_)) => Err(Failure::unexpected()),
        }
    }

    /// Checks that no configuration was named, for a command that reads none.
    fn without_file(&self, command: &str) -> Outcome {
        if self.file.is_none() {
            return Ok(());
        }
        Err(Failure::Usage(format!("{command} reads no configuration; leave --config out")))
    }

    /// The configuration, for a command other than `serve`. Such a command reports its own results,
    /// so only warnings are logged.
    fn load(&self) -> Result<Config, Failure> {
        let loaded = load(self.file.as_deref())?;
        let log = &loaded.config.log;
        start_log(&log.level.clone().at_most(log::LevelFilter::Warn), log.format)?;
        Ok(loaded.config)
    }
}

fn load(file: Option<&Path>) -> Result<Loaded, Failure> {
    Ok(Loaded::read(file)?)
}
