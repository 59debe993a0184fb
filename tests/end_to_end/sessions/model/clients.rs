//! Those who log in, refresh and log out.

use super::{Account, PER_USER, World, password};
use crate::support::client;
use rand::RngExt;
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

impl World {
    pub(super) fn be_a_client(&self) {
        let client = client();
        while !self.is_over() {
            let account = self.account();
            match rand::rng().random_range(0..100) {
                0..20 => self.log_in(&client, account),
                20..97 => self.refresh(&client, account),
                _ => self.log_out(&client, account),
            }
        }
    }

    fn post(&self, client: &Client, target: &str, token: &str, body: &Value) -> Option<Response> {
        let instance = rand::rng().random_range(0..self.urls.len());
        let url = format!("{}{target}", self.urls[instance].read().unwrap());
        let request = client.post(url).json(body);
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        // An instance that is being restarted does not answer, or says so.
        let response = request.send().ok().filter(|response| response.status() != 503);
        let Some(response) = response else {
            self.count("request", "not answered");
            std::thread::sleep(Duration::from_millis(5));
            return None;
        };
        if response.status().is_server_error() {
            self.fault(format!("{target}: {}", response.text().unwrap_or_default()));
            return None;
        }
        Some(response)
    }

    /// Sends what may issue a token. Returns the status of the answer, if there was one.
    fn issue(&self, client: &Client, account: &Account, target: &str, body: &Value) -> Option<u16> {
        let (ticket, begin) = (self.tickets.fetch_add(1, Ordering::Relaxed), Instant::now());
        account.state().under_way.insert(ticket, begin);
        let response = self.post(client, target, "", body);
        let status = response.as_ref().map(|response| response.status().as_u16());
        let body = response.and_then(|response| response.json::<Value>().ok());
        let mut state = account.state();
        if let Some(body) = body.filter(|_| status == Some(200)) {
            self.take(&mut state, begin, &body);
        }
        state.under_way.remove(&ticket);
        status
    }

    /// Logs in with the right password, as far as it is known: that alone decides.
    fn log_in(&self, client: &Client, account: &Account) {
        let (begin, number) = (Instant::now(), account.state().password.known());
        let body = json!({"login": account.login, "password": password(number)});
        let Some(status) = self.issue(client, account, "/", &body) else { return };
        let (state, now) = (account.state(), Instant::now());
        let was_changed = state.version.within(begin, now).len() > 1;
        let was_locked = state.locked.within(begin, now).contains(&true);
        if !(status == 200 || (status == 400 && was_changed) || (status == 403 && was_locked)) {
            self.fault(format!("a login with the right password: {status}"));
        }
        self.count("login", &status.to_string());
    }

    /// Refreshes a session, one that was ended too.
    fn refresh(&self, client: &Client, account: &Account) {
        let (token, access, ended) = {
            let mut state = account.state();
            // Of those that were ended, the last are enough.
            let surplus = state.sessions.len().saturating_sub(4 * PER_USER as usize);
            state.sessions.drain(..surplus);
            if state.sessions.is_empty() {
                return;
            }
            let (which, all) = (rand::rng().random_bool(0.9), state.sessions.len());
            let live = state.sessions.iter().filter(|session| session.ended.is_none());
            // Mostly the same few, so that several meet at their rows.
            let live = live.rev().nth(rand::rng().random_range(0..2)).filter(|_| which);
            let any = &state.sessions[rand::rng().random_range(0..all)];
            let session = live.unwrap_or(any);
            (session.refresh.1.clone(), session.access.clone(), session.ended.is_some())
        };
        if ended && let Some(response) = self.post(client, "/logout", &access, &json!({})) {
            if response.status() != 401 {
                self.fault(format!("a token of an ended session: {}", response.status()));
            }
            self.count("access token of an ended session", response.status().as_str());
        }
        let body = json!({"refresh_token": token});
        let Some(status) = self.issue(client, account, "/token", &body) else { return };
        let what = if ended { "refresh of an ended session" } else { "refresh" };
        self.count(what, &status.to_string());
        if status != 200 {
            // One of the oldest, or ended by a change that is not answered yet.
            let mut state = account.state();
            let session = state.sessions.iter_mut().find(|session| session.refresh.1 == token);
            if let Some(session) = session {
                session.ended.get_or_insert_with(Instant::now);
            }
        }
    }

    fn log_out(&self, client: &Client, account: &Account) {
        let session = {
            let state = account.state();
            let live = state.sessions.iter().filter(|session| session.ended.is_none());
            live.map(|session| (session.sid.clone(), session.access.clone())).next_back()
        };
        let Some((sid, access)) = session else { return };
        let Some(response) = self.post(client, "/logout", &access, &json!({})) else { return };
        self.count("logout", response.status().as_str());
        if response.status() == 200 {
            let mut state = account.state();
            if let Some(session) = state.sessions.iter_mut().find(|session| session.sid == sid) {
                session.ended.get_or_insert_with(Instant::now);
            }
        }
    }
}
