//! The command line: which command, its arguments, its exit code.
//!
//! 0 done, 1 failed with one clear line on standard error, 2 wrong usage. One file a command. What
//! is declared here also makes the help texts, the man pages and the completions of shells.

mod api_key;
mod ask;
mod audit;
mod check_config;
mod completions;
mod database;
mod doctor;
mod gate;
mod health;
mod log_line;
mod mail;
#[cfg(test)]
mod man_pages;
mod notify;
mod output;
mod passwords;
mod progress;
mod records;
mod selftest;
mod serve;
mod signing_key;
mod sockets;
mod usage;
mod user;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use gatepost::config::{Config, Loaded};
use output::{print, start_log, tell, tell_fault};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The authentication server for small machines: users, passwords and JWTs over a REST API on
/// PostgreSQL
#[derive(Parser)]
#[command(
    name = "gatepost",
    version,
    max_term_width = 100,
    after_help = "APP_SETTINGS chooses the configuration: development (default), testing or \
                  production. Every setting KEY of [SECTION] can be given as \
                  GATEPOST_SECTION_KEY in the environment, and every secret in a file that \
                  GATEPOST_SECTION_KEY_FILE names. docs/settings.md lists them all."
)]
struct CommandLine {
    /// Read this configuration file (also: GATEPOST_CONFIG)
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<OsString>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service (the default)
    ///
    /// Runs until SIGTERM or SIGINT, then answers the requests it has received and stops. A second
    /// signal ends it at once. SIGHUP reloads the TLS certificate and key. When it is ready it
    /// prints `listening on http://ADDRESS:PORT` as the first line on standard output. The log goes
    /// to standard error.
    Serve,
    Health(health::Options),
    CheckConfig(check_config::Options),
    Doctor(doctor::Options),
    #[command(subcommand)]
    Database(database::Command),
    #[command(subcommand)]
    SigningKey(signing_key::Command),
    #[command(subcommand)]
    Audit(audit::Command),
    #[command(subcommand)]
    Passwords(passwords::Command),
    #[command(subcommand)]
    User(user::Command),
    #[command(subcommand)]
    ApiKey(api_key::Command),
    #[command(subcommand)]
    Mail(mail::Command),
    #[command(subcommand)]
    Gate(gate::Command),
    #[command(subcommand)]
    Selftest(selftest::Command),
    Completions(completions::Options),
}

/// Why a command did not do what it was asked.
enum Failure {
    /// The arguments were wrong.
    Usage(String),
    /// The arguments were right, and the command failed.
    Failed(String),
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
    let words: Vec<OsString> = std::env::args_os().collect();
    match dispatch(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(text)) => {
            tell_fault(&format!("gatepost: {text}"));
            ExitCode::from(1)
        }
        Err(Failure::Usage(text)) => {
            let (_, path) = usage::deepest(&CommandLine::command(), &words);
            tell_fault(&format!("gatepost: {text}; see {path} --help"));
            ExitCode::from(2)
        }
    }
}

fn dispatch(words: &[OsString]) -> Outcome {
    let Some(line) = parse(words)? else { return Ok(()) };
    let context = Context { file: line.config.map(PathBuf::from) };
    match line.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::command(&context),
        Command::Health(options) => health::command(&context, &options),
        Command::CheckConfig(options) => check_config::command(&context, &options),
        Command::Doctor(options) => doctor::command(&context, &options),
        Command::Database(command) => database::command(&context, command),
        Command::SigningKey(command) => signing_key::command(&context, &command),
        Command::Audit(command) => audit::command(&context, &command),
        Command::Passwords(command) => passwords::command(&context, &command),
        Command::User(command) => user::command(&context, &command),
        Command::ApiKey(command) => api_key::command(&context, &command),
        Command::Mail(command) => mail::command(&context, &command),
        Command::Gate(command) => gate::command(&context, &command),
        Command::Selftest(command) => selftest::command(&context, &command),
        Command::Completions(options) => completions::command(&context, &options),
    }
}

/// What the words ask for; `None` where that was a text of help, which is printed. A function of its
/// own, so that the definition's memory is given back before the command runs.
fn parse(words: &[OsString]) -> Result<Option<CommandLine>, Failure> {
    let mut definition = CommandLine::command();
    let parsed = definition
        .try_get_matches_from_mut(words)
        .and_then(|matches| CommandLine::from_arg_matches(&matches));
    match parsed {
        Ok(line) => Ok(Some(line)),
        Err(error) if error.exit_code() == 0 => print(&error.to_string()).map(|()| None),
        Err(error) => Err(Failure::Usage(usage::explain(&error, &definition, words))),
    }
}

/// What every command is given.
struct Context {
    file: Option<PathBuf>,
}

impl Context {
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
        if self.file.is_none() && is_beside_an_installation() {
            tell(&format!(
                "APP_SETTINGS is not set, so this is about the profile development, and not about the \
                 service of {INSTALLED}: for that, see docs/production.md"
            ));
        }
        let loaded = load(self.file.as_deref())?;
        let log = &loaded.config.log;
        start_log(&log.level.clone().at_most(log::LevelFilter::Warn), log.format)?;
        Ok(loaded.config)
    }
}

/// The configuration that a package installs. Its service is told of it; a shell is not.
const INSTALLED: &str = "/etc/gatepost/gatepost.toml";

/// Whether a command that says nothing of profile and configuration may mean the installed service.
fn is_beside_an_installation() -> bool {
    let is_said = |name| std::env::var_os(name).is_some();
    !is_said("APP_SETTINGS") && !is_said("GATEPOST_CONFIG") && Path::new(INSTALLED).exists()
}

fn load(file: Option<&Path>) -> Result<Loaded, Failure> {
    Ok(Loaded::read(file)?)
}
