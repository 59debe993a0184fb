//! Logins, refreshes, logouts, demotions, locks, changes of password and restarts at random, by many
//! threads on a few accounts and three instances, held against a model of what may be so.
//!
//! Ten seconds of it run with the tests. `GATEPOST_MODEL_SECONDS=600 cargo test --test end_to_end
//! at_random -- --nocapture` runs for longer and prints what was done. It must not be more than an
//! access token lives, 900 s.
//!
//! Each account's changes are made one after the other, by an instance that is never restarted, so
//! the model knows them as intervals: before one begins the old value holds, after it is answered
//! the new one, between them either. Logins and refreshes go on meanwhile, and are intervals too.

mod changes;
mod clients;

use super::claims;
use crate::support::{CLUSTER, PASSWORD, config, new_database};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost::domain::{Login, UserId};
use gatepost::passwords::Password;
use gatepost::{App, Caller, Config, Service};
use rand::RngExt;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, RwLock};
use std::time::{Duration, Instant};

const ACCOUNTS: usize = 3;
const CLIENTS: usize = 8;
const CHANGERS: usize = 3;

/// Few, so that logins end the oldest sessions.
const PER_USER: u32 = 6;

/// What something was, and when it may have changed.
struct History<T> {
    first: T,
    changes: Vec<(Instant, Option<Instant>, T)>,
}

impl<T: Copy + PartialEq> History<T> {
    fn new(first: T) -> Self {
        Self { first, changes: Vec::new() }
    }

    /// What it may have been at some moment of an interval.
    fn within(&self, from: Instant, to: Instant) -> Vec<T> {
        let is_over = |end: Option<Instant>| end.is_some_and(|end| end <= from);
        let before = self.changes.iter().rfind(|(_, end, _)| is_over(*end));
        let during = self.changes.iter().filter(|(begin, end, _)| *begin <= to && !is_over(*end));
        let last = before.map_or(self.first, |(_, _, value)| *value);
        std::iter::once(last).chain(during.map(|(_, _, value)| *value)).collect()
    }

    /// What it was when a change was answered last.
    fn known(&self) -> T {
        let answered = self.changes.iter().rfind(|(_, end, _)| end.is_some());
        answered.map_or(self.first, |(_, _, value)| *value)
    }

    fn begin(&mut self, value: T) {
        self.changes.push((Instant::now(), None, value));
    }

    /// Says how the change ended that began last, if it goes on.
    fn end(&mut self, done: bool) {
        match self.changes.last_mut() {
            Some((_, end @ None, _)) if done => *end = Some(Instant::now()),
            Some((_, None, _)) => drop(self.changes.pop()),
            _ => (),
        }
    }
}

struct Session {
    sid: String,
    /// The version of its user when it was opened.
    opened: u64,
    /// With the counter in it.
    refresh: (u64, String),
    access: String,
    /// When its end was answered.
    ended: Option<Instant>,
}

/// What the model knows of an account.
struct State {
    admin: History<bool>,
    locked: History<bool>,
    password: History<u64>,
    version: History<u64>,
    sessions: Vec<Session>,
    /// Session and version of each token that claimed `admin`, and when one was issued last.
    claimed: BTreeMap<(String, u64), Instant>,
    /// Requests that may still issue a token, and since when.
    under_way: BTreeMap<u64, Instant>,
}

struct Account {
    id: UserId,
    login: String,
    /// Held by whoever changes the account.
    turn: Mutex<()>,
    state: Mutex<State>,
}

impl Account {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

struct World {
    accounts: Vec<Account>,
    /// The instance that changes accounts.
    app: App,
    /// Those that are asked over HTTP.
    urls: [RwLock<String>; 2],
    over: AtomicBool,
    tickets: AtomicU64,
    faults: Mutex<Vec<String>>,
    tally: Mutex<BTreeMap<String, u64>>,
}

fn password(number: u64) -> String {
    format!("{PASSWORD} {number}")
}

/// The counter in a refresh token, before the 32 bytes of its MAC.
fn counter(token: &str) -> u64 {
    let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
    let (head, _) = bytes.split_at(bytes.len() - 32);
    u64::from_be_bytes(*head.last_chunk().unwrap())
}

impl World {
    fn new(config: Config) -> Self {
        let app = App::open(config).unwrap();
        let register = |number: usize| {
            let login = format!("user{number}");
            let (name, secret) = (Login::parse(&login), Password::parse(&password(0)));
            let user = gatepost::users::register_admin(
                &app,
                &Caller::Trusted,
                &name.unwrap(),
                &secret.unwrap(),
            );
            let state = State {
                admin: History::new(true),
                locked: History::new(false),
                password: History::new(0),
                version: History::new(1),
                sessions: Vec::new(),
                claimed: BTreeMap::new(),
                under_way: BTreeMap::new(),
            };
            let (turn, state) = (Mutex::new(()), Mutex::new(state));
            Account { id: user.unwrap().id, login, turn, state }
        };
        Self {
            accounts: (0..ACCOUNTS).map(register).collect(),
            app,
            urls: Default::default(),
            over: AtomicBool::new(false),
            tickets: AtomicU64::new(0),
            faults: Mutex::default(),
            tally: Mutex::default(),
        }
    }

