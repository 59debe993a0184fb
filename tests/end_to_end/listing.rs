//! The list of users, page by page.

use crate::support::{CLUSTER, PASSWORD, TestServer, problem};
use crate::times::drop_checks;
use gatepost::Caller;
use gatepost::domain::Login;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

/// Puts users into the table without hashing a password for each.
fn fill(server: &TestServer, count: i32) {
    let sql = "INSERT INTO gatepost.users (login, login_canonical, password_hash)
               SELECT 'user' || n, 'user' || n, 'none' FROM generate_series(1, $1) n";
    server.sql().execute(sql, &[&count]).unwrap();
}

fn ids(body: &Value) -> Vec<i64> {
    let users = body["users"].as_array().unwrap();
    users.iter().map(|user| user["id"].as_i64().unwrap()).collect()
}

/// The target that the `Link` header names as the next page.
fn next(response: &reqwest::blocking::Response) -> Option<String> {
    let link = response.headers().get("link")?.to_str().unwrap();
    let (target, rel) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
    assert_eq!(rel, "; rel=\"next\"");
    Some(format!("/users{target}"))
}

#[test]
fn pages_are_ordered_by_id_and_linked() {
    let server = TestServer::start();
    server.register_admin("root");
    let token = server.token("root");
    fill(&server, 44);
    let first = server.get("/users", &token);
    assert_eq!(next(&first).unwrap(), "/users?page_num=2&page_size=20&after=20");
    let body: Value = first.json().unwrap();
    assert_eq!((body["page_num"].as_i64(), body["page_size"].as_i64()), (Some(1), Some(20)));
    assert_eq!(ids(&body), (1..=20).collect::<Vec<i64>>());
    let by_number: Value = server.get("/users?page_num=2", &token).json().unwrap();
    let by_link: Value =
        server.get("/users?page_num=2&page_size=20&after=20", &token).json().unwrap();
    assert_eq!(by_number, by_link);
    let last = server.get("/users?page_num=3&page_size=20&after=40", &token);
    assert!(next(&last).is_none());
    assert_eq!(ids(&last.json().unwrap()), (41..=45).collect::<Vec<i64>>());
}

#[test]
fn a_page_that_ends_with_the_last_user_has_no_next() {
    let server = TestServer::start();
    server.register_admin("root");
    let token = server.token("root");
    fill(&server, 19);
    let page = server.get("/users", &token);
    assert!(next(&page).is_none());
    assert_eq!(ids(&page.json().unwrap()).len(), 20);
}

#[test]
fn a_page_past_the_end_is_empty_and_no_error() {
    let server = TestServer::start();
    server.register_admin("root");
    let token = server.token("root");
    for target in [
        "/users?page_num=2",
        "/users?page_num=9223372036854775807&page_size=100",
        "/users?after=9223372036854775807",
    ] {
        let page = server.get(target, &token);
        assert_eq!(page.status(), 200);
        assert!(next(&page).is_none());
        assert!(ids(&page.json().unwrap()).is_empty());
    }
}

#[test]
fn page_numbers_and_sizes_have_bounds() {
    let server = TestServer::start();
    server.register_admin("root");
    let token = server.token("root");
    fill(&server, 150);
    for query in [
        "page_num=0",
        "page_num=-1",
        "page_num=x",
        "page_num=1.5",
        "page_size=0",
        "page_size=101",
        "page_size=",
        "after=-1",
        "page_num=9223372036854775808",
        "page=1",
    ] {
        problem(server.get(&format!("/users?{query}"), &token), 400, "invalid_request");
    }
    let all: Value = server.get("/users?page_size=100", &token).json().unwrap();
    assert_eq!(ids(&all).len(), 100);
    let one: Value = server.get("/users?page_size=1", &token).json().unwrap();
    assert_eq!(ids(&one), [1]);
}

