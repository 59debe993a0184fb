//! Guessing: who has to wait, who has not, and what is left of it in the database.

use crate::support::{PASSWORD, TestServer, Tokens, config, problem};
use gatepost::config::Config;
use gatepost::domain::Login;
use gatepost::passwords::Password;
use gatepost::{Error, Service, for_client};
use reqwest::blocking::Response;
use serde_json::{Value, json};
use std::sync::Barrier;
use std::time::Duration;

/// A service that believes what its clients say about their address.
fn behind_a_proxy(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::with(|c| {
        c.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        change(c);
    })
}

/// A login of a client at this address.
fn log_in(server: &TestServer, from: &str, login: &str, password: &str) -> Response {
    let request = server.request(reqwest::Method::POST, "/").header("x-forwarded-for", from);
    request.json(&json!({"login": login, "password": password})).send().unwrap()
}

/// The seconds that a refused login has to wait; 0 for one that was tried.
#[track_caller]
fn wait(response: Response) -> u64 {
    if response.status() != 429 {
        problem(response, 400, "invalid_credentials");
        return 0;
    }
    let wait = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    problem(response, 429, "too_many_attempts");
    wait
}

/// Lets all waits end now.
fn end_waits(server: &TestServer) {
    server.sql().execute("UPDATE gatepost.attempts SET retry_at = now()", &[]).unwrap();
}

fn rows(server: &TestServer, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM gatepost.{table}");
    server.sql().query_one(&sql, &[]).unwrap().get(0)
}

#[test]
fn after_ten_failures_the_next_must_wait_whether_or_not_the_login_exists() {
    let server = TestServer::start();
    server.register("alice");
    for login in ["alice", "nobody"] {
        let waits: Vec<u64> =
            (0..12).map(|_| wait(server.log_in(login, "wrong password"))).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1], "{login}");
    }
    // Nobody is told by a refusal whether the password is right.
    assert_eq!(wait(server.log_in("ALICE", PASSWORD)), 1);
    let bob = server.log_in("bob", "wrong password");
    assert_eq!(wait(bob), 0);
}

#[test]
fn each_further_failure_doubles_the_wait_up_to_the_time_in_which_one_is_forgotten() {
    let server = TestServer::start();
    (0..10).for_each(|_| assert_eq!(wait(server.log_in("nobody", "wrong")), 0));
    let mut waits = Vec::new();
    for _ in 0..13 {
        waits.push(wait(server.log_in("nobody", "wrong")));
        end_waits(&server);
        assert_eq!(wait(server.log_in("nobody", "wrong")), 0);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1800, 1800]);
}

#[test]
fn failures_are_forgotten_one_by_one() {
    let server = TestServer::start();
    (0..10).for_each(|_| assert_eq!(wait(server.log_in("nobody", "wrong")), 0));
    assert_eq!(wait(server.log_in("nobody", "wrong")), 1);
    // Two forgettings later, two are to spare.
    let sql = "UPDATE gatepost.attempts SET retry_at = now() - interval '1 hour',
                                            forgotten_at = forgotten_at - interval '1 hour'
               WHERE get_byte(key, 0) = ascii('l')";
    server.sql().execute(sql, &[]).unwrap();
    let waits: Vec<u64> = (0..3).map(|_| wait(server.log_in("nobody", "wrong"))).collect();
    assert_eq!(waits, [0, 0, 1]);
}

#[test]
fn instances_share_the_counts_and_a_restart_forgives_nothing() {
    let server = TestServer::start();
    let second = Service::start(config(&server.database)).unwrap();
    let url = format!("http://{}/", second.addr());
    let body = json!({"login": "nobody", "password": "wrong"});
    for _ in 0..5 {
        assert_eq!(wait(server.log_in("nobody", "wrong")), 0);
        assert_eq!(wait(server.client.post(&url).json(&body).send().unwrap()), 0);
    }
    assert_eq!(wait(server.client.post(&url).json(&body).send().unwrap()), 1);
    second.stop();
    let third = Service::start(config(&server.database)).unwrap();
    let url = format!("http://{}/", third.addr());
    assert_eq!(wait(server.client.post(&url).json(&body).send().unwrap()), 1);
}

