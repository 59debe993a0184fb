//! Guessing: anyone who fails too often must wait, and learns nothing meanwhile.
//!
//! Failures are counted for each login, whether or not it exists, and for each network. The counts
//! are in the database, so instances share them and a restart forgives nothing. They leak: one
//! failure is forgotten every `forget`. A refusal reads, but writes and hashes nothing.
//!
//! An attempt fails when it cost a hash and gave nothing. The right password of an account that is
//! locked or expired fails too; otherwise anyone who has it could try without end.
//!
//! While failures are left, an attempt is counted when it has failed, so that people who log in
//! write nothing and many of them may do so at once. When none are left, an attempt is counted on
//! admission, which lets one through at the end of each wait, and is taken back if it succeeds. So
//! only attempts that were being hashed when the limit was reached slip past it, once: at most six of
//! each hashing thread of each instance, however many it computes at once. When more are under way,
//! each of these counts as failed until it is known. Those that slip past are counted all the same,
//! and the wait is longer for it.
//!
//! All of this is kept as times. When the database's clock is set back, they are farther ahead than
//! they were meant to be. So a wait that is longer than the longest possible one is ignored, and no
//! more failures are remembered than make a difference.
//!
//! In a network from which a login succeeded in the last 90 days, only the failures of that login
//! from that network make it wait: a stranger elsewhere locks nobody out. Each such network has the
//! free failures to itself, so a login has nine times as many at most. A stranger in the same
//! network can use them up; then, and from a new network, the owner waits like everybody else. A
//! stranger who has used up the failures of the network itself learns who logs in from there: those
//! users need not wait. After a new password only the network where it was set is still known.

mod counter;
mod store;

use crate::app::App;
use crate::app::journal::Counted;
use crate::client;
use crate::db;
use crate::db::Transaction;
use crate::domain::{Login, UserId};
use crate::error::{Error, Result};
use crate::in_flight::{Entry, Flight, Seen};
use crate::metrics;
use crate::moment::millis;
use crate::passwords;
use counter::{CounterKind, counter, network};
use std::time::{Duration, Instant};
use store::LimitRule;
pub(crate) use store::{Admission, Counters, admit_attempt};

/// Networks remembered for a user. Eight, each a /24, have room for home, work and travel. A thief
/// with many addresses who knows the password needs no more guesses.
const KNOWN_NETWORKS: i64 = 8;

/// How long an attempt waits for others to end before it looks again by itself.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Failures remembered beyond those before the first wait: as many as double the wait up to the
/// longest, and as many as slip through at once. More would only prolong the effect of a clock that
/// was set back.
fn beyond(app: &App) -> i64 {
    const DOUBLINGS: i64 = 30;
    i64::try_from(slip(app)).unwrap_or(i64::MAX).saturating_add(DOUBLINGS)
}

/// Attempts of an instance that may be under way without counting as failed. People of one network
/// who log in at the same moment are more than one, and guesses that slip past are a few.
fn slip(app: &App) -> usize {
    const OF_A_THREAD: usize = 6;
    let server = &app.config().server;
    server.hashing_upstreams().min(OF_A_THREAD.saturating_mul(server.hashing_threads()))
}

/// What a login by the client of this thread counts against.
///
/// # Errors
/// Database errors, before the key is loaded.
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

/// What the client of this thread counts against where there is no login; nothing if its network is not known.
fn of_client(app: &App, kind: CounterKind, rule: LimitRule) -> Result<Counters> {
    let limits = &app.config().limits;
    let network = client::address().map(network);
    Ok(Counters {
        enabled: limits.enabled && network.is_some(),
        account: counter(&app.keyed("limits")?, kind, &[&network.unwrap_or_default()]),
        network: None,
        pair: None,
        account_rule: rule,
        network_rule: rule,
        first_wait: millis(limits.tuning.first_wait),
        beyond: beyond(app),
    })
}

/// Counts what the client of this thread does, whatever becomes of it.
fn count_each(app: &App, kind: CounterKind, limited: metrics::Limited) -> Result<()> {
    let limits = &app.config().limits;
    let rule = (limits.registrations, limits.tuning.registration_forget).into();
    let counters = of_client(app, kind, rule)?;
    if !counters.enabled {
        return Ok(());
    }
    let admitted = Attempt::admit(app, counters);
    if let Err(Error::TooManyAttempts(_)) = admitted {
        metrics::REFUSED_BY_LIMIT[limited as usize].add(1);
    }
    admitted?.failed(app, |_| Ok(()))
}

/// Counts a registration by the client of this thread. Every one counts, since each costs a hash.
///
/// # Errors
/// `Error::TooManyAttempts`; database errors.
pub(crate) fn registration(app: &App) -> Result<()> {
    count_each(app, CounterKind::Registration, metrics::Limited::Registration)
}

