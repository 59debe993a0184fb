//! The pool's connections: how they are opened, and when they are checked.

use super::client::Client;
use super::connect;
use crate::config;
use crate::config::conninfo::Conninfo;
use r2d2::ManageConnection;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long after its last use a connection is assumed to be alive. A check costs a round trip. A
/// connection that died in between shows it at the first statement.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// How long a request waits for a connection when the server has been away for longer than the time
/// that it would wait otherwise.
const SHORT_WAIT: Duration = Duration::from_millis(100);

/// How long the pool waits after a failed attempt to open a connection. A server that comes back is
/// found soon, and one that is away hears from three threads at most.
const RETRY: Duration = Duration::from_millis(200);

/// How many different causes are logged while the server is away. Several hosts may give several;
/// beyond these there would be a line for every attempt.
const CAUSES: usize = 4;

/// A connection that knows when it was last used.
pub(crate) struct Connection {
    client: Client,
    used: Instant,
    lost: bool,
    /// The era in which it was opened, as [`Watch`] counts them.
    era: u64,
}

impl Connection {
    /// Notes that a statement found the connection lost. The driver itself may notice only later.
    pub(super) fn set_lost(&mut self) {
        self.lost = true;
    }

    /// Whether it was lost because the server did not answer in time.
    pub(super) fn is_overdue(&self) -> bool {
        self.client.is_overdue()
    }

    /// The era in which it was opened.
    pub(super) fn era(&self) -> u64 {
        self.era
    }
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Client {
        self.used = Instant::now();
        &mut self.client
    }
}

/// The fault of a connection.
#[derive(Debug)]
pub(super) enum Fault {
    /// It could not be opened.
    Opening(connect::Fault),
    /// It was closed while idle.
    Idle(tokio_postgres::Error),
    /// Another one from its time was lost, and its server may be no more what it was.
    Outlived,
}

impl std::error::Error for Fault {}

/// The pool shows it in its own errors.
impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Opening(fault) => fault.fmt(f),
            Self::Idle(error) => {
                write!(f, "an idle connection was lost: {}", super::fault::describe(error))
            }
            Self::Outlived => f.write_str("another connection from that time was lost"),
        }
    }
}

/// Opens and checks connections for the pool.
#[derive(Debug)]
pub(super) struct Manager {
    conninfo: Conninfo,
    prepare: bool,
    watch: Arc<Watch>,
}

impl ManageConnection for Manager {
    type Connection = Connection;
    type Error = Fault;

    fn connect(&self) -> Result<Connection, Fault> {
        // Asked for first: what is lost meanwhile may be lost to this one too.
        let era = self.watch.era();
        let opened = connect::service(&self.conninfo).map_err(Fault::Opening);
        match &opened {
            Ok(_) => self.watch.found(),
            Err(fault) => self.watch.lost(&fault.to_string()),
        }
        let mut client = opened?;
        if self.prepare {
            client.keep_prepared();
        }
        Ok(Connection { client, used: Instant::now(), lost: false, era })
    }

    fn is_valid(&self, connection: &mut Connection) -> Result<(), Fault> {
        if connection.era != self.watch.era() {
            Err(Fault::Outlived)
        } else if connection.used.elapsed() < TRUSTED_FOR {
            Ok(())
        } else {
            connection.client.check().map_err(|error| {
                // One that was closed says nothing about the others; one that hangs does.
                if connection.is_overdue() {
                    self.watch.lost_in_use(connection.era, true);
                }
                Fault::Idle(error)
            })
        }
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.lost || connection.era != self.watch.era() || connection.client.is_closed()
    }
}

/// Builds the pool without waiting for the database.
pub(super) fn build(
    conninfo: Conninfo,
    settings: &config::Database,
    watch: Arc<Watch>,
) -> r2d2::Pool<Manager> {
    let size = u32::try_from(settings.pool_size).unwrap_or(u32::MAX);
    r2d2::Pool::builder()
        .max_size(size)
        // Connections are opened when they are first needed, so a service that is hardly used costs
        // PostgreSQL one process and not eight.
        .min_idle(Some(1))
        // Half of it is the longest pause between two attempts; how long a request waits is said
        // where it does.
        .connection_timeout(2 * RETRY)
        .error_handler(Box::new(Log))
        .build_unchecked(Manager { conninfo, prepare: settings.prepared_statements, watch })
}

/// Whether the server can be reached. A change is logged once, and not at every attempt: the pool
/// tries again several times a second.
#[derive(Debug, Default)]
pub(super) struct Watch {
    state: Mutex<State>,
    /// Counts up when a connection is lost in use. All that were opened before are given up then: after
    /// a failover they lead to the former primary, and each would cost a request to find out.
    era: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// The causes logged since a connection could last be opened.
    told: Vec<String>,
    /// When the first of them was.
    away_since: Option<Instant>,
    /// A statement was not answered in time, and no connection was opened since.
    overdue: bool,
    /// The private PostgreSQL is being stopped under the pool, and nothing is wrong.
    closing: bool,
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn era(&self) -> u64 {
        self.era.load(Ordering::Relaxed)
    }

    /// Notes that a connection of this era was lost in use. Of several, the first begins the next era.
    pub(super) fn lost_in_use(&self, era: u64, overdue: bool) {
        let next = era.wrapping_add(1);
        let begun = self.era.compare_exchange(era, next, Ordering::Relaxed, Ordering::Relaxed);
        if overdue {
            self.state().overdue = true;
        }
        if begun.is_ok() && overdue {
            log::warn!(
                "the database does not answer; its connections are given up and opened anew"
            );
        } else if begun.is_ok() {
            log::debug!("a database connection was lost in use; the others are opened anew");
        }
    }

    pub(super) fn close(&self) {
        self.state().closing = true;
    }

    pub(super) fn is_closing(&self) -> bool {
        self.state().closing
    }

    pub(super) fn is_away(&self) -> bool {
        !self.state().told.is_empty()
    }

    /// How long to wait for a connection. A server that comes back within `wait` costs nobody a
    /// request. Once it has been away for longer, or has let a statement wait for longer than that,
    /// waiting would only keep the threads from saying so to everyone.
    pub(super) fn patience(&self, wait: Duration) -> Duration {
        let state = self.state();
        let is_long = state.away_since.is_some_and(|since| since.elapsed() > wait);
        if state.overdue || is_long { wait.min(SHORT_WAIT) } else { wait }
    }

    /// Notes that a connection could not be opened.
    pub(super) fn lost(&self, cause: &str) {
        let mut state = self.state();
        let news = !state.told.iter().any(|told| told == cause) && state.told.len() < CAUSES;
        if !state.closing && news {
            log::warn!("cannot open a database connection; trying again: {cause}");
            state.told.push(cause.to_owned());
            state.away_since.get_or_insert_with(Instant::now);
        }
    }

    /// Notes that a connection was opened.
    fn found(&self) {
        let mut state = self.state();
        state.overdue = false;
        if !state.told.is_empty() {
            state.told.clear();
            state.away_since = None;
            log::info!("database connections can be opened again");
        }
    }
}

/// Errors of the pool's own threads. A connection that cannot be opened was logged above. An idle
/// one that is closed is not worth a line: servers, poolers and firewalls do so, and another is
/// opened in its place.
#[derive(Debug)]
struct Log;

impl r2d2::HandleError<Fault> for Log {
    fn handle_error(&self, fault: Fault) {
        match fault {
            Fault::Idle(_) | Fault::Outlived => log::debug!("{fault}"),
            Fault::Opening(_) => log::debug!("cannot open a database connection: {fault}"),
        }
    }
}
