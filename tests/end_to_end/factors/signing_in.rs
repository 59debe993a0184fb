//! Signing in with a second factor.

use super::Authenticator;
use crate::keys::payload;
use crate::support::{PASSWORD, TestServer, Tokens, problem};
use reqwest::blocking::Response;
use serde_json::{Value, json};
use std::sync::Barrier;

fn server_with_app() -> (TestServer, Authenticator) {
    let server = TestServer::start();
    server.register("alice");
    let app = server.add_totp(&server.token("alice"));
    (server, app)
}

#[test]
fn the_right_password_asks_for_a_code_and_the_code_opens_the_session() {
    let (server, app) = server_with_app();
    let response = server.log_in("alice", PASSWORD);
    let challenge: Value = response.json().unwrap();
    assert_eq!((&challenge["status"], &challenge["code"]), (&json!(403), &json!("mfa_required")));
    assert_eq!(
        (&challenge["methods"], &challenge["expires_in"]),
        (&json!(["totp", "recovery_code"]), &json!(300))
    );
    assert!(challenge.get("access_token").is_none());
    let token = challenge["mfa_token"].as_str().unwrap();
    problem(server.mfa(token, &app.wrong()), 400, "invalid_proof");
    let tokens = Tokens::of(server.mfa(token, &app.code(0)));
    let claims = payload(&tokens.access);
    assert_eq!(claims["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(claims["acr"], "https://refeds.org/profile/mfa");
    // A refresh keeps all of it.
    let next = payload(&Tokens::of(server.refresh(&tokens.refresh)).access);
    for claim in ["amr", "acr", "auth_time", "sid"] {
        assert_eq!(next[claim], claims[claim], "{claim}");
    }
    // A user without a factor has the other two.
    server.register("bob");
    let claims = payload(&server.token("bob"));
    assert_eq!(
        (&claims["amr"], &claims["acr"]),
        (&json!(["pwd"]), &json!("https://refeds.org/profile/sfa"))
    );
}

#[test]
fn the_code_may_come_along_with_the_password() {
    let (server, app) = server_with_app();
    let log_in = |password: &str, code: &str| {
        server.post("/", &json!({"login": "alice", "password": password, "code": code}))
    };
    problem(log_in(PASSWORD, &app.wrong()), 400, "invalid_proof");
    let code = app.code(0);
    let tokens = Tokens::of(log_in(PASSWORD, &code));
    assert_eq!(payload(&tokens.access)["amr"], json!(["pwd", "otp", "mfa"]));
    problem(log_in(PASSWORD, &code), 400, "invalid_proof");
    // Whoever has not the right password learns nothing of factors and codes.
    server.register("bob");
    let details = [
        log_in("another password", &app.code(1)),
        log_in("another password", &app.wrong()),
        server.log_in("alice", "another password"),
        server.log_in("bob", "another password"),
    ];
    let details = details.map(|response| problem(response, 400, "invalid_credentials"));
    assert!(details.windows(2).all(|pair| pair[0] == pair[1]), "{details:?}");
    // A code that nobody asked for is wrong.
    let body = json!({"login": "bob", "password": PASSWORD, "code": "123456"});
    problem(server.post("/", &body), 400, "invalid_proof");
}

#[test]
fn a_recovery_code_is_good_once_however_it_is_typed_and_new_ones_replace_the_old() {
    let (server, app) = server_with_app();
    let show = |code: &str| {
        let body = json!({"mfa_token": server.mfa_token("alice"), "recovery_code": code});
        server.post("/mfa", &body)
    };
    let typed = app.recovery_codes[0].to_uppercase().replace('-', " ");
    let tokens = Tokens::of(show(&typed));
    assert_eq!(payload(&tokens.access)["amr"], json!(["pwd", "otp", "mfa"]));
    problem(show(&app.recovery_codes[0]), 400, "invalid_proof");
    let left = |token: &str| {
        server.get("/factors", token).json::<Value>().unwrap()["recovery_codes_left"].clone()
    };
    assert_eq!(left(&tokens.access), json!(9));
    let answer = server.call("/recovery-codes", &tokens.access, &json!({}));
    let new: Value = answer.json().unwrap();
    assert_eq!(
        (new["recovery_codes"].as_array().unwrap().len(), left(&tokens.access)),
        (10, json!(10))
    );
    problem(show(&app.recovery_codes[1]), 400, "invalid_proof");
    assert_eq!(show(new["recovery_codes"][0].as_str().unwrap()).status(), 200);
    // With the last one used, the answer to the password no longer offers them.
    server.sql().execute("DELETE FROM gatepost.recovery_codes", &[]).unwrap();
    let challenge: Value = server.log_in("alice", PASSWORD).json().unwrap();
    assert_eq!(challenge["methods"], json!(["totp"]));
}

/// Sends 64 requests at once to two instances, and counts the statuses.
fn at_once(servers: [&TestServer; 2], send: impl Fn(&TestServer) -> Response + Sync) -> [usize; 3] {
    let gate = Barrier::new(64);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64)
            .map(|number| {
                let (gate, send, server) = (&gate, &send, servers[number % 2]);
                scope.spawn(move || {
                    gate.wait();
                    send(server).status().as_u16()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    let counts = [count(200), count(400), count(429)];
    assert_eq!(counts.iter().sum::<usize>(), 64, "{statuses:?}");
    counts
}

#[test]
fn of_64_uses_of_one_code_at_once_on_two_instances_one_succeeds() {
    let server = TestServer::with(|c| c.limits.enabled = false);
    let other = TestServer::on_with(&server.database, |c| c.limits.enabled = false);
    server.register("alice");
    let app = server.add_totp(&server.token("alice"));
    let mfa_token = server.mfa_token("alice");
    let code = app.code(0);
    let both = [&server, &other];
    assert_eq!(at_once(both, |server| server.mfa(&mfa_token, &code)), [1, 63, 0]);
    // An app's code of the next step is another one, and so is each recovery code.
    let code = app.code(1);
    let body = json!({"login": "alice", "password": PASSWORD, "code": code});
    assert_eq!(at_once(both, |server| server.post("/", &body)), [1, 63, 0]);
    let body = json!({"mfa_token": mfa_token, "recovery_code": app.recovery_codes[0]});
    assert_eq!(at_once(both, |server| server.post("/mfa", &body)), [1, 63, 0]);
}

#[test]
fn wrong_codes_count_as_wrong_passwords_and_the_right_password_forgives_none() {
    let server = TestServer::with(|c| c.limits.account_failures = 5);
    server.register("alice");
    let app = server.add_totp(&server.token("alice"));
    let sql = "DELETE FROM gatepost.known_networks";
    server.sql().execute(sql, &[]).unwrap();
    for _ in 0..5 {
        problem(server.mfa(&server.mfa_token("alice"), &app.wrong()), 400, "invalid_proof");
    }
    // No code is tried now, not even the right one, and no password either.
    let body = json!({"login": "alice", "password": PASSWORD, "code": app.code(0)});
    let statuses = [0; 3].map(|_| server.post("/", &body).status().as_u16());
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[test]
fn after_a_wait_the_right_password_leaves_the_next_attempt_to_the_code() {
    let server = TestServer::with(|c| {
        c.limits.account_failures = 2;
        c.limits.tuning.first_wait = std::time::Duration::from_millis(300);
    });
    server.register("alice");
    let app = server.add_totp(&server.token("alice"));
    server.sql().execute("DELETE FROM gatepost.known_networks", &[]).unwrap();
    for _ in 0..2 {
        problem(server.mfa(&server.mfa_token("alice"), &app.wrong()), 400, "invalid_proof");
    }
    let mfa_token = loop {
        let response = server.log_in("alice", PASSWORD);
        let body: Value = response.json().unwrap();
        match body["mfa_token"].as_str() {
            Some(token) => break token.to_owned(),
            None => std::thread::sleep(std::time::Duration::from_millis(50)),
        }
    };
    assert_eq!(server.mfa(&mfa_token, &app.code(0)).status(), 200);
}

#[test]
fn an_mfa_token_is_good_for_its_user_and_password_alone() {
    let (server, app) = server_with_app();
    let id = server.sql().query_one("SELECT id FROM gatepost.users", &[]).unwrap().get::<_, i64>(0);
    server.register("bob");
    let bobs = server.add_totp(&server.token("bob"));
    let token = server.mfa_token("alice");
    problem(server.mfa(&token, &bobs.code(0)), 400, "invalid_proof");
    let (head, last) = token.split_at(token.len() - 1);
    let changed = format!("{head}{}", if last == "A" { "B" } else { "A" });
    let access = server.tokens_with("alice", &app).access;
    server.unused();
    let huge = "A".repeat(4_000);
    for forged in [changed.as_str(), "", "é", &access, &token[2..], &huge] {
        problem(server.mfa(forged, &app.code(0)), 400, "invalid_proof");
    }
    // It opens nothing by itself.
    problem(server.get(&format!("/user?id={id}"), &token), 401, "unauthenticated");
    problem(server.refresh(&token), 400, "invalid_grant");
    let body = json!({"id": id, "password": "another password", "current_password": PASSWORD});
    assert_eq!(server.patch(&body, &access).status(), 200);
    problem(server.mfa(&token, &app.code(0)), 400, "invalid_proof");
}

#[test]
fn a_locked_account_is_told_so_after_the_code_too() {
    let (server, app) = server_with_app();
    let token = server.mfa_token("alice");
    server.sql().execute("UPDATE gatepost.users SET locked = true", &[]).unwrap();
    problem(server.mfa(&token, &app.code(0)), 403, "account_locked");
    problem(server.log_in("alice", PASSWORD), 403, "account_locked");
}

#[test]
fn a_step_that_was_used_before_the_clock_was_set_back_does_not_lock_the_user_out() {
    let (server, app) = server_with_app();
    let sql = "UPDATE gatepost.factors SET last_step = last_step + 1000000000";
    server.sql().execute(sql, &[]).unwrap();
    let code = app.code(0);
    assert_eq!(server.mfa(&server.mfa_token("alice"), &code).status(), 200);
    problem(server.mfa(&server.mfa_token("alice"), &code), 400, "invalid_proof");
}
