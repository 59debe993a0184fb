//! Adding, listing and removing factors.

use super::Authenticator;
use crate::authorization::key;
use crate::passkeys::device::Device;
use crate::support::{PASSWORD, TestServer, problem};
use gatepost::config::AccessMode;
use serde_json::{Value, json};
use std::process::Command;

fn factors(server: &TestServer, token: &str) -> Value {
    let response = server.get("/factors", token);
    assert_eq!(response.status(), 200);
    response.json().unwrap()
}

#[test]
fn an_app_counts_once_it_has_shown_a_code_and_comes_with_recovery_codes() {
    let server = TestServer::start();
    server.register("alice");
    let token = server.token("alice");
    let none = json!({"factors": [], "recovery_codes_left": 0});
    assert_eq!(factors(&server, &token), none);

    let response = server.call("/factor/totp", &token, &json!({"name": " my phone "}));
    assert_eq!(
        (response.status().as_u16(), &response.headers()["cache-control"]),
        (201, &"no-store".parse().unwrap())
    );
    let enrolment: Value = response.json().unwrap();
    let secret = enrolment["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 32);
    let uri = "otpauth://totp/gatepost:alice?secret=SECRET&issuer=gatepost&algorithm=SHA1&digits=6&period=30";
    assert_eq!(enrolment["otpauth_uri"], uri.replace("SECRET", secret));
    let app = Authenticator::of(&enrolment);
    // Nothing has changed yet, and a wrong code changes nothing.
    assert_eq!(factors(&server, &token), none);
    let confirm = |id: i64, code: &str| {
        server.call("/factor/totp/confirm", &token, &json!({"id": id, "code": code}))
    };
    problem(confirm(app.id, &app.wrong()), 400, "invalid_proof");
    problem(confirm(app.id + 1, &app.code(0)), 400, "invalid_proof");
    assert_eq!(server.log_in("alice", PASSWORD).status(), 200);

    let code = app.code(0);
    let confirmed = confirm(app.id, &code);
    assert_eq!(confirmed.status(), 200);
    let confirmed: Value = confirmed.json().unwrap();
    assert_eq!(
        (&confirmed["id"], &confirmed["kind"], &confirmed["name"]),
        (&json!(app.id), &json!("totp"), &json!("my phone"))
    );
    let codes = confirmed["recovery_codes"].as_array().unwrap();
    let lengths: Vec<usize> = codes.iter().map(|code| code.as_str().unwrap().len()).collect();
    assert_eq!(lengths, [27; 10]);
    // The code was used up by that, and the factor is confirmed for good.
    problem(server.mfa(&server.mfa_token("alice"), &code), 400, "invalid_proof");
    problem(confirm(app.id, &app.code(1)), 401, "insufficient_user_authentication");
    let listed = factors(&server, &token);
    assert_eq!(
        (&listed["factors"][0]["id"], &listed["recovery_codes_left"]),
        (&json!(app.id), &json!(10))
    );
    assert!(listed["factors"][0].get("last_used_at").is_none());
    assert!(!listed.to_string().contains(secret));
    let target = format!("/user/export?id={}", server.user_id("alice"));
    let kept: Value = server.get(&target, &token).json().unwrap();
    assert_eq!((&kept["factors"], &kept["recovery_codes_left"]), (&listed["factors"], &json!(10)));
}

/// `oathtool` knows nothing of us. Where it is not installed, only `.ci/run` misses it.
#[test]
fn the_codes_of_an_independent_program_are_taken() {
    let server = TestServer::start();
    server.register("alice");
    let token = server.token("alice");
    let response = server.call("/factor/totp", &token, &json!({"name": "oathtool"}));
    let enrolment: Value = response.json().unwrap();
    let secret = enrolment["secret"].as_str().unwrap();
    let output = match Command::new("oathtool").args(["--totp", "--base32", secret]).output() {
        Ok(output) => output,
        Err(_) if std::env::var_os("REQUIRE_OATHTOOL").is_none() => return,
        Err(error) => panic!("oathtool: {error}"),
    };
    let code = String::from_utf8(output.stdout).unwrap();
    let body = json!({"id": enrolment["id"], "code": code.trim()});
    assert_eq!(server.call("/factor/totp/confirm", &token, &body).status(), 200);
}

#[test]
fn one_enrolment_waits_at_a_time_and_not_for_long() {
    let server = TestServer::start();
    server.register("alice");
    let token = server.token("alice");
    let enrol = || {
        let response = server.call("/factor/totp", &token, &json!({"name": "phone"}));
        Authenticator::of(&response.json().unwrap())
    };
    let confirm = |app: &Authenticator| {
        server.call("/factor/totp/confirm", &token, &json!({"id": app.id, "code": app.code(0)}))
    };
    let (first, second) = (enrol(), enrol());
    problem(confirm(&first), 400, "invalid_proof");
    let sql = "UPDATE gatepost.factors SET created_at = created_at - interval '61 minutes'";
    server.sql().execute(sql, &[]).unwrap();
    problem(confirm(&second), 400, "invalid_proof");
    assert_eq!(confirm(&enrol()).status(), 200);
}

#[test]
fn a_user_has_ten_factors_at_most_and_recovery_codes_come_with_the_first() {
    let server = TestServer::start();
    server.register("alice");
    let mut app = server.add_totp(&server.token("alice"));
    let token = server.tokens_with("alice", &app).access;
    for number in 2..=10 {
        app = server.add_totp(&token);
        assert_eq!(app.recovery_codes.len(), 0, "{number}");
    }
    let response = server.call("/factor/totp", &token, &json!({"name": "one more"}));
    assert!(problem(response, 400, "invalid_request").contains("10 factors"));
    // Nor may one that waited be the eleventh.
    let last = format!("/factor?id={}", app.id);
    assert_eq!(server.delete(&last, &token).status(), 200);
    let waits = server.call("/factor/totp", &token, &json!({"name": "waits"}));
    let waits = Authenticator::of(&waits.json().unwrap());
    let mut device = Device::new();
    server.add_passkey(&token, &mut device);
    let body = json!({"id": waits.id, "code": waits.code(0)});
    let response = server.call("/factor/totp/confirm", &token, &body);
    assert!(problem(response, 400, "invalid_request").contains("10 factors"));
    assert_eq!(server.delete("/factor?id=1", &token).status(), 200);
    let response = server.call("/factor/totp/confirm", &token, &body);
    assert_eq!(response.status(), 200);
    let app = waits;
    // Each of them is good.
    server.unused();
    assert_eq!(server.mfa(&server.mfa_token("alice"), &app.code(0)).status(), 200);
}

#[test]
fn with_the_last_factor_go_the_recovery_codes_and_the_question() {
    let server = TestServer::start();
    server.register("alice");
    let first = server.add_totp(&server.token("alice"));
    let token = server.tokens_with("alice", &first).access;
    let second = server.add_totp(&token);
    let removed = server.delete(&format!("/factor?id={}", first.id), &token);
    assert_eq!(removed.status(), 200);
    assert_eq!(removed.json::<Value>().unwrap()["id"], json!(first.id));
    problem(server.delete(&format!("/factor?id={}", first.id), &token), 403, "forbidden");
    server.unused();
    problem(server.mfa(&server.mfa_token("alice"), &first.code(0)), 400, "invalid_proof");
    assert_eq!(factors(&server, &token)["recovery_codes_left"], json!(10));

    assert_eq!(server.delete(&format!("/factor?id={}", second.id), &token).status(), 200);
    assert_eq!(factors(&server, &token), json!({"factors": [], "recovery_codes_left": 0}));
    assert_eq!(server.log_in("alice", PASSWORD).status(), 200);
    // Now there is nothing that recovery codes could stand in for.
    let response = server.call("/recovery-codes", &token, &json!({}));
    problem(response, 400, "invalid_request");
}

#[test]
fn an_admin_helps_who_has_lost_a_factor_and_nobody_else_may() {
    let server = TestServer::start();
    let id = server.register("alice");
    server.register("mallory");
    server.register_admin("root");
    let app = server.add_totp(&server.token("alice"));
    let target = format!("/factor?id={}", app.id);
    let (mallory, root) = (server.token("mallory"), server.token("root"));
    let listing = format!("/factors?user_id={id}");
    problem(server.get(&listing, &mallory), 403, "forbidden");
    problem(server.delete(&target, &mallory), 403, "forbidden");
    problem(server.delete("/factor?id=4711", &mallory), 403, "forbidden");
    let key = key(&server, "users:read,users:write,register,introspect").1;
    problem(server.delete(&target, &key), 403, "forbidden");
    problem(server.get(&listing, &key), 403, "forbidden");
    problem(server.call("/factor/totp", &key, &json!({"name": "x"})), 403, "forbidden");
    // Nobody adds a factor to somebody else, or confirms one.
    let waits: Value = server.call("/factor/totp", &root, &json!({"name": "x"})).json().unwrap();
    let theirs = Authenticator::of(&waits);
    let body = json!({"id": theirs.id, "code": theirs.code(0)});
    problem(server.call("/factor/totp/confirm", &mallory, &body), 400, "invalid_proof");

    assert_eq!(server.get(&listing, &root).status(), 200);
    problem(server.get("/factors?user_id=4711", &root), 404, "not_found");
    problem(server.delete("/factor?id=4711", &root), 404, "not_found");
    assert_eq!(server.delete(&target, &root).status(), 200);
    assert_eq!(server.log_in("alice", PASSWORD).status(), 200);
}

#[test]
fn deleting_a_user_deletes_everything_of_the_factors() {
    let server = TestServer::start();
    let id = server.register("alice");
    server.add_totp(&server.token("alice"));
    server.register_admin("root");
    assert_eq!(server.delete(&format!("/user?id={id}"), &server.token("root")).status(), 200);
    let sql = "SELECT (SELECT count(*) FROM gatepost.factors)
                    + (SELECT count(*) FROM gatepost.recovery_codes)";
    assert_eq!(server.sql().query_one(sql, &[]).unwrap().get::<_, i64>(0), 0);
}

#[test]
fn what_is_malformed_is_named() {
    let server = TestServer::start();
    server.register("alice");
    let token = server.token("alice");
    let fault = |target: &str, body: &Value| {
        problem(server.call(target, &token, body), 400, "invalid_request")
    };
    let long = "n".repeat(65);
    for name in [json!(""), json!(" "), json!("a\u{7}"), json!(long), json!(7), json!(null)] {
        assert!(fault("/factor/totp", &json!({"name": name})).starts_with("name:"), "{name}");
    }
    assert!(fault("/factor/totp", &json!({})).starts_with("name:"));
    assert!(fault("/factor/totp", &json!({"name": "x", "secret": "y"})).starts_with("secret:"));
    for code in [json!("12345"), json!("1234567"), json!("12345x"), json!(123_456), json!("")] {
        let detail = fault("/factor/totp/confirm", &json!({"id": 1, "code": code}));
        assert!(detail.starts_with("code:"), "{detail}");
    }
    assert!(fault("/factor/totp/confirm", &json!({"code": "123456"})).starts_with("id:"));
    assert!(fault("/recovery-codes", &json!({"x": 1})).starts_with("x:"));
    for body in [json!({"mfa_token": "x"}), json!({"mfa_token": "x", "code": null})] {
        let detail = problem(server.post("/mfa", &body), 400, "invalid_request");
        assert!(detail.starts_with("code:"), "{detail}");
    }
    let both = json!({"mfa_token": "x", "code": "123456", "recovery_code": "a"});
    let detail = problem(server.post("/mfa", &both), 400, "invalid_request");
    assert!(detail.starts_with("recovery_code:"), "{detail}");
    let short = json!({"mfa_token": "x", "recovery_code": "abc"});
    let detail = problem(server.post("/mfa", &short), 400, "invalid_request");
    assert!(detail.starts_with("recovery_code:"), "{detail}");
}

#[test]
fn in_open_mode_a_factor_still_belongs_to_the_user_of_a_token() {
    let server = TestServer::with(|c| c.access.mode = AccessMode::Open);
    let id = server.register("alice");
    let response = server.post("/factor/totp", &json!({"name": "phone"}));
    problem(response, 401, "unauthenticated");
    let app = server.add_totp(&server.token("alice"));
    // Anyone may see and remove it, as anyone may do everything.
    let listed = server.request(reqwest::Method::GET, &format!("/factors?user_id={id}")).send();
    assert_eq!(listed.unwrap().json::<Value>().unwrap()["factors"][0]["id"], json!(app.id));
    let target = format!("/factor?id={}", app.id);
    let removed = server.request(reqwest::Method::DELETE, &target).send().unwrap();
    assert_eq!(removed.status(), 200);
    assert_eq!(server.log_in("alice", PASSWORD).status(), 200);
}
