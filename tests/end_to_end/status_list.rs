//! The Token Status List (draft-ietf-oauth-status-list): where a token's bit is, and what it says.

use crate::keys::{header, payload, verifies};
use crate::support::{PASSWORD, TestServer, Tokens, problem};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost::Caller;
use gatepost::domain::UserId;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ISSUER: &str = "https://auth.example/a";

fn site() -> TestServer {
    let server = TestServer::with(|config| {
        config.tokens.issuer = ISSUER.to_owned();
        config.tokens.status_list = true;
    });
    server.register_admin("root");
    server.register("alice");
    server
}

fn fetch(server: &TestServer, target: &str) -> String {
    let answer = server.request(Method::GET, target).send().unwrap();
    assert_eq!(answer.status(), 200, "{target}");
    assert_eq!(answer.headers()["content-type"], "application/statuslist+jwt");
    answer.text().unwrap()
}

/// What the list says of a token, as the draft has it read.
fn is_revoked(server: &TestServer, token: &str) -> bool {
    let reference = &payload(token)["status"]["status_list"];
    let (idx, uri) = (reference["idx"].as_u64().unwrap(), reference["uri"].as_str().unwrap());
    let list = fetch(server, uri.strip_prefix(ISSUER).unwrap());
    assert_eq!(header(&list)["typ"], "statuslist+jwt");
    let claims = payload(&list);
    assert_eq!((&claims["sub"], &claims["status_list"]["bits"]), (&json!(uri), &json!(1)));
    let compressed =
        URL_SAFE_NO_PAD.decode(claims["status_list"]["lst"].as_str().unwrap()).unwrap();
    let bits = miniz_oxide::inflate::decompress_to_vec_zlib(&compressed).unwrap();
    bits[usize::try_from(idx / 8).unwrap()] >> (idx % 8) & 1 == 1
}

/// Waits until the list, which is made once a second, says that a token is revoked.
fn until_revoked(server: &TestServer, token: &str) {
    let begin = Instant::now();
    while !is_revoked(server, token) {
        assert!(begin.elapsed() < Duration::from_secs(10), "the list does not say so");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn refreshed(server: &TestServer, tokens: &Tokens) -> String {
    let body = json!({"refresh_token": tokens.refresh});
    Tokens::of(server.post("/token", &body)).access
}

#[test]
fn a_token_has_a_place_where_that_is_switched_on_and_the_list_is_signed() {
    let server = site();
    let token = server.token("alice");
    assert!(!is_revoked(&server, &token));
    let list = fetch(&server, "/status-list?id=0");
    let keys: Value =
        server.request(Method::GET, "/.well-known/jwks.json").send().unwrap().json().unwrap();
    assert!(verifies(&list, keys["keys"].as_array().unwrap()));
    let claims = payload(&list);
    assert!(claims.get("iss").is_none() && claims.get("aud").is_none());
    assert!(claims["exp"].as_u64() > claims["iat"].as_u64() && claims["ttl"].as_u64() == Some(10));
    // It passes for no token here.
    problem(server.get("/user?id=2", &list), 401, "unauthenticated");
    let answer = server.request(Method::GET, "/status-list?id=0").send().unwrap();
    let etag = answer.headers()["etag"].clone();
    let again = server.request(Method::GET, "/status-list?id=0").header("if-none-match", etag);
    assert_eq!(again.send().unwrap().status(), 304);

    let plain = TestServer::start();
    plain.register("alice");
    assert!(payload(&plain.token("alice")).get("status").is_none());
}

#[test]
fn a_token_of_a_session_that_is_over_is_revoked_and_others_are_not() {
    let server = site();
    let (ended, other) = (server.token("alice"), server.token("alice"));
    let out = server.request(Method::POST, "/logout").bearer_auth(&ended).send().unwrap();
    assert_eq!(out.status(), 200);
    until_revoked(&server, &ended);
    assert!(!is_revoked(&server, &other));
    // A user who is deleted takes all of them along.
    let admin = server.token("root");
    assert_eq!(server.delete("/user?id=2", &admin).status(), 200);
    until_revoked(&server, &other);
    assert!(!is_revoked(&server, &admin));
}

#[test]
fn a_session_that_goes_on_has_good_tokens_again() {
    let server = site();
    let before = server.tokens("alice");
    let body = json!({"id": 2, "password": "staple and battery", "current_password": PASSWORD});
    assert_eq!(server.patch(&body, &before.access).status(), 200);
    until_revoked(&server, &before.access);
    let after = refreshed(&server, &before);
    assert_eq!(payload(&after)["sid"], payload(&before.access)["sid"]);
    assert!(!is_revoked(&server, &after));

    // A demotion revokes what claims more than is true.
    let id = UserId::parse(server.register_admin("deputy")).unwrap();
    let tokens = server.tokens("deputy");
    gatepost::users::set_admin(server.app(), &Caller::Trusted, id, false).unwrap();
    until_revoked(&server, &tokens.access);
    assert!(!is_revoked(&server, &refreshed(&server, &tokens)));
}

#[test]
fn there_are_lists_for_sessions_that_were_and_no_others() {
    let server = site();
    server.token("alice");
    for (query, status, code) in [
        ("id=1", 404, "not_found"),
        ("id=9223372036854775807", 404, "not_found"),
        ("id=-1", 400, "invalid_request"),
        ("id=x", 400, "invalid_request"),
        ("", 400, "invalid_request"),
        ("id=0&since=1", 400, "invalid_request"),
    ] {
        let answer = server.request(Method::GET, &format!("/status-list?{query}")).send().unwrap();
        problem(answer, status, code);
    }
    // Beyond a list's sessions the next one begins.
    server.sql().execute("SELECT setval('gatepost.sessions_id_seq', 16383)", &[]).unwrap();
    let (ended, other) = (server.token("alice"), server.token("alice"));
    let place = |token: &str| payload(token)["status"]["status_list"].clone();
    assert_eq!(place(&ended)["uri"], format!("{ISSUER}/status-list?id=1"));
    assert_eq!(place(&ended)["idx"], 2);
    assert_eq!(place(&other)["idx"], 10);
    let out = server.request(Method::POST, "/logout").bearer_auth(&ended).send().unwrap();
    assert_eq!(out.status(), 200);
    until_revoked(&server, &ended);
    assert!(!is_revoked(&server, &other));
}
