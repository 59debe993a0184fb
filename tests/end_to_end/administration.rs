//! The calls for administrators: API keys, signing keys, and what is kept about a user.

use crate::support::{PASSWORD, TestServer, problem};
use gatepost::config::Algorithm;
use reqwest::Method;
use reqwest::blocking::Response;
use serde_json::{Value, json};

fn post(server: &TestServer, target: &str, body: &Value, token: &str) -> Response {
    server.request(Method::POST, target).bearer_auth(token).json(body).send().unwrap()
}

/// The entries of the audit log, the newest first.
fn audit(server: &TestServer, token: &str) -> Vec<Value> {
    let page: Value = server.get("/audit?page_size=100", token).json().unwrap();
    page["entries"].as_array().unwrap().clone()
}

#[test]
fn an_admin_makes_a_key_that_works_and_takes_it_back() {
    let server = TestServer::start();
    let root = server.register_admin("root");
    let token = server.token("root");
    let made =
        post(&server, "/api-keys", &json!({"name": "shop", "scopes": ["users:read"]}), &token);
    assert_eq!(made.status(), 201);
    assert_eq!(made.headers()["cache-control"], "no-store");
    let made: Value = made.json().unwrap();
    let key = made["key"].as_str().unwrap();
    assert_eq!(server.get("/users", key).status(), 200);
    problem(server.patch(&json!({"id": root, "locked": true}), key), 403, "forbidden");

    let listed: Value = server.get("/api-keys", &token).json().unwrap();
    assert!(listed["api_keys"][0].get("key").is_none() && !listed.to_string().contains("gp_"));
    assert_eq!(listed["api_keys"][0]["scopes"], json!(["users:read"]));
    assert!(listed["api_keys"][0]["last_used_at"].is_string());
    let again = json!({"name": "shop", "scopes": ["register"]});
    problem(post(&server, "/api-keys", &again, &token), 400, "name_taken");

    let ended: Value = server.delete("/api-key?name=shop", &token).json().unwrap();
    assert!(ended["revoked_at"].is_string());
    problem(server.get("/users", key), 401, "unauthenticated");
    problem(server.delete("/api-key?name=shop", &token), 404, "not_found");
    problem(server.delete("/api-key?id=1", &token), 404, "not_found");
    // The name is free again, and another key has it.
    let second: Value = post(&server, "/api-keys", &again, &token).json().unwrap();
    assert_eq!(server.delete(&format!("/api-key?id={}", second["id"]), &token).status(), 200);

    let entries = audit(&server, &token);
    let made: Vec<&Value> = entries.iter().filter(|it| it["action"] == "create_api_key").collect();
    assert_eq!((made.len(), &made[1]["actor_id"]), (2, &json!(root)));
    assert_eq!(made[1]["detail"], "key 1 (users:read)");
    assert!(!json!(entries).to_string().contains(key));
}

#[test]
fn keys_are_listed_in_pages_and_badly_described_ones_are_not_made() {
    let server = TestServer::start();
    server.register_admin("root");
    let token = server.token("root");
    for n in 1..=3 {
        let name = format!("key-{n}");
        let body = json!({"name": name, "scopes": ["introspect", "users:read"]});
        assert_eq!(post(&server, "/api-keys", &body, &token).status(), 201);
    }
    let page = server.get("/api-keys?page_size=2", &token);
    let link = page.headers()["link"].to_str().unwrap().to_owned();
    assert_eq!(link, "<?page_num=2&page_size=2&after=2>; rel=\"next\"");
    let last: Value =
        server.get("/api-keys?page_num=2&page_size=2&after=2", &token).json().unwrap();
    assert_eq!(last["api_keys"][0]["name"], "key-3");
    assert_eq!(last["api_keys"].as_array().unwrap().len(), 1);
    for (body, said) in [
        (json!({"scopes": ["users:read"]}), "name: is missing"),
        (json!({"name": "x"}), "scopes: is missing"),
        (json!({"name": "x", "scopes": []}), "scope: a key needs at least one"),
        (json!({"name": "x", "scopes": "users:read"}), "scopes: must be an array of strings"),
        (json!({"name": "x", "scopes": ["admin"]}), "scope: \"admin\" is not one of users:read"),
        (json!({"name": "1x", "scopes": ["users:read"]}), "name: must be a letter"),
        (
            json!({"name": "gatepost", "scopes": ["users:read"]}),
            "name: is that of tokens.client_id",
        ),
        (json!({"name": "x", "scopes": ["users:read"], "ttl": 1}), "ttl: is not known here"),
    ] {
        let detail = problem(post(&server, "/api-keys", &body, &token), 400, "invalid_request");
        assert!(detail.starts_with(said), "{detail}");
    }
    problem(server.delete("/api-key", &token), 400, "invalid_request");
    problem(server.delete("/api-key?id=1&name=key-1", &token), 400, "invalid_request");
}

