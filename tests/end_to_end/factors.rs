//! Second factors: setting one up, signing in with it, and losing it.

mod enrolling;
mod freshness;
mod keeping;
mod requiring;
mod signing_in;

use crate::support::{PASSWORD, TestServer, Tokens};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use reqwest::blocking::Response;
use serde_json::{Value, json};
use sha1::Sha1;
use std::time::{SystemTime, UNIX_EPOCH};

/// An authenticator app, written after RFC 6238 and apart from the service's own code.
pub(crate) struct Authenticator {
    secret: Vec<u8>,
    pub(crate) id: i64,
    pub(crate) recovery_codes: Vec<String>,
}

impl Authenticator {
    pub(crate) fn of(enrolment: &Value) -> Self {
        let mut bits = String::new();
        for letter in enrolment["secret"].as_str().unwrap().bytes() {
            let value = if letter.is_ascii_digit() { letter - b'2' + 26 } else { letter - b'A' };
            bits += &format!("{value:05b}");
        }
        let bytes = bits.as_bytes().chunks_exact(8);
        let secret = bytes
            .map(|bits| u8::from_str_radix(str::from_utf8(bits).unwrap(), 2).unwrap())
            .collect();
        Self { secret, id: enrolment["id"].as_i64().unwrap(), recovery_codes: Vec::new() }
    }

    /// The code of the current step or, since clocks differ, of the one after it. An earlier one could
    /// be over before it arrives.
    pub(crate) fn code(&self, ahead: u64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.secret).unwrap();
        mac.update(&(now / 30 + ahead).to_be_bytes());
        let hash = mac.finalize().into_bytes();
        let offset = usize::from(hash[19] % 16);
        let word = u32::from_be_bytes(hash[offset..offset + 4].try_into().unwrap());
        format!("{:06}", (word & i32::MAX.unsigned_abs()) % 1_000_000)
    }

    /// A code that is neither of the current step nor of one beside it.
    pub(crate) fn wrong(&self) -> String {
        let right = [0, 1, 2].map(|ahead| self.code(ahead));
        let candidates = (0..10).map(|number| format!("{number}00000"));
        let near = |code: &String| right.contains(code);
        candidates.skip_while(near).nth(1).unwrap()
    }
}

impl TestServer {
    pub(crate) fn call(&self, target: &str, token: &str, body: &Value) -> Response {
        self.request(Method::POST, target).bearer_auth(token).json(body).send().unwrap()
    }

    /// Sets an authenticator app up for the user of a token. Its codes of now and later are unused.
    pub(crate) fn add_totp(&self, token: &str) -> Authenticator {
        let response = self.call("/factor/totp", token, &json!({"name": "phone"}));
        assert_eq!(response.status(), 201);
        let mut app = Authenticator::of(&response.json().unwrap());
        let body = json!({"id": app.id, "code": app.code(0)});
        let response = self.call("/factor/totp/confirm", token, &body);
        assert_eq!(response.status(), 200);
        let answer: Value = response.json().unwrap();
        let codes = answer["recovery_codes"].as_array().cloned().unwrap_or_default();
        app.recovery_codes = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
        self.unused();
        app
    }

    /// The number of a user.
    pub(crate) fn user_id(&self, login: &str) -> i64 {
        let sql = "SELECT id FROM gatepost.users WHERE login = $1";
        self.sql().query_one(sql, &[&login]).unwrap().get(0)
    }

    /// Lets the codes of this minute be used again, so that no test waits for the next.
    pub(crate) fn unused(&self) {
        self.sql().execute("UPDATE gatepost.factors SET last_step = 0", &[]).unwrap();
    }

    /// The first of the two calls of a login.
    pub(crate) fn mfa_token(&self, login: &str) -> String {
        let response = self.log_in(login, PASSWORD);
        assert_eq!(response.status(), 403);
        let body: Value = response.json().unwrap();
        assert_eq!(body["code"], "mfa_required");
        body["mfa_token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn mfa(&self, mfa_token: &str, code: &str) -> Response {
        self.post("/mfa", &json!({"mfa_token": mfa_token, "code": code}))
    }

    /// Both calls of a login.
    pub(crate) fn tokens_with(&self, login: &str, app: &Authenticator) -> Tokens {
        self.unused();
        Tokens::of(self.mfa(&self.mfa_token(login), &app.code(0)))
    }

    /// Tokens of a session that was opened an hour ago.
    pub(crate) fn aged(&self, tokens: &Tokens) -> Tokens {
        let sql = "UPDATE gatepost.sessions SET created_at = created_at - interval '1 hour',
                       authenticated_at = authenticated_at - interval '1 hour'";
        self.sql().execute(sql, &[]).unwrap();
        Tokens::of(self.refresh(&tokens.refresh))
    }
}
