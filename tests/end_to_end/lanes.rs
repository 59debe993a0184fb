//! Which requests wait for hashes, and that no others do.

use crate::logins::wait_for_locks;
use crate::support::program::{Home, Running};
use crate::support::{PASSWORD, TestServer};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const CHANGES: i64 = 16;

#[test]
fn a_lock_and_a_reading_pass_sixteen_changes_of_passwords_that_hold_all_hashing_workers() {
    let server = TestServer::with(|config| {
        (config.server.workers, config.server.tuning.hashing_upstreams) = (1, 2);
        config.server.tuning.hashing_queue_timeout = Duration::from_secs(3);
        config.database.pool_size = 8;
    });
    server.register_admin("root");
    let admin = server.token("root");
    let victim = server.register("victim");
    let users: Vec<(i64, String)> = (0..CHANGES)
        .map(|n| (server.register(&format!("user{n}")), server.token(&format!("user{n}"))))
        .collect();
    let (mut sql, mut looking) = (server.sql(), server.sql());
    let mut held = sql.transaction().unwrap();
    held.batch_execute("SELECT FROM gatepost.users WHERE login LIKE 'user%' FOR UPDATE").unwrap();
    std::thread::scope(|scope| {
        for (id, token) in &users {
            let server = &server;
            scope.spawn(move || {
                let body = json!({"id": id, "password": "another horse battery"});
                // Those that waited for too long hear 503.
                assert!([200, 503].contains(&server.patch(&body, token).status().as_u16()));
            });
        }
        wait_for_locks(&mut looking, 2);
        let read = server.get(&format!("/user?id={victim}"), &admin);
        let locked = server.patch(&json!({"id": victim, "locked": true}), &admin);
        // An escape could spell the name of a password: it waits with the hashes.
        let escaped = server.request(reqwest::Method::PATCH, "/user").bearer_auth(&admin);
        let escaped = escaped.header("content-type", "application/json");
        let escaped = escaped.body(format!(r#"{{"id": {victim}, "loc\u006bed": false}}"#));
        let escaped = escaped.send().unwrap().status();
        held.rollback().unwrap();
        assert_eq!((read.status().as_u16(), locked.status().as_u16()), (200, 200));
        assert_eq!(escaped, 503);
    });
    assert_eq!(server.log_in("victim", PASSWORD).status(), 403);
}

#[test]
fn guesses_at_hashes_of_a_high_cost_leave_a_thread_to_other_logins() {
    let server = TestServer::with(|config| {
        config.server.hashing_threads = 2;
        config.server.tuning.hashing_upstreams = 12;
    });
    server.register("alice");
    for n in 0..4 {
        server.register(&format!("import{n}"));
    }
    // bcrypt of cost 14 takes about a second.
    let hash = "$2b$14$LcfXw6rBHCTkIjAgKHKHc.mHKSjQbG0RX5HRxbMdZy4RuqQDvAVH2";
    let update = "UPDATE gatepost.users SET password_hash = $1 WHERE login LIKE 'import%'";
    assert_eq!(server.sql().execute(update, &[&hash]).unwrap(), 4);
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for n in 0..4 {
            let (server, done) = (&server, &done);
            scope.spawn(move || {
                let guess = server.log_in(&format!("import{n}"), "a wrong guess");
                done.fetch_add(1, Ordering::SeqCst);
                assert_eq!(guess.status(), 400);
            });
        }
        // Until they wait for the hashing threads.
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(server.log_in("alice", PASSWORD).status(), 200);
        let done = done.load(Ordering::SeqCst);
        assert!(done < 2, "{done} of the guesses came first");
    });
}

#[test]
fn threads_that_wait_for_hashes_come_when_they_are_needed_and_leave_again() {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    command.envs([("GATEPOST_SERVER_HASHING_THREADS", "1"), ("GATEPOST_ACCESS_MODE", "open")]);
    command.env("GATEPOST_LIMITS_REGISTRATIONS", "100");
    let service = Running::start(&mut command);
    let threads = || -> usize {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", service.pid())).unwrap();
        let names = tasks
            .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
        names.filter(|name| name.starts_with("hashing-")).count()
    };
    // A thread names itself when it begins to run.
    let begin = Instant::now();
    while threads() != 2 {
        assert!(begin.elapsed() < Duration::from_secs(5), "{} threads", threads());
        std::thread::sleep(Duration::from_millis(10));
    }
    let client = crate::support::client();
    std::thread::scope(|scope| {
        for n in 0..24 {
            let (client, url) = (&client, &service.url);
            scope.spawn(move || {
                let body = json!({"login": format!("user{n}"), "password": PASSWORD});
                let status =
                    client.post(format!("{url}/user")).json(&body).send().unwrap().status();
                assert_eq!(status, 201);
            });
        }
    });
    let (most, begin) = (threads(), Instant::now());
    assert!((5..=18).contains(&most), "{most} threads");
    // Ten seconds later nobody has needed them.
    while threads() > 2 {
        assert!(begin.elapsed() < Duration::from_secs(30), "{} threads", threads());
        std::thread::sleep(Duration::from_millis(500));
    }
    let body = json!({"login": "alice", "password": PASSWORD});
    let created = client.post(format!("{}/user", service.url)).json(&body).send().unwrap();
    assert_eq!(created.status(), 201);
}

#[test]
fn a_proxy_that_is_not_listed_is_named_once_in_the_log() {
    let home = Home::new();
    let service = home.serve();
    let client = crate::support::client();
    for forwarded in [("X-Forwarded-For", "203.0.113.1"), ("Forwarded", "for=203.0.113.2")] {
        let request = client.get(format!("{}/livez", service.url));
        assert_eq!(request.header(forwarded.0, forwarded.1).send().unwrap().status(), 200);
    }
    let log = service.stop();
    let said: Vec<&str> =
        log.lines().filter(|line| line.contains("server.trusted_proxies")).collect();
    assert!(matches!(said[..], [line] if line.contains("127.0.0.1")), "{said:?}\n{log}");
    assert!(!log.contains("203.0.113."), "{log}");
}
