//! Guessing: who fails too often waits, and learns nothing meanwhile.
//!
//! Failures are counted for each login, whether or not somebody has it, and for each network, in
//! the database: instances share the counts and a restart forgives nothing. They leak: one is
//! forgotten each `forget`. A refusal reads, writes nothing and hashes nothing.
//!
//! An attempt fails when it cost a hash and gave nothing. The right password of an account that is
//! locked or over fails too: were it free, whoever has it could ask without end.
//!
//! An attempt is counted when it has failed, as long as there are failures to spare, so that
//! people who log in write nothing and many of them may do so at once. When none are left, it is
//! counted on admission, which lets one through at the end of each wait, and taken back when it
//! succeeds. What slips through beyond the limit is thus what was being hashed at the time it was
//! reached, once: at most `server.tuning.hashing_upstreams` of each instance. They are counted all the
//! same, and the wait is the longer for it.
//!
//! All of this is kept as times. When the database's clock is set back, they are farther ahead than
//! they were meant to be. So a wait that is longer than the longest there is counts for nothing, and no
//! more failures are remembered than make a difference.
//!
//! From a network from which a login succeeded in the last 90 days, only the failures of that login
//! from that network make it wait: a stranger elsewhere locks nobody out. Each such network has the
//! number of failures to itself, so a login has it nine times over at most. One in the same network
//! can; then, and from a new network, the owner waits with everybody else. A stranger in the same
//! network who has used it up learns by it who logs in from there: those need not wait. A new
//! password makes all networks strange again but the one where it was set.
//!
//! A network is an IPv4 /24 or an IPv6 /64. A /24 and not a single address: whoever rents one has
//! 256 addresses and would guess 256 times as fast, while neighbours who share it innocently are
//! let in by having logged in before; and a household whose address changes overnight often stays
//! inside of it. An IPv6 /64 is the least that a site gets.

mod store;

use crate::app::App;
use crate::app::journal::Counted;
use crate::app::keyed::HashKey;
use crate::client;
use crate::db;
use crate::domain::{Login, UserId};
use crate::error::{Error, Result};
use crate::moment::millis;
use postgres::Transaction;
use std::net::IpAddr;
use std::time::Duration;
pub(crate) use store::{Admission, Counters, admit_attempt};

/// Networks remembered of a user. With eight, each a /24, home, work and the road fit in; a thief
/// of many addresses who knows the password needs no more guesses.
const KNOWN_NETWORKS: i64 = 8;

/// What is counted; the first byte of its key.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
enum CounterKind {
    Login = b'l',
    Network = b'n',
    Pair = b'p',
    Registration = b'r',
}

/// A key in the table of attempts.
type Counter = Vec<u8>;

fn counter(key: &HashKey, kind: CounterKind, parts: &[&[u8]]) -> Counter {
    let kind = kind as u8;
    let hash = key.hash(&[&[&[kind][..]], parts].concat());
    [&[kind], &hash[..16]].concat()
}

/// The part of an address that counts as one client.
fn network(address: IpAddr) -> [u8; 9] {
    let mut network = [0; 9];
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            network[0] = 4;
            network[1..4].copy_from_slice(&v4.octets()[..3]);
        }
        IpAddr::V6(v6) => {
            network[0] = 6;
            network[1..].copy_from_slice(&v6.octets()[..8]);
        }
    }
    network
}

/// Failures remembered beyond those before the first wait: as many as double the wait until it is the
/// longest, and as many as slip through at once. More would only make a clock that was set back felt
/// for longer.
fn beyond(app: &App) -> i64 {
    const DOUBLINGS: i64 = 30;
    let slip = i64::try_from(app.config().server.hashing_upstreams()).unwrap_or(i64::MAX);
    slip.saturating_add(DOUBLINGS)
}

/// What a login by the client of this thread counts against.
///
/// # Errors
/// The faults of the database, before the key is loaded.
pub(crate) fn of_login(app: &App, login: &Login) -> Result<Counters> {
    let key = app.keyed("limits")?;
    let network = client::address().map(network);
    let name = login.canonical().as_bytes();
    let limits = &app.config().limits;
    Ok(Counters {
        enabled: limits.enabled,
        account: counter(&key, CounterKind::Login, &[name]),
        network: network.map(|network| counter(&key, CounterKind::Network, &[&network])),
        pair: network.map(|network| counter(&key, CounterKind::Pair, &[name, &network])),
        account_rule: (limits.account_failures, limits.tuning.account_forget).into(),
        network_rule: (limits.network_failures, limits.tuning.network_forget).into(),
        first_wait: millis(limits.tuning.first_wait),
        beyond: beyond(app),
    })
}

/// Counts a registration by the client of this thread. All count: each costs a hash.
///
/// # Errors
/// `Error::TooManyAttempts`; the faults of the database.
pub(crate) fn registration(app: &App) -> Result<()> {
    let limits = &app.config().limits;
    let Some(network) = client::address().map(network) else {
        return Ok(());
    };
    let rule = (limits.registrations, limits.tuning.registration_forget).into();
    let counters = Counters {
        enabled: limits.enabled,
        account: counter(&app.keyed("limits")?, CounterKind::Registration, &[&network]),
        network: None,
        pair: None,
        account_rule: rule,
        network_rule: rule,
        first_wait: millis(limits.tuning.first_wait),
        beyond: beyond(app),
    };
    Attempt::admit(app, counters)?.failed(app, |_| Ok(()))
}

