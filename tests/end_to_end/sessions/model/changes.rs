//! Those who demote, promote, lock, unlock and set passwords.

use super::{Account, State, World, password};
use gatepost::passwords::Password;
use gatepost::revocations::Cursor;
use gatepost::users::{Change, User};
use gatepost::{Caller, Error, Result};
use rand::RngExt;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tokens issued before this are held against the list at the end only.
const LATELY: Duration = Duration::from_secs(30);

impl World {
    pub(super) fn be_a_changer(&self) {
        while !self.is_over() {
            let account = self.account();
            let Ok(_turn) = account.turn.try_lock() else { continue };
            let (admin, locked) = {
                let state = account.state();
                (state.admin.known(), state.locked.known())
            };
            match rand::rng().random_range(0..100) {
                // Not for long, or there would be nobody who logs in.
                _ if locked => self.lock(account, false),
                0..90 => self.set_admin(account, !admin),
                90..92 => self.lock(account, true),
                92..94 => self.set_password(account, false),
                94..97 => self.set_password(account, true),
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Whether a change was made. A caller may have lost the right to it, or be the last admin's.
    fn is_done(&self, what: &str, outcome: &Result<User>) -> bool {
        match outcome {
            Ok(_) => self.count(what, "done"),
            Err(Error::TokenInvalid | Error::Forbidden | Error::LastAdmin) => {
                self.count(what, "refused");
            }
            Err(error) => self.fault(format!("{what}: {error}")),
        }
        outcome.is_ok()
    }

    /// Somebody who may be an admin, or the command line.
    fn somebody(&self) -> Caller {
        if rand::rng().random_bool(0.3) {
            return Caller::Trusted;
        }
        let state = self.account().state();
        let token = state.sessions.last().map(|session| session.access.clone());
        drop(state);
        let caller = token.map(|token| Caller::bearer(&self.app, &token));
        caller.map_or(Caller::Trusted, |caller| caller.unwrap_or(Caller::Trusted))
    }

    fn set_admin(&self, account: &Account, admin: bool) {
        let caller = self.somebody();
        account.state().admin.begin(admin);
        let outcome = gatepost::users::set_admin(&self.app, &caller, account.id, admin);
        let done = self.is_done(if admin { "promotion" } else { "demotion" }, &outcome);
        account.state().admin.end(done);
        if done && !admin {
            self.check_list(account, LATELY);
        }
    }

    fn lock(&self, account: &Account, locked: bool) {
        {
            let mut state = account.state();
            state.locked.begin(locked);
            let next = state.version.known() + u64::from(locked);
            if locked {
                state.version.begin(next);
            }
        }
        let mut change = Change::default();
        change.locked = Some(locked);
        let outcome = gatepost::users::change(&self.app, &Caller::Trusted, account.id, &change);
        let done = self.is_done(if locked { "lock" } else { "unlock" }, &outcome);
        let mut state = account.state();
        state.locked.end(done);
        if locked {
            state.version.end(done);
            end_earlier(&mut state, None);
        }
    }

    fn set_password(&self, account: &Account, own: bool) {
        let (session, number) = {
            let state = account.state();
            let live = state.sessions.iter().filter(|session| session.ended.is_none());
            let last = live.map(|it| (it.sid.clone(), it.access.clone())).next_back();
            (last.filter(|_| own), state.password.known())
        };
        let caller = session.as_ref().map(|(_, token)| Caller::bearer(&self.app, token));
        let caller = caller.map_or(Caller::Trusted, |caller| caller.unwrap());
        let new = Password::parse(&password(number + 1)).unwrap();
        let current = Password::parse(&password(number)).unwrap();
        {
            let mut state = account.state();
            let next = state.version.known() + 1;
            state.password.begin(number + 1);
            state.version.begin(next);
        }
        let current = session.is_some().then_some(&current);
        let mut change = Change::default();
        (change.password, change.current_password) = (Some(&new), current);
        let outcome = gatepost::users::change(&self.app, &caller, account.id, &change);
        let done = self.is_done(if own { "own password" } else { "password" }, &outcome);
        let mut state = account.state();
        state.password.end(done);
        state.version.end(done);
        if done {
            end_earlier(&mut state, session.as_ref().map(|(sid, _)| sid.as_str()));
        }
    }

    /// A demotion was answered: whatever said `admin` of this account must be refused by whoever
    /// reads the list, also what was under way then.
    fn check_list(&self, account: &Account, back: Duration) {
        let answered = Instant::now();
        let waiting = |begin: &Instant| *begin <= answered;
        while account.state().under_way.values().any(waiting) {
            std::thread::sleep(Duration::from_millis(1));
        }
        // What anyone can fetch may be a moment old.
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let list = self.list(back + LATELY);
            let state = account.state();
            let late = state.claimed.iter().filter(|(_, last)| last.elapsed() <= back);
            let accepted: Vec<_> = late
                .map(|(claimed, _)| claimed)
                .filter(|(sid, version)| !is_refused(list.get(sid), *version))
                .collect();
            if accepted.is_empty() {
                return self.count("list", "checked");
            }
            if Instant::now() > deadline {
                return self.fault(format!("claim admin, and are not in the list: {accepted:?}"));
            }
            drop(state);
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The list of revocations of the last time, by session.
    fn list(&self, back: Duration) -> BTreeMap<String, Value> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - back;
        let mut cursor = Cursor::parse(i64::try_from(since.as_micros()).unwrap(), 0).unwrap();
        let mut all = BTreeMap::new();
        loop {
            let list =
                serde_json::to_value(gatepost::revocations::list(&self.app, cursor).unwrap());
            let list = list.unwrap();
            for entry in list["revoked"].as_array().unwrap() {
                all.insert(entry["sid"].as_str().unwrap().to_owned(), entry.clone());
            }
            if list["more"] == false {
                return all;
            }
            let next = list["next"].as_str().unwrap();
            let numbers: Vec<i64> = next
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|number| number.parse().ok())
                .collect();
            cursor = Cursor::parse(numbers[0], numbers[1]).unwrap();
        }
    }

    /// At the end nobody is an admin, and all that was ever claimed is held against the list.
    pub(super) fn demote_all(&self) {
        for account in &self.accounts {
            gatepost::users::set_admin(&self.app, &Caller::Trusted, account.id, false).unwrap();
            self.check_list(account, Duration::from_secs(900));
        }
    }
}

/// A change was answered: what was opened before it is over, but for one session.
fn end_earlier(state: &mut State, kept: Option<&str>) {
    let version = state.version.known();
    for session in &mut state.sessions {
        if session.opened < version && Some(session.sid.as_str()) != kept {
            session.ended.get_or_insert_with(Instant::now);
        }
    }
}

/// What the list says of a token of this version that claims `admin`.
fn is_refused(entry: Option<&Value>, version: u64) -> bool {
    entry.is_some_and(|entry| {
        let still = (entry["token_version"].as_u64(), entry["admin"].as_bool());
        !matches!(still, (Some(least), Some(true)) if version >= least)
    })
}