    fn account(&self) -> &Account {
        &self.accounts[rand::rng().random_range(0..ACCOUNTS)]
    }

    fn fault(&self, text: String) {
        self.faults.lock().unwrap().push(text);
        self.over.store(true, Ordering::Relaxed);
    }

    fn count(&self, what: &str, how: &str) {
        *self.tally.lock().unwrap().entry(format!("{what}: {how}")).or_default() += 1;
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Runs an instance, and restarts it every now and then.
    fn serve(&self, instance: usize, config: &Config) {
        let start = || {
            let service = Service::start(config.clone()).unwrap();
            *self.urls[instance].write().unwrap() = format!("http://{}", service.addr());
            service
        };
        let mut service = start();
        while !self.is_over() {
            std::thread::sleep(Duration::from_millis(rand::rng().random_range(500..3_000)));
            service.stop();
            service = start();
            self.count("restart", "done");
        }
        service.stop();
    }

    /// Holds a new pair of tokens against the model.
    fn take(&self, state: &mut State, begin: Instant, body: &Value) {
        let (access, now) = (body["access_token"].as_str().unwrap().to_owned(), Instant::now());
        let claims = claims(&access);
        let (admin, version) = (claims["admin"] == true, claims["token_version"].as_u64().unwrap());
        let sid = claims["sid"].as_str().unwrap().to_owned();
        if !state.admin.within(begin, now).contains(&admin)
            || !state.version.within(begin, now).contains(&version)
            || !state.locked.within(begin, now).contains(&false)
        {
            self.fault(format!("a token claims what is not so: {claims}"));
        }
        if admin {
            state.claimed.insert((sid.clone(), version), now);
        }
        let token = body["refresh_token"].as_str().unwrap().to_owned();
        let refresh = (counter(&token), token);
        match state.sessions.iter_mut().find(|session| session.sid == sid) {
            None => {
                // A change that was answered meanwhile has ended what was opened before it.
                let ended = (version < state.version.known()).then_some(now);
                state.sessions.push(Session { sid, opened: version, refresh, access, ended });
            }
            Some(session) if session.ended.is_some_and(|ended| ended < begin) => {
                self.fault(format!("a session that was ended goes on: {claims}"));
            }
            Some(session) if session.refresh.0 < refresh.0 => {
                (session.refresh, session.access) = (refresh, access);
            }
            Some(_) => (),
        }
    }
}

/// How often PostgreSQL has ended a deadlock in a database. Waits until nobody uses it, for its
/// statistics are complete then. Prints what was in each other's way.
pub(super) fn deadlocks(database: &str) -> i64 {
    let mut sql = CLUSTER.admin(database).connect(postgres::NoTls).unwrap();
    let others = "SELECT count(*) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    while sql.query_one(others, &[]).unwrap().get::<_, i64>(0) > 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let count = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let count = sql.query_one(count, &[]).unwrap().get(0);
    if count > 0 {
        let log = std::fs::read_to_string(CLUSTER.dir().join("log")).unwrap();
        let from = log.find("deadlock detected").unwrap_or(0);
        println!("{}", log[from..].chars().take(5_000).collect::<String>());
    }
    count
}

fn duration() -> Duration {
    let seconds = std::env::var("GATEPOST_MODEL_SECONDS").ok();
    Duration::from_secs(seconds.map_or(10, |text| text.parse().unwrap()))
}

#[test]
fn what_tokens_claim_is_so_or_listed_whatever_happens_at_random() {
    let database = new_database();
    let mut config = config(&database);
    config.limits.enabled = false;
    config.sessions.per_user = PER_USER;
    let world = World::new(config.clone());
    std::thread::scope(|scope| {
        for instance in 0..world.urls.len() {
            let (world, config) = (&world, &config);
            scope.spawn(move || world.serve(instance, config));
        }
        (0..CLIENTS).for_each(|_| drop(scope.spawn(|| world.be_a_client())));
        (0..CHANGERS).for_each(|_| drop(scope.spawn(|| world.be_a_changer())));
        let end = Instant::now() + duration();
        while Instant::now() < end && !world.is_over() {
            std::thread::sleep(Duration::from_millis(50));
        }
        world.over.store(true, Ordering::Relaxed);
    });
    world.demote_all();
    let World { app, faults, tally, .. } = world;
    drop(app);
    let tally = tally.into_inner().unwrap();
    println!("{tally:#?}");
    assert_eq!(faults.into_inner().unwrap(), Vec::<String>::new(), "{tally:#?}");
    for what in ["login: 200", "refresh: 200", "logout: 200", "demotion: done", "lock: done"] {
        assert!(tally.contains_key(what), "no {what}: {tally:#?}");
    }
    assert_eq!(deadlocks(&database), 0);
}
