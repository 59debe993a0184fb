//! Who may do what: every call, every role, both modes.

use crate::authorization::key;
use crate::logins::wait_for_locks;
use crate::support::{PASSWORD, TestServer, problem};
use gatepost::Caller;
use gatepost::config::{AccessMode, Registration};
use gatepost::domain::UserId;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// The calls that ask for a right, on a user of this id.
fn calls(id: i64) -> [(Method, String, Option<Value>); 4] {
    let body = json!({"id": id, "password": PASSWORD});
    [
        (Method::GET, "/users".to_owned(), None),
        (Method::GET, format!("/user?id={id}"), None),
        (Method::PATCH, "/user".to_owned(), Some(body)),
        (Method::DELETE, format!("/user?id={id}"), None),
    ]
}

/// The statuses of all calls with this `Authorization` header.
fn statuses(server: &TestServer, id: i64, authorization: Option<&str>) -> Vec<u16> {
    let status = |(method, target, body): (Method, String, Option<Value>)| {
        let mut request = server.request(method, &target);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().unwrap();
        let status = response.status().as_u16();
        match status {
            401 => {
                let challenge = response.headers()["www-authenticate"].to_str().unwrap();
                let expected = match authorization {
                    None => "Bearer",
                    Some(_) => "Bearer error=\"invalid_token\"",
                };
                assert_eq!(challenge, expected);
                problem(response, 401, "unauthenticated");
            }
            403 => drop(problem(response, 403, "forbidden")),
            404 => drop(problem(response, 404, "not_found")),
            _ => (),
        }
        status
    };
    calls(id).into_iter().map(status).collect()
}