#[test]
fn an_admin_rotates_the_signing_keys_once_until_the_next_one_signs() {
    let server = TestServer::start();
    let root = server.register_admin("root");
    let token = server.token("root");
    let list = |token: &str| -> Vec<Value> {
        let answer: Value = server.get("/signing-keys", token).json().unwrap();
        answer["signing_keys"].as_array().unwrap().clone()
    };
    assert_eq!(list(&token).len(), 1);
    let next: Value = post(&server, "/signing-keys", &json!({}), &token).json().unwrap();
    assert_eq!(next["state"], "next");
    let again = server.request(Method::POST, "/signing-keys").bearer_auth(&token).send().unwrap();
    assert_eq!((again.status().as_u16(), again.json::<Value>().unwrap()), (200, next.clone()));
    let keys = list(&token);
    assert_eq!((keys.len(), &keys[0]["state"], &keys[1]), (2, &json!("signing"), &next));
    assert_eq!(server.get("/users", &token).status(), 200, "the old key still verifies");
    let entries = audit(&server, &token);
    let rotations: Vec<&Value> =
        entries.iter().filter(|it| it["action"] == "rotate_keys").collect();
    assert_eq!((rotations.len(), &rotations[0]["actor_id"]), (1, &json!(root)));
    problem(
        post(&server, "/signing-keys", &json!({"compromised": true}), &token),
        400,
        "invalid_request",
    );

    let shared = TestServer::with(|config| {
        config.tokens.algorithm = Algorithm::Hs256;
        config.tokens.hs256_secret = Some("a secret of at least 32 bytes, for tests".into());
    });
    shared.register_admin("root");
    let refused = post(&shared, "/signing-keys", &json!({}), &shared.token("root"));
    assert!(problem(refused, 400, "invalid_request").contains("tokens.hs256_secret"));
}

#[test]
fn an_export_has_all_that_is_kept_and_its_links_lead_through_it() {
    let server = TestServer::start();
    let root = server.register_admin("root");
    let alice = server.register("alice");
    let admin = server.token("root");
    for _ in 0..5 {
        server.token("alice");
    }
    problem(server.log_in("alice", "wrong password"), 400, "invalid_credentials");
    let all = json!({
        "id": alice, "roles": ["editor"],
        "attributes": {"public": {"plan": "pro"}, "private": {"score": "s3cret"}},
    });
    assert_eq!(server.patch(&all, &admin).status(), 200);
    let own = server.token("alice");
    let through = |token: &str| {
        let mut target = format!("/user/export?id={alice}&page_size=2");
        let (mut sessions, mut entries) = (Vec::new(), Vec::new());
        loop {
            let answer = server.get(&target, token);
            assert_eq!(answer.status(), 200);
            let link = answer.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
            let page: Value = answer.json().unwrap();
            sessions.extend(page["sessions"].as_array().unwrap().clone());
            entries.extend(page["audit"].as_array().unwrap().clone());
            let Some(link) = link else { return (page["user"].clone(), sessions, entries) };
            let query = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
            target = format!("/user/export{query}");
            assert!(sessions.len() + entries.len() < 100, "{target} leads nowhere");
        }
    };
    let (user, sessions, entries) = through(&own);
    assert_eq!(user["attributes"], json!({"public": {"plan": "pro"}}));
    let ids =
        |values: &[Value]| values.iter().map(|it| it["id"].as_i64().unwrap()).collect::<Vec<_>>();
    let (of_sessions, of_entries) = (ids(&sessions), ids(&entries));
    assert!(of_sessions.is_sorted() && of_sessions.len() == 6, "{of_sessions:?}");
    assert!(of_entries.is_sorted_by(|a, b| a > b), "{of_entries:?}");
    let actions: Vec<&str> = entries.iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert_eq!(actions.iter().filter(|it| **it == "log_in").count(), 7);
    assert_eq!(actions.last(), Some(&"register"));
    // Where an admin sits is not the user's business; where a stranger guessed from is.
    for entry in &entries {
        assert_eq!(entry["user_id"], alice);
        let by_admin = entry["actor_id"] == json!(root);
        assert_eq!(entry["address"].is_null(), by_admin, "{entry}");
    }
    assert!(entries.iter().any(|it| it["actor_id"] == json!(root)));

    let (user, _, entries) = through(&admin);
    assert_eq!(user["attributes"]["private"], json!({"score": "s3cret"}));
    assert!(entries.iter().all(|it| it["address"].is_string()));
    let hash = server.sql().query_one("SELECT password_hash FROM gatepost.users WHERE id = 2", &[]);
    let hash: String = hash.unwrap().get(0);
    assert!(!json!([user, entries]).to_string().contains(&hash));

    problem(server.get("/user/export", &own), 400, "invalid_request");
    problem(server.get("/user/export?id=99", &admin), 404, "not_found");
    problem(server.get(&format!("/user/export?id={root}"), &own), 403, "forbidden");
    problem(server.get("/user/export?id=2&page_size=101", &own), 400, "invalid_request");
    assert_eq!(server.log_in("alice", PASSWORD).status(), 200);
}