#[test]
fn a_stranger_s_guesses_lock_nobody_out_of_a_network_that_is_known() {
    let server = behind_a_proxy(|_| ());
    server.register("alice");
    assert_eq!(log_in(&server, "192.0.2.7", "alice", PASSWORD).status(), 200);
    for n in 0..30 {
        log_in(&server, &format!("203.0.{n}.1"), "alice", "wrong password");
    }
    assert!(wait(log_in(&server, "203.0.113.1", "alice", PASSWORD)) > 0);
    // The same network, another address of it.
    assert_eq!(log_in(&server, "192.0.2.99", "alice", PASSWORD).status(), 200);
    // It is known for alice alone.
    (0..10).for_each(|_| assert_eq!(wait(log_in(&server, "203.0.113.1", "bob", "wrong")), 0));
    assert!(wait(log_in(&server, "192.0.2.99", "bob", "wrong")) > 0);
    // And it is no way to guess on: there, the account has ten failures of its own.
    let guesses: Vec<u64> =
        (0..11).map(|_| wait(log_in(&server, "192.0.2.7", "alice", "wrong"))).collect();
    assert_eq!(guesses, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn a_network_that_used_up_its_guesses_harms_no_account_and_no_other_network() {
    let server = behind_a_proxy(|c| c.limits.network_failures = 20);
    server.register("alice");
    assert_eq!(log_in(&server, "192.0.2.7", "alice", PASSWORD).status(), 200);
    for n in 0..20 {
        assert_eq!(wait(log_in(&server, "192.0.2.1", &format!("nobody {n}"), "wrong")), 0);
    }
    assert_eq!(wait(log_in(&server, "192.0.2.2", "nobody at all", "wrong")), 1);
    let before = rows(&server, "attempts");
    for _ in 0..20 {
        assert!(wait(log_in(&server, "192.0.2.3", "carol", "wrong")) > 0);
    }
    assert_eq!(rows(&server, "attempts"), before, "a refusal was written down");
    assert_eq!(wait(log_in(&server, "198.51.100.1", "carol", "wrong")), 0);
    // Who has logged in from there before is not taken for the guesser next door.
    assert_eq!(log_in(&server, "192.0.2.7", "alice", PASSWORD).status(), 200);
}

#[test]
fn a_refusal_for_an_account_is_no_failure_of_the_network() {
    let server = behind_a_proxy(|c| c.limits.network_failures = 20);
    for _ in 0..60 {
        log_in(&server, "192.0.2.1", "alice", "wrong");
    }
    assert_eq!(wait(log_in(&server, "192.0.2.1", "bob", "wrong")), 0);
}

#[test]
fn a_success_takes_back_its_own_count_and_no_other() {
    let server = behind_a_proxy(|_| ());
    server.register("alice");
    for _ in 0..10 {
        assert_eq!(wait(log_in(&server, "203.0.113.1", "alice", "wrong")), 0);
    }
    end_waits(&server);
    // From a new network, through the one place at the end of the wait.
    assert_eq!(log_in(&server, "192.0.2.7", "alice", PASSWORD).status(), 200);
    assert_eq!(wait(log_in(&server, "203.0.113.1", "alice", "wrong")), 0);
    assert_eq!(wait(log_in(&server, "203.0.113.1", "alice", "wrong")), 2);
    assert_eq!(log_in(&server, "192.0.2.7", "alice", PASSWORD).status(), 200);
}

#[test]
fn of_a_hundred_guesses_at_once_no_more_get_through_than_hash_at_a_time() {
    let server = TestServer::with(|c| {
        c.server.hashing_threads = 2;
        c.server.hashing_queue = 200;
        c.passwords.iterations = 20_000;
    });
    let tried = |expected: std::ops::RangeInclusive<usize>| {
        let barrier = Barrier::new(100);
        let waits: Vec<u64> = std::thread::scope(|scope| {
            let guess = |_| {
                scope.spawn(|| {
                    barrier.wait();
                    wait(server.log_in("nobody", "wrong password"))
                })
            };
            let threads: Vec<_> = (0..100).map(guess).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let tried = waits.iter().filter(|wait| **wait == 0).count();
        assert!(expected.contains(&tried), "{tried} got through");
    };
    // Twelve, six of each hashing thread, may be under way when the tenth fails.
    tried(10..=22);
    // And at the end of a wait one gets through, not twelve.
    end_waits(&server);
    tried(1..=1);
}

#[test]
fn many_right_logins_at_once_are_all_let_in() {
    let server = TestServer::with(|c| c.server.hashing_queue = 200);
    server.register("alice");
    std::thread::scope(|scope| {
        let log_in = |_| scope.spawn(|| server.log_in("alice", PASSWORD).status().as_u16());
        let threads: Vec<_> = (0..64).map(log_in).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 200);
        }
    });
    assert_eq!(rows(&server, "attempts"), 1, "more than the registration was counted");
}

#[test]
fn nothing_readable_of_a_login_or_a_network_is_kept() {
    let server = behind_a_proxy(|_| ());
    server.register("alice");
    log_in(&server, "192.0.2.7", "alice", PASSWORD);
    log_in(&server, "192.0.2.7", "hunter2 in the wrong field", PASSWORD);
    let mut all = String::new();
    for table in ["attempts", "known_networks"] {
        let sql = format!("SELECT encode(t::text::bytea, 'escape') FROM gatepost.{table} t");
        for row in server.sql().query(&sql, &[]).unwrap() {
            all.push_str(row.get::<_, &str>(0));
        }
    }
    assert!(!all.is_empty());
    for text in ["hunter2", "192.0", &hex("hunter2"), &hex("alice")] {
        assert!(!all.contains(text), "{text} in {all}");
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_hundred_registrations_of_one_address_pass_and_a_flood_does_not() {
    let server = TestServer::start();
    (0..100).for_each(|n| assert!(server.register(&format!("user {n}")) > 0));
    let server = TestServer::with(|c| c.limits.registrations = 5);
    (0..5).for_each(|n| assert!(server.register(&format!("user {n}")) > 0));
    let body = json!({"login": "one more", "password": PASSWORD});
    problem(server.post("/user", &body), 429, "too_many_attempts");
    // Admins and the program itself are not limited.
    server.register_admin("root");
}

#[test]
fn a_current_password_is_guessed_no_faster_than_a_login() {
    let server = TestServer::start();
    let id = server.register("alice");
    let token = server.token("alice");
    let body = json!({"id": id, "password": "another password", "current_password": "wrong"});
    let waits: Vec<u64> = (0..11).map(|_| wait(server.patch(&body, &token))).collect();
    assert_eq!(waits, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert!(wait(server.log_in("alice", "wrong")) > 0);
}

#[test]
fn the_table_stays_bounded_and_a_flood_makes_no_count_be_forgotten() {
    let server = behind_a_proxy(|c| {
        c.limits.tuning.remembered = 1_000;
        c.limits.network_failures = 10_000;
    });
    (0..10).for_each(|_| assert_eq!(wait(log_in(&server, "192.0.2.1", "alice", "wrong")), 0));
    let app = server.app();
    let password = Password::parse("wrong password").unwrap();
    for n in 0..3_000 {
        let login = Login::parse(&format!("invented {n}")).unwrap();
        let address = format!("10.{}.{}.1", n / 256, n % 256).parse().ok();
        let tried = for_client(address, || gatepost::sessions::log_in(app, &login, &password));
        assert_eq!(tried.unwrap_err(), Error::InvalidCredentials);
    }
    let kept = rows(&server, "attempts");
    assert!(kept <= 2 * 1_000 + 2 * 512, "{kept} rows");
    // Her wait may be over by now; were her failures forgotten, ten more would be tried.
    wait(log_in(&server, "192.0.2.1", "alice", "wrong"));
    assert!(wait(log_in(&server, "192.0.2.1", "alice", "wrong")) > 0);
}

#[test]
fn a_user_has_at_most_eight_known_networks_the_last_ones() {
    let server = behind_a_proxy(|_| ());
    server.register("alice");
    for n in 0..20 {
        assert_eq!(log_in(&server, &format!("192.0.{n}.1"), "alice", PASSWORD).status(), 200);
    }
    assert_eq!(rows(&server, "known_networks"), 8);
    (0..10).for_each(|_| assert_eq!(wait(log_in(&server, "203.0.113.1", "alice", "wrong")), 0));
    assert_eq!(log_in(&server, "192.0.19.1", "alice", PASSWORD).status(), 200);
    assert!(wait(log_in(&server, "192.0.0.1", "alice", PASSWORD)) > 0);
}

#[test]
fn an_embedding_program_without_clients_counts_accounts_alone() {
    let server = TestServer::start();
    let (login, wrong) = (Login::parse("nobody").unwrap(), Password::parse("wrong").unwrap());
    for _ in 0..10 {
        let tried = gatepost::sessions::log_in(server.app(), &login, &wrong);
        assert_eq!(tried.unwrap_err(), Error::InvalidCredentials);
    }
    let refused = gatepost::sessions::log_in(server.app(), &login, &wrong);
    assert!(matches!(refused, Err(Error::TooManyAttempts(_))), "{refused:?}");
    assert_eq!(rows(&server, "attempts"), 1);
}

#[test]
fn limits_can_be_switched_off() {
    let server = TestServer::with(|c| c.limits.enabled = false);
    for _ in 0..30 {
        assert_eq!(wait(server.log_in("nobody", "wrong password")), 0);
    }
    assert_eq!(rows(&server, "attempts"), 0);
}

#[test]
fn a_session_in_a_loop_is_refused_and_sixty_four_refreshes_at_once_pass() {
    let server = TestServer::start();
    server.register("alice");
    let log_in = || -> Value { server.log_in("alice", PASSWORD).json().unwrap() };
    let refresh = |token: &Value| server.post("/token", &json!({"refresh_token": token}));
    let token = log_in()["refresh_token"].clone();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64).map(|_| scope.spawn(|| refresh(&token).status())).collect();
        threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), 200));
    });
    let server = TestServer::with(|c| {
        c.limits.tuning.refreshes = 7;
        c.limits.tuning.refresh_forget = Duration::from_secs(600);
    });
    server.register("alice");
    let refresh = |token: &Value| server.post("/token", &json!({"refresh_token": token}));
    let first: Value = server.log_in("alice", PASSWORD).json().unwrap();
    let mut token = first["refresh_token"].clone();
    for _ in 0..5 {
        token = refresh(&token).json::<Value>().unwrap()["refresh_token"].clone();
    }
    // One that was lost on the way is counted too.
    let lost = token;
    token = refresh(&lost).json::<Value>().unwrap()["refresh_token"].clone();
    assert_eq!(refresh(&lost).status(), 200);
    problem(refresh(&lost), 429, "too_many_attempts");
    let refused = refresh(&token);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((590..=600).contains(&wait), "{wait}");
    problem(refused, 429, "too_many_attempts");
    // The token stays good; another session is another matter.
    let sql = "UPDATE gatepost.sessions SET refreshes_forgotten_at =
               refreshes_forgotten_at - interval '10 minutes'";
    server.sql().execute(sql, &[]).unwrap();
    assert_eq!(refresh(&token).status(), 200);
    let other: Value = server.log_in("alice", PASSWORD).json().unwrap();
    assert_eq!(refresh(&other["refresh_token"]).status(), 200);
}

