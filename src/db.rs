//! The database: a bounded pool, and the two ways to use a connection of it.
//!
//! [`Database::with_connection`] runs statements that each stand alone, in one round trip each.
//! [`Database::with_transaction`] runs a closure between BEGIN and COMMIT. A store function says in
//! its signature which of the two it takes; one that takes a [`Line`] is right in both. Every wait has
//! a limit, also for a server that stops in the middle of a statement and keeps its connection open.
//!
//! Statements are sent typed: parse, bind and execute travel together, so nothing is left on the
//! server between two of them. Transaction mode of pgbouncer needs that. Where the configuration
//! says that there is no pooler, the most frequent ones are prepared once on each connection. A
//! look-up was measured to take 37 us prepared and 110 us typed (`cargo bench --bench statements`,
//! the least of thirty rounds on a busy machine).

pub(crate) mod bootstrap;
pub(crate) mod connect;
pub(crate) mod managed;
pub(crate) mod migrate;
pub(crate) mod sequences;
pub(crate) mod soundness;

mod client;
mod fault;
mod names;
mod pool;
pub(crate) mod role;
mod tls;

pub(crate) use client::{Client, Line, Transaction};
pub(crate) use fault::violates;
pub(crate) use names::{DATABASE, OWNER_ROLE};

use crate::config;
use crate::config::conninfo::Conninfo;
use crate::error::{Error, Result};
use crate::metrics;
pub(crate) use pool::Connection;
use pool::{Manager, Watch};
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How the cause begins when no connection can be opened, which the pool has logged already.
const AWAY: &str = "it is away: ";

/// The level at which to log an error. That the database is away is logged once, when it begins, and
/// not by every caller that meets it.
pub(crate) fn level(error: &Error) -> log::Level {
    match error {
        Error::Unavailable(cause) if cause.starts_with(AWAY) => log::Level::Debug,
        _ => log::Level::Warn,
    }
}

thread_local! {
    /// Whether this thread holds a connection. Then it must not hash a password, and must not ask
    /// for a second connection: if all threads did so, the pool would lock up.
    static HOLDING: Cell<bool> = const { Cell::new(false) };
}

/// How often work begins again on another connection because the one that it had was lost. The first
/// loss gives up the whole pool, so the next connection is a new one; that may still have led to a
/// server that was on its way down.
const RENEWALS: u32 = 2;

/// A pool of connections to one PostgreSQL.
#[derive(Debug)]
pub(crate) struct Database {
    pool: r2d2::Pool<Manager>,
    wait: Duration,
    attempts: u32,
    watch: Arc<Watch>,
}

impl Database {
    /// Makes the pool. Nothing is connected yet: if the database is away at start, each request
    /// waits for it within its own limit.
    pub(crate) fn open(conninfo: Conninfo, settings: &config::Database) -> Self {
        let watch = Arc::new(Watch::default());
        Self {
            pool: pool::build(conninfo, settings, Arc::clone(&watch)),
            wait: settings.tuning.pool_wait,
            attempts: settings.tuning.transaction_attempts,
            watch,
        }
    }

    /// Connections that are open, and those of them that are idle.
    pub(crate) fn connections(&self) -> (u32, u32) {
        let state = self.pool.state();
        (state.connections, state.idle_connections)
    }

    /// Logs that the server cannot be reached, unless that was logged since it last could be.
    pub(crate) fn say_away(&self, cause: &str) {
        self.watch.lost(cause);
    }

    /// Whether the last attempts to open a connection failed.
    pub(crate) fn is_away(&self) -> bool {
        self.watch.is_away()
    }

    /// Notes that the server is about to be stopped, so that losing it is not logged.
    pub(crate) fn close(&self) {
        self.watch.close();
    }

    /// Whether [`close`](Self::close) was called.
    pub(crate) fn is_closing(&self) -> bool {
        self.watch.is_closing()
    }

