//! Addresses, the messages to them, and what their links and codes let people do.

mod addresses;
mod copies;
mod delivering;
mod invitations;
mod moving;
mod outbox;
mod recovery;
mod webhooks;

use crate::authorization::key;
use crate::support::{PASSWORD, TestServer};
use gatepost::config::Config;
use reqwest::Method;
use reqwest::blocking::Response;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A service whose messages are pulled, and the key with which they are.
pub(crate) struct Pulled {
    pub(crate) server: TestServer,
    pub(crate) key: String,
}

impl Pulled {
    pub(crate) fn start() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let server = TestServer::with(|config| {
            config.mail.link_base = "https://www.example.com/account".to_owned();
            change(config);
        });
        let key = key(&server, "outbox").1;
        Self { server, key }
    }

    /// What waits.
    pub(crate) fn waiting(&self) -> Vec<Value> {
        let response = self.server.get("/outbox?page_size=100", &self.key);
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["cache-control"], "no-store");
        let body: Value = response.json().unwrap();
        body["messages"].as_array().unwrap().clone()
    }

    /// What waits of one type, which is taken.
    pub(crate) fn take(&self, kind: &str) -> Vec<Value> {
        let mut found = self.waiting();
        found.retain(|message| message["type"] == kind);
        if !found.is_empty() {
            let ids: Vec<&Value> = found.iter().map(|message| &message["id"]).collect();
            let response = self.acknowledge(&json!({ "ids": ids }));
            assert_eq!(response.json::<Value>().unwrap(), json!({"acknowledged": ids.len()}));
        }
        found
    }

    /// The one message of a type, which is taken.
    #[track_caller]
    pub(crate) fn one(&self, kind: &str) -> Value {
        let mut found = self.take(kind);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)["data"].take()
    }

    pub(crate) fn acknowledge(&self, body: &Value) -> Response {
        self.server
            .request(Method::DELETE, "/outbox")
            .bearer_auth(&self.key)
            .json(body)
            .send()
            .unwrap()
    }

    /// Registers a user with an address, proves it, and takes what that sent.
    pub(crate) fn register(&self, login: &str, email: &str) -> i64 {
        let body = json!({"login": login, "password": PASSWORD, "email": email});
        let response = self.server.post("/user", &body);
        assert_eq!(response.status(), 201);
        let token = self.one("mail.verification")["token"].as_str().unwrap().to_owned();
        assert_eq!(self.verified(&token).status(), 200);
        self.take("user.created");
        self.take("user.changed");
        response.json::<Value>().unwrap()["id"].as_i64().unwrap()
    }

    pub(crate) fn verified(&self, token: &str) -> Response {
        self.server.post("/verification/confirm", &json!({ "token": token }))
    }

    /// Asks for a way back, and has the request looked at. Returns its number.
    pub(crate) fn ask(&self, whom: &Value) -> String {
        let response = self.server.post("/recovery", whom);
        assert_eq!(response.status(), 202);
        let body: Value = response.json().unwrap();
        self.look();
        body["request"].as_str().unwrap().to_owned()
    }

    /// Waits until the requests so far were looked at.
    pub(crate) fn look(&self) {
        gatepost::recovery::answer_requests(self.server.app()).unwrap();
        // The service's own thread may be looking at one.
        let mut sql = self.server.sql();
        wait(|| {
            let count = "SELECT count(*) FROM gatepost.recovery_requests";
            sql.query_one(count, &[]).unwrap().get::<_, i64>(0) == 0
        });
    }

    pub(crate) fn recover(&self, token: &str, password: &str) -> Response {
        self.server.post("/recovery/confirm", &json!({"token": token, "password": password}))
    }

    pub(crate) fn user(&self, id: i64) -> Value {
        let found = gatepost::users::show(
            self.server.app(),
            &gatepost::Caller::Trusted,
            gatepost::domain::UserId::parse(id).unwrap(),
        );
        serde_json::to_value(found.unwrap()).unwrap()
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait(mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "it did not become so");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a message says under a name.
#[track_caller]
pub(crate) fn text<'a>(message: &'a Value, name: &str) -> &'a str {
    message[name].as_str().unwrap_or_else(|| panic!("no {name} in {message}"))
}
