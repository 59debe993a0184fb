//! Messages and events that are posted to programs.

use super::{text, wait};
use crate::support::{PASSWORD, TestServer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gatepost::config::Config;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A program that is told.
struct Listener {
    port: u16,
    told: Mutex<Receiver<(String, Value)>>,
    /// What it answers.
    status: Arc<AtomicU16>,
    server: Arc<tiny_http::Server>,
}

impl Listener {
    fn start() -> Self {
        let server = Arc::new(tiny_http::Server::http("127.0.0.1:0").unwrap());
        let port = server.server_addr().to_ip().unwrap().port();
        let status = Arc::new(AtomicU16::new(204));
        let (sender, told) = channel();
        let (listening, answers) = (Arc::clone(&server), Arc::clone(&status));
        std::thread::spawn(move || {
            for mut request in listening.incoming_requests() {
                let mut body = String::new();
                request.as_reader().read_to_string(&mut body).unwrap();
                let id = verified(&request, &body);
                let answer = answers.load(Ordering::Relaxed);
                let mut response = tiny_http::Response::empty(answer);
                if answer == 302 {
                    response
                        .add_header("Location: /elsewhere".parse::<tiny_http::Header>().unwrap());
                }
                assert_eq!(request.url(), "/hook?x=1");
                let _ = request.respond(response);
                let _ = sender.send((id, serde_json::from_str(&body).unwrap()));
            }
        });
        Self { port, told: Mutex::new(told), status, server }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook?x=1", self.port)
    }

    #[track_caller]
    fn next(&self) -> (String, Value) {
        let told = self.told.lock().unwrap();
        told.recv_timeout(Duration::from_secs(30)).expect("nothing was posted")
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

/// Checks a request as Standard Webhooks says, written apart from the service's own code. Returns its number.
fn verified(request: &tiny_http::Request, body: &str) -> String {
    let field = |name: &'static str| {
        let found = request.headers().iter().find(|header| header.field.equiv(name));
        found.unwrap_or_else(|| panic!("no {name}")).value.as_str().to_owned()
    };
    assert_eq!(field("content-type"), "application/json");
    let (id, at) = (field("webhook-id"), field("webhook-timestamp"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(at.parse::<u64>().unwrap().abs_diff(now) <= 5, "{at}");
    let key = STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(field("webhook-signature"), expected);
    id
}

fn by_webhooks(config: &mut Config, mail: Option<&Listener>, events: Option<&Listener>) {
    if let Some(mail) = mail {
        config.mail.webhook = Some(mail.url().as_str().into());
        config.mail.webhook_secret = Some(SECRET.into());
    }
    if let Some(events) = events {
        config.events.webhook = Some(events.url().as_str().into());
        config.events.webhook_secret = Some(SECRET.into());
    }
}

fn register(server: &TestServer, login: &str) {
    let body =
        json!({"login": login, "password": PASSWORD, "email": format!("{login}@example.com")});
    assert_eq!(server.post("/user", &body).status(), 201);
}

#[test]
fn messages_and_events_are_posted_and_signed() {
    let (mail, events) = (Listener::start(), Listener::start());
    let server = TestServer::with(|config| by_webhooks(config, Some(&mail), Some(&events)));
    register(&server, "alice");
    let (_, told) = events.next();
    assert_eq!((&told["type"], &told["data"]), (&json!("user.created"), &json!({"user_id": 1})));
    assert!(told.get("id").is_none() && text(&told, "timestamp").ends_with('Z'), "{told}");
    let (_, message) = mail.next();
    assert_eq!(message["type"], "mail.verification");
    assert_eq!(message["data"]["to"], "alice@example.com");
    let body = json!({"token": message["data"]["token"]});
    assert_eq!(server.post("/verification/confirm", &body).status(), 200);
    assert_eq!(events.next().1["type"], "user.changed");
    // An admin's too: whoever runs the webhook is named in the settings.
    server.sql().execute("UPDATE gatepost.users SET admin = true", &[]).unwrap();
    assert_eq!(server.post("/recovery", &json!({"login": "alice"})).status(), 202);
    let (_, message) = mail.next();
    assert_eq!(message["type"], "mail.recovery");
    let body = json!({"token": message["data"]["token"], "password": "staple and battery"});
    assert_eq!(server.post("/recovery/confirm", &body).status(), 200);
}

#[test]
fn what_a_webhook_does_not_take_is_posted_again_under_the_same_number() {
    let events = Listener::start();
    let server = TestServer::with(|config| by_webhooks(config, None, Some(&events)));
    for status in [302, 500] {
        events.status.store(status, Ordering::Relaxed);
        register(&server, &format!("user-{status}"));
        let (first, _) = events.next();
        events.status.store(204, Ordering::Relaxed);
        assert_eq!(events.next().0, first, "{status}");
    }
    // What it says is wrong with one keeps no other waiting.
    events.status.store(422, Ordering::Relaxed);
    register(&server, "alice");
    let (first, _) = events.next();
    events.status.store(204, Ordering::Relaxed);
    register(&server, "bob");
    assert_ne!(events.next().0, first);
    let mut sql = server.sql();
    let left = "SELECT count(*) FROM gatepost.outbox WHERE refusals = 1 AND channel = 'event'";
    wait(|| sql.query_one(left, &[]).unwrap().get::<_, i64>(0) == 1);
}

#[test]
fn events_wait_in_order_while_mail_is_pulled() {
    let events = Listener::start();
    let server = TestServer::with(|config| by_webhooks(config, None, Some(&events)));
    let key = crate::authorization::key(&server, "outbox").1;
    register(&server, "alice");
    assert_eq!(events.next().1["type"], "user.created");
    let page: Value = server.get("/outbox", &key).json().unwrap();
    let kinds: Vec<&str> =
        page["messages"].as_array().unwrap().iter().map(|message| text(message, "type")).collect();
    assert_eq!(kinds, ["mail.verification"]);
}
