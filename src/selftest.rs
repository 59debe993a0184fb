//! What operators can find out about their own machine: whether the time of a refused login, or of a request for a
//! way back, reveals that the login exists or is locked.
//!
//! [`timing`] starts the service as it is configured, without TLS and mail, alone or beside a running one,
//! tries to log in with wrong passwords, and asks for ways back. That service has the limits out of reach and uses the
//! configured database, so nobody else may reach it: it listens on a Unix socket in a closed
//! directory, removes the socket's name as soon as the one client is connected, and answers only
//! calls about the accounts that are measured. In the configured database it makes two accounts of
//! its own, with random logins and passwords, and deletes them again. Nothing else there is touched
//! but the audit log, which records both, and the counts of failures of those logins, which are
//! forgotten. No message leaves: the accounts have used up those of a day. The accounts expire by themselves a day later, should this process be killed.
//!
//! Its limits: one client, one login after the other, accounts that were read a moment before and
//! whose hashes are as strong as configured. The first login of an account whose row PostgreSQL has
//! to fetch from a disk takes longer, and so does one whose hash is stronger than configured.

mod accounts;
mod client;
mod kind;
mod progress;
mod report;
mod statistics;

use crate::app::{App, Sharing};
use crate::config::{Config, ForwardedHeader, Listen};
use crate::error::{Error, Result};
use crate::http::{PrivateDir, Request};
use crate::service::Service;
use accounts::{Logins, answer, random_word, with_accounts};
use client::{Answer, Client};
use kind::{Call, Kind, Times};
pub use progress::{Progress, Tries};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
pub use report::Timing;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Rounds before those that count, in which connections are opened, statements prepared and caches
/// filled.
const WARM_UP: u32 = 20;

/// Measures refused logins and requests for a way back, of known, unknown and locked accounts, and compares each. `watch` is
/// called with the progress; when it breaks, nothing more is tried, and the outcome is `None`. The
/// accounts are deleted in any case.
///
/// # Errors
/// As [`Service::start`]; [`Error::Unavailable`] and [`Error::Internal`] when a call was not
/// answered as meant, or different kinds were answered differently: then no clock is needed to
/// tell them apart.
pub fn timing(
    config: Config,
    tries: Tries,
    watch: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<Option<[Timing; 2]>> {
    let fault = |e| Error::startup(format!("cannot make a directory for a socket: {e}"));
    let directory = PrivateDir::new().map_err(fault)?;
    let socket = directory.path().join("login");
    let logins = Logins::new()?;
    let measured = logins.clone();
    let config = for_measuring(config, socket.clone());
    let patience = config.server.request_timeout + Duration::from_secs(1);
    let answer = move |app: &App, request: &Request| answer(app, request, &measured);
    let service = Service::start_with(config, Sharing::Shared, answer)?;
    let times = Client::connect(&socket, patience).and_then(|mut client| {
        with_accounts(service.app(), &logins, watch, |watch| {
            measure(&mut client, &logins, tries, watch)
        })
    });
    service.stop();
    let Some(times) = times? else { return Ok(None) };
    if watch(Progress::Comparing).is_break() {
        return Ok(None);
    }
    let [logins, requests] = &times;
    Ok(Some([compare(Call::LogIn, logins), compare(Call::Recovery, requests)]))
}

/// The operator's settings, except those that would prevent the measurement. The limits are raised
/// out of reach and not switched off, so that their work is measured. They count for a network that
/// belongs to nobody, or the proxies on this machine would have to wait afterwards. The audit log
/// counts the failures and does not record each.
fn for_measuring(mut config: Config, socket: PathBuf) -> Config {
    let second = Duration::from_secs(1);
    config.limits.account_failures = 1_000_000;
    config.limits.tuning.account_forget = second;
    config.limits.network_failures = 1_000_000;
    config.limits.tuning.network_forget = second;
    config.limits.registrations = 10_000;
    config.limits.tuning.registration_forget = second;
    let unset = Config::new(config.profile);
    (config.mail, config.events) = (unset.mail, unset.events);
    config.audit.tuning.failures_per_minute = 0;
    config.server.trusted_proxies = "127.0.0.1".parse().into_iter().collect();
    config.server.forwarded_header = ForwardedHeader::XForwardedFor;
    config.server.listen = Listen::Unix(socket);
    // There is one connection, and no way to make another.
    config.server.tuning.requests_per_connection = u32::MAX;
    config.server.idle_timeout = Duration::from_secs(3_600);
    config.server.tls_certificate = None;
    config.server.tls_key = None;
    config
}

/// Tries all kinds once a round, in an order drawn anew each time, so that whatever else happens on
/// the machine affects all alike.
fn measure(
    client: &mut Client,
    logins: &Logins,
    tries: Tries,
    watch: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<Option<[Times; 2]>> {
    let tries = tries.get();
    let mut random = SmallRng::from_rng(&mut rand::rng());
    let mut times: [Times; 2] =
        Call::ALL.map(|_| Kind::ALL.map(|_| Vec::with_capacity(tries as usize)));
    let mut order = [0, 1, 2, 3];
    let mut first = [None, None];
    let mut begin = Instant::now();
    for round in 0..WARM_UP + tries {
        order.shuffle(&mut random);
        for (call, place) in Call::ALL.into_iter().flat_map(|call| order.map(|place| (call, place)))
        {
            let login = match Kind::ALL[place] {
                Kind::Known | Kind::Control => &logins.known,
                Kind::Unknown => &logins.unknown,
                Kind::Locked => &logins.locked,
            };
            let (time, answer) = match call {
                Call::LogIn => client.log_in(login.as_str(), &random_word())?,
                Call::Recovery => client.ask(login.as_str())?,
            };
            check(call, &answer, first[call as usize].get_or_insert(answer.clone()))?;
            if round >= WARM_UP {
                times[call as usize][place].push(time);
            }
        }
        let done = (round + 1).saturating_sub(WARM_UP);
        let rest = begin.elapsed() / (if done == 0 { round + 1 } else { done }) * (tries - done);
        if watch(Progress::Tried(done, rest)).is_break() {
            return Ok(None);
        }
        if done == 0 {
            begin = if round + 1 == WARM_UP { Instant::now() } else { begin };
        }
    }
    Ok(Some(times))
}

/// Checks that a login was refused, or a request taken, in the same words as all others.
fn check(call: Call, answer: &Answer, first: &Answer) -> Result<()> {
    let code = &answer.body["code"];
    let is_as_meant = match call {
        Call::LogIn => answer.status == 400 && code == "invalid_credentials",
        Call::Recovery => answer.status == 202,
    };
    if !is_as_meant {
        let what = call.one();
        return Err(Error::Unavailable(format!("{what} was answered {}: {code}", answer.status)));
    }
    if (answer.length, &answer.body) != (first.length, &first.body) {
        return Err(Error::Internal(format!("two {} were answered differently", call.name())));
    }
    Ok(())
}

fn compare(call: Call, times: &Times) -> Timing {
    let mut random = SmallRng::from_rng(&mut rand::rng());
    let of = |kind: Kind| times[kind as usize].as_slice();
    let differences =
        Kind::PAIRS.map(|(first, second)| statistics::compare(of(first), of(second), &mut random));
    let smallest = statistics::smallest_found(of(Kind::Control), of(Kind::Known));
    Timing::new(call, times, differences, smallest)
}
