//! `gatepost serve`

use super::notify::{keep_watch, notify};
use super::output::print_line;
use super::sockets;
use super::{Context, Failure, Outcome, load, start_log};
use gatepost::service::Address;
use gatepost::{Profile, Service};
use rustix::process::{Resource, getrlimit, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::mpsc::{Sender, channel};

/// What happens to the service while it runs.
enum Event {
    Stop,
    Idle,
    Reload,
    Failure(String),
}

pub(super) fn command(context: &Context) -> Outcome {
    let mut loaded = load(context.file.as_deref())?;
    let passed = sockets::passed();
    sockets::adopt(&mut loaded, passed)?;
    start_log(&loaded.config.log.level, loaded.config.log.format)?;
    raise_descriptor_limit();
    let (sender, events) = channel();
    if let Err(failure) = catch_signals(sender.clone()) {
        // Where there is not even one thread left, the limit says more than the thread.
        Service::check_room(&loaded.config)?;
        return Err(failure);
    }
    let profile = loaded.config.profile;
    let tls = loaded.config.server.tls_certificate.is_some();
    let passed_over = loaded.passed_over();
    let idle_limit = loaded.config.server.exit_when_idle;
    if !idle_limit.is_zero() && passed == 0 {
        log::warn!(
            "server.exit_when_idle: nobody passed a socket, so nothing starts the service again \
             once it has ended"
        );
    }
    let service = Service::start(loaded.config)?;
    if let Some(text) = passed_over {
        log::info!("{text}");
    }
    let idle = sender.clone();
    service.on_failure(move |cause| drop(sender.send(Event::Failure(cause))));
    service.on_idle(move || drop(idle.send(Event::Idle)));
    announce(&service, profile, tls)?;
    notify(&format!("READY=1\nSTATUS=listening on {}", service.addr()));
    keep_watch(service.addr().clone(), tls)?;
    let outcome = loop {
        match events.recv() {
            Ok(Event::Reload) => match service.reload_tls() {
                Ok(true) => log::info!("the certificate and its key were reloaded"),
                Ok(false) => log::info!("SIGHUP: there is no TLS certificate to reload"),
                Err(error) => log::error!("{error}"),
            },
            Ok(Event::Failure(cause)) => break Err(Failure::Failed(cause)),
            Ok(Event::Idle) => {
                log::info!("no request for {idle_limit:?}; the next one starts the service again");
                break Ok(());
            }
            Ok(Event::Stop) | Err(_) => break Ok(()),
        }
    };
    notify("STOPPING=1");
    log::info!("stopping");
    service.stop();
    outcome
}

/// Takes as many descriptors as the system lets us have: each client connection needs one.
pub(super) fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        log::debug!("the limit of descriptors stays as it is: {error}");
    }
}

/// The first signal ends the service in good order, even while it starts. The second ends it at
/// once, and the private PostgreSQL's watchdog then stops that server.
fn catch_signals(sender: Sender<Event>) -> Outcome {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut stopping = false;
        for signal in signals.forever() {
            let event = if signal == SIGHUP { Event::Reload } else { Event::Stop };
            let again = stopping && signal != SIGHUP;
            stopping |= signal != SIGHUP;
            if again || sender.send(event).is_err() {
                log::warn!("ending at once");
                std::process::exit(128 + signal);
            }
        }
    })?;
    Ok(())
}

fn announce(service: &Service, profile: Profile, tls: bool) -> Outcome {
    let url = match service.addr() {
        Address::Tcp(address) if tls => format!("https://{address}"),
        Address::Tcp(address) => format!("http://{address}"),
        unix @ Address::Unix(_) => unix.to_string(),
    };
    print_line(&format!("listening on {url}"))?;
    if profile == Profile::Development && matches!(service.addr(), Address::Tcp(_)) {
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
            print_line(line)?;
        }
    }
    Ok(())
}
