//! The server process: started, kept running, stopped; and never left behind.
//!
//! It has a process group of its own, so that Ctrl-C reaches us first and running requests can
//! finish. If we are killed, a shell that waits on a pipe from us stops it. (The kernel's
//! parent-death signal would not do: it fires when the *thread* that started the child ends.)

use super::cluster;
use super::orphans::Orphans;
use crate::child::{OsUser, command};
use crate::error::{Error, Result};
use crate::threads;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the server is checked; one that died is started again.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// How long a fast stop may take before an immediate one. After that the server recovers at its
/// next start, and loses nothing that was committed.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections besides the service's own: for commands, the bootstrap and a look with psql.
const SPARE_CONNECTIONS: usize = 12;

/// The watching shell reads until our end of the pipe closes, then stops the server (SIGINT is
/// PostgreSQL's fast stop). A service manager sends its signal to all processes; the shell still
/// ends only with us.
const WATCHDOG: &str = "trap '' TERM INT HUP; read -r _; kill -INT \"$1\"";

/// How the server is started.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) postgres: PathBuf,
    pub(super) cluster: PathBuf,
    pub(super) run: PathBuf,
    /// Part of the name of the socket in `run`.
    pub(super) port: u16,
    pub(super) connections: usize,
    pub(super) user: Option<OsUser>,
}

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    shared: Arc<Shared>,
    watcher: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    command: Command,
    processes: Mutex<Option<Processes>>,
    stopping: Condvar,
    /// The server will be stopped, so losing it is not reported.
    ending: AtomicBool,
}

/// The server and its watchdog. Both are waited for under the mutex only, so that a signal never
/// goes to a process that has taken over a number.
#[derive(Debug)]
struct Processes {
    server: Child,
    ready: Arc<AtomicBool>,
    /// Its standard input is the pipe; it must stay open.
    watchdog: Child,
}

impl Server {
    /// Starts the server and waits until it is ready.
    ///
    /// # Errors
    /// [`Error::Startup`] when it ends instead.
    pub(super) fn start(command: Command) -> Result<Self> {
        let mut processes = spawn(&command)?;
        if let Err(error) = wait_until_ready(&mut processes, &command) {
            end(processes);
            return Err(error);
        }
        let shared = Arc::new(Shared {
            command,
            processes: Mutex::new(Some(processes)),
            stopping: Condvar::new(),
            ending: AtomicBool::new(false),
        });
        let watched = Arc::clone(&shared);
        let watcher = threads::start("postgres-watch", move || watch(&watched));
        match watcher {
            Ok(watcher) => Ok(Self { shared, watcher }),
            Err(error) => {
                if let Some(processes) = shared.lock().take() {
                    end(processes);
                }
                Err(error)
            }
        }
    }

    /// Notes that it will be stopped: if it ends earlier, it is not started again.
    pub(super) fn expect_end(&self) {
        self.shared.ending.store(true, Ordering::SeqCst);
    }

    /// Stops the server and waits until it has ended.
    pub(super) fn stop(self) {
        let processes = self.shared.lock().take();
        self.shared.stopping.notify_all();
        if let Some(processes) = processes {
            end(processes);
        }
        if self.watcher.join().is_err() {
            log::error!("the thread that watches the private PostgreSQL panicked");
        }
    }
}

