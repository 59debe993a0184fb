//! The service: what starts, in what order, and how it ends.

use crate::app::{App, Sharing};
use crate::config::{AccessMode, Config};
use crate::error::{Error, Result};
use crate::http::server::Server;
use crate::routes;
use std::net::SocketAddr;
use std::sync::Arc;

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
    server: Option<Server>,
    addr: SocketAddr,
}

impl Service {
    /// Starts the private PostgreSQL, if that is configured, then the workers, then listens. When
    /// it returns, requests are answered.
    ///
    /// A database that is away is no error: requests get 503 until it is there.
    ///
    /// # Errors
    /// [`Error::Configuration`], [`Error::SchemaBehind`], and [`Error::Startup`] when the address
    /// is taken, the private PostgreSQL does not start or belongs to another process. What was
    /// started by then is stopped again.
    pub fn start(config: Config) -> Result<Self> {
        warn(&config);
        let (listen, workers) = (config.server.listen, config.server.workers);
        let max_body = config.server.max_body;
        let app = App::open_with(config, Sharing::Exclusive).map_err(|error| match error {
            Error::SchemaBehind(text) => {
                Error::SchemaBehind(format!("{text}; run `gatepost database migrate`"))
            }
            other => other,
        })?;
        let app = Arc::new(app);
        let routed = Arc::clone(&app);
        let router = move |request: &_| routes::handle(&routed, request);
        let server = Server::start(listen, workers, max_body, router)?;
        let addr = server.addr();
        Ok(Self { app, server: Some(server), addr })
    }

    /// The address that it listens on; where port 0 was asked for, with the port it got.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What the operations need: `gatepost::log_in(service.app(), …)`.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Calls `listener` once, from a thread of ours, when the service can no longer accept
    /// requests. A program that runs nothing else should then stop it and exit.
    pub fn on_failure(&self, listener: impl FnOnce(String) + Send + 'static) {
        if let Some(server) = &self.server {
            server.on_failure(Box::new(listener));
        }
    }

    /// Answers what it has received, waiting at most `server.drain_timeout`, and stops; the
    /// private PostgreSQL last.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop(self.app.config().server.drain_timeout);
            self.app.close();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shut_down();
    }
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

fn warn(config: &Config) {
    let listen = config.server.listen;
    if config.access.mode == AccessMode::Open {
        log::warn!("access.mode = \"open\": everybody who reaches {listen} may do everything");
    }
    if !listen.ip().is_loopback() {
        log::warn!(
            "listening beyond loopback on {listen}: the HTTP server of this version does not \
             withstand hostile clients; put a reverse proxy in front of it"
        );
    }
}
