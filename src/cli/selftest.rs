//! `gatepost selftest timing`

use super::progress::minutes;
use super::{Context, Failure, Outcome, output, print};
use clap::Subcommand;
use gatepost::domain::Login;
use gatepost::selftest::{self, Progress, Tries};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Check that the time of an answer reveals nothing
#[derive(Subcommand)]
pub(super) enum Command {
    /// Check whether the time of a refused login, or of a request for a way back, reveals that the login
    /// exists or is locked
    ///
    /// It starts the configured service a second time, without TLS, on a socket that nobody else
    /// can reach, and tries N logins and N requests of each kind, one after the other. No mail leaves. It exits with 1 if a
    /// statistical test can tell them apart. Run it on a quiet machine: noise hides small
    /// differences.
    ///
    /// It creates two accounts with random logins and passwords in the configured database, names
    /// them, and deletes them at the end, also after SIGINT and SIGTERM. They expire by themselves
    /// after a day.
    Timing {
        /// Logins and requests of each kind, from 50 to 100000; 2000 without this
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32))]
        tries: Option<u32>,
    },
}

pub(super) fn command(context: &Context, command: &Command) -> Outcome {
    let Command::Timing { tries } = command;
    let parsed = tries.map(Tries::parse).transpose();
    let tries = parsed.map_err(|fault| Failure::Usage(format!("--{fault}")))?;
    let tries = tries.unwrap_or(Tries::DEFAULT);
    let config = context.load()?;
    let stopped = catch_signals()?;
    let mut told = 0;
    let timing = selftest::timing(config, tries, &mut |progress| {
        tell(&progress, tries, &mut told);
        if stopped.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    let Some(timing) = timing else { return Err(Failure::Failed("stopped".to_owned())) };
    let tables: Vec<String> = timing.iter().map(ToString::to_string).collect();
    print(&(tables.join("\n") + "\n"))?;
    let apart: Vec<String> = timing.iter().filter_map(selftest::Timing::told_apart).collect();
    match apart.is_empty() {
        false => Err(Failure::Failed(apart.join("; "))),
        true => print("Known, unknown and locked logins cannot be told apart.\n"),
    }
}

/// The first signal ends the measurement and deletes its accounts, the second ends at once.
fn catch_signals() -> Result<Arc<AtomicBool>, Failure> {
    let stopped = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stopped))?;
        flag::register(signal, Arc::clone(&stopped))?;
    }
    Ok(stopped)
}

/// Reports progress on standard error: every tenth of the tries, and how long the rest will take.
fn tell(progress: &Progress<'_>, tries: Tries, told: &mut u32) {
    let all = tries.get();
    let line = match progress {
        Progress::Accounts(logins) => {
            let [known, locked] = logins.map(Login::as_str);
            format!("accounts that exist while this runs: {known} {locked}")
        }
        Progress::Tried(done, rest) if *done > 0 && done * 10 / all >= *told => {
            *told = done * 10 / all + 1;
            format!("{done} of {all} tries each, {} to go", minutes(*rest))
        }
        Progress::Tried(..) => return,
        Progress::Comparing => "comparing".to_owned(),
        Progress::LeftBehind(login, error) => {
            let login = login.as_str();
            format!("an account was not deleted; run `gatepost user delete {login}`: {error}")
        }
    };
    output::tell(&line);
}