#[test]
fn who_hides_behind_another_address_of_ipv6_is_the_same_network() {
    let server = behind_a_proxy(|c| c.limits.network_failures = 5);
    for n in 0..5 {
        let from = format!("2001:db8:1:2::{n}");
        assert_eq!(wait(log_in(&server, &from, &format!("nobody {n}"), "wrong")), 0);
    }
    assert!(wait(log_in(&server, "2001:db8:1:2:ffff::9", "nobody else", "wrong")) > 0);
    assert_eq!(wait(log_in(&server, "2001:db8:1:3::9", "nobody else", "wrong")), 0);
}

#[test]
fn guesses_in_a_known_network_count_for_that_network() {
    let server = behind_a_proxy(|c| c.limits.network_failures = 5);
    server.register("alice");
    assert_eq!(log_in(&server, "192.0.2.7", "alice", PASSWORD).status(), 200);
    (0..5).for_each(|_| assert_eq!(wait(log_in(&server, "192.0.2.7", "alice", "wrong")), 0));
    assert!(wait(log_in(&server, "192.0.2.7", "bob", "wrong")) > 0);
    assert_eq!(log_in(&server, "192.0.2.7", "alice", PASSWORD).status(), 200);
}

#[test]
fn an_admin_who_sets_a_password_or_unlocks_ends_the_wait() {
    let server = behind_a_proxy(|_| ());
    let (alice, token) = (server.register("alice"), {
        server.register_admin("root");
        server.token("root")
    });
    let lock_out = |from: &str| {
        (0..10).for_each(|_| assert_eq!(wait(log_in(&server, from, "alice", "wrong")), 0));
        assert!(wait(log_in(&server, from, "alice", "wrong")) > 0);
    };
    lock_out("203.0.113.1");
    assert_eq!(server.patch(&json!({"id": alice, "locked": false}), &token).status(), 200);
    assert_eq!(log_in(&server, "192.0.2.1", "alice", PASSWORD).status(), 200);
    lock_out("203.0.113.1");
    let new = "another good password";
    assert_eq!(server.patch(&json!({"id": alice, "password": new}), &token).status(), 200);
    // And who knew the old password is a stranger again, wherever that was.
    assert_eq!(rows(&server, "known_networks"), 1, "the admin's own");
    assert_eq!(log_in(&server, "198.51.100.1", "alice", new).status(), 200);
}

