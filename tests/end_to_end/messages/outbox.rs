//! Messages and events that programs pull.

use super::{Pulled, text};
use crate::authorization::key;
use crate::support::{PASSWORD, TestServer, problem};
use reqwest::Method;
use serde_json::{Value, json};

#[test]
fn a_program_takes_what_waits_in_order_until_it_acknowledges() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    for number in 0..3 {
        server.register(&format!("user-{number}"));
    }
    let first = pulled.waiting();
    let kinds: Vec<&str> = first.iter().map(|message| text(message, "type")).collect();
    assert_eq!(kinds, ["user.created"; 3]);
    assert_eq!(first, pulled.waiting(), "each is given again");
    let page: Value = server.get("/outbox?page_size=2", &pulled.key).json().unwrap();
    assert_eq!(page["messages"], json!(first[..2]));
    let ids = json!([first[0]["id"], first[1]["id"], 999]);
    let response = pulled.acknowledge(&json!({ "ids": ids }));
    assert_eq!(response.json::<Value>().unwrap(), json!({"acknowledged": 2}));
    assert_eq!(pulled.waiting(), first[2..]);
    for (body, name) in [
        (json!({}), "ids"),
        (json!({"ids": 5}), "ids"),
        (json!({"ids": []}), "ids"),
        (json!({"ids": ["a"]}), "ids"),
        (json!({"ids": (0..101).collect::<Vec<_>>()}), "ids"),
        (json!({"ids": [1], "all": true}), "all"),
    ] {
        let detail = problem(pulled.acknowledge(&body), 400, "invalid_request");
        assert!(detail.contains(name), "{detail}");
    }
    for size in ["0", "101", "x"] {
        let target = format!("/outbox?page_size={size}");
        problem(server.get(&target, &pulled.key), 400, "invalid_request");
    }
}

#[test]
fn only_the_scope_takes_from_the_outbox() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    server.register("alice");
    let others = key(server, "users:read,users:write,register,introspect,invite").1;
    for token in [server.token("alice"), others] {
        problem(server.get("/outbox", &token), 403, "forbidden");
        let request = server.request(Method::DELETE, "/outbox").bearer_auth(&token);
        problem(request.json(&json!({"ids": [1]})).send().unwrap(), 403, "forbidden");
    }
    problem(server.request(Method::GET, "/outbox").send().unwrap(), 401, "unauthenticated");
    assert_eq!(pulled.waiting().len(), 1);
}

#[test]
fn nothing_waits_where_nobody_could_take_it() {
    let server = TestServer::start();
    let body = json!({"login": "alice", "password": PASSWORD, "email": "a@example.com"});
    assert_eq!(server.post("/user", &body).status(), 201);
    assert_eq!(server.post("/recovery", &json!({"login": "alice"})).status(), 202);
    gatepost::recovery::answer_requests(server.app()).unwrap();
    let count =
        "SELECT (SELECT count(*) FROM gatepost.outbox) + (SELECT count(*) FROM gatepost.proofs)";
    assert_eq!(server.sql().query_one(count, &[]).unwrap().get::<_, i64>(0), 0);
}

#[test]
fn what_opens_an_admins_account_is_not_pulled() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    let id = pulled.register("root", "root@example.com");
    pulled.ask(&json!({"login": "root"}));
    assert_eq!(pulled.waiting().len(), 1);
    // The user becomes an admin while the message waits.
    let sql = "UPDATE gatepost.users SET admin = true WHERE id = $1";
    server.sql().execute(sql, &[&id]).unwrap();
    assert!(pulled.waiting().is_empty(), "{:?}", pulled.waiting());
    pulled.ask(&json!({"email": "root@example.com"}));
    let root = server.token("root");
    assert_eq!(server.patch(&json!({"id": id, "email": "other@example.com"}), &root).status(), 200);
    let kinds: Vec<String> =
        pulled.waiting().iter().map(|message| text(message, "type").to_owned()).collect();
    assert_eq!(kinds, ["user.changed"]);
    // What carries no token is.
    let body = json!({"id": id, "password": "staple and battery"});
    assert_eq!(server.patch(&body, &root).status(), 200);
    pulled.one("mail.password_changed");
}

#[test]
fn a_link_that_was_pulled_does_not_open_the_account_of_who_became_an_admin() {
    let pulled = Pulled::start();
    let id = pulled.register("alice", "a@example.com");
    pulled.ask(&json!({"login": "alice"}));
    let token = text(&pulled.one("mail.recovery"), "token").to_owned();
    let alice = gatepost::domain::UserId::parse(id).unwrap();
    let caller = gatepost::Caller::Trusted;
    gatepost::users::set_admin(pulled.server.app(), &caller, alice, true).unwrap();
    problem(pulled.recover(&token, "staple and battery"), 400, "invalid_proof");
}

#[test]
fn products_are_told_what_happened_to_whom_and_nothing_more() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    server.register_admin("root");
    let root = server.token("root");
    let id = server.register("alice");
    let change = |body: Value| assert_eq!(server.patch(&body, &root).status(), 200);
    change(json!({"id": id, "roles": ["staff"]}));
    change(json!({"id": id, "password": "staple and battery", "locked": true}));
    change(json!({"id": id, "locked": false}));
    assert_eq!(server.delete(&format!("/user?id={id}"), &root).status(), 200);
    let told: Vec<(String, Value)> = pulled
        .waiting()
        .iter()
        .map(|event| (text(event, "type").to_owned(), event["data"].clone()))
        .filter(|(_, data)| data["user_id"] == id)
        .collect();
    let expected = [
        "user.created",
        "user.changed",
        "password.changed",
        "user.locked",
        "user.changed",
        "user.deleted",
    ];
    assert_eq!(told.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), expected);
    assert!(told.iter().all(|(_, data)| *data == json!({"user_id": id})), "{told:?}");
}

#[test]
fn what_nobody_takes_for_four_days_is_given_up_with_its_link() {
    let pulled = Pulled::with(|config| {
        config.sessions.tuning.sweep_interval = std::time::Duration::from_secs(1);
    });
    let server = &pulled.server;
    let body = json!({"login": "alice", "password": PASSWORD, "email": "a@example.com"});
    assert_eq!(server.post("/user", &body).status(), 201);
    let token = text(
        &pulled.waiting().iter().find(|m| m["type"] == "mail.verification").unwrap()["data"],
        "token",
    )
    .to_owned();
    let sql = "UPDATE gatepost.outbox SET created_at = now() - interval '4 days'";
    server.sql().execute(sql, &[]).unwrap();
    super::wait(|| pulled.waiting().is_empty());
    problem(pulled.verified(&token), 400, "invalid_proof");
}

#[test]
fn a_message_is_in_the_transaction_that_causes_it() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    server.register("alice");
    pulled.take("user.created");
    // The login is taken, so nobody was created and nobody is told.
    let body = json!({"login": "alice", "password": PASSWORD, "email": "a@example.com"});
    problem(server.post("/user", &body), 400, "login_taken");
    assert!(pulled.waiting().is_empty());
}
