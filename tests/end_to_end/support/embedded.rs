//! A service that a program embeds, in a process of its own: for tests of what is logged that cannot
//! wait as long as the program itself would. No setting shortens those times, fields of `Config` do.

use super::program::Running;
use gatepost::Service;
use gatepost::config::Loaded;
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What a variable of this process says, in milliseconds.
fn millis(name: &str) -> Option<Duration> {
    let text = std::env::var(name).ok()?;
    Some(Duration::from_millis(text.parse().unwrap()))
}

/// Starts the service that this command would start, with other times: `POOL_WAIT`,
/// `KEY_CHECK_INTERVAL` and `SWEEP_INTERVAL`, in milliseconds.
pub(crate) fn start(command: &Command, times: &[(&str, &str)]) -> Running {
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let mut embedded = Command::new(std::env::current_exe().unwrap());
    embedded
        .args(["--exact", "support::embedded::service", "--ignored", "--nocapture"])
        .current_dir(command.get_current_dir().unwrap())
        .env_clear()
        .envs(variables)
        .envs(times.iter().copied())
        .env("EMBEDDED", "1")
        .stdin(Stdio::null());
    Running::start_within_a_test(&mut embedded)
}

#[test]
#[ignore = "needs a process of its own, which other tests give it"]
fn service() {
    if std::env::var_os("EMBEDDED").is_none() {
        return;
    }
    let mut signals = Signals::new([SIGTERM]).unwrap();
    let mut config = Loaded::read(None).unwrap().config;
    let (database, tokens) = (&mut config.database.tuning, &mut config.tokens.tuning);
    database.pool_wait = millis("POOL_WAIT").unwrap_or(database.pool_wait);
    tokens.key_check_interval = millis("KEY_CHECK_INTERVAL").unwrap_or(tokens.key_check_interval);
    let sessions = &mut config.sessions.tuning;
    sessions.sweep_interval = millis("SWEEP_INTERVAL").unwrap_or(sessions.sweep_interval);
    simple_logger::SimpleLogger::new().with_level(config.log.level.level()).init().unwrap();
    let service = Service::start(config).unwrap();
    println!("\nlistening on http://{}", service.addr());
    assert_eq!(signals.forever().next(), Some(SIGTERM));
    service.stop();
}