impl Processes {
    /// Whether a process is one of these two, which are waited for elsewhere.
    fn has(&self, pid: u32) -> bool {
        self.server.id() == pid || self.watchdog.id() == pid
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Processes>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the server again when it died, until it is taken away to be stopped.
fn watch(shared: &Shared) {
    let mut guard = shared.lock();
    let mut ended_in_order = false;
    let mut orphans = Orphans::default();
    while let Some(processes) = guard.as_mut() {
        if !shared.ending.load(Ordering::SeqCst) {
            look_after(processes, &shared.command, &mut ended_in_order, &mut orphans);
        }
        orphans.reap(|pid| processes.has(pid));
        guard = shared
            .stopping
            .wait_timeout(guard, WATCH_INTERVAL)
            .map_or_else(|poisoned| poisoned.into_inner().0, |(guard, _)| guard);
    }
}

/// Checks the server and its watchdog once.
fn look_after(
    processes: &mut Processes,
    command: &Command,
    ended_in_order: &mut bool,
    orphans: &mut Orphans,
) {
    match processes.server.try_wait() {
        // It was stopped from outside. A service manager that ends us does that too, and its signal
        // reaches us in a moment. So the server is started again at the next check.
        Ok(Some(status)) if status.success() && !*ended_in_order => *ended_in_order = true,
        Ok(Some(status)) => {
            log::error!("the private PostgreSQL ended ({status}); starting it again");
            *ended_in_order = false;
            orphans.expect();
            match spawn(command) {
                Ok(new) => end(std::mem::replace(processes, new)),
                Err(error) => log::error!("{error}"),
            }
        }
        _ => processes.ready.store(true, Ordering::Relaxed),
    }
    if let Ok(Some(_)) = processes.watchdog.try_wait() {
        log::error!("the watchdog of the private PostgreSQL is gone; starting another");
        match watchdog(command, &processes.server) {
            Ok(new) => processes.watchdog = new,
            Err(error) => log::error!("cannot start it: {error}"),
        }
    }
}

fn spawn(start: &Command) -> Result<Processes> {
    let fault = |e: std::io::Error| Error::startup(format!("cannot start PostgreSQL: {e}"));
    let mut server = command(&start.postgres, start.user, &start.cluster)
        .arg("-D")
        .arg(&start.cluster)
        .arg("-c")
        .arg(socket_directories(&start.run))
        .args(["-c", "listen_addresses=", "-c", "unix_socket_permissions=0700"])
        .arg("-c")
        .arg(format!("port={}", start.port))
        .args(["-c", "logging_collector=off", "-c", "log_destination=stderr"])
        // No statements and no details: both repeat values of rows.
        .args(["-c", "log_min_messages=log", "-c", "log_min_error_statement=panic"])
        .args(["-c", "log_error_verbosity=terse", "-c", "log_line_prefix="])
        .arg("-c")
        .arg(format!("max_connections={}", start.connections + SPARE_CONNECTIONS))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(fault)?;
    let ready = Arc::new(AtomicBool::new(false));
    let relayed = server.stderr.take().map_or(Ok(()), |messages| {
        let ready = Arc::clone(&ready);
        let thread = std::thread::Builder::new().name("postgres-log".to_owned());
        thread.spawn(move || relay(messages, &ready)).map(drop)
    });
    match relayed.and_then(|()| watchdog(start, &server)) {
        Ok(watchdog) => Ok(Processes { server, ready, watchdog }),
        Err(error) => {
            stop(&mut server);
            Err(fault(error))
        }
    }
}

/// The setting that names the one directory of the socket. It is a list, in which a quoted name may
/// hold anything, with quotes doubled.
fn socket_directories(run: &Path) -> OsString {
    let mut setting = b"unix_socket_directories=\"".to_vec();
    for byte in run.as_os_str().as_bytes() {
        setting.extend(std::iter::repeat_n(*byte, if *byte == b'"' { 2 } else { 1 }));
    }
    setting.push(b'"');
    OsString::from_vec(setting)
}

/// Starts the shell that stops the server when we are gone.
fn watchdog(start: &Command, server: &Child) -> std::io::Result<Child> {
    command(Path::new("/bin/sh"), start.user, Path::new("/"))
        .args(["-c", WATCHDOG, "gatepost-watchdog", &server.id().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

/// Passes the server's messages to our log until it ends. A FATAL one says why the server does not
/// start. Later it is about one connection, which gets the same message.
fn relay(messages: ChildStderr, ready: &AtomicBool) {
    for line in BufReader::new(messages).lines().map_while(std::io::Result::ok) {
        let level = match line.split_once(':') {
            Some(("PANIC", _)) => log::Level::Error,
            Some(("FATAL", _)) if !ready.load(Ordering::Relaxed) => log::Level::Warn,
            _ => log::Level::Debug,
        };
        log::log!(target: "postgres", level, "{line}");
    }
}

/// Waits until `postmaster.pid` says that the server is ready, as pg_ctl does. Connecting instead
/// would fill its log with refusals.
fn wait_until_ready(processes: &mut Processes, start: &Command) -> Result<()> {
    let pid = processes.server.id().to_string();
    let mut said = Instant::now();
    loop {
        let text = cluster::pid_file(&start.cluster, start.user)?.unwrap_or_default();
        let mut lines = text.lines();
        if lines.next() == Some(&pid) && lines.nth(6).is_some_and(|l| l.trim_end() == "ready") {
            processes.ready.store(true, Ordering::Relaxed);
            return Ok(());
        }
        if let Ok(Some(status)) = processes.server.try_wait() {
            return Err(Error::startup(format!(
                "the private PostgreSQL ended while it started ({status}); see its messages above, or all of them with log.level = \"debug\""
            )));
        }
        if said.elapsed() > Duration::from_secs(5) {
            log::info!("waiting for the private PostgreSQL, which may be recovering from a crash");
            said = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Stops the server, then its watchdog.
fn end(mut processes: Processes) {
    stop(&mut processes.server);
    signal(&processes.watchdog, Signal::KILL);
    let _ = processes.watchdog.wait();
}

/// Stops the server: fast, and after a time immediately.
fn stop(server: &mut Child) {
    let deadline = Instant::now() + STOP_TIMEOUT;
    let mut hard = false;
    while !matches!(server.try_wait(), Ok(Some(_)) | Err(_)) {
        // Sent repeatedly: a server that has just been started may not listen to it yet.
        signal(server, if hard { Signal::QUIT } else { Signal::INT });
        // One that was stopped where it is hears nothing else.
        signal(server, Signal::CONT);
        if !hard && Instant::now() > deadline {
            log::warn!("the private PostgreSQL does not stop in time; ending it at once");
            hard = true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a signal to a child that has not been waited for.
fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid
        && let Err(error) = kill_process(pid, signal)
    {
        log::debug!("signal to process {pid:?}: {error}");
    }
}