/// The longest time in which the refreshes of a session are forgotten. One that takes longer was
/// stored before the clock was set back.
pub(crate) fn refreshes_last(app: &App) -> Duration {
    let limits = &app.config().limits;
    limits.tuning.refresh_forget * limits.tuning.refreshes
}

/// How long a session must wait for its next refresh, when its earlier ones are forgotten in so
/// much time.
pub(crate) fn refresh_wait(app: &App, forgotten_in: Duration) -> Option<Duration> {
    let limits = &app.config().limits;
    if forgotten_in > refreshes_last(app) {
        return None;
    }
    let room = limits.tuning.refresh_forget * (limits.tuning.refreshes - 1);
    let wait = forgotten_in.checked_sub(room).filter(|wait| !wait.is_zero());
    wait.filter(|_| limits.enabled)
}

/// Refuses an attempt, which is counted for the audit log.
pub(crate) fn refuse(app: &App, wait: Duration) -> Error {
    app.journal().is_written(Counted::Refused, 0);
    Error::TooManyAttempts(wait)
}

/// An attempt that may be made.
#[must_use = "it counts once it has failed or succeeded"]
pub(crate) struct Attempt {
    counters: Counters,
    outcome: Admission,
}

impl Attempt {
    /// Asks whether an attempt may be made.
    ///
    /// # Errors
    /// `Error::TooManyAttempts`; the faults of the database.
    pub(crate) fn admit(app: &App, counters: Counters) -> Result<Self> {
        let outcome = if counters.enabled {
            app.database()?.with_connection(|conn| store::admit(conn, &counters))?
        } else {
            Admission::uncounted()
        };
        Self::admitted(app, counters, outcome)
    }

    /// The same when the asking was done together with something else.
    ///
    /// # Errors
    /// `Error::TooManyAttempts`.
    pub(crate) fn admitted(app: &App, counters: Counters, outcome: Admission) -> Result<Self> {
        match outcome.wait() {
            None => Ok(Self { counters, outcome }),
            Some(wait) => Err(refuse(app, wait)),
        }
    }

    /// It failed, and is counted, in one transaction with what else is to be written of it.
    ///
    /// # Errors
    /// The faults of the database.
    pub(crate) fn failed(
        &self,
        app: &App,
        also: impl Fn(&mut Transaction<'_>) -> Result<()>,
    ) -> Result<()> {
        app.database()?.with_transaction(|tx| {
            if self.counters.enabled {
                store::fail(tx, &self.counters, &self.outcome)?;
            }
            also(tx)
        })?;
        sweep_now_and_then(app);
        Ok(())
    }

    /// It succeeded. With a user, the network is known from now on.
    ///
    /// # Errors
    /// The faults of the database.
    pub(crate) fn succeeded(&self, tx: &mut Transaction<'_>, user: Option<UserId>) -> Result<()> {
        let remember = user.is_some() && self.counters.pair.is_some();
        if !self.counters.enabled || !self.outcome.is_to_be_settled(remember) {
            return Ok(());
        }
        store::settle(tx, &self.counters, &self.outcome, user, KNOWN_NETWORKS - 1)
    }
}

/// Remembers the network from which a user has just registered: whoever did knows the password.
///
/// # Errors
/// The faults of the database.
pub(crate) fn registered(
    tx: &mut Transaction<'_>,
    counters: &Counters,
    user: UserId,
) -> Result<()> {
    if !counters.enabled || counters.pair.is_none() {
        return Ok(());
    }
    store::settle(tx, counters, &Admission::uncounted(), Some(user), KNOWN_NETWORKS - 1)
}

/// Has a user's password been set by somebody else, or the account unlocked or given another end,
/// then the owner may log in at once, whoever has guessed at it before. That holds in the networks
/// that are known too: a program of the owner's that went on trying while the account was closed has
/// used up what is to spare there.
///
/// # Errors
/// The faults of the database.
pub(crate) fn forgive(tx: &mut Transaction<'_>, counters: &Counters, user: UserId) -> Result<()> {
    store::forgive(tx, counters, user)
}

/// After a change of the password, whoever knew the old one is a stranger again: only the network
/// in which users change it themselves stays known.
///
/// # Errors
/// The faults of the database.
pub(crate) fn forget_networks(
    tx: &mut Transaction<'_>,
    counters: &Counters,
    user: UserId,
    themselves: bool,
) -> Result<()> {
    store::forget_networks(tx, counters.pair.as_ref().filter(|_| themselves), user)
}

/// How many attempts an instance counts between two sweeps. With it the table stays bounded: at
/// `limits.tuning.remembered` of each kind and this many more for each instance.
const SWEEP_EVERY: u32 = 512;

/// Removes what is forgotten and what is too much, each time that enough was counted. It is paid
/// by the one who comes along, not by a thread, so that an embedding program gets it too.
fn sweep_now_and_then(app: &App) {
    if !app.config().limits.enabled || !app.count_towards(SWEEP_EVERY) {
        return;
    }
    let most = app.config().limits.tuning.remembered;
    let swept = app.database().and_then(|db| db.with_transaction(|tx| store::sweep(tx, most)));
    if let Err(error) = swept {
        // The attempt itself goes on; the next ones will try again.
        log::log!(db::level(&error), "forgotten attempts were not removed: {error}");
    }
}

impl From<(u32, Duration)> for store::LimitRule {
    fn from((failures, forget): (u32, Duration)) -> Self {
        Self { failures: failures.into(), forget: millis(forget) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_an_ipv4_24_or_an_ipv6_64() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("192.0.2.1"), of("192.0.2.254"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.7"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::1"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
    }
}
