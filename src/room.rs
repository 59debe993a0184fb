//! Whether the system has room for us: descriptors, threads, processes.
//!
//! Where one of them runs out, some library below panics or stops accepting, long after we have
//! said that we listen. So everything needed under load is checked before anything is started.
//! Others may take it away later; that is reported when it happens.

use crate::config::Config;
use crate::control_group;
use crate::error::{Error, Result};
use rustix::process::{Resource, geteuid, getrlimit};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};

/// Clients that a service with hardly any descriptors still serves at a time.
pub(crate) const FEWEST_CLIENTS: usize = 16;

/// Descriptors for standard streams, the log, listeners, pipes to children and their like.
const FEW_DESCRIPTORS: usize = 32;

/// Threads of the pool of database connections, and those that watch the private PostgreSQL.
const OF_THE_DATABASE: usize = 5;

/// Threads of a service of which there is one each: the door and its watcher, two that accept
/// between it and the workers, upkeep, sealing, signals.
const OF_A_SERVICE: usize = 7;

/// Threads that tiny_http starts at once, in each lane.
const LEAST_OF_A_LANE: usize = 4;

/// Processes of the private PostgreSQL besides one a connection: seven of its own, one that
/// vacuums, the watchdog, and one for a command meanwhile.
const OF_THE_PRIVATE_SERVER: usize = 10;

/// Stack of a thread that only waits.
const SMALL_STACK: usize = 64 * 1024;

/// Checks that an [`App`](crate::App) has room for its threads.
///
/// # Errors
/// [`Error::Startup`], naming the limit and what is needed.
pub(crate) fn for_app(config: &Config) -> Result<()> {
    threads(config.server.hashing_threads() + OF_THE_DATABASE)
}

/// Checks that a service has room for everything that it starts.
///
/// # Errors
/// [`Error::Startup`], naming the limit and what is needed.
pub(crate) fn for_service(config: &Config) -> Result<()> {
    let server = &config.server;
    let (ordinary, hashing) = (server.ordinary_upstreams(), server.hashing_upstreams());
    // For each, our socket, tiny_http's, and the duplicate that tiny_http makes of its own.
    let upstreams = 3 * (ordinary + hashing);
    descriptors(upstreams + FEWEST_CLIENTS + config.database.pool_size + FEW_DESCRIPTORS)?;
    let processes = match config.database.url {
        None => OF_THE_PRIVATE_SERVER + config.database.pool_size,
        Some(_) => 0,
    };
    let threads_needed = server.workers
        + server.hashing_threads()
        // The threads that wait for a hash, and tiny_http's, one a connection.
        + hashing
        + ordinary.max(LEAST_OF_A_LANE)
        + hashing.max(LEAST_OF_A_LANE)
        + OF_A_SERVICE
        + OF_THE_DATABASE;
    threads(threads_needed + processes)?;
    // As root we may have any number ourselves, but the server runs as another user.
    let most = getrlimit(Resource::Nproc).current.and_then(|most| usize::try_from(most).ok());
    match most {
        Some(most) if geteuid().is_root() && most < processes => Err(short_of(most, processes)),
        _ => Ok(()),
    }
}

fn descriptors(needed: usize) -> Result<()> {
    let most = getrlimit(Resource::Nofile).current.and_then(|most| usize::try_from(most).ok());
    match most {
        Some(most) if most < needed => Err(Error::startup(format!(
            "this process may open {most} files and sockets and needs {needed}: raise that limit \
             (`ulimit -n`, LimitNOFILE= of systemd), or lower server.workers, \
             server.hashing_threads or database.pool_size"
        ))),
        _ => Ok(()),
    }
}

/// Starts this many threads and ends them: no limit says how much of it is taken.
fn threads(needed: usize) -> Result<()> {
    let (hold, held) = channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let mut waiting = Vec::new();
    for _ in 0..needed {
        let held = Arc::clone(&held);
        let wait = move || held.lock().unwrap_or_else(PoisonError::into_inner).recv().is_ok();
        let thread = std::thread::Builder::new().name("room".to_owned()).stack_size(SMALL_STACK);
        match thread.spawn(wait) {
            Ok(thread) => waiting.push(thread),
            Err(_) => break,
        }
    }
    drop(hold);
    let started = waiting.len();
    waiting.into_iter().for_each(|thread| drop(thread.join()));
    if started < needed { Err(short_of(started, needed)) } else { Ok(()) }
}

fn short_of(room: usize, needed: usize) -> Error {
    let mut limits = Vec::new();
    if let Some(most) = getrlimit(Resource::Nproc).current {
        limits.push(format!("{most} for this OS user (`ulimit -u`, LimitNPROC= of systemd)"));
    }
    if let Some(most) = control_group::limit("pids", "pids.max", "pids.max") {
        limits.push(format!(
            "{most} for this control group (TasksMax= of systemd, --pids-limit of a container)"
        ));
    }
    let limits = if limits.is_empty() { "one of the system".to_owned() } else { limits.join(", ") };
    Error::startup(format!(
        "there is room for {room} more processes and threads, and {needed} are needed; the limit is \
         {limits}: raise it, or lower server.workers, server.hashing_threads or database.pool_size"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Profile;

    #[test]
    fn a_machine_that_runs_the_tests_has_room_and_nothing_has_room_for_everything() {
        let config = Config::new(Profile::Testing);
        for_app(&config).unwrap();
        for_service(&config).unwrap();
        let Some(most) = getrlimit(Resource::Nofile).current else { return };
        let more = usize::try_from(most).unwrap().saturating_add(1);
        let text = descriptors(more).unwrap_err().to_string();
        assert!(text.contains(&most.to_string()) && text.contains(&more.to_string()), "{text}");
    }
}