    /// Runs the closure on a connection, outside of a transaction block.
    ///
    /// Each statement in it is a transaction and a round trip of its own, so a frequent call has
    /// one. Two statements may see different states of the database; use
    /// [`with_transaction`](Self::with_transaction) where they must not.
    ///
    /// When the connection turns out to be lost, the whole closure runs again on another one, unless
    /// it has waited for the server until its time was over. So it may write only if a second run does no harm. Two writes are of this kind: the last use of an
    /// API key, and the count of an attempt at the end of a wait, which at worst must wait again.
    pub(crate) fn with_connection<T>(
        &self,
        mut work: impl FnMut(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let mut stale = 0;
        loop {
            let mut connection = self.connection()?;
            match work(&mut connection) {
                Err(error) if is_spent(&error) => {
                    self.give_up(&mut connection);
                    if stale == RENEWALS || connection.is_overdue() {
                        return Err(error);
                    }
                    stale += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Runs the closure in a transaction: commits on `Ok`, rolls back on `Err` and on panic.
    ///
    /// Runs the whole closure again when other transactions conflicted with it (SQLSTATE 40001 and
    /// 40P01), up to `database.tuning.transaction_attempts` times in all, with a growing pause. When
    /// the connection is lost during COMMIT, the outcome is unknown, and nothing is run again: that
    /// is [`Error::ConnectionLost`].
    pub(crate) fn with_transaction<T>(
        &self,
        mut work: impl FnMut(&mut Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut attempt = 1;
        loop {
            match self.transaction(&mut work) {
                Err(Error::Conflict(_)) if attempt < self.attempts => pause(attempt),
                outcome => return outcome,
            }
            attempt += 1;
        }
    }

    fn transaction<T>(
        &self,
        work: &mut impl FnMut(&mut Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut stale = 0;
        loop {
            let mut connection = self.connection()?;
            let (begun, outcome) = run(&mut connection, work);
            let lost = outcome.as_ref().is_err_and(is_spent);
            if lost {
                self.give_up(&mut connection);
            }
            if begun || !lost || stale == RENEWALS || connection.is_overdue() {
                return outcome;
            }
            // The connection went stale in the pool. Nothing was done on it.
            stale += 1;
        }
    }

    /// Checks that changes can be made. A connection that refuses them is given up, and another one
    /// tried: after a failover the pool still holds some to the former primary.
    ///
    /// # Errors
    /// [`Error::ReadOnly`]; the faults of the connection.
    pub(crate) fn check_writable(&self) -> Result<()> {
        let is_read_only = || {
            self.with_connection(|conn| {
                let sql = "SELECT current_setting('transaction_read_only') = 'on'";
                let read_only: bool = conn.query_typed_one(sql, &[])?.get(0);
                if read_only {
                    self.give_up(conn);
                }
                Ok(read_only)
            })
        };
        if is_read_only()? && is_read_only()? {
            let text = "a standby, or default_transaction_read_only is on";
            return Err(Error::ReadOnly(text.to_owned()));
        }
        Ok(())
    }

    /// Gives up a connection that was lost in use, and all that are as old.
    fn give_up(&self, connection: &mut Connection) {
        connection.set_lost();
        self.watch.lost_in_use(connection.era(), connection.is_overdue());
    }

    fn connection(&self) -> Result<Held> {
        if HOLDING.get() {
            return Err(Error::Internal("a thread asked for a second connection".to_owned()));
        }
        let begun = Instant::now();
        let got = self.pool.get_timeout(self.watch.patience(self.wait));
        metrics::DATABASE_WAIT.observe(begun.elapsed());
        let connection = got.map_err(|e| {
            metrics::DATABASE_FAILURES.add(1);
            let said = if self.watch.is_away() { AWAY } else { "" };
            Error::Unavailable(format!("{said}{e}"))
        })?;
        HOLDING.set(true);
        Ok(Held(connection))
    }
}

/// Whether a connection is of no more use after this error.
fn is_spent(error: &Error) -> bool {
    matches!(error, Error::ConnectionLost(_) | Error::ReadOnly(_))
}

/// One run of a transaction, and whether it had begun.
fn run<T>(
    client: &mut Client,
    work: &mut impl FnMut(&mut Transaction<'_>) -> Result<T>,
) -> (bool, Result<T>) {
    let mut transaction = match client.transaction() {
        Ok(transaction) => transaction,
        Err(error) => return (false, Err(error.into())),
    };
    let outcome = work(&mut transaction).and_then(|value| {
        transaction.commit()?;
        Ok(value)
    });
    (true, outcome)
}

/// Whether this thread holds a connection right now.
pub(crate) fn is_holding_connection() -> bool {
    HOLDING.get()
}

/// A connection taken from the pool. It goes back when this is dropped, by a panic too.
struct Held(r2d2::PooledConnection<Manager>);

impl std::ops::Deref for Held {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl std::ops::DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HOLDING.set(false);
    }
}

/// Waits up to 5 ms before the second attempt, twice that before the third and so on, up to 80 ms.
/// The wait is a random part of that, at least half, so that two that collided do not meet again.
fn pause(attempt: u32) {
    let most = 5_000 << (attempt - 1).min(4);
    std::thread::sleep(Duration::from_micros(rand::random_range(most / 2..=most)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Profile};
    use gatepost_test_support::Cluster;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use tokio_postgres::types::Type;

    fn count(database: &Database) -> i64 {
        let sql = "SELECT count(*) FROM t";
        database.with_connection(|conn| Ok(conn.query_typed_one(sql, &[])?.get(0))).unwrap()
    }

    fn insert(tx: &mut Transaction<'_>) -> Result<()> {
        Ok(tx.batch_execute("INSERT INTO t VALUES (1)")?)
    }

    #[test]
    fn a_statement_is_prepared_once_also_where_its_transaction_is_rolled_back() {
        let cluster = Cluster::start();
        for (allowed, expected) in [(true, 2), (false, 0)] {
            let mut settings = Config::new(Profile::Testing).database;
            (settings.pool_size, settings.prepared_statements) = (1, allowed);
            let conninfo = Conninfo::local(cluster.dir(), "postgres", "postgres");
            let database = Database::open(conninfo, &settings);
            let table = "CREATE TABLE IF NOT EXISTS t (x INT)";
            database.with_connection(|conn| Ok(conn.batch_execute(table)?)).unwrap();
            let work = |outcome: Result<()>| {
                database.with_transaction(|tx| {
                    let one = tx.query_prepared("SELECT $1", &[(&7, Type::INT4)])?;
                    assert_eq!(one[0].get::<_, i32>(0), 7);
                    let insert = "INSERT INTO t VALUES ($1)";
                    assert_eq!(tx.execute_prepared(insert, &[(&7, Type::INT4)])?, 1);
                    outcome.clone()
                })
            };
            let before = count(&database);
            assert_eq!(work(Err(Error::NoSuchUser)), Err(Error::NoSuchUser));
            work(Ok(())).unwrap();
            assert_eq!(count(&database), before + 1);
            let sql = "SELECT count(*) FROM pg_prepared_statements";
            let kept = database
                .with_connection(|conn| Ok(conn.query_typed_one(sql, &[])?.get::<_, i64>(0)));
            assert_eq!(kept, Ok(expected), "allowed: {allowed}");
        }
    }

    #[test]
    fn a_transaction_commits_on_ok_and_rolls_back_on_err_and_on_panic() {
        let cluster = Cluster::start();
        let mut settings = Config::new(Profile::Testing).database;
        settings.pool_size = 1;
        let database =
            Database::open(Conninfo::local(cluster.dir(), "postgres", "postgres"), &settings);
        database.with_connection(|conn| Ok(conn.batch_execute("CREATE TABLE t (x INT)")?)).unwrap();

        database.with_transaction(insert).unwrap();
        assert_eq!(count(&database), 1);

        let failed = database.with_transaction(|tx| {
            insert(tx)?;
            Err::<(), _>(Error::NoSuchUser)
        });
        assert_eq!((failed, count(&database)), (Err(Error::NoSuchUser), 1));

        let panicked = catch_unwind(AssertUnwindSafe(|| {
            database.with_transaction(|tx| {
                insert(tx)?;
                panic!("in the middle");
                #[expect(unreachable_code, reason = "gives the closure its type")]
                Ok(())
            })
        }));
        assert!(panicked.is_err());
        // The only connection is back, and what was done on it is not there.
        assert_eq!(count(&database), 1);

        let nested = database.with_transaction(|_| database.with_transaction(insert));
        assert!(matches!(nested, Err(Error::Internal(_))), "{nested:?}");
        assert_eq!(count(&database), 1);
    }
}
