//! A session's number can be given a second time, by a database that was set back. Its identity
//! cannot, and no token of the first session is good for the second.

use super::{claims, count, listed, status};
use crate::authorization::key;
use crate::introspection::introspect;
use crate::revocations;
use crate::support::{
    CLUSTER, OWNER_PASSWORD, TestServer, Tokens, config, conninfo, form, new_database, problem,
};
use gatepost::database;
use gatepost::secret::Secret;
use postgres::NoTls;
use reqwest::Method;
use serde_json::json;

/// A copy of a database to which nobody is connected.
fn copy(database: &str) -> String {
    let name = format!("copy_of_{database}");
    let mut admin = CLUSTER.admin("postgres").connect(NoTls).unwrap();
    admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {database}")).unwrap();
    name
}

/// The number in a token's `sid`, and the rest.
fn sid(token: &str) -> (String, String) {
    let claims = claims(token);
    let (number, identity) = claims["sid"].as_str().unwrap().split_once('.').unwrap_or_default();
    (number.to_owned(), identity.to_owned())
}

#[test]
fn a_restored_database_gives_no_session_to_who_had_its_number_before() {
    let server = TestServer::start();
    let (alice, root) = (server.register("alice"), server.register_admin("root"));
    let (asker, database) = (key(&server, "introspect").1, server.database.clone());
    drop(server);
    let backup = copy(&database);
    let server = TestServer::on(&database);
    let before = server.tokens("alice");
    drop(server);
    // The restored copy. An admin logs in and gets the number that was alice's.
    let server = TestServer::on(&backup);
    let after = server.tokens("root");
    problem(server.refresh(&before.refresh), 400, "invalid_grant");
    for id in [alice, root] {
        let target = format!("/user?id={id}");
        problem(server.get(&target, &before.access), 401, "unauthenticated");
    }
    problem(server.get("/users", &before.access), 401, "unauthenticated");
    problem(server.get("/sessions", &before.access), 401, "unauthenticated");
    problem(server.delete("/session?id=1", &before.access), 401, "unauthenticated");
    problem(server.log_out(&before.access, &json!({})), 401, "unauthenticated");
    for token in [&before.access, &before.refresh] {
        assert_eq!(introspect(&server, &asker, token), json!({"active": false}));
        let revoke = form(server.request(Method::POST, "/revoke"), &[("token", token)]);
        assert_eq!(revoke.send().unwrap().status(), 200);
    }
    // None of it did anything to the session that has the number now.
    assert_eq!(count(&server, "ended_at IS NULL"), 1);
    let after = Tokens::of(server.refresh(&after.refresh));
    assert_eq!(status(&server, root, &after.access), 200);
    assert_eq!((sid(&before.access).0, sid(&after.access).0), ("1".to_owned(), "1".to_owned()));
    assert_ne!(sid(&before.access).1, sid(&after.access).1);
}

#[test]
fn a_token_is_not_good_for_who_gets_its_users_number_later() {
    let database = new_database();
    let backup = copy(&database);
    let server = TestServer::on(&database);
    let bob = server.register("bob");
    let before = server.tokens("bob");
    // The same keys, as a copy of a moment later would have them.
    let (mut from, mut to) = (server.sql(), CLUSTER.admin(&backup).connect(NoTls).unwrap());
    for table in ["signing_keys", "refresh_keys", "server_secrets"] {
        let (mut rows, copy) = (Vec::new(), format!("COPY gatepost.{table}"));
        let mut reader = from.copy_out(&format!("{copy} TO STDOUT")).unwrap();
        std::io::Read::read_to_end(&mut reader, &mut rows).unwrap();
        let mut writer = to.copy_in(&format!("{copy} FROM STDIN")).unwrap();
        std::io::Write::write_all(&mut writer, &rows).unwrap();
        writer.finish().unwrap();
    }
    drop(server);
    let server = TestServer::on(&backup);
    let carol = server.register("carol");
    let after = server.tokens("carol");
    assert_eq!((bob, sid(&before.access).0), (carol, sid(&after.access).0));
    assert_eq!(status(&server, carol, &after.access), 200);
    problem(server.get(&format!("/user?id={carol}"), &before.access), 401, "unauthenticated");
    problem(server.refresh(&before.refresh), 400, "invalid_grant");
    let body = json!({"id": carol, "password": "another password"});
    problem(server.patch(&body, &before.access), 401, "unauthenticated");
    Tokens::of(server.refresh(&after.refresh));
}

#[test]
fn a_session_is_named_alike_in_tokens_introspection_and_list_and_its_number_is_listed() {
    let server = TestServer::start();
    server.register("alice");
    let asker = key(&server, "introspect").1;
    let (first, second) = (server.tokens("alice"), server.tokens("alice"));
    let name = claims(&second.access)["sid"].clone();
    let (number, identity) = sid(&second.access);
    assert_eq!((number.as_str(), identity.len()), ("2", 22));
    assert_ne!(identity, sid(&first.access).1);
    for token in [&second.access, &second.refresh] {
        assert_eq!(introspect(&server, &asker, token)["sid"], name);
    }
    // A refresh and another login change nothing about it.
    let third = Tokens::of(server.refresh(&second.refresh));
    assert_eq!(claims(&third.access)["sid"], name);
    let response = server.get("/sessions", &third.access);
    assert_eq!(listed(response)[1]["id"].to_string(), number);
    let ended = server.delete(&format!("/session?id={number}"), &third.access);
    assert_eq!(ended.status(), 200);
    assert_eq!(revocations::list(&server, "/revocations")["revoked"], json!([{"sid": name}]));
}

#[test]
fn a_session_of_before_it_had_an_identity_ends_with_the_migration() {
    let server = TestServer::start();
    let id = server.register("alice");
    let (name, mut sql) = (server.database.clone(), server.sql());
    drop(server);
    let back = "ALTER TABLE gatepost.sessions DROP COLUMN identity;
                DELETE FROM gatepost.migrations WHERE name = 'session_identity';
                INSERT INTO gatepost.sessions (user_id, key_generation, expires_at)
                SELECT 1, 1, now() + interval '7 days' FROM generate_series(1, 3)";
    sql.batch_execute(back).unwrap();
    let mut config = config(&name);
    let owner = conninfo(&CLUSTER, "gatepost_owner", OWNER_PASSWORD, &name);
    config.database.owner_url = Some(Secret::new(owner));
    assert_eq!(database::migrate(&config), Ok(1));
    let server = TestServer::on(&name);
    assert_eq!(count(&server, "ended_at IS NULL OR expires_at > now() + interval '1 day'"), 0);
    assert_eq!(count(&server, "octet_length(identity) = 16"), 3);
    let row = sql.query_one("SELECT count(DISTINCT identity) FROM gatepost.sessions", &[]).unwrap();
    assert_eq!(row.get::<_, i64>(0), 3);
    // Whoever reads the list learns that they are over.
    let listed = revocations::list(&server, "/revocations");
    assert_eq!(listed["revoked"].as_array().unwrap().len(), 3);
    // An instance of before, which knows no identity, can go on opening sessions beside ours.
    let open = "INSERT INTO gatepost.sessions (user_id, key_generation, expires_at)
                VALUES (1, 1, now() + interval '7 days')";
    sql.batch_execute(open).unwrap();
    let malformed = sql.batch_execute("UPDATE gatepost.sessions SET identity = 'x'");
    assert!(malformed.is_err());
    let tokens = server.tokens("alice");
    assert_eq!(status(&server, id, &tokens.access), 200);
}
