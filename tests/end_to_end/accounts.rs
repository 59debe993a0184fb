//! Locked and expired accounts, and the current password with a new one.

use crate::authorization::key;
use crate::introspection::introspect;
use crate::revocations::list as revocations;
use crate::sessions::claims;
use crate::support::program::{Home, failure, success};
use crate::support::{PASSWORD, TestServer, problem};
use serde_json::{Value, json};

const PAST: &str = "2020-01-31T18:00:00Z";
const FUTURE: &str = "2199-01-31T18:00:00Z";

/// A service with an admin and an ordinary user, and their tokens.
struct Two {
    server: TestServer,
    root: (i64, String),
    alice: (i64, String),
}

fn two() -> Two {
    let server = TestServer::start();
    let (root, alice) = (server.register_admin("root"), server.register("alice"));
    let tokens = (server.token("root"), server.token("alice"));
    Two { server, root: (root, tokens.0), alice: (alice, tokens.1) }
}

impl Two {
    /// An admin's change of the ordinary user.
    fn set(&self, name: &str, value: impl Into<Value>) -> Value {
        let response =
            self.server.patch(&json!({"id": self.alice.0, name: value.into()}), &self.root.1);
        assert_eq!(response.status(), 200);
        response.json().unwrap()
    }

    fn alice_with(&self, token: &str) -> reqwest::blocking::Response {
        self.server.get(&format!("/user?id={}", self.alice.0), token)
    }
}

#[test]
fn a_lock_acts_on_the_next_request_and_unlocking_brings_no_token_back() {
    let two = two();
    assert_eq!(two.set("locked", true)["locked"], true);
    problem(two.alice_with(&two.alice.1), 401, "unauthenticated");
    problem(two.server.log_in("alice", PASSWORD), 403, "account_locked");
    let change = json!({"id": two.alice.0, "password": "another password"});
    problem(two.server.patch(&change, &two.alice.1), 401, "unauthenticated");
    // Locked again, locked still.
    two.set("locked", true);
    // Shown only where it holds: the contract's user has four members.
    assert_eq!(two.set("locked", false).as_object().unwrap().len(), 4);
    problem(two.alice_with(&two.alice.1), 401, "unauthenticated");
    let token = two.server.token("alice");
    assert_eq!(two.alice_with(&token).status(), 200);
    two.set("locked", false);
    assert_eq!(two.alice_with(&token).status(), 200);
}

#[test]
fn an_account_ends_at_its_time_and_lives_again_with_a_later_one() {
    let two = two();
    assert_eq!(two.set("expires_at", FUTURE)["expires_at"], FUTURE);
    assert_eq!(two.alice_with(&two.alice.1).status(), 200);
    assert_eq!(two.server.log_in("alice", PASSWORD).status(), 200);
    let elsewhere = two.set("expires_at", "2020-01-31T20:00:00+02:00");
    assert_eq!(elsewhere["expires_at"], PAST);
    problem(two.alice_with(&two.alice.1), 401, "unauthenticated");
    problem(two.server.log_in("alice", PASSWORD), 403, "account_expired");
    let listed: Value = two.server.get("/users", &two.root.1).json().unwrap();
    assert_eq!(listed["users"][1]["expires_at"], PAST);
    assert_eq!(listed["users"][0].as_object().unwrap().len(), 4);
    assert_eq!(two.set("expires_at", Value::Null).as_object().unwrap().len(), 4);
    assert_eq!(two.alice_with(&two.alice.1).status(), 200);
}

#[test]
fn a_lock_ends_every_session_and_other_services_learn_of_it() {
    let two = two();
    let key = key(&two.server, "introspect").1;
    let tokens = two.server.tokens("alice");
    assert_eq!(introspect(&two.server, &key, &tokens.access)["active"], true);
    two.set("locked", true);
    for locked in [true, false] {
        two.set("locked", locked);
        problem(two.server.refresh(&tokens.refresh), 400, "invalid_grant");
        for token in [&tokens.access, &tokens.refresh, &two.alice.1] {
            assert_eq!(introspect(&two.server, &key, token), json!({"active": false}));
        }
    }
    let listed = revocations(&two.server, "/revocations");
    let sid = |token| json!({"sid": claims(token)["sid"]});
    assert_eq!(listed["revoked"], json!([sid(&two.alice.1), sid(&tokens.access)]));
}

#[test]
fn the_sessions_of_an_account_that_is_over_rest_until_it_lives_again() {
    let two = two();
    let key = key(&two.server, "introspect").1;
    let tokens = two.server.tokens("alice");
    two.set("expires_at", PAST);
    problem(two.server.refresh(&tokens.refresh), 400, "invalid_grant");
    problem(two.server.get("/sessions", &tokens.access), 401, "unauthenticated");
    for token in [&tokens.access, &tokens.refresh] {
        assert_eq!(introspect(&two.server, &key, token), json!({"active": false}));
    }
    two.set("expires_at", FUTURE);
    assert_eq!(introspect(&two.server, &key, &tokens.refresh)["active"], true);
    assert_eq!(two.server.refresh(&tokens.refresh).status(), 200);
}

#[test]
fn an_admin_whose_account_ends_is_none_any_more() {
    let two = two();
    two.server.register_admin("another");
    let body = json!({"id": two.root.0, "expires_at": PAST});
    assert_eq!(two.server.patch(&body, &two.root.1).status(), 200);
    problem(two.server.get("/users", &two.root.1), 401, "unauthenticated");
    problem(two.server.patch(&body, &two.root.1), 401, "unauthenticated");
}

