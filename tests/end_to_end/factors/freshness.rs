//! What could take an account over asks for a sign-in that is not long ago, and for the second factor.

use crate::authorization::key;
use crate::introspection::introspect;
use crate::keys::payload;
use crate::support::{PASSWORD, TestServer, Tokens, problem};
use reqwest::Method;
use reqwest::blocking::Response;
use serde_json::{Value, json};
use std::time::Duration;

/// Checks the answer that RFC 9470 asks for.
#[track_caller]
fn stale(response: Response, acr: &str) {
    let challenge = response.headers()["www-authenticate"].to_str().unwrap().to_owned();
    let acr = format!("https://refeds.org/profile/{acr}");
    let expected = format!(
        "Bearer error=\"insufficient_user_authentication\", max_age=\"900\", acr_values=\"{acr}\""
    );
    assert_eq!(challenge, expected);
    let body: Value = response.json().unwrap();
    assert_eq!(
        (&body["status"], &body["code"]),
        (&json!(401), &json!("insufficient_user_authentication"))
    );
    assert_eq!((&body["max_age"], &body["acr_values"]), (&json!(900), &json!(acr)));
}

#[test]
fn what_takes_an_account_over_needs_a_sign_in_that_is_not_long_ago() {
    let server = TestServer::start();
    let alice = server.register("alice");
    let root = server.register_admin("root");
    let other = server.tokens("alice");
    let session =
        payload(&other.access)["sid"].as_str().unwrap().split('.').next().unwrap().to_owned();
    let made = json!({"name": "made", "scopes": ["users:read"]});
    let fresh = server.tokens("root");
    let old = server.aged(&fresh).access;
    let name = key(&server, "users:read").0;
    let revoke = format!("/api-key?name={}", name.as_str());
    let own = json!({"id": root, "password": "another password", "current_password": PASSWORD});
    let theirs = json!({"id": alice, "password": "another password"});
    stale(server.patch(&own, &old), "sfa");
    stale(server.patch(&theirs, &old), "sfa");
    stale(server.delete(&format!("/user?id={alice}"), &old), "sfa");
    stale(server.delete(&format!("/session?id={session}"), &old), "sfa");
    stale(server.call("/api-keys", &old, &made), "sfa");
    stale(server.delete(&revoke, &old), "sfa");
    stale(server.call("/factor/totp", &old, &json!({"name": "phone"})), "sfa");
    stale(server.call("/recovery-codes", &old, &json!({})), "sfa");
    stale(server.delete("/factor?id=4711", &old), "sfa");
    // Reading, a lock, which must not wait, and the end of the user's own session need none.
    assert_eq!(server.get("/users", &old).status(), 200);
    assert_eq!(server.get("/factors", &old).status(), 200);
    let lock = json!({"id": alice, "locked": true});
    assert_eq!(server.patch(&lock, &old).status(), 200);
    // A key cannot sign in.
    let key = key(&server, "users:write").1;
    assert_eq!(server.patch(&theirs, &key).status(), 200);

    let now = Tokens::of(server.call("/step-up", &old, &json!({"password": PASSWORD}))).access;
    assert_eq!(server.call("/api-keys", &now, &made).status(), 201);
    assert_eq!(server.delete(&format!("/user?id={alice}"), &now).status(), 200);
    assert_eq!(server.log_out(&now, &json!({})).status(), 200);
}