/// A service on which alice's account is closed in this way.
fn closed(change: &Value, settings: impl FnOnce(&mut Config)) -> TestServer {
    let server = behind_a_proxy(settings);
    let (alice, token) = (server.register("alice"), {
        server.register_admin("root");
        server.token("root")
    });
    let mut body = change.clone();
    body["id"] = json!(alice);
    assert_eq!(server.patch(&body, &token).status(), 200);
    server
}

/// How an account can be closed, and what is said to who knows its password.
fn closings() -> [(Value, &'static str); 2] {
    [
        (json!({"locked": true}), "account_locked"),
        (json!({"expires_at": "2020-01-31T18:00:00Z"}), "account_expired"),
    ]
}

#[test]
fn the_right_password_of_a_closed_account_counts_as_a_failure_everywhere() {
    for (change, code) in closings() {
        let server = closed(&change, |c| c.limits.network_failures = 15);
        let right = |from| log_in(&server, from, "alice", PASSWORD);
        for _ in 0..10 {
            problem(right("203.0.113.1"), 403, code);
        }
        assert_eq!(wait(right("203.0.113.1")), 1, "{code}");
        assert_eq!(wait(right("198.51.100.1")), 1, "{code}: elsewhere too");
        // At the end of a wait one gets through, and its count is not taken back.
        end_waits(&server);
        problem(right("203.0.113.1"), 403, code);
        assert_eq!(wait(right("203.0.113.1")), 2, "{code}");
        // They are failures of the network: four more and it must wait, whoever it is for.
        end_waits(&server);
        let bob = |n: u8| log_in(&server, "203.0.113.1", &format!("bob {n}"), "wrong");
        (0..4).for_each(|n| assert_eq!(wait(bob(n)), 0, "{code} {n}"));
        assert!(wait(bob(4)) > 0, "{code}");
    }
}

#[test]
fn the_right_password_of_a_closed_account_from_a_known_network_counts_for_that_network() {
    for (change, code) in closings() {
        let server = behind_a_proxy(|_| ());
        let alice = server.register("alice");
        server.register_admin("root");
        let token = server.token("root");
        let log_in = |from| log_in(&server, from, "alice", PASSWORD);
        assert_eq!(log_in("192.0.2.7").status(), 200);
        let mut body = change.clone();
        body["id"] = json!(alice);
        assert_eq!(server.patch(&body, &token).status(), 200);
        (0..10).for_each(|_| drop(problem(log_in("192.0.2.7"), 403, code)));
        assert_eq!(wait(log_in("192.0.2.7")), 1, "{code}");
        problem(log_in("198.51.100.1"), 403, code);
        // A program that went on trying in her name costs her nothing once the account is open.
        let (name, open) = if code == "account_locked" {
            ("locked", json!(false))
        } else {
            ("expires_at", Value::Null)
        };
        let body = json!({"id": alice, name: open});
        assert_eq!(server.patch(&body, &token).status(), 200);
        assert_eq!(log_in("192.0.2.7").status(), 200, "{code}");
        assert_eq!(log_in("198.51.100.1").status(), 200, "{code}");
    }
}

#[test]
fn the_right_password_of_a_closed_account_shares_the_bound_on_rows_of_the_audit_log() {
    for (change, code) in closings() {
        let server = closed(&change, |c| c.audit.tuning.failures_per_minute = 3);
        for n in 0..8 {
            problem(log_in(&server, &format!("203.0.{n}.1"), "alice", PASSWORD), 403, code);
        }
        let sql = format!("SELECT count(*) FROM gatepost.audit WHERE outcome = '{code}'");
        let rows: i64 = server.sql().query_one(&sql, &[]).unwrap().get(0);
        assert_eq!(rows, 3, "{code}");
    }
}

#[test]
fn a_login_that_a_change_of_the_password_overtook_is_counted_and_recorded() {
    let server = TestServer::start();
    server.register("alice");
    let mut sql = server.sql();
    let mut change = sql.transaction().unwrap();
    let next = "UPDATE gatepost.users SET token_version = token_version + 1";
    change.execute(next, &[]).unwrap();
    std::thread::scope(|scope| {
        let login = scope.spawn(|| server.log_in("alice", PASSWORD));
        // Its password was right, and it waits for the row.
        let waiting = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let mut look = server.sql();
        while look.query_one(waiting, &[]).unwrap().get::<_, i64>(0) == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        change.commit().unwrap();
        problem(login.join().unwrap(), 400, "invalid_credentials");
    });
    let failures = "SELECT count(*) FROM gatepost.attempts WHERE get_byte(key, 0) = ascii('p')";
    assert_eq!(server.sql().query_one(failures, &[]).unwrap().get::<_, i64>(0), 1);
    let rows = "SELECT count(*) FROM gatepost.audit
                WHERE action = 'log_in' AND outcome = 'invalid_credentials'";
    assert_eq!(server.sql().query_one(rows, &[]).unwrap().get::<_, i64>(0), 1);
}

/// Makes all that is stored look as it does when the database's clock has been set back.
fn step_back(server: &TestServer, by: &str) {
    let sql = format!(
        "UPDATE gatepost.attempts SET retry_at = retry_at + interval '{by}',
                                      forgotten_at = forgotten_at + interval '{by}';
         UPDATE gatepost.sessions
         SET refreshes_forgotten_at = refreshes_forgotten_at + interval '{by}'"
    );
    server.sql().batch_execute(&sql).unwrap();
}

/// Hours until the last failure is forgotten, and until something may be tried, of what is stored
/// longest.
fn stored(server: &TestServer) -> (f64, f64) {
    let sql = "SELECT (extract(epoch FROM max(forgotten_at) - now()) / 3600)::float8,
                      (extract(epoch FROM max(retry_at) - now()) / 3600)::float8
               FROM gatepost.attempts";
    let row = server.sql().query_one(sql, &[]).unwrap();
    (row.get(0), row.get(1))
}

#[test]
fn after_a_clock_was_set_back_nobody_waits_longer_than_the_longest_wait() {
    let server = behind_a_proxy(|c| {
        c.limits.network_failures = 11;
        // So many slip through; what is remembered depends on it.
        c.server.tuning.hashing_upstreams = 4;
    });
    server.register("alice");
    // The longest waits, of an account and of a network, are 30 minutes and 20 s.
    for (n, (by, at_most)) in
        [("15 seconds", 20), ("20 minutes", 1_800), ("1 hour", 0), ("1 day", 0), ("2 years", 0)]
            .into_iter()
            .enumerate()
    {
        server.sql().batch_execute("TRUNCATE gatepost.attempts").unwrap();
        let from = format!("192.0.{n}.1");
        for _ in 0..11 {
            wait(log_in(&server, &from, "nobody", "wrong"));
        }
        assert!(wait(log_in(&server, &from, "nobody", "wrong")) > 0);
        step_back(&server, by);
        // Of the account.
        let waits = wait(log_in(&server, &from, "nobody", "wrong"));
        assert!(waits <= at_most.max(2), "{by}: {waits} s");
        // Then it is counted as ever, and no longer than ever.
        end_waits(&server);
        assert_eq!(wait(log_in(&server, &from, "nobody", "wrong")), 0, "{by}");
        let waits = wait(log_in(&server, &from, "nobody", "wrong"));
        assert!((1..=1_800).contains(&waits), "{by}: {waits} s");
        end_waits(&server);
        assert_eq!(log_in(&server, &from, "alice", PASSWORD).status(), 200, "{by}");
        let (forgotten, retried) = stored(&server);
        assert!(retried <= 0.5, "{by}: {retried} h");
        assert!(forgotten <= 0.5 * f64::from(10 + 30 + 4), "{by}: {forgotten} h");
    }
}

#[test]
fn after_a_clock_was_set_back_people_register_log_in_and_refresh_as_before() {
    let server = TestServer::with(|c| {
        c.limits.registrations = 3;
        c.limits.tuning.refreshes = 7;
        c.limits.tuning.refresh_forget = Duration::from_secs(60);
    });
    let register = |login: &str| {
        let status = server.post("/user", &json!({"login": login, "password": PASSWORD})).status();
        status.as_u16()
    };
    let registered = ["alice", "bob", "carol", "dave"].map(register);
    assert_eq!(registered, [201, 201, 201, 429]);
    for _ in 0..11 {
        server.log_in("alice", "wrong");
    }
    problem(server.log_in("alice", PASSWORD), 429, "too_many_attempts");
    let mut tokens = server.tokens("bob");
    for _ in 0..7 {
        tokens = Tokens::of(server.refresh(&tokens.refresh));
    }
    problem(server.refresh(&tokens.refresh), 429, "too_many_attempts");
    for by in ["1 hour", "1 day"] {
        step_back(&server, by);
        assert_eq!(register(&format!("after-{}", by.replace(' ', "-"))), 201, "{by}");
        server.tokens("alice");
        // As many as at the start, and then the longest wait at most.
        for _ in 0..7 {
            tokens = Tokens::of(server.refresh(&tokens.refresh));
        }
        let refused = server.refresh(&tokens.refresh);
        let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{by}: {wait} s");
        problem(refused, 429, "too_many_attempts");
    }
}