#[test]
fn that_an_account_is_locked_or_over_is_told_only_to_who_knows_the_password() {
    let two = two();
    let unknown = problem(two.server.log_in("nobody", "wrong"), 400, "invalid_credentials");
    two.set("locked", true);
    let locked = problem(two.server.log_in("alice", "wrong"), 400, "invalid_credentials");
    two.set("locked", false);
    two.set("expires_at", PAST);
    let expired = problem(two.server.log_in("alice", "wrong"), 400, "invalid_credentials");
    assert_eq!((&locked, &expired), (&unknown, &unknown));
}

#[test]
fn locks_and_ends_are_for_admins() {
    let two = two();
    for (name, value) in
        [("locked", json!(false)), ("expires_at", json!(FUTURE)), ("expires_at", Value::Null)]
    {
        let body = json!({"id": two.alice.0, name: value});
        problem(two.server.patch(&body, &two.alice.1), 403, "forbidden");
        let together = json!({"id": two.alice.0, "password": "another password", name: value});
        problem(two.server.patch(&together, &two.alice.1), 403, "forbidden");
    }
    assert_eq!(two.server.log_in("alice", PASSWORD).status(), 200);
    let body = json!({"id": 4711, "locked": true});
    problem(two.server.patch(&body, &two.alice.1), 403, "forbidden");
    problem(two.server.patch(&body, &two.root.1), 404, "not_found");
}

#[test]
fn any_part_of_a_user_can_be_changed_with_any_other() {
    let two = two();
    let new = "another password";
    let body = json!({"id": two.alice.0, "password": new, "expires_at": FUTURE, "locked": true});
    let changed: Value = two.server.patch(&body, &two.root.1).json().unwrap();
    assert_eq!((&changed["locked"], &changed["expires_at"]), (&json!(true), &json!(FUTURE)));
    problem(two.server.log_in("alice", new), 403, "account_locked");
    for (body, begin) in [
        (json!({"id": 1}), "password: is missing, as are email, locked"),
        (
            json!({"id": 1, "current_password": PASSWORD}),
            "password: is missing, as are email, locked",
        ),
        (json!({"id": 1, "locked": "true"}), "locked: must be true or false"),
        (json!({"id": 1, "locked": null}), "locked: must be true or false"),
        (json!({"id": 1, "expires_at": 1_900_000_000}), "expires_at: must be a string or null"),
        (json!({"id": 1, "expires_at": "tomorrow"}), "expires_at: must be a time as in RFC 3339"),
        (json!({"id": 1, "password": null}), "password: must be a string"),
        (json!({"id": 1, "admin": true}), "admin: is not known here"),
    ] {
        let detail = problem(two.server.patch(&body, &two.root.1), 400, "invalid_request");
        assert!(detail.starts_with(begin), "{body}: {detail}");
    }
}

#[test]
fn a_current_password_that_is_given_must_be_right() {
    let two = two();
    let body = |current: &str| json!({"id": two.alice.0, "password": "another password", "current_password": current});
    let wrong = two.server.patch(&body("wrong password"), &two.alice.1);
    problem(wrong, 400, "invalid_credentials");
    // An admin need not give it, and one who does is not believed either.
    let wrong = two.server.patch(&body("wrong password"), &two.root.1);
    problem(wrong, 400, "invalid_credentials");
    assert_eq!(two.server.log_in("alice", PASSWORD).status(), 200);
    assert_eq!(two.server.patch(&body(PASSWORD), &two.alice.1).status(), 200);
    assert_eq!(two.server.log_in("alice", "another password").status(), 200);
}

#[test]
fn where_it_is_required_a_token_alone_does_not_set_a_password() {
    let server = TestServer::with(|c| c.passwords.require_current = true);
    let (root, alice) = (server.register_admin("root"), server.register("alice"));
    let (roots, alices) = (server.token("root"), server.token("alice"));
    for (id, token) in [(root, &roots), (alice, &alices)] {
        let body = json!({"id": id, "password": "another password"});
        let detail = problem(server.patch(&body, token), 400, "invalid_request");
        assert_eq!(detail, "current_password: is needed for a new password");
    }
    let others = json!({"id": root, "password": "another password"});
    problem(server.patch(&others, &alices), 403, "forbidden");
    // An admin does not know the passwords of others, and need not for other changes.
    let body = json!({"id": alice, "password": "another password"});
    assert_eq!(server.patch(&body, &roots).status(), 200);
    assert_eq!(server.patch(&json!({"id": root, "locked": false}), &roots).status(), 200);
    let body = json!({"id": root, "password": "another one", "current_password": PASSWORD});
    assert_eq!(server.patch(&body, &roots).status(), 200);
}

#[test]
fn the_command_line_locks_unlocks_and_lets_expire() {
    let home = Home::new();
    let service = home.serve();
    let plain = success(&home.run(&["user", "create", "alice"], PASSWORD));
    let locked = success(&home.run(&["user", "lock", "alice"], ""));
    assert_eq!(locked, plain.replace('\n', "\tlocked\n"));
    let body = json!({"login": "alice", "password": PASSWORD});
    let log_in = || reqwest::blocking::Client::new().post(&service.url).json(&body).send().unwrap();
    problem(log_in(), 403, "account_locked");
    assert_eq!(success(&home.run(&["user", "unlock", "ALICE"], "")), plain);
    let expiring = success(&home.run(&["user", "expire", "alice", PAST], ""));
    assert_eq!(expiring, plain.replace('\n', &format!("\texpires {PAST}\n")));
    problem(log_in(), 403, "account_expired");
    assert_eq!(success(&home.run(&["user", "expire", "alice", "never"], "")), plain);
    assert_eq!(log_in().status(), 200);
    for arguments in
        [&["user", "expire", "alice"][..], &["user", "expire", "alice", "soon"], &["user", "lock"]]
    {
        failure(&home.run(arguments, ""), 2);
    }
    service.stop();
}