/// Counts a request for a way back by the client of this thread, as many as registrations: each may send a message.
///
/// # Errors
/// `Error::TooManyAttempts`; database errors.
pub(crate) fn recovery(app: &App) -> Result<()> {
    count_each(app, CounterKind::Recovery, metrics::Limited::Recovery)
}

/// An attempt with a code of a message, by the client of this thread. It counts where it fails, as a login does
/// against its network.
///
/// # Errors
/// `Error::TooManyAttempts`; database errors.
pub(crate) fn code(app: &App) -> Result<Attempt> {
    let limits = &app.config().limits;
    let rule = (limits.network_failures, limits.tuning.network_forget).into();
    let attempt = Attempt::admit(app, of_client(app, CounterKind::Code, rule)?);
    if let Err(Error::TooManyAttempts(_)) = attempt {
        metrics::REFUSED_BY_LIMIT[metrics::Limited::Recovery as usize].add(1);
    }
    attempt
}

/// Whether a user is known in the network of these counters.
///
/// # Errors
/// Database errors.
pub(crate) fn knows(tx: &mut Transaction<'_>, counters: &Counters) -> Result<bool> {
    counters.pair.as_ref().map_or(Ok(false), |pair| store::knows(tx, pair))
}

/// The longest time that forgetting the refreshes of a session takes. A longer one was stored
/// before the clock was set back.
pub(crate) fn refreshes_last(app: &App) -> Duration {
    let limits = &app.config().limits;
    limits.tuning.refresh_forget * limits.tuning.refreshes
}

/// How long a session must wait for its next refresh, when its earlier ones are forgotten after
/// `forgotten_in`.
pub(crate) fn refresh_wait(app: &App, forgotten_in: Duration) -> Option<Duration> {
    let limits = &app.config().limits;
    if forgotten_in > refreshes_last(app) {
        return None;
    }
    let room = limits.tuning.refresh_forget * (limits.tuning.refreshes - 1);
    let wait = forgotten_in.checked_sub(room).filter(|wait| !wait.is_zero());
    wait.filter(|_| limits.enabled)
}

/// Refuses an attempt, and counts it for the audit log.
pub(crate) fn refuse(app: &App, wait: Duration) -> Error {
    app.journal().is_written(Counted::Refused, 0);
    Error::TooManyAttempts(wait)
}

/// An attempt that may be made.
#[must_use = "it counts once it has failed or succeeded"]
pub(crate) struct Attempt {
    counters: Counters,
    outcome: Admission,
    /// That it is under way, if it takes a hash.
    flight: Option<Flight>,
}

impl Attempt {
    /// Asks whether an attempt may be made.
    ///
    /// # Errors
    /// `Error::TooManyAttempts`; database errors.
    pub(crate) fn admit(app: &App, counters: Counters) -> Result<Self> {
        let outcome = ask(app, &counters)?;
        Self::admitted(app, counters, outcome)
    }

    /// The same, when another statement has already asked.
    ///
    /// # Errors
    /// `Error::TooManyAttempts`.
    pub(crate) fn admitted(app: &App, counters: Counters, outcome: Admission) -> Result<Self> {
        match outcome.wait() {
            None => Ok(Self { counters, outcome, flight: None }),
            Some(wait) => Err(refuse(app, wait)),
        }
    }

    /// As [`admit`](Self::admit), for an attempt that takes a hash.
    ///
    /// # Errors
    /// As [`with_hash`](Self::with_hash).
    pub(crate) fn before_hash(app: &App, counters: Counters) -> Result<Self> {
        Ok(Self::with_hash(app, counters, |counters| Ok((ask(app, counters)?, ())))?.0)
    }

    /// Admits an attempt that takes a hash. `ask` asks whether it may be made, and reads what else
    /// is needed. If more attempts are under way for a login or a network than may slip past its
    /// limit, it waits until some have ended, and asks again.
    ///
    /// # Errors
    /// `Error::TooManyAttempts`; `Error::Overloaded` when it would have to wait for too long;
    /// `Error::Internal` in an ordinary worker, which must not wait; those of `ask`; database errors.
    pub(crate) fn with_hash<T>(
        app: &App,
        counters: Counters,
        ask: impl Fn(&Counters) -> Result<(Admission, T)>,
    ) -> Result<(Self, T)> {
        passwords::may_wait_here()?;
        let (begin, patience) = (Instant::now(), app.config().server.tuning.hashing_queue_timeout);
        while begin.elapsed() < patience {
            let seen = app.in_flight().see(counters.keys_there_are());
            let (outcome, read) = ask(&counters)?;
            if let Some(wait) = outcome.wait() {
                return Err(refuse(app, wait));
            }
            let keys = counters.left(&outcome);
            // Not counted, or counted already, one at a time.
            if keys.is_empty() {
                return Ok((Self { counters, outcome, flight: None }, read));
            }
            match enter(app, &keys, &seen)? {
                Entry::Begun(flight) => {
                    return Ok((Self { counters, outcome, flight: Some(flight) }, read));
                }
                Entry::Changed => (),
                Entry::Full => app.in_flight().wait(LOOK_AGAIN),
            }
        }
        let refused = "too many attempts are being made for one login or from one network";
        Err(Error::Overloaded(refused))
    }

