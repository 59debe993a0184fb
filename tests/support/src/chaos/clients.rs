//! Eight clients that register, log in, refresh and change passwords, and remember what they were told.

use super::cluster::Cluster;
use reqwest::blocking::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: usize = 8;

/// A pause between two requests of a client, so that the machine is not busy with clients alone.
const PAUSE: Duration = Duration::from_millis(10);

/// A client gives up after this time, which is longer than any answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// One answer to a write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) begun: Instant,
    pub(super) end: Instant,
    pub(super) success: bool,
}

/// What a client knows of a user whose registration was acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) login: String,
    id: i64,
    pub(super) password: String,
    /// The password of a change whose outcome is unknown.
    pub(super) maybe: Option<String>,
    access: Option<String>,
    /// The refresh token that was given last, unless a refresh with it has an unknown outcome.
    pub(super) refresh: Option<String>,
    pub(super) changed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) accounts: Vec<Account>,
    counted: usize,
}

/// The clients, and all that they remember.
#[derive(Debug)]
pub struct Clients {
    url: String,
    http: Client,
    pub(super) memories: Vec<Mutex<Memory>>,
    answers: Mutex<Vec<Answer>>,
    /// Answers that know nothing of what was acknowledged before.
    contradictions: Mutex<Vec<String>>,
}

impl Clients {
    /// Clients that have done nothing yet.
    pub fn of(cluster: &Cluster) -> Self {
        Self {
            url: cluster.url(),
            // A connection for each request, as curl has.
            http: Client::builder().pool_max_idle_per_host(0).timeout(TIMEOUT).build().unwrap(),
            memories: (0..CLIENTS).map(|_| Mutex::default()).collect(),
            answers: Mutex::default(),
            contradictions: Mutex::default(),
        }
    }

    /// Lets them work for as long as the closure takes.
    pub(super) fn run_while<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let stopping = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for number in 0..CLIENTS {
                let stopping = &stopping;
                scope.spawn(move || {
                    while !stopping.load(Ordering::Relaxed) {
                        self.act(number, &mut self.memories[number].lock().unwrap());
                        std::thread::sleep(PAUSE);
                    }
                });
            }
            let _stop = Stop(&stopping);
            work()
        })
    }

    /// Writes acknowledged in a second, of those that ended between two moments.
    pub(super) fn rate(&self, from: Instant, to: Instant) -> f64 {
        let answers = self.answers.lock().unwrap();
        let count = answers.iter().rev().take_while(|a| a.end >= from - TIMEOUT);
        let count = count.filter(|a| a.success && a.end >= from && a.end <= to).count();
        f64::from(u32::try_from(count).unwrap()) / (to - from).as_secs_f64()
    }

    /// The contradictions since the last time.
    pub(super) fn contradictions(&self) -> Vec<String> {
        std::mem::take(&mut *self.contradictions.lock().unwrap())
    }

    /// The answers to what was under way at a moment, or begun after it.
    pub(super) fn since(&self, moment: Instant) -> Vec<Answer> {
        let answers = self.answers.lock().unwrap();
        answers.iter().filter(|a| a.end >= moment).copied().collect()
    }

    fn act(&self, number: usize, memory: &mut Memory) {
        memory.counted += 1;
        let turn = memory.counted;
        let known = memory.accounts.len();
        if known == 0 || turn.is_multiple_of(4) {
            let login = format!("client-{number}-{turn}");
            let password = format!("the first of {login}");
            let body = json!({"login": login, "password": password});
            if let Some(user) = self.send("POST", "/user", &body, None, 201) {
                memory.accounts.push(Account {
                    login,
                    id: user["id"].as_i64().unwrap(),
                    password,
                    maybe: None,
                    access: None,
                    refresh: None,
                    changed: true,
                });
            }
            return;
        }
        // The newest ones mostly, whose rows are still on the way to the disks.
        let account = &mut memory.accounts[known - 1 - (turn / 4) % known.min(5)];
        match (turn % 4, account.refresh.clone(), account.access.clone()) {
            (2, Some(refresh), _) => self.refresh(account, &refresh),
            (3, _, Some(access)) => self.change_password(account, &access, turn),
            _ => self.log_in(account),
        }
    }

    fn log_in(&self, account: &mut Account) {
        if account.maybe.is_some() {
            return;
        }
        let body = json!({"login": account.login, "password": account.password});
        if let Some(tokens) = self.send("POST", "/", &body, None, 200) {
            account.take(&tokens);
        }
    }

    fn refresh(&self, account: &mut Account, refresh: &str) {
        let body = json!({"grant_type": "refresh_token", "refresh_token": refresh});
        account.refresh = None;
        if let Some(tokens) = self.send("POST", "/token", &body, None, 200) {
            account.take(&tokens);
        }
    }

    fn change_password(&self, account: &mut Account, access: &str, turn: usize) {
        let password = format!("the {turn}th of {}", account.login);
        let body = json!({"id": account.id, "password": password});
        // A change ends the user's sessions.
        (account.access, account.refresh) = (None, None);
        if account.maybe.is_some() {
            return;
        }
        account.maybe = Some(password.clone());
        if self.send("PATCH", "/user", &body, Some(access), 200).is_some() {
            (account.password, account.maybe) = (password, None);
            account.changed = true;
        }
    }

    /// Sends one request and notes how it went. What is not known any more is a loss. Anything else but
    /// success, 502 to 504 and a broken connection is a fault of the service.
    fn send(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        bearer: Option<&str>,
        success: u16,
    ) -> Option<Value> {
        let begun = Instant::now();
        let answer = self.ask(method, path, body, bearer);
        let end = Instant::now();
        let status = answer.as_ref().map_or(503, |answer| answer.status().as_u16());
        let succeeded = status == success;
        self.answers.lock().unwrap().push(Answer { begun, end, success: succeeded });
        if !succeeded && !matches!(status, 502..=504) {
            let said = answer.map(|a| a.text().unwrap_or_default()).unwrap_or_default();
            // A password, a session or a user that was acknowledged is not known any more.
            assert!(matches!(status, 400 | 401 | 404), "{method} {path} {body}: {status} {said}");
            let said = format!("{method} {path} {body}: {said}");
            self.contradictions.lock().unwrap().push(said);
            return None;
        }
        if succeeded { answer?.json().ok() } else { None }
    }

    fn ask(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        bearer: Option<&str>,
    ) -> Option<Response> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.url)).json(body);
        let request = bearer.into_iter().fold(request, RequestBuilder::bearer_auth);
        request.send().ok()
    }

    /// Whether a user can log in with a password.
    pub(super) fn can_log_in(&self, login: &str, password: &str) -> bool {
        let body = json!({"login": login, "password": password});
        self.ask("POST", "/", &body, None).is_some_and(|answer| answer.status().is_success())
    }

    /// Whether a session goes on with its refresh token.
    pub(super) fn can_refresh(&self, account: &mut Account) -> bool {
        let Some(refresh) = account.refresh.take() else { return true };
        let body = json!({"grant_type": "refresh_token", "refresh_token": refresh});
        let answer = self.ask("POST", "/token", &body, None);
        let answer = answer.filter(|answer| answer.status().is_success());
        let Some(tokens) = answer.and_then(|answer| answer.json().ok()) else { return false };
        account.take(&tokens);
        true
    }
}

impl Account {
    fn take(&mut self, tokens: &Value) {
        let text = |name: &str| tokens[name].as_str().map(str::to_owned);
        (self.access, self.refresh) = (text("access_token"), text("refresh_token"));
        self.changed = true;
    }
}
