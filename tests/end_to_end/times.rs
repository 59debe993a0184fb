//! The one range of times, and rows that hold others.

use crate::support::program::{Home, failure, run, success};
use crate::support::{
    CLUSTER, OWNER_PASSWORD, PASSWORD, TestServer, client, config, conninfo, new_database, problem,
};
use crate::transfer::{counts, export, import, program};
use gatepost::api_keys::{ApiKeyName, Scopes};
use gatepost::domain::Page;
use gatepost::secret::Secret;
use gatepost::{Caller, Service, database};
use postgres::Client;
use serde_json::{Value, json};

const HASH: &str = "$2b$04$kLHVlmjw5QSN3KzeuPzR8evy4GpDLVNIUzxBi.Mb1afWVTgSgJppG";
const FIRST: &str = "0001-01-01T00:00:00Z";
const LAST: &str = "9999-12-31T23:59:59Z";
const OUTSIDE: [&str; 4] = [
    "0000-01-01T00:00:00Z",
    "0000-12-31T23:59:59Z",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
];

/// Every column of times that the program reads, with its table.
fn columns(sql: &mut Client) -> Vec<(String, String)> {
    let query = "SELECT table_name::text, column_name::text FROM information_schema.columns
                 WHERE table_schema = 'gatepost' AND data_type = 'timestamp with time zone'
                 AND table_name <> 'migrations' ORDER BY 1, 2";
    sql.query(query, &[]).unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Takes the constraints away, as somebody may who has the database.
pub(crate) fn drop_checks(sql: &mut Client) {
    let query = "SELECT conrelid::regclass::text, conname::text FROM pg_constraint
                 WHERE connamespace = 'gatepost'::regnamespace AND contype = 'c'";
    for row in sql.query(query, &[]).unwrap() {
        let (table, name): (String, String) = (row.get(0), row.get(1));
        sql.batch_execute(&format!("ALTER TABLE {table} DROP CONSTRAINT {name}")).unwrap();
    }
}

#[test]
fn one_range_holds_wherever_a_time_is_given() {
    let (home, server) = (Home::new(), TestServer::start());
    server.register_admin("root");
    let (id, token) = (server.register("alice"), server.token("root"));
    let patch = |time: &str| server.patch(&json!({"id": id, "expires_at": time}), &token);
    let expire =
        |time: &str| run(&mut program(&home, &server, &["user", "expire", "alice", time]), "");
    let prune =
        |time: &str| run(&mut program(&home, &server, &["audit", "prune", "--before", time]), "");
    let line = |n: usize, field: &str, time: &str| {
        format!("{{\"login\":\"x{n}\",\"password_hash\":\"{HASH}\",\"{field}\":\"{time}\"}}\n")
    };
    for time in OUTSIDE {
        let detail = problem(patch(time), 400, "invalid_request");
        for told in [detail, failure(&expire(time), 2), failure(&prune(time), 2)] {
            assert!(told.contains(FIRST) && told.contains(LAST), "{time}: {told}");
        }
        for field in ["created_at", "expires_at"] {
            let (done, said) = import(&server, &line(0, field, time));
            assert_eq!(counts(&done), [1, 0, 0, 0, 1], "{time}");
            assert!(said[0].contains(FIRST) && said[0].contains(LAST), "{said:?}");
        }
    }
    for (n, time) in [FIRST, LAST].into_iter().enumerate() {
        assert_eq!(patch(time).json::<Value>().unwrap()["expires_at"], time);
        assert!(success(&expire(time)).ends_with(&format!("\texpires {time}\n")));
        let text = line(2 * n, "created_at", time) + &line(2 * n + 1, "expires_at", time);
        assert_eq!(counts(&import(&server, &text).0), [2, 2, 0, 0, 0], "{time}");
    }
    let (first, other) = (export(&server), TestServer::start());
    let (done, said) = import(&other, &first);
    assert_eq!((counts(&done), said), ([6, 6, 0, 0, 0], vec![]));
    assert_eq!(export(&other), first);
}

#[test]
fn every_column_of_times_has_the_range_as_a_constraint() {
    let server = TestServer::start();
    let mut sql = server.sql();
    let columns = columns(&mut sql);
    assert!(columns.len() > 15, "{columns:?}");
    let mut open = Vec::new();
    for (table, column) in columns {
        let query = format!(
            "SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c JOIN pg_attribute a
             ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
             WHERE c.conrelid = 'gatepost.{table}'::regclass AND c.contype = 'c'
             AND a.attname = '{column}'"
        );
        let checks = sql.query(&query, &[]).unwrap();
        let bounded = checks.iter().any(|row| {
            let text: String = row.get(0);
            let bounds = [">= '0001-01-01 00:00:00+00'", "<= '9999-12-31 23:59:59+00'"];
            bounds.iter().all(|bound| text.contains(&format!("{column} {bound}")))
        });
        if !bounded {
            open.push(format!("{table}.{column}"));
        }
    }
    assert!(open.is_empty(), "without a range: {open:?}");
    server.register("alice");
    for (column, time) in [
        ("created_at", "infinity"),
        ("created_at", "-infinity"),
        ("created_at", "10000-01-01 00:00:00+00"),
        ("expires_at", "infinity"),
        ("expires_at", "0001-12-31 23:59:59+00 BC"),
    ] {
        let update = format!("UPDATE gatepost.users SET {column} = '{time}'");
        let code = sql.batch_execute(&update).unwrap_err().code().cloned();
        assert_eq!(code, Some(postgres::error::SqlState::CHECK_VIOLATION), "{column} {time}");
    }
}

#[test]
fn the_migration_mends_rows_before_it_adds_the_constraints() {
    let server = TestServer::start();
    let mut sql = server.sql();
    server.register_admin("root");
    for login in ["a", "b", "c", "d", "e"] {
        server.register(login);
    }
    let tokens = server.tokens("root");
    drop_checks(&mut sql);
    sql.batch_execute(
        "DELETE FROM gatepost.migrations WHERE version = 14;
         UPDATE gatepost.users SET expires_at = 'infinity' WHERE login = 'a';
         UPDATE gatepost.users SET expires_at = '-infinity' WHERE login = 'b';
         UPDATE gatepost.users SET expires_at = '0100-01-01 00:00:00+00 BC' WHERE login = 'c';
         UPDATE gatepost.users SET expires_at = '10000-01-01 00:00:00+00' WHERE login = 'd';
         UPDATE gatepost.users SET created_at = '-infinity' WHERE login = 'a';
         UPDATE gatepost.users SET created_at = 'infinity' WHERE login = 'b';
         UPDATE gatepost.users SET expires_at = '2020-01-01 00:00:00+00' WHERE login = 'e';
         UPDATE gatepost.sessions SET created_at = '-infinity', last_used_at = 'infinity',
             expires_at = 'infinity', refreshes_forgotten_at = '-infinity'",
    )
    .unwrap();
    let mut settings = config(&server.database);
    let owner = conninfo(&CLUSTER, "gatepost_owner", OWNER_PASSWORD, &server.database);
    settings.database.owner_url = Some(Secret::new(owner));
    assert_eq!(database::migrate(&settings).unwrap(), 1);
    let users: Value = server.get("/users", &tokens.access).json().unwrap();
    let of = |login: &str| {
        let user = users["users"].as_array().unwrap().iter().find(|user| user["login"] == login);
        let user = user.unwrap();
        (user["created_at"].clone(), user["expires_at"].clone())
    };
    assert_eq!(of("a"), (json!(FIRST), Value::Null));
    assert_eq!(of("b"), (json!(LAST), json!(FIRST)));
    assert_eq!(of("c").1, json!(FIRST));
    assert_eq!(of("d").1, json!(LAST));
    assert_eq!(of("e").1, json!("2020-01-01T00:00:00Z"));
    for login in ["b", "c", "e"] {
        problem(server.log_in(login, PASSWORD), 403, "account_expired");
    }
    for login in ["a", "d"] {
        assert_eq!(server.log_in(login, PASSWORD).status(), 200, "{login}");
    }
    let sessions: Value = server.get("/sessions", &tokens.access).json().unwrap();
    let session = &sessions["sessions"][0];
    assert_eq!((&session["created_at"], &session["expires_at"]), (&json!(FIRST), &json!(LAST)));
    let (first, other) = (export(&server), TestServer::start());
    assert_eq!(counts(&import(&other, &first).0), [6, 6, 0, 0, 0]);
}

#[test]
fn a_row_with_a_time_out_of_range_takes_no_other_down_and_is_logged_with_its_id() {
    let (home, server) = (Home::new(), TestServer::start());
    let root = server.register_admin("root");
    let ids = ["before", "after", "fine"].map(|login| server.register(login));
    let tokens = server.tokens("root");
    let other = server.tokens("root");
    let (name, scopes) =
        (ApiKeyName::parse("probe").unwrap(), Scopes::parse("introspect").unwrap());
    gatepost::api_keys::create(server.app(), &Caller::Trusted, &name, &scopes).unwrap();
    server.log_out(&server.token("fine"), &json!({}));
    let mut sql = server.sql();
    drop_checks(&mut sql);
    sql.batch_execute(
        "UPDATE gatepost.users SET created_at = '-infinity', expires_at = '-infinity'
         WHERE login = 'before';
         UPDATE gatepost.users SET created_at = '10000-01-01 00:00:00+00', expires_at = 'infinity'
         WHERE login = 'after';
         UPDATE gatepost.sessions SET created_at = '-infinity', last_used_at = 'infinity'
         WHERE ended_at IS NULL;
         UPDATE gatepost.sessions SET expires_at = 'infinity'
         WHERE id = (SELECT max(id) FROM gatepost.sessions WHERE ended_at IS NULL);
         UPDATE gatepost.sessions SET revoked_at = 'infinity' WHERE ended_at IS NOT NULL;
         UPDATE gatepost.api_keys SET created_at = 'infinity', last_used_at = '-infinity';
         UPDATE gatepost.signing_keys SET created_at = 'infinity', signs_from = 'infinity';
         INSERT INTO gatepost.refresh_keys (generation, secret, sealed_with, used_from)
         SELECT 1000, secret, sealed_with, 'infinity' FROM gatepost.refresh_keys LIMIT 1;
         INSERT INTO gatepost.audit (at, actor, action, outcome, nonce, mac)
         VALUES ('infinity', 'user', 'log_in', 'done', '', 'forged')",
    )
    .unwrap();
    let ok = |target: &str| -> Value {
        let response = server.get(target, &tokens.access);
        let (status, text) = (response.status(), response.text().unwrap());
        assert_eq!(status, 200, "{target}: {text}");
        serde_json::from_str(&text).unwrap()
    };
    let users = ok("/users");
    let shown: Vec<Value> = ["created_at", "expires_at"]
        .map(|field| json!([users["users"][1][field], users["users"][2][field]]))
        .to_vec();
    assert_eq!(shown, [json!([FIRST, LAST]), json!([FIRST, null])]);
    for id in ids {
        ok(&format!("/user?id={id}"));
    }
    assert_eq!(ok("/sessions")["sessions"].as_array().unwrap().len(), 2);
    assert_eq!(ok("/audit")["entries"][0]["at"], LAST);
    let list = server.client.get(server.url("/revocations")).send().unwrap();
    assert_eq!(list.status(), 200, "{}", list.text().unwrap());
    server.app().reload_keys().unwrap();
    assert_eq!(gatepost::signing_keys::list(server.app(), &Caller::Trusted).unwrap().len(), 1);
    gatepost::api_keys::list(server.app(), &Caller::Trusted).unwrap();
    assert!(
        gatepost::introspection::introspect(server.app(), &Caller::Trusted, &other.refresh)
            .unwrap()
            .is_some()
    );
    assert_eq!(server.refresh(&other.refresh).status(), 200);
    let page = Page::parse(1, 100, None).unwrap();
    assert_eq!(gatepost::users::list(server.app(), &Caller::Trusted, page).unwrap().0.len(), 4);
    let findings = gatepost::audit::verify(server.app(), None).unwrap().findings;
    assert!(findings.iter().any(|finding| finding.contains("was changed")), "{findings:?}");
    let (exported, again) = (export(&server), TestServer::start());
    assert_eq!(counts(&import(&again, &exported).0), [4, 4, 0, 0, 0]);
    let listed = run(&mut program(&home, &server, &["user", "list"]), "");
    assert_eq!(success(&listed).lines().count(), 4);
    let told = String::from_utf8(listed.stderr).unwrap();
    for id in &ids[..2] {
        assert!(told.contains(&format!("user {id}: ")), "{told}");
    }
    assert!(!told.contains(&format!("user {root}: ")) && !told.contains("user 4: "), "{told}");
    // And a service starts on it.
    let service = Service::start(config(&server.database)).unwrap();
    let second = TestServer { service, database: new_database(), client: client() };
    assert_eq!(second.get("/users", &tokens.access).status(), 200);
}