#[test]
fn where_there_is_a_second_factor_a_fresh_password_is_not_enough() {
    let server = TestServer::start();
    let id = server.register("alice");
    let before = server.tokens("alice");
    let app = server.add_totp(&before.access);
    let change = json!({"id": id, "password": "another password", "current_password": PASSWORD});
    stale(server.patch(&change, &before.access), "mfa");
    let detail = problem(
        server.call("/step-up", &before.access, &json!({"password": PASSWORD})),
        400,
        "invalid_request",
    );
    assert!(detail.starts_with("code:"), "{detail}");
    let after = Tokens::of(server.call("/step-up", &before.access, &json!({"code": app.code(0)})));
    assert_eq!(payload(&after.access)["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(server.patch(&change, &after.access).status(), 200);
}

#[test]
fn a_step_up_renews_the_session_and_retires_the_token_that_it_was_made_with() {
    let server = TestServer::start();
    let id = server.register("alice");
    let key = key(&server, "introspect").1;
    let tokens = server.tokens("alice");
    let show = |token: &str| server.get(&format!("/user?id={id}"), token);
    problem(server.call("/step-up", &tokens.access, &json!({})), 400, "invalid_request");
    let wrong = json!({"password": "another password"});
    problem(server.call("/step-up", &tokens.access, &wrong), 400, "invalid_credentials");
    assert_eq!(show(&tokens.access).status(), 200);
    let body = json!({"password": PASSWORD});
    let renewed = Tokens::of(server.call("/step-up", &tokens.access, &body));
    let (old, new) = (payload(&tokens.access), payload(&renewed.access));
    assert_eq!(old["sid"], new["sid"]);
    assert!(new["auth_time"].as_u64() > old["auth_time"].as_u64());
    problem(show(&tokens.access), 401, "unauthenticated");
    problem(server.call("/step-up", &tokens.access, &body), 401, "unauthenticated");
    assert_eq!(show(&renewed.access).status(), 200);
    assert_eq!(introspect(&server, &key, &tokens.access), json!({"active": false}));
    let known = introspect(&server, &key, &renewed.access);
    for claim in ["auth_time", "amr", "acr"] {
        assert_eq!(known[claim], new[claim], "{claim}");
    }
    // For services that verify by themselves, the list says which of the session's tokens are good.
    let list = server.request(Method::GET, "/revocations").send().unwrap();
    let list: Value = payload(&list.text().unwrap());
    let entry = &list["revoked"][0];
    assert_eq!((&entry["sid"], &entry["auth_time"]), (&new["sid"], &new["auth_time"]));
    // The refresh token that came with the login was retired by that, and its successor is the new one.
    let next = Tokens::of(server.refresh(&renewed.refresh));
    assert_eq!(payload(&next.access)["auth_time"], new["auth_time"]);
}

#[test]
fn of_many_step_ups_with_one_token_or_one_code_one_succeeds() {
    let server = TestServer::with(|c| c.limits.enabled = false);
    server.register("alice");
    let count = |tokens: &[Tokens], body: &Value| -> usize {
        std::thread::scope(|scope| {
            let send = |access: &str| server.call("/step-up", access, body).status() == 200;
            let threads: Vec<_> =
                tokens.iter().map(|tokens| scope.spawn(move || send(&tokens.access))).collect();
            threads.into_iter().filter(|_| true).map(|t| usize::from(t.join().unwrap())).sum()
        })
    };
    let one = server.tokens("alice");
    let same: Vec<Tokens> = (0..16).map(|_| one.clone()).collect();
    assert_eq!(count(&same, &json!({"password": PASSWORD})), 1);
    let sessions: Vec<Tokens> = (0..16).map(|_| server.tokens("alice")).collect();
    let app = server.add_totp(&sessions[0].access);
    assert_eq!(count(&sessions, &json!({"code": app.code(0)})), 1);
    let body = json!({"recovery_code": app.recovery_codes[0]});
    let left: Vec<Tokens> = sessions.into_iter().collect();
    assert!(count(&left, &body) <= 1);
}

#[test]
fn guesses_in_a_step_up_count_as_those_of_a_login_do() {
    let server = TestServer::with(|c| c.limits.account_failures = 3);
    server.register("alice");
    let tokens = server.tokens("alice");
    server.sql().execute("DELETE FROM gatepost.known_networks", &[]).unwrap();
    let guess = |body: &Value| server.call("/step-up", &tokens.access, body).status().as_u16();
    let wrong = json!({"password": "another password"});
    let statuses: Vec<u16> = (0..6).map(|_| guess(&wrong)).collect();
    assert_eq!((&statuses[..3], statuses.contains(&429)), (&[400; 3][..], true), "{statuses:?}");
}

#[test]
fn a_step_up_that_lacks_what_is_needed_is_no_guess() {
    let server = TestServer::with(|c| {
        c.limits.account_failures = 2;
        c.limits.tuning.first_wait = Duration::from_millis(300);
    });
    server.register("alice");
    let tokens = server.tokens("alice");
    let app = server.add_totp(&tokens.access);
    server.sql().execute("DELETE FROM gatepost.known_networks", &[]).unwrap();
    let step_up = |body: &Value| server.call("/step-up", &tokens.access, body);
    for _ in 0..2 {
        problem(step_up(&json!({"code": app.wrong()})), 400, "invalid_proof");
    }
    std::thread::sleep(Duration::from_millis(700));
    for _ in 0..3 {
        problem(step_up(&json!({"password": PASSWORD})), 400, "invalid_request");
    }
    assert_eq!(step_up(&json!({"code": app.code(0)})).status(), 200);
}

#[test]
fn only_a_user_steps_up_in_a_session() {
    let server = TestServer::start();
    let body = json!({"password": PASSWORD});
    problem(server.post("/step-up", &body), 401, "unauthenticated");
    problem(server.call("/step-up", "nonsense", &body), 401, "unauthenticated");
    let key = key(&server, "users:write").1;
    problem(server.call("/step-up", &key, &body), 403, "forbidden");
    server.register("alice");
    let tokens = server.tokens("alice");
    // A code, where there is no factor, proves nothing.
    let only = json!({"code": "123456"});
    let detail = problem(server.call("/step-up", &tokens.access, &only), 400, "invalid_request");
    assert!(detail.starts_with("password:"), "{detail}");
    let both = json!({"code": "123456", "password": PASSWORD});
    problem(server.call("/step-up", &tokens.access, &both), 400, "invalid_proof");
    assert_eq!(server.log_out(&tokens.access, &json!({})).status(), 200);
    problem(server.call("/step-up", &tokens.access, &body), 401, "unauthenticated");
}
