//! `gatepost serve`

use super::{Arguments, Failure, Outcome, load, print, start_log};
use gatepost::{Profile, Service};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fmt::Write;
use std::sync::mpsc::{Sender, channel};

const HELP: &str = "\
Usage: gatepost [serve] [--config FILE]

Runs the service until SIGTERM or SIGINT, then answers what it has received and stops. A second
signal ends it at once. Once it answers, the first line on standard output is
`listening on http://ADDRESS:PORT`; the log goes to standard error.
";

/// What ends the service.
enum End {
    Signal,
    Failure(String),
}

pub(super) fn command(mut arguments: Arguments) -> Outcome {
    arguments.end(HELP)?;
    let loaded = load(arguments.file.as_deref())?;
    start_log(loaded.config.log.level)?;
    let (end, ended) = channel();
    catch_signals(end.clone())?;
    let profile = loaded.config.profile;
    let service = Service::start(loaded.config)?;
    service.on_failure(move |cause| drop(end.send(End::Failure(cause))));
    announce(&service, profile)?;
    let outcome = match ended.recv() {
        Ok(End::Failure(cause)) => Err(Failure::Failed(cause)),
        Ok(End::Signal) | Err(_) => Ok(()),
    };
    log::info!("stopping");
    service.stop();
    outcome
}

/// The first signal ends the service in order, also while it starts; the second at once, and the
/// private PostgreSQL's watchdog then stops that.
fn catch_signals(end: Sender<End>) -> Outcome {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for (count, signal) in signals.forever().enumerate() {
            if count > 0 || end.send(End::Signal).is_err() {
                log::warn!("ending at once");
                std::process::exit(128 + signal);
            }
        }
    })?;
    Ok(())
}

fn announce(service: &Service, profile: Profile) -> Outcome {
    let url = format!("http://{}", service.addr());
    let mut text = format!("listening on {url}\n");
    if profile == Profile::Development {
        let program = std::env::args().next().unwrap_or_else(|| "gatepost".to_owned());
        let json = "-H 'Content-Type: application/json'";
        let alice = "-d '{\"login\":\"alice\",\"password\":\"correct horse battery\"}'";
        let lines = [
            "",
            "register a user:",
            &format!("  curl {url}/user {json} {alice}"),
            "log in:",
            &format!("  curl {url}/ {json} {alice}"),
            "make an admin:",
            &format!("  {program} user create LOGIN --admin"),
        ];
        for line in lines {
            let _ = writeln!(text, "{line}");
        }
    }
    print(&text)
}
