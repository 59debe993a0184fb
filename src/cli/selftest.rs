//! `gatepost selftest timing`

use super::{Argument, Arguments, Failure, Outcome, output, print};
use gatepost::domain::Login;
use gatepost::selftest::{self, Progress, Tries};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(super) const HELP: &str = "\
Usage: gatepost selftest timing [--tries N]

Measures refused logins on this machine and tells whether their time says if there is such a login,
or if it is locked: the configured service is started once more, without TLS and on a socket that
nobody else can reach, beside one that runs or alone, and N (2000; 50 to 100000) logins of each kind
are tried, one after the other. Exits with 1 if a statistical test can tell them apart. Run it when
the machine is quiet: what disturbs it hides small differences.

On the configured database it makes two accounts with random logins and passwords and deletes them
again, at SIGINT and SIGTERM too. It names them first; they end by themselves after a day.
";

pub(super) fn command(mut arguments: Arguments) -> Outcome {
    let (mut words, mut tries) = (Vec::new(), Tries::DEFAULT);
    while let Some(argument) = arguments.next(HELP)? {
        match argument {
            Argument::Word(word) => words.push(word),
            Argument::Flag(name) if name == "tries" => tries = parse_tries(&arguments.value()?)?,
            Argument::Flag(name) => return Err(Failure::Usage(format!("unknown option --{name}"))),
        }
    }
    if words != ["timing"] {
        return Err(Failure::Usage("selftest takes timing".to_owned()));
    }
    let config = arguments.load()?;
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
    print(&timing.to_string())?;
    match timing.told_apart() {
        Some(text) => Err(Failure::Failed(text)),
        None => print("Known, unknown and locked logins cannot be told apart.\n"),
    }
}

fn parse_tries(text: &str) -> Result<Tries, Failure> {
    let number =
        text.parse().map_err(|_| Failure::Usage(format!("--tries: {text:?} is no number")))?;
    Tries::parse(number).map_err(|fault| Failure::Usage(format!("--{fault}")))
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

/// Says on standard error what is under way: every tenth of the tries, and how long the rest takes.
fn tell(progress: &Progress<'_>, tries: Tries, told: &mut u32) {
    let all = tries.get();
    let line = match progress {
        Progress::Accounts(logins) => {
            let [known, locked] = logins.map(Login::as_str);
            format!("accounts for as long as this runs: {known} {locked}")
        }
        Progress::Tried(done, rest) if *done > 0 && done * 10 / all >= *told => {
            *told = done * 10 / all + 1;
            format!("{done} of {all} tries each, {} to go", minutes(*rest))
        }
        Progress::Tried(..) => return,
        Progress::Comparing => "comparing".to_owned(),
        Progress::LeftBehind(login, error) => {
            let login = login.as_str();
            format!("an account is left; `gatepost user delete {login}` deletes it: {error}")
        }
    };
    output::tell(&line);
}

fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        format!("{seconds} s")
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}
