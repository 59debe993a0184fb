//! Roles, groups and attributes: who may set them, who sees them, and what they may be.

use crate::authorization::key;
use crate::support::{PASSWORD, TestServer, problem};
use gatepost::Caller;
use gatepost::config::{AccessMode, Registration};
use reqwest::Method;
use reqwest::blocking::Response;
use serde_json::{Value, json};

fn register(server: &TestServer, body: &Value, token: &str) -> Response {
    server.request(Method::POST, "/user").bearer_auth(token).json(body).send().unwrap()
}

fn shown(server: &TestServer, id: i64, token: &str) -> Value {
    server.get(&format!("/user?id={id}"), token).json().unwrap()
}

/// What the index says that `GET /users?role=` reads.
fn index(server: &TestServer) -> Vec<String> {
    let sql = "SELECT user_id || ' ' || kind || ' ' || name FROM gatepost.memberships ORDER BY 1";
    server.sql().query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn admins_and_keys_with_the_scope_set_them_and_users_do_not() {
    let server = TestServer::start();
    let root = server.register_admin("root");
    let alice = server.register("alice");
    let (admin, own) = (server.token("root"), server.token("alice"));
    let (write, read) = (key(&server, "users:write").1, key(&server, "users:read").1);
    let all = json!({
        "id": alice, "roles": ["editor", "author", "editor"], "groups": ["staff"],
        "attributes": {"public": {"plan": "pro"}, "private": {"score": 7}},
    });
    let changed: Value = server.patch(&all, &admin).json().unwrap();
    assert_eq!(changed["roles"], json!(["author", "editor"]));
    assert_eq!(changed["attributes"]["private"], json!({"score": 7}));
    assert_eq!(shown(&server, alice, &admin), changed);
    assert_eq!(shown(&server, alice, &read), changed);
    let by_login: Value = server.get("/user?login=ALICE", &read).json().unwrap();
    assert_eq!(by_login, changed);
    let listed: Value = server.get("/users", &admin).json().unwrap();
    assert_eq!(listed["users"][1], changed);

    for one in [
        json!({"id": alice, "roles": []}),
        json!({"id": alice, "groups": ["admins"]}),
        json!({"id": alice, "attributes": {"public": {"plan": "free"}}}),
    ] {
        problem(server.patch(&one, &own), 403, "forbidden");
        problem(server.patch(&one, &read), 403, "forbidden");
        problem(server.patch(&one, "none"), 401, "unauthenticated");
    }
    assert_eq!(shown(&server, alice, &admin), changed, "a refused change did something");
    // Whoever sets an admin's attributes may decide what else that admin is elsewhere.
    problem(server.patch(&json!({"id": root, "roles": ["x"]}), &write), 403, "forbidden");

    let one = json!({"id": alice, "roles": ["reader"]});
    let changed: Value = server.patch(&one, &write).json().unwrap();
    assert_eq!((&changed["roles"], &changed["groups"]), (&json!(["reader"]), &json!(["staff"])));
    assert_eq!(index(&server), ["2 group staff", "2 role reader"]);
    let none: Value =
        server.patch(&json!({"id": alice, "roles": [], "groups": []}), &admin).json().unwrap();
    assert_eq!((none.get("roles"), none.get("groups")), (None, None));
    assert_eq!(index(&server), Vec::<String>::new());
}

#[test]
fn a_user_sees_the_public_attributes_of_its_own_and_no_private_ones() {
    let server = TestServer::start();
    server.register_admin("root");
    let alice = server.register("alice");
    let (admin, own) = (server.token("root"), server.token("alice"));
    let private = json!({"id": alice, "attributes": {"private": {"score": "s3cret"}}});
    assert_eq!(server.patch(&private, &admin).status(), 200);
    assert_eq!(shown(&server, alice, &own).get("attributes"), None);
    let both = json!({"id": alice, "attributes": {"public": {"plan": "pro"}}});
    assert_eq!(server.patch(&both, &admin).status(), 200);
    let public = json!({"public": {"plan": "pro"}});
    assert_eq!(shown(&server, alice, &own)["attributes"], public);
    let by_login: Value = server.get("/user?login=alice", &own).json().unwrap();
    assert_eq!(by_login["attributes"], public);
    let password = json!({"id": alice, "password": "staple and battery"});
    let changed: Value = server.patch(&password, &own).json().unwrap();
    assert_eq!(changed["attributes"], public);
    let own = server.log_in("alice", "staple and battery").json::<Value>().unwrap();
    let own = own["access_token"].as_str().unwrap();
    // A demoted admin who reads the answer to its own demotion is a user again.
    let deleted: Value = server.delete(&format!("/user?id={alice}"), own).json().unwrap();
    assert_eq!(deleted["attributes"], public);
    assert_eq!(index(&server), Vec::<String>::new());
}

#[test]
fn attributes_are_merged_and_null_removes() {
    let server = TestServer::start();
    server.register_admin("root");
    let (alice, admin) = (server.register("alice"), server.token("root"));
    for (patch, result) in [
        (json!({"public": {"a": {"b": 1, "c": 2}}}), json!({"public": {"a": {"b": 1, "c": 2}}})),
        (json!({"public": {"a": {"b": null}}}), json!({"public": {"a": {"c": 2}}})),
        (
            json!({"private": {"x": [1, null]}}),
            json!({"public": {"a": {"c": 2}}, "private": {"x": [1, null]}}),
        ),
        (json!({}), json!({"public": {"a": {"c": 2}}, "private": {"x": [1, null]}})),
        (json!({"public": null}), json!({"private": {"x": [1, null]}})),
        (json!({"private": {"x": null}}), Value::Null),
    ] {
        let patch = json!({"id": alice, "attributes": patch});
        let changed: Value = server.patch(&patch, &admin).json().unwrap();
        assert_eq!(changed["attributes"], result);
        assert_eq!(shown(&server, alice, &admin)["attributes"], result);
    }
    // Two programs that each know their own member do not undo each other.
    let set = |n: i32| json!({"id": alice, "attributes": {"public": {n.to_string(): n}}});
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (server, admin, set) = (&server, &admin, set(n));
            scope.spawn(move || assert_eq!(server.patch(&set, admin).status(), 200));
        }
    });
    let all = shown(&server, alice, &admin);
    assert_eq!(all["attributes"]["public"].as_object().unwrap().len(), 8);
}

