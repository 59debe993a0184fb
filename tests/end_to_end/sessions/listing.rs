//! Sessions listed and ended by their ids.

use super::{listed, status};
use crate::support::{PASSWORD, TestServer, Tokens, problem};
use reqwest::Method;
use serde_json::{Value, json};

#[test]
fn a_user_sees_and_ends_the_own_sessions() {
    let server = TestServer::start();
    let id = server.register("alice");
    let (here, there) = (server.tokens("alice"), server.tokens("alice"));
    let body = json!({"login": "alice", "password": PASSWORD});
    let login = server.request(Method::POST, "/").header("user-agent", "a browser").json(&body);
    Tokens::of(login.send().unwrap());
    let sessions = listed(server.get("/sessions", &here.access));
    assert_eq!(sessions.len(), 3);
    let third = &sessions[2];
    assert_eq!((&third["user_id"], &third["user_agent"]), (&json!(id), &json!("a browser")));
    assert_eq!(third["address"], "127.0.0.1");
    for time in ["created_at", "last_used_at", "expires_at"] {
        assert_eq!(third[time].as_str().unwrap().len(), 20, "{time}");
    }
    assert_eq!(third.as_object().unwrap().len(), 7);
    let ended = server.delete(&format!("/session?id={}", sessions[1]["id"]), &here.access);
    assert_eq!(ended.status(), 200);
    assert_eq!(ended.json::<Value>().unwrap(), sessions[1]);
    assert_eq!((status(&server, id, &here.access), status(&server, id, &there.access)), (200, 401));
    assert_eq!(listed(server.get(&format!("/sessions?user_id={id}"), &here.access)).len(), 2);
}

#[test]
fn sessions_of_others_are_for_admins() {
    let server = TestServer::start();
    let alice = server.register("alice");
    let bob = server.register("bob");
    server.register_admin("root");
    let (alices, bobs, roots) =
        (server.tokens("alice"), server.tokens("bob"), server.tokens("root"));
    let target = format!("/sessions?user_id={bob}");
    problem(server.get(&target, &alices.access), 403, "forbidden");
    problem(server.get("/sessions?user_id=4711", &alices.access), 403, "forbidden");
    problem(server.get("/sessions?user_id=4711", &roots.access), 404, "not_found");
    problem(server.request(Method::GET, "/sessions").send().unwrap(), 401, "unauthenticated");
    let sessions = listed(server.get(&target, &roots.access));
    assert_eq!(sessions.len(), 1);
    let session = format!("/session?id={}", sessions[0]["id"]);
    problem(server.delete(&session, &alices.access), 403, "forbidden");
    problem(server.delete("/session?id=4711", &alices.access), 403, "forbidden");
    problem(server.delete("/session?id=4711", &roots.access), 404, "not_found");
    for bad in ["/session", "/session?id=0", "/session?id=x"] {
        problem(server.delete(bad, &roots.access), 400, "invalid_request");
    }
    assert_eq!(status(&server, bob, &bobs.access), 200);
    assert_eq!(server.delete(&session, &roots.access).status(), 200);
    assert_eq!(
        (status(&server, bob, &bobs.access), status(&server, alice, &alices.access)),
        (401, 200)
    );
    problem(server.delete(&session, &roots.access), 404, "not_found");
}

#[test]
fn a_list_of_sessions_has_pages() {
    let server = TestServer::start();
    let id = server.register("alice");
    let token = server.token("alice");
    for _ in 0..4 {
        server.token("alice");
    }
    let mut target = format!("/sessions?user_id={id}&page_size=2");
    let mut ids = Vec::new();
    loop {
        let response = server.get(&target, &token);
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        ids.extend(listed(response).iter().map(|session| session["id"].as_i64().unwrap()));
        let Some(link) = link else { break };
        let query = link.trim_start_matches('<').split('>').next().unwrap();
        target = format!("/sessions{query}");
    }
    assert_eq!(ids.len(), 5);
    assert!(ids.is_sorted());
}
