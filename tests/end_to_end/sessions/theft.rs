//! Retired tokens that turn up again: lost answers, and thieves.

use super::{count, let_pass, status};
use crate::support::{TestServer, Tokens, client, config, problem};
use gatepost::Service;
use serde_json::json;
use std::time::Duration;

#[test]
fn within_the_grace_each_retired_token_gets_its_own_successor_again() {
    let server = TestServer::start();
    server.register("alice");
    let first = server.tokens("alice").refresh;
    let second = Tokens::of(server.refresh(&first)).refresh;
    let third = Tokens::of(server.refresh(&second)).refresh;
    let_pass(&server, 9);
    assert_eq!(Tokens::of(server.refresh(&first)).refresh, second);
    assert_eq!(Tokens::of(server.refresh(&second)).refresh, third);
    assert_eq!(Tokens::of(server.refresh(&first)).refresh, second);
    assert_eq!(count(&server, "ended_at IS NULL AND counter = 2"), 1);
}

#[test]
fn a_stolen_token_used_after_the_grace_ends_the_session_for_both() {
    let server = TestServer::start();
    let second = Service::start(config(&server.database)).unwrap();
    let id = server.register("alice");
    let stolen = server.tokens("alice").refresh;
    let owner = Tokens::of(server.refresh(&stolen));
    let_pass(&server, 11);
    // The thief comes to another instance.
    let url = format!("http://{}/token", second.addr());
    let body = json!({"refresh_token": stolen});
    problem(client().post(url).json(&body).send().unwrap(), 400, "invalid_grant");
    problem(server.refresh(&owner.refresh), 400, "invalid_grant");
    problem(server.refresh(&stolen), 400, "invalid_grant");
    problem(server.get(&format!("/user?id={id}"), &owner.access), 401, "unauthenticated");
    // Another session of the same user is nobody's business.
    Tokens::of(server.refresh(&server.tokens("alice").refresh));
}

#[test]
fn a_thief_who_comes_first_is_found_out_when_the_owner_comes() {
    let server = TestServer::start();
    let id = server.register("alice");
    let first = server.tokens("alice").refresh;
    let stolen = Tokens::of(server.refresh(&first)).refresh;
    let mut thief = Tokens::of(server.refresh(&stolen));
    for _ in 0..40 {
        let_pass(&server, 60);
        thief = Tokens::of(server.refresh(&thief.refresh));
    }
    problem(server.refresh(&first), 400, "invalid_grant");
    problem(server.refresh(&thief.refresh), 400, "invalid_grant");
    assert_eq!(status(&server, id, &thief.access), 401);
}

#[test]
fn the_grace_is_a_setting_and_without_one_a_second_use_ends_the_session() {
    let server = TestServer::with(|c| c.sessions.refresh_grace = Duration::ZERO);
    server.register("alice");
    let first = server.tokens("alice").refresh;
    let second = Tokens::of(server.refresh(&first)).refresh;
    let_pass(&server, 1);
    problem(server.refresh(&first), 400, "invalid_grant");
    problem(server.refresh(&second), 400, "invalid_grant");
}