#[test]
fn what_they_may_be_is_said_when_they_are_not() {
    let server = TestServer::start();
    server.register_admin("root");
    let (alice, admin) = (server.register("alice"), server.token("root"));
    let many: Vec<String> = (0..65).map(|n| n.to_string()).collect();
    for (member, value, said) in [
        ("roles", json!("editor"), "roles: must be an array of strings"),
        ("roles", json!([1]), "roles: must be an array of strings"),
        ("roles", Value::Null, "roles: must be an array of strings"),
        ("roles", json!(["Editor"]), "roles: \"Editor\" must be a lower-case letter or digit"),
        ("groups", json!([""]), "groups: \"\" must be a lower-case letter or digit"),
        ("groups", json!(["a,b"]), "groups: \"a,b\" must be"),
        ("groups", json!(many), "groups: must be at most 64"),
        ("attributes", json!([]), "attributes: must be an object such as"),
        ("attributes", json!({"plan": "pro"}), "attributes: must be an object such as"),
        ("attributes", json!({"public": "x"}), "attributes: must be an object such as"),
        (
            "attributes",
            json!({"private": {"x": "x".repeat(4_090)}}),
            "attributes: its private part would have over 4096 bytes",
        ),
    ] {
        let detail = problem(
            server.patch(&json!({"id": alice, member: value.clone()}), &admin),
            400,
            "invalid_request",
        );
        assert!(detail.starts_with(said), "{detail}");
        let new = json!({"login": "bob", "password": PASSWORD, member: value});
        let detail = problem(register(&server, &new, &admin), 400, "invalid_request");
        assert!(detail.starts_with(said), "{detail}");
    }
    // What fits alone may not fit beside what is there.
    let half =
        |name: &str| json!({"id": alice, "attributes": {"public": {name: "x".repeat(3_000)}}});
    assert_eq!(server.patch(&half("a"), &admin).status(), 200);
    problem(server.patch(&half("b"), &admin), 400, "invalid_request");
    assert_eq!(server.patch(&half("a"), &admin).status(), 200);
}

#[test]
fn an_admin_registers_a_user_who_has_them_and_nobody_else_does() {
    for registration in [Registration::Anyone, Registration::Admin] {
        let server = TestServer::with(|config| config.access.registration = registration);
        server.register_admin("root");
        let alice = gatepost::users::register(
            server.app(),
            &Caller::Trusted,
            &gatepost::domain::Login::parse("alice").unwrap(),
            &gatepost::passwords::Password::parse(PASSWORD).unwrap(),
        );
        assert_eq!(alice.unwrap().id.get(), 2);
        let new = |login: &str| {
            json!({
                "login": login, "password": PASSWORD, "roles": ["editor"], "groups": ["staff"],
                "attributes": {"public": {"plan": "pro"}, "private": {"score": null, "x": 1}},
            })
        };
        problem(server.post("/user", &new("bob")), 401, "unauthenticated");
        let anonymous = json!({"login": "bob", "password": PASSWORD, "roles": []});
        problem(server.post("/user", &anonymous), 401, "unauthenticated");
        problem(register(&server, &new("bob"), &server.token("alice")), 403, "forbidden");
        for scopes in ["register", "users:write"] {
            let (_, key) = key(&server, scopes);
            problem(register(&server, &new("bob"), &key), 403, "forbidden");
        }
        let both = key(&server, "register,users:write").1;
        for (login, token) in [("bob", server.token("root")), ("carol", both)] {
            let answer = register(&server, &new(login), &token);
            assert_eq!(answer.status(), 201);
            let user: Value = answer.json().unwrap();
            assert_eq!((&user["roles"], &user["groups"]), (&json!(["editor"]), &json!(["staff"])));
            assert_eq!(user["attributes"], json!({"public": {"plan": "pro"}, "private": {"x": 1}}));
        }
        assert_eq!(index(&server).len(), 4);
    }
}

#[test]
fn in_open_mode_they_are_like_everything_else() {
    let server = TestServer::with(|config| config.access.mode = AccessMode::Open);
    let new = json!({"login": "alice", "password": PASSWORD, "roles": ["editor"]});
    let user: Value = server.post("/user", &new).json().unwrap();
    assert_eq!(user["roles"], json!(["editor"]));
}

#[test]
fn the_audit_log_says_which_roles_and_no_attribute() {
    let server = TestServer::start();
    server.register_admin("root");
    let (alice, admin) = (server.register("alice"), server.token("root"));
    let all = json!({
        "id": alice, "roles": ["b", "a"], "groups": [], "attributes": {"public": {"k": "s3cret"}},
    });
    assert_eq!(server.patch(&all, &admin).status(), 200);
    let audit: Value = server.get("/audit", &admin).json().unwrap();
    let text = audit.to_string();
    assert!(text.contains("roles: a b, groups: none, attributes"), "{text}");
    assert!(!text.contains("s3cret"));
}