#[test]
fn without_a_valid_token_nothing_is_allowed() {
    let server = TestServer::start();
    let id = server.register("alice");
    let token = server.token("alice");
    let other_key = TestServer::start();
    other_key.register("alice");
    let foreign = other_key.token("alice");
    let (_, signed) = token.split_once('.').unwrap();
    let (payload, _) = signed.split_once('.').unwrap();
    // {"alg":"none"}
    let unsigned = format!("eyJhbGciOiJub25lIn0.{payload}.");
    assert_eq!(statuses(&server, id, None), [401; 4]);
    for header in [
        format!("Bearer {foreign}"),
        format!("Bearer {unsigned}"),
        format!("Bearer {}", &token[..token.len() - 2]),
        format!("Basic {token}"),
        format!("Bearer{token}"),
        token.clone(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer a.b.c".to_owned(),
        format!("Bearer {token} {token}"),
    ] {
        assert_eq!(statuses(&server, id, Some(&header)), [401; 4], "{header}");
    }
    let twice = server.request(Method::GET, &format!("/user?id={id}"));
    let twice = twice.bearer_auth(&token).bearer_auth(&token).send().unwrap();
    problem(twice, 400, "invalid_request");
    assert_eq!(server.get(&format!("/user?id={id}"), &token).status(), 200);
}

#[test]
fn an_expired_token_is_refused() {
    let server = TestServer::with(|c| c.tokens.access_ttl = Duration::from_secs(1));
    let id = server.register("alice");
    let token = server.token("alice");
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(statuses(&server, id, Some(&format!("Bearer {token}"))), [401; 4]);
}

#[test]
fn a_user_reaches_the_own_account_and_no_other_whether_or_not_it_exists() {
    let server = TestServer::start();
    let (alice, bob) = (server.register("alice"), server.register("bob"));
    let bearer = format!("Bearer {}", server.token("alice"));
    assert_eq!(statuses(&server, bob, Some(&bearer)), [403; 4]);
    assert_eq!(statuses(&server, 4711, Some(&bearer)), [403; 4]);
    // The password change makes the token an old one.
    assert_eq!(statuses(&server, alice, Some(&bearer)), [403, 200, 200, 401]);
    let bearer = format!("bearer {}", server.token("alice"));
    assert_eq!(statuses(&server, alice, Some(&bearer))[..2], [403, 200]);
}

#[test]
fn an_admin_reaches_everybody() {
    let server = TestServer::start();
    let bob = server.register("bob");
    server.register_admin("root");
    let bearer = format!("Bearer {}", server.token("root"));
    assert_eq!(statuses(&server, bob, Some(&bearer)), [200; 4]);
    assert_eq!(statuses(&server, 4711, Some(&bearer)), [200, 404, 404, 404]);
}

#[test]
fn in_open_mode_nobody_is_asked_for_a_token() {
    let server = TestServer::with(|c| c.access.mode = AccessMode::Open);
    let (alice, bob) = (server.register("alice"), server.register("bob"));
    assert_eq!(statuses(&server, alice, None), [200; 4]);
    assert_eq!(statuses(&server, bob, Some("Bearer nonsense")), [200; 4]);
    assert_eq!(statuses(&server, 4711, None), [200, 404, 404, 404]);
}

#[test]
fn registration_can_be_for_admins_only() {
    let server = TestServer::with(|c| c.access.registration = Registration::Admin);
    server.register_admin("root");
    let body = json!({"login": "alice", "password": PASSWORD});
    let register = |token: Option<&str>| {
        let request = server.request(Method::POST, "/user").json(&body);
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        request.send().unwrap()
    };
    problem(register(None), 401, "unauthenticated");
    problem(register(Some("nonsense")), 401, "unauthenticated");
    assert_eq!(register(Some(&server.token("root"))).status(), 201);
    let alice = server.token("alice");
    problem(register(Some(&alice)), 403, "forbidden");
}

#[test]
fn registration_for_anyone_does_not_look_at_a_token() {
    let server = TestServer::start();
    let request = server.request(Method::POST, "/user").bearer_auth("nonsense");
    let body = json!({"login": "alice", "password": PASSWORD});
    assert_eq!(request.json(&body).send().unwrap().status(), 201);
}

#[test]
fn demotion_deletion_and_a_password_change_act_on_the_next_request() {
    let server = TestServer::start();
    let (root, bob) = (server.register_admin("root"), server.register("bob"));
    let token = server.token("root");
    assert_eq!(server.get("/users", &token).status(), 200);
    let id = UserId::parse(root).unwrap();
    gatepost::users::set_admin(server.app(), &Caller::Trusted, id, false).unwrap();
    problem(server.get("/users", &token), 403, "forbidden");
    problem(server.get(&format!("/user?id={bob}"), &token), 403, "forbidden");
    gatepost::users::set_admin(server.app(), &Caller::Trusted, id, true).unwrap();
    assert_eq!(server.get("/users", &token).status(), 200);

    let bobs = server.token("bob");
    let body = json!({"id": bob, "password": "another password"});
    assert_eq!(server.patch(&body, &token).status(), 200);
    problem(server.get(&format!("/user?id={bob}"), &bobs), 401, "unauthenticated");

    // Not the last one: such an admin could not go.
    server.register_admin("another");
    assert_eq!(server.delete(&format!("/user?id={root}"), &token).status(), 200);
    problem(server.get("/users", &token), 401, "unauthenticated");
}

#[test]
fn a_token_of_a_deleted_user_does_not_fit_who_registers_the_login_again() {
    let server = TestServer::start();
    let id = server.register("alice");
    let token = server.token("alice");
    assert_eq!(server.delete(&format!("/user?id={id}"), &token).status(), 200);
    let again = server.register("alice");
    assert_ne!(id, again);
    problem(server.get(&format!("/user?id={again}"), &token), 401, "unauthenticated");
}

#[test]
fn hs256_works_with_the_configured_secret() {
    let secret = "0123456789abcdef0123456789abcdef";
    let server = TestServer::with(|c| {
        c.tokens.algorithm = gatepost::config::Algorithm::Hs256;
        c.tokens.hs256_secret = Some(secret.into());
    });
    let id = server.register("alice");
    let token = server.token("alice");
    assert_eq!(server.get(&format!("/user?id={id}"), &token).status(), 200);
    let keys = server.sql().query_one("SELECT count(*) FROM gatepost.signing_keys", &[]).unwrap();
    assert_eq!(keys.get::<_, i64>(0), 0);
}

#[test]
fn of_two_password_changes_with_one_token_only_the_first_counts() {
    let server = TestServer::start();
    let id = server.register("alice");
    let token = server.token("alice");
    let mut sql = server.sql();
    // Both wait for the row, with the token checked already.
    let mut tx = sql.transaction().unwrap();
    tx.execute("UPDATE gatepost.users SET admin = admin", &[]).unwrap();
    let outcomes: Vec<(&str, u16)> = std::thread::scope(|scope| {
        let change = |password: &'static str| {
            let (server, token) = (&server, &token);
            scope.spawn(move || {
                let body = json!({"id": id, "password": password});
                (password, server.patch(&body, token).status().as_u16())
            })
        };
        let threads = [change("the owner's new one"), change("the thief's new one")];
        wait_for_locks(&mut server.sql(), 2);
        tx.rollback().unwrap();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut statuses: Vec<u16> = outcomes.iter().map(|(_, status)| *status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    for (password, status) in outcomes {
        let expected = if status == 200 { 200 } else { 400 };
        assert_eq!(server.log_in("alice", password).status(), expected);
    }
}

#[test]
fn an_admin_who_is_demoted_while_a_registration_hashes_does_not_register() {
    let server = TestServer::with(|c| c.access.registration = Registration::Admin);
    server.register_admin("root");
    let token = server.token("root");
    let mut sql = server.sql();
    // Until it is committed the registration sees an admin, and at its end it waits for the row.
    let mut tx = sql.transaction().unwrap();
    tx.execute("UPDATE gatepost.users SET admin = false", &[]).unwrap();
    std::thread::scope(|scope| {
        let register = scope.spawn(|| {
            let request = server.request(Method::POST, "/user").bearer_auth(&token);
            let body = json!({"login": "alice", "password": PASSWORD});
            request.json(&body).send().unwrap()
        });
        wait_for_locks(&mut server.sql(), 1);
        tx.commit().unwrap();
        problem(register.join().unwrap(), 403, "forbidden");
    });
    let count = sql.query_one("SELECT count(*) FROM gatepost.users", &[]).unwrap();
    assert_eq!(count.get::<_, i64>(0), 1);
}

#[test]
fn with_registration_for_admins_a_stranger_learns_nothing_about_passwords() {
    let server = TestServer::with(|c| c.access.registration = Registration::Admin);
    let body = json!({"login": "alice", "password": "short"});
    problem(server.post("/user", &body), 401, "unauthenticated");
}

#[test]
fn a_user_is_found_by_login_and_a_stranger_learns_nothing_of_one() {
    let server = TestServer::start();
    let id = server.register("Ärger");
    server.register("bob");
    server.register_admin("root");
    let (root, own, bob) = (server.token("root"), server.token("Ärger"), server.token("bob"));
    let by = |login: &str, token: &str| server.get(&format!("/user?login={login}"), token);
    for (login, token) in [("%C3%84RGER", &root), ("%C3%A4rger", &own)] {
        let user: Value = by(login, token).json().unwrap();
        assert_eq!(user["id"], id, "{login}");
    }
    let key = key(&server, "users:read").1;
    assert_eq!(by("bob", &key).status(), 200);
    problem(by("nobody", &root), 404, "not_found");
    // Whether it exists or not, the answer is the same.
    let there = problem(by("root", &bob), 403, "forbidden");
    let nobody = problem(by("nobody", &bob), 403, "forbidden");
    assert_eq!(there, nobody);
    let none = server.request(Method::GET, "/user?login=bob").send().unwrap();
    problem(none, 401, "unauthenticated");
    for query in ["id=1&login=bob", "login=bob&id=1", "login=", "login=bob&login=bob", "login=a%00"]
    {
        problem(server.get(&format!("/user?{query}"), &root), 400, "invalid_request");
    }
}
