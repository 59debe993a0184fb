//! The SQL of counting.

use crate::db::{Connection, Transaction};
use crate::domain::UserId;
use crate::error::{Error, Result};
use std::time::{Duration, SystemTime};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

/// SQL that decides whether an attempt may be made: a source of rows, of which there is one. It is a
/// function in the schema, so that its plan is made once on each connection of the server and not for
/// each login.
macro_rules! admit_attempt {
    () => {
        "gatepost.admit_attempt($1, $2, $3, $4, $5, $6, $7, $8, $9)"
    };
}
pub(crate) use admit_attempt;

/// How many failures are free, and in how many milliseconds one is forgotten.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LimitRule {
    pub(super) failures: i64,
    pub(super) forget: i64,
}

/// What an attempt counts against.
#[derive(Clone, Debug)]
pub(crate) struct Counters {
    pub(super) enabled: bool,
    /// The key of the login; for registrations, which have none, that of the network.
    pub(super) account: Vec<u8>,
    pub(super) network: Option<Vec<u8>>,
    /// The key of login and network together.
    pub(super) pair: Option<Vec<u8>>,
    pub(super) account_rule: LimitRule,
    pub(super) network_rule: LimitRule,
    pub(super) first_wait: i64,
    /// How many failures are remembered beyond those before the first wait.
    pub(super) beyond: i64,
}

/// Whether an attempt may be made, and what was counted for it by then.
#[derive(Debug)]
pub(crate) struct Admission {
    account_until: Option<SystemTime>,
    network_until: Option<SystemTime>,
    known: bool,
    known_today: bool,
    wait: Option<Duration>,
}

impl Counters {
    /// The nine parameters of [`admit_attempt!`], in their order.
    pub(crate) fn parameters(&self) -> [(&(dyn ToSql + Sync), Type); 9] {
        [
            (&self.account, Type::BYTEA),
            (&self.network, Type::BYTEA),
            (&self.pair, Type::BYTEA),
            (&self.account_rule.failures, Type::INT8),
            (&self.account_rule.forget, Type::INT8),
            (&self.network_rule.failures, Type::INT8),
            (&self.network_rule.forget, Type::INT8),
            (&self.first_wait, Type::INT8),
            (&self.beyond, Type::INT8),
        ]
    }

    /// The same for an attempt that is not counted.
    pub(crate) fn uncounted(self) -> Self {
        Self { enabled: false, ..self }
    }

    /// Whether anything is counted.
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// The keys under which an attempt counts: that of the account, or of its pair with a known
    /// network; and that of the network. From a known network nobody has to wait because of the
    /// network, but a failure counts against it.
    fn keys(&self, outcome: &Admission) -> (Option<&Vec<u8>>, Option<&Vec<u8>>) {
        let account = if outcome.known { self.pair.as_ref() } else { Some(&self.account) };
        (account, self.network.as_ref())
    }

    /// Every key under which an attempt may count.
    pub(super) fn keys_there_are(&self) -> impl Iterator<Item = &Vec<u8>> {
        [Some(&self.account), self.network.as_ref(), self.pair.as_ref()].into_iter().flatten()
    }

    /// The keys under which an attempt counts that was let in because failures are left, each with
    /// its rule if it may make the attempt wait.
    pub(super) fn left(&self, outcome: &Admission) -> Vec<(&Vec<u8>, Option<&LimitRule>)> {
        let counted = outcome.account_until.is_some() || outcome.network_until.is_some();
        if !self.enabled || counted {
            return Vec::new();
        }
        let (account, network) = self.keys(outcome);
        let account = account.map(|key| (key, Some(&self.account_rule)));
        let rule = Some(&self.network_rule).filter(|_| !outcome.known);
        account.into_iter().chain(network.map(|key| (key, rule))).collect()
    }
}

impl Admission {
    /// For an attempt that is not counted.
    pub(crate) fn uncounted() -> Self {
        Self {
            account_until: None,
            network_until: None,
            known: false,
            known_today: false,
            wait: None,
        }
    }

    /// Reads the first five columns: `account_until, network_until, known, known_today, wait_ms`.
    pub(crate) fn of(row: &Row) -> Self {
        let wait: Option<i64> = row.get(4);
        Self {
            account_until: row.get(0),
            network_until: row.get(1),
            known: row.get(2),
            known_today: row.get(3),
            wait: wait.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0))),
        }
    }

    /// Whether the login is known in this network.
    pub(super) fn is_known(&self) -> bool {
        self.known
    }

    /// How long the client must wait, if it must.
    pub(super) fn wait(&self) -> Option<Duration> {
        self.wait
    }

    /// Whether a success leaves anything to write: a count to be taken back, or a network that was
    /// not known, or not seen for a day.
    pub(super) fn is_to_be_settled(&self, remember: bool) -> bool {
        let counted = self.account_until.is_some() || self.network_until.is_some();
        counted || (remember && !self.known_today)
    }
}

pub(super) fn admit(conn: &mut Connection, counters: &Counters) -> Result<Admission> {
    let sql = concat!(
        "SELECT account_until, network_until, known, known_today, wait_ms FROM ",
        admit_attempt!()
    );
    let rows = conn.query_prepared(sql, &counters.parameters())?;
    let row = rows.first().ok_or_else(|| Error::Internal("no outcome".to_owned()))?;
    Ok(Admission::of(row))
}

