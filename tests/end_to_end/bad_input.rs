//! Wrong input gets an answer that names what was wrong.

use crate::support::{PASSWORD, TestServer, problem};
use reqwest::Method;
use serde_json::{Value, json};

/// Sends a body as it is.
fn raw(server: &TestServer, target: &str, body: impl Into<Vec<u8>>) -> reqwest::blocking::Response {
    let request = server.request(Method::POST, target).body(body.into());
    request.header("content-type", "application/json").send().unwrap()
}

#[test]
fn a_missing_misspelt_or_mistyped_parameter_is_named() {
    let server = TestServer::start();
    for (body, begin) in [
        (json!({"password": PASSWORD}), "login: is missing"),
        (json!({"login": "a"}), "password: is missing"),
        (json!({"login": 1, "password": PASSWORD}), "login: must be a string"),
        (json!({"login": null, "password": PASSWORD}), "login: must be a string"),
        (json!({"login": "a", "password": [PASSWORD]}), "password: must be a string"),
        (json!({"login": "", "password": PASSWORD}), "login: must not be empty"),
        (json!({"login": "a", "password": ""}), "password: must not be empty"),
        (json!({"login": "a", "password": "nul\0nul nul"}), "password: must not contain a NUL"),
        (json!({"login": "a\0b", "password": PASSWORD}), "login: must not contain control"),
        (json!({"login": " a", "password": PASSWORD}), "login: must not begin or end"),
        (json!({"login": "x".repeat(129), "password": PASSWORD}), "login: must have at most 128"),
        (json!({"login": "a", "password": "x".repeat(1025)}), "password: must have at most 1024"),
        (json!({"login": "a", "password": PASSWORD, "x": 1}), "x: is not known here"),
        (json!({}), "login: is missing"),
    ] {
        for target in ["/user", "/"] {
            let detail = problem(server.post(target, &body), 400, "invalid_request");
            assert!(detail.starts_with(begin), "{target} {body}: {detail}");
        }
    }
}

#[test]
fn a_body_that_is_no_json_object_is_refused() {
    let server = TestServer::start();
    let deep = format!("{{\"login\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    for body in [
        b"{\"login\":".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"text\"".to_vec(),
        b"7".to_vec(),
        b"{} {}".to_vec(),
        b"{\"login\":\"\xff\"}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"{\"login\":\"\\ud800\"}".to_vec(),
        deep.into_bytes(),
    ] {
        let detail = problem(raw(&server, "/user", body), 400, "invalid_request");
        assert!(detail.starts_with("the body: "), "{detail}");
    }
    let detail = problem(raw(&server, "/user", ""), 400, "invalid_request");
    assert!(detail.starts_with("login: is missing"), "{detail}");
}

#[test]
fn a_parameter_given_twice_is_refused() {
    let server = TestServer::start();
    let body = format!("{{\"login\":\"a\",\"password\":\"{PASSWORD}\",\"login\":\"b\"}}");
    let detail = problem(raw(&server, "/user", body), 400, "invalid_request");
    assert_eq!(detail, "login: is given twice");
    let response = server.request(Method::GET, "/user?id=1&id=1").send().unwrap();
    assert_eq!(problem(response, 400, "invalid_request"), "id: is given twice");
}

#[test]
fn an_id_is_a_whole_number_of_64_bits() {
    let server = TestServer::start();
    server.register_admin("root");
    let token = server.token("root");
    for id in ["\"7\"", "7.5", "7.0", "-1", "0", "9223372036854775808", "true", "null", "[7]"] {
        let body = format!("{{\"id\":{id},\"password\":\"{PASSWORD}\"}}");
        let request = server.request(Method::PATCH, "/user").bearer_auth(&token).body(body);
        let response = request.header("content-type", "application/json").send().unwrap();
        let detail = problem(response, 400, "invalid_request");
        assert!(detail.starts_with("id: must be a whole number from 1"), "{id}: {detail}");
    }
    for id in ["", "x", "7.5", "-1", "0", "%2B7", "9223372036854775808", "true", "7%00"] {
        for method in [Method::GET, Method::DELETE] {
            let request = server.request(method, &format!("/user?id={id}"));
            let response = request.bearer_auth(&token).send().unwrap();
            let detail = problem(response, 400, "invalid_request");
            assert!(detail.starts_with("id: must be a whole number from 1"), "{id}: {detail}");
        }
    }
    let response = server.get("/user", &token);
    assert!(problem(response, 400, "invalid_request").starts_with("id: is missing"));
    problem(server.get("/user?id=9223372036854775807", &token), 404, "not_found");
}

#[test]
fn parameters_belong_in_the_body_of_post_and_patch() {
    let server = TestServer::start();
    let body = json!({"login": "a", "password": PASSWORD});
    let detail = problem(server.post("/user?login=a", &body), 400, "invalid_request");
    assert!(detail.contains("JSON object in the body"), "{detail}");
    let response = server.request(Method::GET, "/livez?x=1").send().unwrap();
    assert_eq!(problem(response, 400, "invalid_request"), "x: is not known here");
}

#[test]
fn a_broken_query_is_refused() {
    let server = TestServer::start();
    server.register_admin("root");
    let token = server.token("root");
    for query in ["id=%", "id=%zz", "id=%ff", "%ff=1"] {
        let detail = problem(server.get(&format!("/user?{query}"), &token), 400, "invalid_request");
        assert!(detail.starts_with("the query: "), "{query}: {detail}");
    }
}

#[test]
fn a_body_may_have_16384_bytes_and_not_one_more() {
    let server = TestServer::start();
    let body = |length: usize| {
        let begin = "{\"login\":\"a\",\"password\":\"correct horse battery\"";
        format!("{begin}{}}}", " ".repeat(length - begin.len() - 1))
    };
    problem(raw(&server, "/user", body(16_385)), 413, "payload_too_large");
    assert_eq!(raw(&server, "/user", body(16_384)).status(), 201);
}

#[test]
fn a_body_of_another_type_is_415() {
    let server = TestServer::start();
    let body = json!({"login": "a", "password": PASSWORD}).to_string();
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let request = server.request(Method::POST, "/user").body(body.clone());
        let response = request.header("content-type", media_type).send().unwrap();
        problem(response, 415, "unsupported_media_type");
    }
    let request = server.request(Method::POST, "/user").body(body);
    let response = request.header("content-type", "Application/JSON; charset=utf-8").send();
    assert_eq!(response.unwrap().status(), 201);
}

