//! The six calls, as the README shows them.

use crate::support::{PASSWORD, TestServer, problem};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

#[test]
fn registering_answers_201_with_the_user_and_where_to_find_it() {
    let server = TestServer::start();
    let response = server.post("/user", &json!({"login": "Alice", "password": PASSWORD}));
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["location"], "?id=1");
    assert_eq!(response.headers()["content-type"], "application/json");
    let user: Value = response.json().unwrap();
    assert_eq!(user["id"], 1);
    assert_eq!(user["login"], "Alice");
    assert_eq!(user["admin"], false);
    let created_at = user["created_at"].as_str().unwrap();
    assert_eq!((created_at.len(), created_at.ends_with('Z')), (20, true), "{created_at}");
    assert_eq!(user.as_object().unwrap().len(), 4);
}

#[test]
fn logging_in_answers_an_access_token_with_the_claims_of_the_contract() {
    let server = TestServer::start();
    let id = server.register("alice");
    let response = server.log_in("ALICE", PASSWORD);
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body: Value = response.json().unwrap();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 900);
    assert_eq!(body["user_id"], id);
    let token = body["access_token"].as_str().unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let decode = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(decode(parts[0])["alg"], "EdDSA");
    let claims = decode(parts[1]);
    assert_eq!(claims["user_id"], id);
    assert_eq!(claims["sub"], id.to_string());
    assert_eq!(claims["iss"], "gatepost");
    assert_eq!(claims["admin"], false);
    let number = |name: &str| claims[name].as_u64().unwrap();
    assert_eq!(number("exp") - number("iat"), 900);
    assert!(!claims["jti"].as_str().unwrap().is_empty());
}

#[test]
fn two_tokens_of_one_user_have_different_names() {
    let server = TestServer::start();
    server.register("alice");
    assert_ne!(server.token("alice"), server.token("alice"));
}

#[test]
fn a_wrong_login_and_a_wrong_password_get_the_same_answer() {
    let server = TestServer::start();
    server.register("alice");
    let wrong_password = problem(server.log_in("alice", "wrong horse"), 400, "invalid_credentials");
    let wrong_login = problem(server.log_in("bob", PASSWORD), 400, "invalid_credentials");
    assert_eq!(wrong_password, wrong_login);
}

#[test]
fn a_user_is_shown_changed_and_deleted() {
    let server = TestServer::start();
    let id = server.register("alice");
    let token = server.token("alice");
    let shown: Value = server.get(&format!("/user?id={id}"), &token).json().unwrap();
    assert_eq!(shown["login"], "alice");

    let new = "a different battery";
    let changed = server.patch(&json!({"id": id, "password": new}), &token);
    assert_eq!(changed.status(), 200);
    assert_eq!(changed.json::<Value>().unwrap(), shown);
    problem(server.log_in("alice", PASSWORD), 400, "invalid_credentials");
    let response: Value = server.log_in("alice", new).json().unwrap();
    let token = response["access_token"].as_str().unwrap();

    let deleted = server.delete(&format!("/user?id={id}"), token);
    assert_eq!(deleted.status(), 200);
    assert_eq!(deleted.json::<Value>().unwrap(), shown);
    problem(server.log_in("alice", new), 400, "invalid_credentials");
}

#[test]
fn delete_takes_its_parameter_from_query_or_body_or_both_alike() {
    let server = TestServer::start();
    server.register_admin("root");
    let token = server.token("root");
    let delete = |target: &str, body: Option<Value>| {
        let request = server.request(Method::DELETE, target).bearer_auth(&token);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        request.send().unwrap()
    };
    let ids: Vec<i64> = ["a", "b", "c", "d"].iter().map(|login| server.register(login)).collect();
    assert_eq!(delete(&format!("/user?id={}", ids[0]), None).status(), 200);
    assert_eq!(delete("/user", Some(json!({"id": ids[1]}))).status(), 200);
    let (target, other) = (format!("/user?id={}", ids[2]), json!({"id": ids[3]}));
    let detail = problem(delete(&target, Some(other)), 400, "invalid_request");
    assert_eq!(detail, "id: differs between query and body");
    assert_eq!(delete(&target, Some(json!({"id": ids[2]}))).status(), 200);
}

#[test]
fn head_answers_as_get_without_a_body() {
    let server = TestServer::start();
    let id = server.register("alice");
    let token = server.token("alice");
    let target = format!("/user?id={id}");
    let response = server.request(Method::HEAD, &target).bearer_auth(&token).send().unwrap();
    assert_eq!(response.status(), 200);
    let length = response.headers()["content-length"].to_str().unwrap().to_owned();
    assert_eq!(response.bytes().unwrap().len(), 0);
    let body = server.get(&target, &token).bytes().unwrap();
    assert_eq!(length, body.len().to_string());
}

#[test]
fn an_unknown_path_is_404_and_another_method_405_with_allow() {
    let server = TestServer::start();
    for path in ["/nothing", "/user/", "/users/1", "//", "/-/front-door"] {
        let response = server.request(Method::GET, path).send().unwrap();
        problem(response, 404, "not_found");
    }
    let response = server.request(Method::PUT, "/user").send().unwrap();
    assert_eq!(response.headers()["allow"], "GET, HEAD, POST, PATCH, DELETE, OPTIONS");
    problem(response, 405, "method_not_allowed");
    let response = server.request(Method::GET, "/").send().unwrap();
    assert_eq!(response.headers()["allow"], "POST, OPTIONS");
    problem(response, 405, "method_not_allowed");
}

#[test]
fn health_is_told_without_a_token() {
    let server = TestServer::start();
    for (path, word) in [("/livez", "live"), ("/readyz", "ready")] {
        let body: Value = server.request(Method::GET, path).send().unwrap().json().unwrap();
        assert_eq!(body, json!({"status": word}));
    }
}
