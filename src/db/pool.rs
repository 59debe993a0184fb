//! The pool's connections: how they are opened, when they are asked whether they live, and which
//! statements they keep prepared.

use crate::config;
use postgres::types::{ToSql, Type};
use postgres::{Client, NoTls, Row, Statement};
use r2d2::ManageConnection;
use r2d2_postgres::PostgresConnectionManager;
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long after its last use a connection is taken to be alive without asking: the question
/// costs a round trip. One that died in between shows itself at the first statement.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// A connection that knows when it was last used.
pub(crate) struct Connection {
    client: Client,
    used: Instant,
    lost: bool,
    /// By their SQL, which is in this program's text; none where preparing is not allowed.
    prepared: Option<HashMap<&'static str, Statement>>,
}

impl Connection {
    /// Says that a statement found the connection lost. The driver itself may notice only later.
    pub(super) fn set_lost(&mut self) {
        self.lost = true;
    }

    /// Runs a statement that is run all the time. It is prepared on this connection where that is
    /// allowed, which spares the server parsing and planning, and else sent typed.
    ///
    /// # Errors
    /// Those of the driver.
    pub(crate) fn query_prepared(
        &mut self,
        sql: &'static str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, postgres::Error> {
        self.used = Instant::now();
        let Some(prepared) = &mut self.prepared else {
            return self.client.query_typed(sql, parameters);
        };
        let statement = match prepared.get(sql) {
            Some(known) => known.clone(),
            None => {
                let types: Vec<Type> =
                    parameters.iter().map(|(_, r#type)| r#type.clone()).collect();
                let new = self.client.prepare_typed(sql, &types)?;
                prepared.insert(sql, new.clone());
                new
            }
        };
        let values: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|(value, _)| *value).collect();
        self.client.query(&statement, &values)
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

/// What went wrong with a connection.
#[derive(Debug)]
pub(super) enum Fault {
    /// It could not be opened.
    Opening(postgres::Error),
    /// It was closed while nobody used it.
    Idle(postgres::Error),
}

impl std::error::Error for Fault {}

/// The pool tells it in its own errors.
impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Opening(error) => f.write_str(&super::fault::describe(error)),
            Self::Idle(error) => {
                write!(f, "an idle connection was lost: {}", super::fault::describe(error))
            }
        }
    }
}

/// What the pool asks to open and to judge connections.
#[derive(Debug)]
pub(super) struct Manager {
    connect: PostgresConnectionManager<NoTls>,
    prepare: bool,
}

impl ManageConnection for Manager {
    type Connection = Connection;
    type Error = Fault;

    fn connect(&self) -> Result<Connection, Fault> {
        let prepared = self.prepare.then(HashMap::new);
        let client = self.connect.connect().map_err(Fault::Opening)?;
        Ok(Connection { client, used: Instant::now(), lost: false, prepared })
    }

    fn is_valid(&self, connection: &mut Connection) -> Result<(), Fault> {
        if connection.used.elapsed() < TRUSTED_FOR {
            Ok(())
        } else {
            self.connect.is_valid(connection).map_err(Fault::Idle)
        }
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
        .build_unchecked(Manager {
            connect: PostgresConnectionManager::new(connect, NoTls),
            prepare: settings.prepared_statements,
        })
}

/// Logs what the pool's own threads meet: there is no request to answer with it.
#[derive(Debug)]
struct Log {
    /// The private PostgreSQL is being stopped under the pool, and nothing is wrong.
    closing: Arc<AtomicBool>,
}

impl r2d2::HandleError<Fault> for Log {
    fn handle_error(&self, fault: Fault) {
        match fault {
            // Servers, poolers and firewalls close what idles; another is opened in its place.
            Fault::Idle(_) => log::debug!("{fault}"),
            Fault::Opening(_) if self.closing.load(Ordering::Relaxed) => (),
            Fault::Opening(_) => log::warn!("cannot open a database connection: {fault}"),
        }
    }
}
