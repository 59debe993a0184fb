//! The pool's connections: how they are opened, and when they are asked whether they live.

use crate::config;
use postgres::{Client, NoTls};
use r2d2::ManageConnection;
use r2d2_postgres::PostgresConnectionManager;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long after its last use a connection is taken to be alive without asking: the question
/// costs a round trip. One that died in between shows itself at the first statement.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// A connection that knows when it was last used.
pub(super) struct Connection {
    client: Client,
    used: Instant,
    lost: bool,
}

impl Connection {
    /// Says that a statement found the connection lost. The driver itself may notice only later.
    pub(super) fn set_lost(&mut self) {
        self.lost = true;
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

/// What the pool asks to open and to judge connections.
#[derive(Debug)]
pub(super) struct Manager(PostgresConnectionManager<NoTls>);

impl ManageConnection for Manager {
    type Connection = Connection;
    type Error = postgres::Error;

    fn connect(&self) -> Result<Connection, postgres::Error> {
        Ok(Connection { client: self.0.connect()?, used: Instant::now(), lost: false })
    }

    fn is_valid(&self, connection: &mut Connection) -> Result<(), postgres::Error> {
        if connection.used.elapsed() < TRUSTED_FOR { Ok(()) } else { self.0.is_valid(connection) }
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.lost || connection.client.is_closed()
    }
}

/// Builds the pool without waiting for the database.
pub(super) fn build(
    connect: postgres::Config,
    settings: &config::Database,
    closing: Arc<AtomicBool>,
) -> r2d2::Pool<Manager> {
    let size = u32::try_from(settings.pool_size).unwrap_or(u32::MAX);
    r2d2::Pool::builder()
        .max_size(size)
        // Connections are opened when they are first needed, so that a service that is hardly
        // used costs PostgreSQL one process and not eight.
        .min_idle(Some(1))
        .connection_timeout(settings.pool_wait)
        .error_handler(Box::new(Log { closing }))
        .build_unchecked(Manager(PostgresConnectionManager::new(connect, NoTls)))
}

/// Logs what the pool's own threads meet: there is no request to answer with it.
#[derive(Debug)]
struct Log {
    /// The private PostgreSQL is being stopped under the pool, and nothing is wrong.
    closing: Arc<AtomicBool>,
}

impl r2d2::HandleError<postgres::Error> for Log {
    fn handle_error(&self, error: postgres::Error) {
        if !self.closing.load(Ordering::Relaxed) {
            log::warn!("cannot open a database connection: {}", super::fault::describe(&error));
        }
    }
}