/// The failures that are remembered of a key, as [`admit_attempt!`] counts them.
pub(super) fn failures(conn: &mut Connection, key: &Vec<u8>, rule: &LimitRule) -> Result<i64> {
    let sql =
        "SELECT round(extract(epoch FROM greatest(forgotten_at - now(), '0')) * 1000 / $2)::bigint
               FROM gatepost.attempts WHERE key = $1";
    let rows = conn.query_prepared(sql, &[(key, Type::BYTEA), (&rule.forget, Type::INT8)])?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

/// Counts a failure, unless it was counted on admission.
pub(super) fn fail(
    tx: &mut Transaction<'_>,
    counters: &Counters,
    outcome: &Admission,
) -> Result<()> {
    let (account, network) = counters.keys(outcome);
    let account = account.filter(|_| outcome.account_until.is_none());
    let network = network.filter(|_| outcome.network_until.is_none());
    let account_rule = &counters.account_rule;
    let network_rule = &counters.network_rule;
    tx.query_prepared(
        include_str!("../../sql/fail_attempt.sql"),
        &[
            (&account, Type::BYTEA),
            (&network, Type::BYTEA),
            (&account_rule.failures, Type::INT8),
            (&account_rule.forget, Type::INT8),
            (&network_rule.failures, Type::INT8),
            (&network_rule.forget, Type::INT8),
            (&counters.first_wait, Type::INT8),
            (&counters.beyond, Type::INT8),
        ],
    )?;
    Ok(())
}

/// Takes back what was counted on admission. With a user, the network is known from now on, and
/// besides it at most `others` networks of that user.
pub(super) fn settle(
    tx: &mut Transaction<'_>,
    counters: &Counters,
    outcome: &Admission,
    user: Option<UserId>,
    others: i64,
) -> Result<()> {
    let (account, network) = counters.keys(outcome);
    let user = user.map(UserId::get);
    tx.query_prepared(
        include_str!("../../sql/settle_attempt.sql"),
        &[
            (&account, Type::BYTEA),
            (&network, Type::BYTEA),
            (&outcome.account_until, Type::TIMESTAMPTZ),
            (&outcome.network_until, Type::TIMESTAMPTZ),
            (&counters.account_rule.forget, Type::INT8),
            (&counters.network_rule.forget, Type::INT8),
            (&counters.pair, Type::BYTEA),
            (&user, Type::INT8),
            (&others, Type::INT8),
        ],
    )?;
    Ok(())
}

/// Whether a login is known in a network, which the key names together.
pub(super) fn knows(tx: &mut Transaction<'_>, pair: &Vec<u8>) -> Result<bool> {
    let sql = "SELECT FROM gatepost.known_networks
               WHERE network = $1 AND seen_at > now() - interval '90 days'";
    Ok(tx.query_typed_opt(sql, &[(pair, Type::BYTEA)])?.is_some())
}

/// Whether a user is known in networks, and this is none of them.
pub(super) fn is_somewhere_new(
    tx: &mut Transaction<'_>,
    pair: &Vec<u8>,
    user: UserId,
) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT FROM gatepost.known_networks WHERE user_id = $1)
                  AND NOT EXISTS (SELECT FROM gatepost.known_networks
                                  WHERE network = $2 AND seen_at > now() - interval '90 days')";
    let rows = tx.query_prepared(sql, &[(&user.get(), Type::INT8), (pair, Type::BYTEA)])?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

/// Removes rows that are forgotten. Then, of each kind that has more than `most` rows, removes
/// those with the fewest failures, a tenth more than needed so that it need not happen each time.
/// Within a kind all failures last equally long, so the fewest are those that are forgotten first.
/// To have a count forgotten early, an attacker must fail more often than it says, under that many
/// other names.
///
/// Locked rows are skipped, so this waits for nobody.
pub(super) fn sweep(tx: &mut Transaction<'_>, most: usize) -> Result<()> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let forgotten = "DELETE FROM gatepost.attempts WHERE key IN (
                         SELECT key FROM gatepost.attempts WHERE forgotten_at <= now()
                         FOR UPDATE SKIP LOCKED)";
    tx.execute_typed(forgotten, &[])?;
    let full = "SELECT get_byte(key, 0)::bigint, count(*) FROM gatepost.attempts
                GROUP BY 1 HAVING count(*) > $1";
    for row in tx.query_typed(full, &[(&most, Type::INT8)])? {
        let kind: i64 = row.get(0);
        let count: i64 = row.get(1);
        let surplus = count - most + most / 10;
        let least = "DELETE FROM gatepost.attempts WHERE key IN (
                         SELECT key FROM gatepost.attempts WHERE get_byte(key, 0) = $1
                         ORDER BY forgotten_at LIMIT $2 FOR UPDATE SKIP LOCKED)";
        tx.execute_typed(least, &[(&kind, Type::INT8), (&surplus, Type::INT8)])?;
    }
    Ok(())
}

/// Forgets the failures of a login, wherever they came from.
pub(super) fn forgive(tx: &mut Transaction<'_>, counters: &Counters, user: UserId) -> Result<()> {
    let sql = "DELETE FROM gatepost.attempts WHERE key = $1 OR key = ANY (ARRAY(
                   SELECT network FROM gatepost.known_networks WHERE user_id = $2))";
    tx.execute_typed(sql, &[(&counters.account, Type::BYTEA), (&user.get(), Type::INT8)])?;
    Ok(())
}

/// Forgets the networks that a user is known from, except this one.
pub(super) fn forget_networks(
    tx: &mut Transaction<'_>,
    kept: Option<&Vec<u8>>,
    user: UserId,
) -> Result<()> {
    let sql = "DELETE FROM gatepost.known_networks
               WHERE user_id = $1 AND network IS DISTINCT FROM $2";
    tx.execute_typed(sql, &[(&user.get(), Type::INT8), (&kept, Type::BYTEA)])?;
    Ok(())
}
