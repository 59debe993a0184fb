//! A connection to PostgreSQL for blocking code, on which each statement has a deadline.
//!
//! It is a thin layer over `tokio-postgres`, as the crate `postgres` is. That one keeps the half that
//! reads and writes to itself, and waits for it without a limit: a server that stops in the middle of
//! a statement and keeps its connection open, such as a virtual machine that is frozen, would hold the
//! thread for good. Here that half is at hand, and is dropped when the time is over. To the driver the
//! connection is then closed, and so the error is that of a connection that was lost.

use super::tls::Stream;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Error, Row, Socket, Statement};

/// How long a connection that is closed may take to tell the server so.
const CLOSING: Duration = Duration::from_millis(500);

/// How long a server may take to show that it is there, which costs it nothing. Whoever asks has a
/// statement of its own to wait for after that.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// The half of a connection that reads and writes.
type Half = tokio_postgres::Connection<Socket, Stream>;

/// What hears the server's notices.
pub(crate) type Notices = Box<dyn Fn(&DbError) + Send>;

/// A connection.
pub(crate) struct Client {
    line: Line,
}

/// Where statements are run: on a connection, or in a transaction.
pub(crate) struct Line {
    // Dropped first, which tells the other half that no more will come.
    driver: tokio_postgres::Client,
    end: End,
    /// By their SQL, which is in this program's text; none where preparing is not allowed.
    prepared: Option<HashMap<&'static str, Statement>>,
}

/// The half that reads and writes, and the runtime that it does so on.
struct End {
    runtime: Runtime,
    /// None when the connection has ended.
    half: Option<Half>,
    limit: Option<Duration>,
    overdue: bool,
    /// The server has warned of something since this was last set back.
    warned: bool,
    notices: Option<Notices>,
}

/// A transaction. It is rolled back when it is dropped without [`commit`](Self::commit).
pub(crate) struct Transaction<'a> {
    line: &'a mut Line,
    open: bool,
}

impl Client {
    /// Puts together what was opened on a runtime. `limit` is the time that each statement has.
    pub(super) fn new(
        runtime: Runtime,
        driver: tokio_postgres::Client,
        half: Half,
        limit: Option<Duration>,
    ) -> Self {
        let end =
            End { runtime, half: Some(half), limit, overdue: false, warned: false, notices: None };
        Self { line: Line { driver, end, prepared: None } }
    }

    /// Keeps frequent statements prepared from now on.
    pub(super) fn keep_prepared(&mut self) {
        self.line.prepared.get_or_insert_default();
    }

    /// Asks the server for a sign of life.
    pub(super) fn check(&mut self) -> Result<(), Error> {
        let limit = self.line.end.limit.replace(SIGN_OF_LIFE);
        let outcome = self.line.batch_execute("");
        self.line.end.limit = limit;
        outcome
    }

    /// Hands the server's notices to a closure. Without one they go to the log.
    pub(super) fn hear_notices(&mut self, notices: Notices) {
        self.line.end.notices = Some(notices);
    }

    /// Whether the connection has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.line.driver.is_closed()
    }

    /// Whether a statement was not answered in time. The connection was given up then.
    pub(super) fn is_overdue(&self) -> bool {
        self.line.end.overdue
    }

    /// Begins a transaction.
    ///
    /// It sees in each statement what others have committed until then: ours rely on it, and the
    /// server's default may be another level.
    pub(crate) fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        self.line.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED")?;
        Ok(Transaction { line: &mut self.line, open: true })
    }
}

impl Transaction<'_> {
    /// Commits. When the connection is lost meanwhile, the outcome is unknown.
    ///
    /// So it is when the server gives up waiting for a standby that must have the transaction too, as
    /// it does when someone cancels the statement (`pg_cancel_backend`): it keeps the transaction, says
    /// so in a warning, and reports success. Whoever relied on that would lose the transaction with the
    /// server. It is the only warning that a COMMIT of ours can bring, so its text, which is in the
    /// server's language, does not matter.
    pub(crate) fn commit(mut self) -> Result<(), Error> {
        self.open = false;
        self.line.end.warned = false;
        self.line.batch_execute("COMMIT")?;
        if self.line.end.warned {
            log::warn!("a commit was not confirmed by the standbys that it must reach");
            self.line.end.half = None;
            // Fails, since the connection is gone.
            self.line.batch_execute("")?;
        }
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.open {
            // If this fails, the connection is closed, and the server rolls back by itself.
            let _ = self.line.batch_execute("ROLLBACK");
        }
    }
}

