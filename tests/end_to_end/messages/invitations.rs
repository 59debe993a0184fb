//! Users who are invited.

use super::{Pulled, text};
use crate::authorization::key;
use crate::support::{PASSWORD, TestServer, problem};
use serde_json::{Value, json};

const NEW: &str = "staple and battery";

#[test]
fn an_invited_user_has_no_password_until_the_link_sets_one() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    let inviter = key(server, "invite").1;
    let body = json!({"login": "alice", "email": "a@example.com"});
    let response = server.call("/invitation", &inviter, &body);
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["location"], "?id=1");
    let user: Value = response.json().unwrap();
    assert_eq!((&user["login"], &user["email"]), (&json!("alice"), &json!("a@example.com")));
    for password in [PASSWORD, "", " ", "!"] {
        let response = server.log_in("alice", password);
        assert_eq!(response.status(), 400, "{password:?}");
    }
    let message = pulled.one("mail.invitation");
    assert_eq!(message["expires_in"], 7 * 86_400);
    let token = text(&message, "token");
    assert!(text(&message, "link").contains("#invitation="));
    let confirm = |password: &str| {
        server.post("/invitation/confirm", &json!({"token": token, "password": password}))
    };
    problem(confirm("password"), 400, "weak_password");
    let user: Value = confirm(NEW).json().unwrap();
    assert_eq!((&user["login"], &user["email_verified"]), (&json!("alice"), &json!(true)));
    problem(confirm(NEW), 400, "invalid_proof");
    assert_eq!(server.log_in("alice", NEW).status(), 200);
    // A token of one kind is none of another.
    problem(pulled.recover(token, NEW), 400, "invalid_proof");
    problem(pulled.verified(token), 400, "invalid_proof");
}

#[test]
fn who_invites_gives_no_more_than_they_may() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    let body = json!({"login": "alice", "email": "a@example.com", "roles": ["staff"]});
    problem(server.call("/invitation", &key(server, "invite").1, &body), 403, "forbidden");
    problem(server.call("/invitation", &key(server, "users:write").1, &body), 403, "forbidden");
    let user: Value =
        server.call("/invitation", &key(server, "invite,users:write").1, &body).json().unwrap();
    assert_eq!(user["roles"], json!(["staff"]));
    problem(server.call("/invitation", &key(server, "invite").1, &body), 403, "forbidden");
    let again = json!({"login": "ALICE", "email": "b@example.com"});
    problem(server.call("/invitation", &key(server, "invite").1, &again), 400, "login_taken");
    server.register("bob");
    problem(server.call("/invitation", &server.token("bob"), &again), 403, "forbidden");
    problem(server.post("/invitation", &again), 401, "unauthenticated");
    for (body, name) in [
        (json!({"login": "carol"}), "email"),
        (json!({"email": "c@example.com"}), "login"),
        (json!({"login": "carol", "email": "c@example.com", "password": NEW}), "password"),
        (json!({"login": "carol", "email": "c@example.com", "admin": true}), "admin"),
    ] {
        let detail = problem(
            server.call("/invitation", &key(server, "invite").1, &body),
            400,
            "invalid_request",
        );
        assert!(detail.contains(name), "{detail}");
    }
}

#[test]
fn nobody_is_invited_where_no_message_can_leave() {
    let server = TestServer::start();
    let body = json!({"login": "alice", "email": "a@example.com"});
    let detail = problem(
        server.call("/invitation", &key(&server, "invite").1, &body),
        400,
        "invalid_request",
    );
    assert!(detail.contains("mail.smtp") && detail.contains("outbox"), "{detail}");
    let count = "SELECT count(*) FROM gatepost.users";
    assert_eq!(server.sql().query_one(count, &[]).unwrap().get::<_, i64>(0), 0);
}

#[test]
fn an_invitation_is_over_once_somebody_else_sets_a_password() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    let body = json!({"login": "alice", "email": "a@example.com"});
    assert_eq!(server.call("/invitation", &key(server, "invite").1, &body).status(), 201);
    let message = pulled.one("mail.invitation");
    let body = json!({"id": 1, "password": NEW});
    assert_eq!(server.patch(&body, &key(server, "users:write").1).status(), 200);
    let body = json!({"token": message["token"], "password": PASSWORD});
    problem(server.post("/invitation/confirm", &body), 400, "invalid_proof");
    assert_eq!(server.log_in("alice", NEW).status(), 200);
}
