//! Logging out, changing a password, deleting: what ends, and what goes on.

use super::{count, listed, status};
use crate::support::{PASSWORD, TestServer, Tokens, problem};
use gatepost::Caller;
use gatepost::config::AccessMode;
use gatepost::domain::UserId;
use gatepost::passwords::Password;
use reqwest::Method;
use serde_json::json;

#[test]
fn logging_out_ends_the_session_at_once_and_no_other() {
    let server = TestServer::start();
    let id = server.register("alice");
    let (here, there) = (server.tokens("alice"), server.tokens("alice"));
    let response = server.log_out(&here.access, &json!({}));
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().unwrap(), "{}\n");
    assert_eq!((status(&server, id, &here.access), status(&server, id, &there.access)), (401, 200));
    problem(server.refresh(&here.refresh), 400, "invalid_grant");
    problem(server.log_out(&here.access, &json!({})), 401, "unauthenticated");
    Tokens::of(server.refresh(&there.refresh));
    // A body is not needed.
    let request = server.request(Method::POST, "/logout").bearer_auth(&there.access);
    assert_eq!(request.send().unwrap().status(), 200);
    problem(server.refresh(&there.refresh), 400, "invalid_grant");
}

#[test]
fn logging_out_everywhere_ends_all_sessions_of_the_user_and_of_nobody_else() {
    let server = TestServer::start();
    let id = server.register("alice");
    let bob = server.register("bob");
    let (here, there, bobs) =
        (server.tokens("alice"), server.tokens("alice"), server.tokens("bob"));
    assert_eq!(server.log_out(&here.access, &json!({"all": true})).status(), 200);
    assert_eq!((status(&server, id, &here.access), status(&server, id, &there.access)), (401, 401));
    problem(server.refresh(&there.refresh), 400, "invalid_grant");
    assert_eq!(status(&server, bob, &bobs.access), 200);
}

#[test]
fn logging_out_needs_a_token_and_a_sensible_body() {
    let server = TestServer::start();
    server.register("alice");
    let token = server.token("alice");
    problem(server.post("/logout", &json!({})), 401, "unauthenticated");
    for body in [json!({"all": "true"}), json!({"all": 1}), json!({"everything": true})] {
        problem(server.log_out(&token, &body), 400, "invalid_request");
    }
}

#[test]
fn a_password_change_ends_all_sessions_but_the_own_which_can_be_refreshed() {
    let server = TestServer::start();
    let id = server.register("alice");
    let (own, other) = (server.tokens("alice"), server.tokens("alice"));
    let body = json!({"id": id, "password": "another password"});
    assert_eq!(server.patch(&body, &own.access).status(), 200);
    // A thief may hold the access token as well.
    assert_eq!((status(&server, id, &own.access), status(&server, id, &other.access)), (401, 401));
    problem(server.refresh(&other.refresh), 400, "invalid_grant");
    let renewed = Tokens::of(server.refresh(&own.refresh));
    assert_eq!(status(&server, id, &renewed.access), 200);
}

#[test]
fn a_password_change_by_somebody_else_ends_all_sessions() {
    let server = TestServer::start();
    let id = server.register("alice");
    server.register_admin("root");
    let root = server.token("root");
    let body = json!({"id": id, "password": "another password"});
    let tokens = server.tokens("alice");
    assert_eq!(server.patch(&body, &root).status(), 200);
    problem(server.refresh(&tokens.refresh), 400, "invalid_grant");
    let tokens = Tokens::of(server.log_in("alice", "another password"));
    let (user, password) = (UserId::parse(id).unwrap(), Password::parse(PASSWORD).unwrap());
    gatepost::users::change_password(server.app(), &Caller::Trusted, user, &password).unwrap();
    problem(server.refresh(&tokens.refresh), 400, "invalid_grant");
    // The admin's own session goes on.
    assert_eq!(server.get("/users", &root).status(), 200);
}

#[test]
fn a_deletion_ends_all_sessions() {
    let server = TestServer::start();
    let id = server.register("alice");
    let (own, other) = (server.tokens("alice"), server.tokens("alice"));
    assert_eq!(server.delete(&format!("/user?id={id}"), &own.access).status(), 200);
    problem(server.refresh(&own.refresh), 400, "invalid_grant");
    problem(server.refresh(&other.refresh), 400, "invalid_grant");
    assert_eq!(count(&server, "ended_at IS NULL"), 0);
}

#[test]
fn in_open_mode_sessions_work_and_logging_out_takes_the_token_of_the_session() {
    let server = TestServer::with(|c| c.access.mode = AccessMode::Open);
    let id = server.register("alice");
    let tokens = server.tokens("alice");
    let renewed = Tokens::of(server.refresh(&tokens.refresh));
    let anybody = |method, target: &str| server.request(method, target).send().unwrap();
    problem(anybody(Method::GET, "/sessions"), 400, "invalid_request");
    let sessions = listed(anybody(Method::GET, &format!("/sessions?user_id={id}")));
    assert_eq!(sessions.len(), 1);
    problem(anybody(Method::POST, "/logout"), 401, "unauthenticated");
    assert_eq!(server.log_out(&renewed.access, &json!({})).status(), 200);
    problem(server.refresh(&renewed.refresh), 400, "invalid_grant");
    let tokens = server.tokens("alice");
    let session = listed(anybody(Method::GET, &format!("/sessions?user_id={id}")));
    let target = format!("/session?id={}", session[0]["id"]);
    assert_eq!(anybody(Method::DELETE, &target).status(), 200);
    problem(server.refresh(&tokens.refresh), 400, "invalid_grant");
}