    /// Counts it as failed, in one transaction with whatever else is to be written about it.
    ///
    /// # Errors
    /// Database errors.
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
        self.flight.iter().for_each(Flight::failed);
        sweep_now_and_then(app);
        Ok(())
    }

    /// As [`is_somewhere_new`], for an attempt that was admitted: then most need not ask.
    ///
    /// # Errors
    /// Database errors.
    pub(crate) fn is_somewhere_new(&self, tx: &mut Transaction<'_>, user: UserId) -> Result<bool> {
        if self.outcome.is_known() { Ok(false) } else { is_somewhere_new(tx, &self.counters, user) }
    }

    /// Settles it as succeeded. With a user, the network is known from now on.
    ///
    /// # Errors
    /// Database errors.
    pub(crate) fn succeeded(&self, tx: &mut Transaction<'_>, user: Option<UserId>) -> Result<()> {
        let remember = user.is_some() && self.counters.pair.is_some();
        if !self.counters.enabled || !self.outcome.is_to_be_settled(remember) {
            return Ok(());
        }
        store::settle(tx, &self.counters, &self.outcome, user, KNOWN_NETWORKS - 1)
    }
}

fn ask(app: &App, counters: &Counters) -> Result<Admission> {
    if !counters.enabled {
        return Ok(Admission::uncounted());
    }
    app.database()?.with_connection(|conn| store::admit(conn, counters))
}

/// Begins an attempt under these keys, if nobody has failed since they were `seen` and not too many
/// others are under way. Each of those may fail, so beyond those that may slip past there may be as
/// many as failures are left, which is asked only where it matters.
fn enter(app: &App, keys: &[(&Vec<u8>, Option<&LimitRule>)], seen: &Seen) -> Result<Entry> {
    let (in_flight, slip) = (app.in_flight(), slip(app));
    let few: Vec<_> =
        keys.iter().map(|(key, rule)| (*key, rule.map_or(usize::MAX, |_| slip))).collect();
    let entry = in_flight.begin(seen, &few);
    if !matches!(entry, Entry::Full) {
        return Ok(entry);
    }
    let mut more = few;
    for ((key, rule), (_, most)) in keys.iter().zip(&mut more) {
        let Some(rule) = rule else { continue };
        let failures = app.database()?.with_connection(|conn| store::failures(conn, key, rule))?;
        *most = slip.saturating_add(usize::try_from(rule.failures - 1 - failures).unwrap_or(0));
    }
    Ok(in_flight.begin(seen, &more))
}

/// Whether a user who is known in some network signs in from one that is new. To be asked before that one is
/// remembered. The first network of an account is not new.
///
/// # Errors
/// Database errors.
pub(crate) fn is_somewhere_new(
    tx: &mut Transaction<'_>,
    counters: &Counters,
    user: UserId,
) -> Result<bool> {
    match counters.pair.as_ref().filter(|_| counters.enabled) {
        Some(pair) => store::is_somewhere_new(tx, pair, user),
        None => Ok(false),
    }
}

/// Remembers the network from which a user has just registered: that client knows the password.
///
/// # Errors
/// Database errors.
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

/// Lets the owner of an account log in at once, however many guesses came before: after someone
/// else has set the password, unlocked the account or changed when it expires. Known networks are
/// included. A program of the owner's that kept trying while the account was closed has used up the
/// failures there.
///
/// # Errors
/// Database errors.
pub(crate) fn forgive(tx: &mut Transaction<'_>, counters: &Counters, user: UserId) -> Result<()> {
    store::forgive(tx, counters, user)
}

/// After a change of the password, anyone who knew the old one is a stranger again. Only the
/// network in which users change it themselves stays known.
///
/// # Errors
/// Database errors.
pub(crate) fn forget_networks(
    tx: &mut Transaction<'_>,
    counters: &Counters,
    user: UserId,
    themselves: bool,
) -> Result<()> {
    store::forget_networks(tx, counters.pair.as_ref().filter(|_| themselves), user)
}

/// How many attempts an instance counts between two sweeps. It bounds the table, at
/// `limits.tuning.remembered` rows of each kind and this many more for each instance.
const SWEEP_EVERY: u32 = 512;

/// Removes what is forgotten and what is too much, each time enough was counted. An ordinary call
/// does this and not a thread, so that it happens in an embedding program too.
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

impl From<(u32, Duration)> for LimitRule {
    fn from((failures, forget): (u32, Duration)) -> Self {
        Self { failures: failures.into(), forget: millis(forget) }
    }
}
