//! The service: what starts, in what order, and how it ends.

mod upkeep;

use crate::app::{App, Sharing};
use crate::audit::Sealer;
use crate::config::{AccessMode, Config, Listen, Profile, Server as ServerSettings, Way};
use crate::db::connect::parse_url;
use crate::db::managed::Managed;
use crate::error::{Error, Result};
pub use crate::front_door::Address;
use crate::front_door::{self, Door, End, Hooks, Listener};
use crate::http::hosts::Hosts;
use crate::http::server::Server;
use crate::http::{Request, Response};
use crate::monitoring::Monitoring;
use crate::outbox::{self, Courier};
#[cfg(feature = "pages")]
use crate::pages;
use crate::passwords::Policy;
use crate::{recovery, room, routes, threads};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use upkeep::Upkeep;

/// A running Gatepost. Several may run in one process. Dropping it stops it.
///
/// ```no_run
/// use gatepost::{Config, Profile, Service};
///
/// let mut config = Config::new(Profile::Development);
/// config.server.listen = "127.0.0.1:0".parse()?;
/// let service = Service::start(config)?;
/// println!("listening on http://{}", service.addr());
/// service.stop();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Service {
    app: Arc<App>,
    parts: Parts,
    addr: Address,
    failure: Arc<Failure>,
    idle: Arc<Failure>,
}

/// What runs, in the order in which it is started and ended. If a part does not start, the later
/// ones are left out, and those before it are ended in the same order.
#[derive(Default)]
struct Parts {
    server: Option<Server>,
    door: Option<Arc<Door>>,
    upkeep: Option<Upkeep>,
    sealer: Option<Sealer>,
    courier: Option<Courier>,
    monitoring: Option<Monitoring>,
}

/// Why the service cannot go on, and whom to tell.
#[derive(Default)]
struct Failure(Mutex<(Option<String>, Option<OnFailure>)>);

type OnFailure = Box<dyn FnOnce(String) + Send>;

impl Failure {
    fn report(&self, cause: String) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.1.take() {
            Some(listener) => listener(cause),
            None => state.0 = Some(cause),
        }
    }

    fn listen(&self, listener: OnFailure) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.0.take() {
            Some(cause) => listener(cause),
            None => state.1 = Some(listener),
        }
    }
}

impl Service {
    /// What [`start`](Self::start) refuses without starting anything: settings, and the files and
    /// the directory that they name. `gatepost check-config` does this.
    ///
    /// # Errors
    /// [`Error::Configuration`], [`Error::Startup`].
    pub fn check(config: &Config) -> Result<()> {
        config.validate()?;
        front_door::check_tls(&config.server)
            .map_err(|e| Error::startup(format!("server.tls_certificate: {e}")))?;
        Policy::open(&config.passwords)?;
        outbox::texts(config)?;
        #[cfg(feature = "pages")]
        pages::check(config)?;
        match &config.database.url {
            None => Managed::check(&config.data_dir()?)?,
            Some(url) => drop(parse_url("database.url", url, config)?),
        }
        if let Some(url) = &config.database.owner_url {
            parse_url("database.owner_url", url, config)?;
        }
        Ok(())
    }

    /// Whether the system's limits leave room for the descriptors, threads and processes that a
    /// service with these settings needs. [`start`](Self::start) asks this too.
    ///
    /// # Errors
    /// [`Error::Startup`], which names the limit and what is needed.
    pub fn check_room(config: &Config) -> Result<()> {
        room::for_service(config)
    }

    /// Listens, starts the private PostgreSQL, if that is configured, then the workers, then opens
    /// the front door. When it returns, requests are answered.
    ///
    /// A database that is away is not an error: requests get 503 until it is there. One that does
    /// not let us in is an error: a wrong password, or a role or a database that does not exist. Do
    /// not call this on a thread of an async runtime: everything here blocks.
    ///
    /// # Errors
    /// [`Error::Configuration`], [`Error::SchemaBehind`], and [`Error::Startup`] when the address
    /// is taken, the certificate does not load, the private PostgreSQL does not start or belongs to
    /// another process. Whatever was started by then is stopped again.
    pub fn start(config: Config) -> Result<Self> {
        Self::start_with(config, Sharing::Exclusive, routes::handle)
    }