/// All of these fail as the driver does, and as on a connection that was lost when the server does
/// not answer in time.
impl Line {
    /// Runs one statement with typed parameters, in one round trip.
    pub(crate) fn query_typed(
        &mut self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, Error> {
        self.end.wait(self.driver.query_typed(sql, parameters))
    }

    /// As [`query_typed`](Self::query_typed), where there must be one row.
    pub(crate) fn query_typed_one(
        &mut self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Row, Error> {
        self.end.wait(self.driver.query_typed_one(sql, parameters))
    }

    /// As [`query_typed`](Self::query_typed), where there is one row or none.
    pub(crate) fn query_typed_opt(
        &mut self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Option<Row>, Error> {
        self.end.wait(self.driver.query_typed_opt(sql, parameters))
    }

    /// As [`query_typed`](Self::query_typed), for the number of rows that were changed.
    pub(crate) fn execute_typed(
        &mut self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<u64, Error> {
        self.end.wait(self.driver.execute_typed(sql, parameters))
    }

    /// Runs any number of statements without parameters, in one round trip.
    pub(crate) fn batch_execute(&mut self, sql: &str) -> Result<(), Error> {
        self.end.wait(self.driver.batch_execute(sql))
    }

    /// Runs a frequent statement. Where allowed, it is prepared on this connection, which saves the
    /// server parsing and planning. Otherwise it is sent typed.
    pub(crate) fn query_prepared(
        &mut self,
        sql: &'static str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, Error> {
        let Some(statement) = self.prepared(sql, parameters)? else {
            return self.query_typed(sql, parameters);
        };
        self.end.wait(self.driver.query(&statement, &values(parameters)))
    }

    /// As [`query_prepared`](Self::query_prepared), for the number of rows that were changed.
    pub(crate) fn execute_prepared(
        &mut self,
        sql: &'static str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<u64, Error> {
        let Some(statement) = self.prepared(sql, parameters)? else {
            return self.execute_typed(sql, parameters);
        };
        self.end.wait(self.driver.execute(&statement, &values(parameters)))
    }

    fn prepared(
        &mut self,
        sql: &'static str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Option<Statement>, Error> {
        let Some(prepared) = &mut self.prepared else { return Ok(None) };
        if let Some(known) = prepared.get(sql) {
            return Ok(Some(known.clone()));
        }
        let types: Vec<Type> = parameters.iter().map(|(_, r#type)| r#type.clone()).collect();
        let new = self.end.wait(self.driver.prepare_typed(sql, &types))?;
        prepared.insert(sql, new.clone());
        Ok(Some(new))
    }
}

fn values<'a>(parameters: &[(&'a (dyn ToSql + Sync), Type)]) -> Vec<&'a (dyn ToSql + Sync)> {
    parameters.iter().map(|(value, _)| *value).collect()
}

impl End {
    /// Reads and writes until the driver's work is done, or its time is over.
    fn wait<T>(&mut self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let mut work = pin!(work);
        let Some(mut half) = self.half.take() else {
            // It ends at once, since the connection has.
            return self.runtime.block_on(work);
        };
        let mut ended = false;
        let (notices, warned) = (&self.notices, &mut self.warned);
        let both = poll_fn(|cx| {
            loop {
                match half.poll_message(cx) {
                    Poll::Ready(Some(Ok(AsyncMessage::Notice(notice)))) => {
                        *warned |= notice.parsed_severity() == Some(Severity::Warning);
                        tell(notices, &notice);
                    }
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(Some(Err(error))) => {
                        ended = true;
                        return Poll::Ready(Err(error));
                    }
                    Poll::Ready(None) => {
                        ended = true;
                        break;
                    }
                    Poll::Pending => break,
                }
            }
            work.as_mut().poll(cx)
        });
        let limit = self.limit;
        let answer = self.runtime.block_on(async {
            match limit {
                Some(limit) => timeout(limit, both).await.ok(),
                None => Some(both.await),
            }
        });
        if let Some(answer) = answer {
            if !ended {
                self.half = Some(half);
            }
            return answer;
        }
        self.overdue = true;
        drop(half);
        self.runtime.block_on(work)
    }
}

impl Drop for End {
    /// Tells the server, so that it does not log a connection that was reset.
    fn drop(&mut self) {
        if let Some(mut half) = self.half.take() {
            let closed = poll_fn(|cx| {
                loop {
                    match half.poll_message(cx) {
                        Poll::Ready(Some(Ok(_))) => {}
                        Poll::Ready(_) => return Poll::Ready(()),
                        Poll::Pending => return Poll::Pending,
                    }
                }
            });
            // A server that does not hear it finds out by itself.
            let _ = self.runtime.block_on(async { timeout(CLOSING, closed).await });
        }
    }
}

fn tell(notices: &Option<Notices>, notice: &DbError) {
    match notices {
        Some(notices) => notices(notice),
        None => log::debug!("PostgreSQL: {}: {}", notice.severity(), notice.message()),
    }
}

impl Deref for Client {
    type Target = Line;

    fn deref(&self) -> &Line {
        &self.line
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Line {
        &mut self.line
    }
}

impl Deref for Transaction<'_> {
    type Target = Line;

    fn deref(&self) -> &Line {
        self.line
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut Line {
        self.line
    }
}
