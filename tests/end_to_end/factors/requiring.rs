//! `access.require_mfa`.

use crate::keys::payload;
use crate::support::{PASSWORD, TestServer, Tokens, problem};
use gatepost::config::RequiredMfa;
use gatepost::domain::Login;
use gatepost::{Caller, factors, users};
use serde_json::{Value, json};

fn requiring(admins: bool, roles: &[&str]) -> TestServer {
    TestServer::with(|c| {
        let roles = roles.iter().map(ToString::to_string).collect();
        c.access.require_mfa = RequiredMfa { everybody: false, admins, roles };
    })
}

/// Lets the time to set a factor up be over.
fn time_passes(server: &TestServer) {
    let sql = "UPDATE gatepost.users SET mfa_asked_at = mfa_asked_at - interval '15 days'";
    server.sql().execute(sql, &[]).unwrap();
}

fn due(server: &TestServer, login: &str) -> Value {
    let response = server.log_in(login, PASSWORD);
    assert_eq!(response.status(), 200);
    response.json::<Value>().unwrap()["mfa_due_at"].clone()
}

#[test]
fn an_admin_has_some_time_and_then_none() {
    let server = requiring(true, &[]);
    server.register("alice");
    let id = server.register_admin("root");
    assert_eq!(due(&server, "alice"), Value::Null);
    let end = due(&server, "root");
    assert!(end.as_str().unwrap().ends_with('Z'));
    assert_eq!(due(&server, "root"), end);
    let within = server.tokens("root");
    time_passes(&server);
    let response = server.log_in("root", PASSWORD);
    let body: Value = response.json().unwrap();
    assert_eq!((&body["status"], &body["code"]), (&json!(403), &json!("mfa_required")));
    assert_eq!((&body["methods"], body.get("mfa_token")), (&json!([]), None));
    // The session of before does not go on either.
    problem(server.refresh(&within.refresh), 400, "invalid_grant");
    // Whoever has not the password learns nothing of it.
    problem(server.log_in("root", "another password"), 400, "invalid_credentials");
    assert_eq!(due(&server, "alice"), Value::Null);
    // The operator lets the admin in again.
    let user = users::find(server.app(), &Caller::Trusted, &Login::parse("root").unwrap()).unwrap();
    assert_eq!(user.id.get(), id);
    assert!(factors::remove_all(server.app(), &Caller::Trusted, user.id).unwrap().is_empty());
    let again = server.tokens("root");
    let app = server.add_totp(&again.access);
    time_passes(&server);
    let with = server.tokens_with("root", &app);
    assert_eq!(payload(&with.access)["acr"], "https://refeds.org/profile/mfa");
    Tokens::of(server.refresh(&with.refresh));
    // A session that never showed the factor is over all the same.
    problem(server.refresh(&again.refresh), 400, "invalid_grant");
}

#[test]
fn it_can_be_required_by_role() {
    let server = requiring(false, &["staff"]);
    let id = server.register("alice");
    server.register_admin("root");
    assert_eq!((due(&server, "alice"), due(&server, "root")), (Value::Null, Value::Null));
    let roles = json!({"id": id, "roles": ["staff", "other"]});
    assert_eq!(server.patch(&roles, &server.token("root")).status(), 200);
    assert!(due(&server, "alice").is_string());
    time_passes(&server);
    problem(server.log_in("alice", PASSWORD), 403, "mfa_required");
    let none = json!({"id": id, "roles": []});
    assert_eq!(server.patch(&none, &server.token("root")).status(), 200);
    assert_eq!(due(&server, "alice"), Value::Null);
}

#[test]
fn a_user_who_removes_the_last_factor_gets_no_new_time() {
    let server = TestServer::with(|c| {
        c.access.require_mfa = RequiredMfa { everybody: true, ..RequiredMfa::default() };
    });
    server.register("alice");
    let first = server.tokens("alice");
    let app = server.add_totp(&first.access);
    time_passes(&server);
    let with = server.tokens_with("alice", &app);
    assert_eq!(server.delete(&format!("/factor?id={}", app.id), &with.access).status(), 200);
    problem(server.log_in("alice", PASSWORD), 403, "mfa_required");
}