    /// The same, with a choice of whether the private PostgreSQL of another process may be used,
    /// and of what answers requests.
    pub(crate) fn start_with(
        config: Config,
        sharing: Sharing,
        answer: impl Fn(&App, &Request) -> Response + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::check(&config)?;
        Self::check_room(&config)?;
        let listeners = listeners(&config.server)?;
        warn(&config, &listeners);
        let addr = match listeners.first().map(Listener::address) {
            Some(Ok(addr)) => addr,
            _ => return Err(Error::startup("nowhere to listen")),
        };
        let app = App::open_with(config, sharing)?;
        let database = &app.config().database;
        if database.url.is_some() && database.data_dir.is_some() {
            log::info!("database.data_dir is not used, since database.url names a server");
        }
        let app = Arc::new(app);
        let (failure, idle) = (Arc::default(), Arc::default());
        let mut service = Self { app, parts: Parts::default(), addr, failure, idle };
        // Dropped on an error, which stops whatever runs by then.
        service.run(listeners, answer)?;
        Ok(service)
    }

    /// Starts all parts.
    fn run(
        &mut self,
        listeners: Vec<Listener>,
        answer: impl Fn(&App, &Request) -> Response + Send + Sync + 'static,
    ) -> Result<()> {
        let mut settings = self.app.config().server.clone();
        let with_cookies = &self.app.config().pages.cookie_api;
        settings.cors_origins.splice(0..0, with_cookies.iter().cloned());
        let cookie_origins = with_cookies.len();
        // A Unix socket that systemd passes beside a TCP socket counts as TCP too.
        let hosts = Hosts::of(self.app.config(), listeners.iter().any(Listener::is_tcp));
        let routed = Arc::clone(&self.app);
        let reported = Arc::clone(&self.failure);
        let server = self.parts.server.insert(Server::start(
            settings.workers,
            // Threads that wait for a hash.
            settings.hashing_upstreams(),
            self.app.config().log.requests,
            move |request| match hosts.admit(request) {
                Ok(()) => answer(&routed, request),
                Err(error) => Response::from_error(&error, &request.id),
            },
            move |cause| reported.report(cause),
        )?);
        let is_production = self.app.config().profile == Profile::Production;
        let hooks = Hooks {
            lane: routes::lane,
            problem: Response::of_front_door,
            allow: routes::allow,
            cookie_origins,
            // Elsewhere it would turn all of localhost to TLS, in a developer's browser.
            strict_transport: is_production && settings.tls_certificate.is_some(),
        };
        let door = Door::start(settings, listeners, server.upstreams(), hooks)
            .map_err(|e| Error::startup(format!("cannot open the front door: {e}")))?;
        let door = self.parts.door.insert(Arc::new(door));
        watch(Arc::clone(door), Arc::clone(&self.failure), Arc::clone(&self.idle))?;
        self.parts.upkeep = Some(Upkeep::start(Arc::clone(&self.app))?);
        self.parts.sealer = Some(Sealer::start(Arc::clone(&self.app))?);
        self.parts.courier = Some(Courier::start(&self.app, recovery::answer_requests)?);
        self.parts.monitoring = Monitoring::start(&self.app)?;
        Ok(())
    }

    /// The first address that it listens on. If port 0 was asked for, this has the port it got.
    pub fn addr(&self) -> &Address {
        &self.addr
    }

    /// What the operations need: `gatepost::sessions::log_in(service.app(), …)`.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Calls `listener` once, from a thread of ours, when the service can no longer accept
    /// requests. A program that runs nothing else should then stop it and exit.
    pub fn on_failure(&self, listener: impl FnOnce(String) + Send + 'static) {
        self.failure.listen(Box::new(listener));
    }

    /// Calls `listener` once, from a thread of ours, when nobody has asked for anything for
    /// `server.exit_when_idle`. A program whose socket somebody else holds can then stop it and exit.
    pub fn on_idle(&self, listener: impl FnOnce() + Send + 'static) {
        self.idle.listen(Box::new(|_| listener()));
    }