#[test]
fn ten_thousand_users_are_listed_once_each_while_others_come_and_go() {
    let server = TestServer::start();
    server.register_admin("root");
    let token = server.token("root");
    fill(&server, 10_000);
    let stop = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut sql = server.sql();
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                n += 1;
                let login = format!("guest{n}");
                let insert = "INSERT INTO gatepost.users (login, login_canonical, password_hash)
                              VALUES ($1, $1, 'none')";
                sql.execute(insert, &[&login]).unwrap();
                // Now and then one that was there goes: it may be seen or not, but nobody else
                // may be missed for it.
                let delete = "DELETE FROM gatepost.users WHERE login = $1";
                sql.execute(delete, &[&format!("user{}", n * 7)]).unwrap();
            }
        });
        let mut seen: Vec<i64> = Vec::new();
        let mut target = Some("/users?page_size=100".to_owned());
        while let Some(page) = target {
            let response = server.get(&page, &token);
            target = next(&response).filter(|_| seen.len() < 12_000);
            seen.extend(ids(&response.json().unwrap()));
        }
        stop.store(true, Ordering::Relaxed);
        seen
    });
    assert!(seen.is_sorted(), "the list is not ordered by id");
    let distinct: BTreeSet<i64> = seen.iter().copied().collect();
    assert_eq!(distinct.len(), seen.len(), "a user was listed twice");
    let stayed =
        server.sql().query("SELECT id FROM gatepost.users WHERE id <= 10001", &[]).unwrap();
    assert!(stayed.len() > 5_000);
    for row in stayed {
        assert!(distinct.contains(&row.get(0)), "user {} is missing", row.get::<_, i64>(0));
    }
}

#[test]
fn a_listed_user_shows_the_same_as_the_user() {
    let server = TestServer::start();
    let id = server.register_admin("root");
    let token = server.token("root");
    let list: Value = server.get("/users", &token).json().unwrap();
    let user: Value = server.get(&format!("/user?id={id}"), &token).json().unwrap();
    assert_eq!(list["users"], json!([user]));
    assert!(!list.to_string().contains(PASSWORD));
}

#[test]
fn no_call_reads_the_whole_table() {
    for prepared in [false, true] {
        let server = TestServer::with(|config| config.database.prepared_statements = prepared);
        server.register_admin("root");
        fill(&server, 20_000);
        server.sql().batch_execute("ANALYZE gatepost.users").unwrap();
        let (token, id) = (server.token("root"), server.register("alice"));
        let alice = format!("/user?id={id}");
        for target in ["/users", "/users?page_num=2&page_size=20&after=10000", &alice] {
            assert_eq!(server.get(target, &token).status(), 200);
        }
        let change = json!({"id": id, "password": "another password"});
        assert_eq!(server.patch(&change, &token).status(), 200);
        let login = Login::parse("user9").unwrap();
        gatepost::users::find(server.app(), &Caller::Trusted, &login).unwrap();
        assert_eq!(server.delete(&alice, &token).status(), 200);
        // Of an admin, whose deletion looks at all admins.
        let other = format!("/user?id={}", server.register_admin("other"));
        assert_eq!(server.delete(&other, &token).status(), 200);

        // PostgreSQL adds up what a connection did when it ends, at the latest.
        let TestServer { service, database, .. } = server;
        service.stop();
        let mut admin = CLUSTER.admin(&database).connect(postgres::NoTls).unwrap();
        let connected = "SELECT count(*) FROM pg_stat_activity
                         WHERE datname = current_database() AND usename = 'gatepost_app'";
        while admin.query_one(connected, &[]).unwrap().get::<_, i64>(0) > 0 {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        crate::support::wait_for_statistics(&mut admin);
        let scans = "SELECT seq_scan, idx_scan FROM pg_stat_user_tables WHERE relname = 'users'";
        let row = admin.query_one(scans, &[]).unwrap();
        let (of_table, of_index): (i64, i64) = (row.get(0), row.get(1));
        assert!(of_table == 0 && of_index >= 10, "{of_table} of the table, {of_index} of an index");
    }
}

#[test]
fn a_row_with_a_time_of_no_calendar_stops_no_list() {
    let server = TestServer::start();
    server.register_admin("root");
    let (alice, token) = (server.register("alice"), server.token("root"));
    let plant = "UPDATE gatepost.users SET created_at = 'infinity', expires_at = '200000-01-01'
                 WHERE id = $1";
    drop_checks(&mut server.sql());
    server.sql().execute(plant, &[&alice]).unwrap();
    let response = server.get("/users", &token);
    assert_eq!(response.status(), 200);
    let page: Value = response.json().unwrap();
    assert_eq!(page["users"][1]["created_at"], "9999-12-31T23:59:59Z");
    assert_eq!(page["users"][1]["expires_at"], "9999-12-31T23:59:59Z");
}