#[test]
fn a_weak_password_is_refused_with_the_reason_and_nothing_is_stored() {
    let server = TestServer::start();
    for password in ["short", "1234567", "äöüäöüä"] {
        let body = json!({"login": "alice", "password": password});
        let detail = problem(server.post("/user", &body), 400, "weak_password");
        assert_eq!(detail, "password: must have at least 8 characters");
    }
    let count: i64 =
        server.sql().query_one("SELECT count(*) FROM gatepost.users", &[]).unwrap().get(0);
    assert_eq!(count, 0);
    // Eight characters are enough, where nobody tries them first.
    let body = json!({"login": "alice", "password": "xkq7wzpv"});
    assert_eq!(server.post("/user", &body).status(), 201);
    let token = {
        let response: Value = server.log_in("alice", "xkq7wzpv").json().unwrap();
        response["access_token"].as_str().unwrap().to_owned()
    };
    let id = server.sql().query_one("SELECT id FROM gatepost.users", &[]).unwrap().get::<_, i64>(0);
    let body = json!({"id": id, "password": "short"});
    problem(server.patch(&body, &token), 400, "weak_password");
    assert_eq!(server.log_in("alice", "xkq7wzpv").status(), 200);
}

#[test]
fn a_password_is_never_cut() {
    let server = TestServer::start();
    let long = format!("{PASSWORD}{}", "x".repeat(1024 - PASSWORD.len()));
    let body = json!({"login": "alice", "password": long});
    assert_eq!(server.post("/user", &body).status(), 201);
    problem(server.log_in("alice", &long[..1023]), 400, "invalid_credentials");
    assert_eq!(server.log_in("alice", &long).status(), 200);
}

#[test]
fn unicode_comes_back_as_it_was_typed() {
    let server = TestServer::start();
    for login in
        ["Žofie Ňováková", "日本語", "👩 🚀", "O'Brien; DROP TABLE users --", "<b>&amp;\"\\"]
    {
        let body = json!({"login": login, "password": PASSWORD});
        let user: Value = server.post("/user", &body).json().unwrap();
        assert_eq!(user["login"], login);
        assert_eq!(server.log_in(login, PASSWORD).status(), 200);
    }
}