    /// Reads certificate and key again; established connections keep theirs. It also happens by
    /// itself when the files change. Returns whether there are any.
    ///
    /// # Errors
    /// [`Error::Startup`] when the new ones do not load; the old ones stay in force.
    pub fn reload_tls(&self) -> Result<bool> {
        let fault =
            |e: std::io::Error| Error::startup(format!("the old certificate stays in use: {e}"));
        self.parts.door.as_ref().map_or(Ok(false), |door| door.reload_tls().map_err(fault))
    }

    /// Refuses new connections, answers what is queued, running and half sent, waiting at most
    /// `server.shutdown_timeout`, and stops; the private PostgreSQL last.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        let Parts { server, door, upkeep, sealer, courier, monitoring } =
            std::mem::take(&mut self.parts);
        self.app.expect_end();
        let deadline = self.app.config().server.shutdown_timeout;
        let end = Instant::now() + deadline;
        if let Some(door) = door
            && let End::Stopped { cut_off: 1.. } = door.stop(deadline)
        {
            log::warn!("requests were cut off after {} s", deadline.as_secs());
        }
        if let Some(server) = server {
            server.stop(end.saturating_duration_since(Instant::now()));
        }
        drop((upkeep, sealer, courier, monitoring));
        self.app.close();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shut_down();
    }
}

fn listeners(settings: &ServerSettings) -> Result<Vec<Listener>> {
    let listen = &settings.listen;
    let opened = match listen {
        Listen::Systemd => Listener::from_systemd(),
        other => Listener::bind_for(&other.to_string(), settings).map(|listener| vec![listener]),
    };
    let fault = |e: &dyn std::fmt::Display| {
        Err(Error::startup(format!("server.listen: cannot listen on {listen}: {e}")))
    };
    match opened {
        Ok(listeners) if listeners.is_empty() => fault(&"systemd passed no socket (LISTEN_FDS)"),
        Ok(listeners) => Ok(listeners),
        Err(error) => fault(&error),
    }
}

/// Reports the end of the front door, unless it was asked for.
fn watch(door: Arc<Door>, failure: Arc<Failure>, idle: Arc<Failure>) -> Result<()> {
    let watcher = move || loop {
        match door.wait(Duration::from_secs(3600)) {
            Some(End::Stopped { .. }) => return,
            Some(End::Failed(cause)) => return failure.report(cause),
            Some(End::Idle) => idle.report(String::new()),
            None => (),
        }
    };
    threads::start("door-watch", watcher).map(drop)
}

/// A program may share it between threads.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Service>();
};

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Service({})", self.addr)
    }
}

fn warn(config: &Config, listeners: &[Listener]) {
    let listen = &config.server.listen;
    if config.access.mode == AccessMode::Open {
        log::warn!("access.mode = \"open\": anyone who can reach {listen} may do anything");
    }
    let sends = config.mail.way() != Way::Pulled;
    if sends && config.encryption.key.is_none() {
        log::warn!(
            "without encryption.key whoever has a copy of the database makes the links that mail holds"
        );
    }
    // Of sockets that systemd passes only they themselves know where they listen.
    let is_open = |address: &Address| match address {
        Address::Tcp(address) => !address.ip().to_canonical().is_loopback(),
        Address::Unix(_) => false,
    };
    let open = listeners.iter().filter_map(|listener| listener.address().ok()).find(is_open);
    if let Some(open) = open.filter(|_| config.server.tls_certificate.is_none()) {
        log::warn!(
            "listening on {open} without TLS: passwords and tokens can be read in transit; set \
             server.tls_certificate and server.tls_key, or put a proxy with TLS in front"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn a_failure_is_told_once_whether_somebody_listens_before_or_after() {
        for listen_first in [true, false] {
            let failure = Failure::default();
            let (sender, receiver) = channel();
            let listener = move |cause| sender.send(cause).unwrap();
            if listen_first {
                failure.listen(Box::new(listener));
                failure.report("the door".to_owned());
            } else {
                failure.report("the door".to_owned());
                failure.listen(Box::new(listener));
            }
            failure.report("again".to_owned());
            assert_eq!(receiver.iter().collect::<Vec<_>>(), ["the door"]);
        }
    }
}
