//! Logging in beyond the plain case: races, rehashing, and what is stored.

use crate::support::program::{Home, Running};
use crate::support::{PASSWORD, TestServer, client, config, problem};
use gatepost::Service;
use gatepost::domain::Login;
use gatepost::passwords::Password;
use serde_json::{Value, json};
use std::sync::Barrier;
use std::time::{Duration, Instant};

#[test]
fn of_16_clients_that_register_one_login_at_once_exactly_one_gets_it() {
    let server = TestServer::with(|c| c.server.hashing_threads = 16);
    let barrier = Barrier::new(16);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let register = |n: usize| {
            let (server, barrier) = (&server, &barrier);
            let login = if n.is_multiple_of(2) { "alice" } else { "ALICE" };
            scope.spawn(move || {
                barrier.wait();
                let response = server.post("/user", &json!({"login": login, "password": PASSWORD}));
                let status = response.status().as_u16();
                if status != 201 {
                    problem(response, 400, "login_taken");
                }
                status
            })
        };
        let threads: Vec<_> = (0..16).map(register).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
}

#[test]
fn a_weaker_hash_is_made_anew_at_login_and_a_stronger_one_is_kept() {
    let server = TestServer::start();
    server.register("alice");
    let hash = || -> String {
        let sql = "SELECT password_hash FROM gatepost.users";
        server.sql().query_one(sql, &[]).unwrap().get(0)
    };
    let first = hash();
    assert!(first.starts_with("$pbkdf2-sha256$i=1000,l=32$"), "{first}");
    let log_in_at = |iterations: u32| {
        let mut config = config(&server.database);
        config.passwords.iterations = iterations;
        let service = Service::start(config).unwrap();
        let login = Login::parse("alice").unwrap();
        let password = Password::parse(PASSWORD).unwrap();
        gatepost::sessions::log_in(service.app(), &login, &password).unwrap();
    };
    log_in_at(999);
    assert_eq!(hash(), first);
    log_in_at(1_001);
    let second = hash();
    assert!(second.starts_with("$pbkdf2-sha256$i=1001,l=32$"), "{second}");
    assert_eq!(server.log_in("alice", PASSWORD).status(), 200);
    problem(server.log_in("alice", "wrong password"), 400, "invalid_credentials");
}

#[test]
fn a_failed_login_does_not_touch_the_stored_hash() {
    let server = TestServer::start();
    server.register("alice");
    let row = || -> String {
        let sql = "SELECT (u.xmin::text, u.*)::text FROM gatepost.users u";
        server.sql().query_one(sql, &[]).unwrap().get(0)
    };
    let before = row();
    problem(server.log_in("alice", "wrong password"), 400, "invalid_credentials");
    assert_eq!(server.log_in("alice", PASSWORD).status(), 200);
    assert_eq!(row(), before);
}

#[test]
fn a_login_that_overlaps_a_password_change_comes_too_late() {
    // Enough iterations for the change to happen while the login computes.
    let server = TestServer::with(|c| c.passwords.iterations = 2_000_000);
    server.register("alice");
    std::thread::scope(|scope| {
        let login = scope.spawn(|| server.log_in("alice", PASSWORD));
        let mut sql = server.sql();
        // Once the row has been read for the login, change the password under it.
        wait_for_query(&mut sql, "gatepost.admit_attempt");
        sql.execute("UPDATE gatepost.users SET token_version = token_version + 1", &[]).unwrap();
        problem(login.join().unwrap(), 400, "invalid_credentials");
    });
}

#[test]
fn a_rehash_does_not_bring_back_a_password_that_was_changed_meanwhile() {
    let server = TestServer::start();
    server.register("alice");
    // The login verifies quickly and then takes its time for the stronger hash.
    let mut config = config(&server.database);
    config.passwords.iterations = 2_500_000;
    let service = Service::start(config).unwrap();
    std::thread::scope(|scope| {
        let login = scope.spawn(|| {
            let login = Login::parse("alice").unwrap();
            gatepost::sessions::log_in(service.app(), &login, &Password::parse(PASSWORD).unwrap())
                .unwrap();
        });
        let mut sql = server.sql();
        // The login is recorded once its password was right, and then hashed anew.
        let recorded = "SELECT count(*) FROM gatepost.audit WHERE action = 'log_in'";
        while sql.query_one(recorded, &[]).unwrap().get::<_, i64>(0) == 0 {
            std::thread::yield_now();
        }
        sql.execute("UPDATE gatepost.users SET password_hash = 'changed'", &[]).unwrap();
        login.join().unwrap();
        let hash = sql.query_one("SELECT password_hash FROM gatepost.users", &[]).unwrap();
        assert_eq!(hash.get::<_, &str>(0), "changed");
    });
}

#[test]
fn an_unknown_login_costs_as_much_as_a_wrong_password() {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    let service = Running::start(command.env("GATEPOST_PASSWORDS_ITERATIONS", "1000000"));
    let post = |target: &str, body: &Value, status: u16| {
        let request = client().post(format!("{}{target}", service.url)).json(body);
        assert_eq!(request.send().unwrap().status(), status);
    };
    post("/user", &json!({"login": "alice", "password": PASSWORD}), 201);
    // The processor's time, which other programs on the machine do not stretch. A hash takes some
    // hundred milliseconds of it, a request without one less than one.
    let cost = |login: &str| {
        let begin = service.cpu_ticks();
        post("/", &json!({"login": login, "password": "wrong password"}), 400);
        service.cpu_ticks() - begin
    };
    let (known, unknown) = (cost("alice"), cost("nobody"));
    assert!(unknown > known / 4 && known > unknown / 4, "{known} and {unknown}");
    service.stop();
}

#[test]
fn nothing_readable_of_a_password_is_in_the_users_table() {
    let server = TestServer::start();
    server.register("alice");
    let sql = "SELECT u::text FROM gatepost.users u";
    let row: String = server.sql().query_one(sql, &[]).unwrap().get(0);
    assert!(!row.contains("correct horse"), "{row}");
}

/// Waits until the service has sent a statement with this text.
pub(crate) fn wait_for_query(sql: &mut postgres::Client, text: &str) {
    wait_for_sessions(sql, 1, &format!("query LIKE '%{text}%'"));
}

/// Waits until as many sessions of the service wait for a lock.
pub(crate) fn wait_for_locks(sql: &mut postgres::Client, count: i64) {
    wait_for_sessions(sql, count, "wait_event_type = 'Lock'");
}

fn wait_for_sessions(sql: &mut postgres::Client, count: i64, condition: &str) {
    let sessions = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'gatepost_app'
         AND datname = current_database() AND {condition}"
    );
    let begin = Instant::now();
    while sql.query_one(&sessions, &[]).unwrap().get::<_, i64>(0) < count {
        assert!(begin.elapsed() < Duration::from_secs(30), "not in time: {condition}");
        std::thread::yield_now();
    }
}
