//! Getting back into an account.

use super::{Pulled, text};
use crate::support::{PASSWORD, TestServer, problem};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const NEW: &str = "staple and battery";

#[test]
fn a_link_sets_a_new_password_once_and_ends_all_sessions() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    pulled.register("alice", "a@example.com");
    let before = server.tokens("alice");
    pulled.ask(&json!({"login": "ALICE"}));
    let message = pulled.one("mail.recovery");
    assert_eq!(
        (&message["to"], &message["client"]),
        (&json!("a@example.com"), &json!("127.0.0.1"))
    );
    assert_eq!(message["expires_in"], 1800);
    let token = text(&message, "token");
    assert!(text(&message, "link").ends_with(&format!("#recovery={token}")));

    // A weak one uses nothing up.
    problem(pulled.recover(token, "password"), 400, "weak_password");
    let answer = pulled.recover(token, NEW);
    assert_eq!((answer.status().as_u16(), answer.text().unwrap().trim()), (200, "{}"));
    problem(pulled.recover(token, NEW), 400, "invalid_proof");
    problem(server.refresh(&before.refresh), 400, "invalid_grant");
    problem(server.get("/user?id=1", &before.access), 401, "unauthenticated");
    problem(server.log_in("alice", PASSWORD), 400, "invalid_credentials");
    assert_eq!(server.log_in("alice", NEW).status(), 200);
    assert_eq!(pulled.one("mail.recovery_used")["to"], "a@example.com");
    assert_eq!(pulled.one("password.changed"), json!({"user_id": 1}));
    let sql = "SELECT action FROM gatepost.audit WHERE action LIKE '%recover%' ORDER BY id";
    let actions: Vec<String> =
        server.sql().query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(actions, ["ask_recovery", "recover"]);
}

#[test]
fn a_code_is_good_with_the_request_that_asked_and_in_the_spelling_of_people() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    pulled.register("alice", "a@example.com");
    let request = pulled.ask(&json!({"email": "a@EXAMPLE.com"}));
    let other = pulled.ask(&json!({"login": "alice"}));
    let sent = pulled.take("mail.recovery");
    let code = text(&sent[0]["data"], "code").to_owned();
    let with = |request: &str, code: &str| {
        let body = json!({"request": request, "code": code, "password": NEW});
        server.post("/recovery/confirm", &body)
    };
    problem(with(&other, &code), 400, "invalid_proof");
    problem(with("nonsense", &code), 400, "invalid_proof");
    let spelled = format!("{}-{} ", &code[..4], &code[4..]);
    assert_eq!(with(&request, &spelled).status(), 200);
    // Using one ends all.
    problem(with(&other, text(&sent[1]["data"], "code")), 400, "invalid_proof");
    problem(pulled.recover(text(&sent[1]["data"], "token"), NEW), 400, "invalid_proof");
}

#[test]
fn five_wrong_codes_end_the_code_and_not_the_link() {
    let pulled = Pulled::start();
    pulled.register("alice", "a@example.com");
    let request = pulled.ask(&json!({"login": "alice"}));
    let message = pulled.one("mail.recovery");
    let code = text(&message, "code").to_owned();
    let wrong = if code.starts_with('0') { "99999999" } else { "00000000" };
    let with = |code: &str| {
        let body = json!({"request": request, "code": code, "password": NEW});
        pulled.server.post("/recovery/confirm", &body)
    };
    for _ in 0..5 {
        problem(with(wrong), 400, "invalid_proof");
    }
    problem(with(&code), 400, "invalid_proof");
    // Any number of wrong links ends none.
    for number in 0..8 {
        let mut wrong = text(&message, "token").to_owned().into_bytes();
        wrong[30 + number] = if wrong[30 + number] == b'A' { b'B' } else { b'A' };
        problem(pulled.recover(str::from_utf8(&wrong).unwrap(), NEW), 400, "invalid_proof");
    }
    assert_eq!(pulled.recover(text(&message, "token"), NEW).status(), 200);
}

#[test]
fn many_guesses_at_once_are_five_guesses() {
    let pulled = Pulled::with(|config| config.limits.enabled = false);
    let other =
        TestServer::on_with(&pulled.server.database, |config| config.limits.enabled = false);
    pulled.register("alice", "a@example.com");
    let request = pulled.ask(&json!({"login": "alice"}));
    let code = text(&pulled.one("mail.recovery"), "code").to_owned();
    let wrong = if code.starts_with('0') { "99999999" } else { "00000000" };
    std::thread::scope(|scope| {
        for number in 0..64 {
            let server = if number % 2 == 0 { &pulled.server } else { &other };
            let body = json!({"request": request, "code": wrong, "password": NEW});
            scope.spawn(move || {
                problem(server.post("/recovery/confirm", &body), 400, "invalid_proof")
            });
        }
    });
    let sql = "SELECT tries FROM gatepost.proofs WHERE kind = 'recovery'";
    assert_eq!(pulled.server.sql().query_one(sql, &[]).unwrap().get::<_, i64>(0), 5);
    let body = json!({"request": request, "code": code, "password": NEW});
    problem(pulled.server.post("/recovery/confirm", &body), 400, "invalid_proof");
}

#[test]
fn of_sixty_four_uses_of_a_link_and_a_code_one_succeeds() {
    let pulled = Pulled::with(|config| config.limits.enabled = false);
    let other =
        TestServer::on_with(&pulled.server.database, |config| config.limits.enabled = false);
    pulled.register("alice", "a@example.com");
    let request = pulled.ask(&json!({"login": "alice"}));
    let message = pulled.one("mail.recovery");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64)
            .map(|number| {
                let server = if number % 2 == 0 { &pulled.server } else { &other };
                let password = format!("{NEW} {number}");
                let body = match number % 3 {
                    0 => json!({"token": message["token"], "password": password}),
                    _ => json!({"request": request, "code": message["code"], "password": password}),
                };
                scope.spawn(move || server.post("/recovery/confirm", &body).status().as_u16())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let count = |status: u16| statuses.iter().filter(|seen| **seen == status).count();
    assert_eq!(count(200), 1, "{statuses:?}");
    assert_eq!(count(200) + count(400) + count(503), 64, "{statuses:?}");
}

/// The fields of an answer that do not differ by chance.
fn answer(server: &TestServer, body: &Value) -> (u16, BTreeSet<String>, Vec<String>, usize) {
    let response = server.post("/recovery", body);
    let status = response.status().as_u16();
    let mut fields: Vec<String> = response.headers().keys().map(ToString::to_string).collect();
    fields.sort();
    let body: Value = response.json().unwrap();
    let names = body.as_object().unwrap().keys().cloned().collect();
    (status, names, fields, text(&body, "request").len())
}

#[test]
fn the_answer_is_the_same_whether_or_not_there_is_such_an_account() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    pulled.register("alice", "a@example.com");
    server.register("bob");
    let known = answer(server, &json!({"login": "alice"}));
    assert_eq!(known.0, 202);
    for whom in [
        json!({"login": "nobody"}),
        json!({"login": "bob"}),
        json!({"email": "a@example.com"}),
        json!({"email": "nobody@example.com"}),
    ] {
        assert_eq!(answer(server, &whom), known, "{whom}");
    }
    pulled.look();
    assert_eq!(pulled.take("mail.recovery").len(), 2);
    for (body, name) in [
        (json!({}), "login"),
        (json!({"login": "a", "email": "a@example.com"}), "email"),
        (json!({"email": "a"}), "email"),
        (json!({"login": 5}), "login"),
    ] {
        let detail = problem(server.post("/recovery", &body), 400, "invalid_request");
        assert!(detail.contains(name), "{detail}");
    }
    for (body, name) in [
        (json!({"token": "x"}), "password"),
        (json!({"password": NEW}), "token"),
        (json!({"code": "1", "password": NEW}), "request"),
        (json!({"request": "1", "password": NEW}), "code"),
        (json!({"token": "x", "code": "1", "password": NEW}), "token"),
    ] {
        let detail = problem(server.post("/recovery/confirm", &body), 400, "invalid_request");
        assert!(detail.contains(name), "{detail}");
    }
}

#[test]
fn nothing_is_sent_to_an_address_that_is_not_proved_or_of_a_locked_account() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    let body = json!({"login": "alice", "password": PASSWORD, "email": "a@example.com"});
    assert_eq!(server.post("/user", &body).status(), 201);
    pulled.ask(&json!({"login": "alice"}));
    pulled.ask(&json!({"email": "a@example.com"}));
    assert!(pulled.take("mail.recovery").is_empty());
    pulled.take("mail.verification");
    let bob = pulled.register("bob", "b@example.com");
    server.register_admin("root");
    let root = server.token("root");
    assert_eq!(server.patch(&json!({"id": bob, "locked": true}), &root).status(), 200);
    pulled.ask(&json!({"login": "bob"}));
    assert!(pulled.take("mail.recovery").is_empty());
}

#[test]
fn a_stranger_who_asks_takes_neither_the_owners_links_nor_fills_the_mailbox() {
    let pulled = Pulled::with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    });
    let server = &pulled.server;
    let ask = |from: &str| {
        let request = server.request(reqwest::Method::POST, "/recovery");
        let request = request.header("x-forwarded-for", from).json(&json!({"login": "alice"}));
        assert_eq!(request.send().unwrap().status(), 202);
        pulled.look();
    };
    pulled.register("alice", "a@example.com");
    // The owner is known where they signed in.
    let body = json!({"login": "alice", "password": PASSWORD});
    let request = server.request(reqwest::Method::POST, "/").header("x-forwarded-for", "192.0.2.1");
    assert_eq!(request.json(&body).send().unwrap().status(), 200);
    for number in 0..10 {
        ask(&format!("198.51.{number}.1"));
    }
    let strangers = pulled.take("mail.recovery");
    assert_eq!(strangers.len(), 3, "three live ones");
    ask("192.0.2.7");
    let owners = pulled.take("mail.recovery");
    assert_eq!(owners.len(), 1, "the owner's is sent all the same");
    // What the stranger caused is over, so two more leave, and no more that day.
    let over = "UPDATE gatepost.proofs SET expires_at = now() - interval '1 s' WHERE NOT known";
    for _ in 0..3 {
        server.sql().execute(over, &[]).unwrap();
        for number in 20..25 {
            ask(&format!("198.51.{number}.1"));
        }
    }
    assert_eq!(pulled.take("mail.recovery").len(), 2);
    assert_eq!(pulled.recover(text(&owners[0]["data"], "token"), NEW).status(), 200);
}

#[test]
fn a_network_asks_only_so_often() {
    let pulled = Pulled::with(|config| config.limits.registrations = 3);
    let mut statuses = Vec::new();
    for number in 0..6 {
        let body = json!({"login": format!("user-{number}")});
        statuses.push(pulled.server.post("/recovery", &body).status().as_u16());
    }
    assert_eq!(statuses[..3], [202, 202, 202]);
    assert_eq!(statuses.last(), Some(&429));
    problem(pulled.server.post("/recovery", &json!({"login": "x"})), 429, "too_many_attempts");
}

#[test]
fn a_second_factor_is_asked_for_after_a_recovery_as_before() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    pulled.register("alice", "a@example.com");
    let app = server.add_totp(&server.token("alice"));
    assert_eq!(pulled.one("mail.factors_changed")["detail"], "an authenticator app was added");
    pulled.ask(&json!({"login": "alice"}));
    let token = text(&pulled.one("mail.recovery"), "token").to_owned();
    assert_eq!(pulled.recover(&token, NEW).status(), 200);
    let response = server.log_in("alice", NEW);
    assert_eq!(response.status(), 403);
    let body: Value = response.json().unwrap();
    assert_eq!(server.mfa(text(&body, "mfa_token"), &app.code(0)).status(), 200);
}

#[test]
fn guesses_at_codes_make_a_network_wait() {
    let pulled = Pulled::with(|config| config.limits.network_failures = 3);
    let body = json!({"request": "AAAAAAAAAAAAAAAAAAAAAA", "code": "12345678", "password": NEW});
    let statuses: Vec<u16> =
        (0..8).map(|_| pulled.server.post("/recovery/confirm", &body).status().as_u16()).collect();
    assert_eq!(statuses[..3], [400, 400, 400], "{statuses:?}");
    assert!(statuses[4..].contains(&429), "{statuses:?}");
}

#[test]
fn a_user_is_told_of_a_sign_in_from_somewhere_new_and_of_a_new_password_and_a_lock() {
    let pulled = Pulled::with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    });
    let server = &pulled.server;
    let id = pulled.register("alice", "a@example.com");
    let from = |address: &str, password: &str| {
        let body = json!({"login": "alice", "password": password});
        let request = server.request(reqwest::Method::POST, "/").header("x-forwarded-for", address);
        let response = request.json(&body).send().unwrap();
        assert_eq!(response.status(), 200);
        text(&response.json::<Value>().unwrap(), "access_token").to_owned()
    };
    // The account was registered at 127.0.0.1.
    from("127.0.0.9", PASSWORD);
    assert!(pulled.take("mail.new_sign_in").is_empty());
    let token = from("192.0.2.7", PASSWORD);
    assert_eq!(pulled.one("mail.new_sign_in")["client"], "192.0.2.7");
    from("192.0.2.99", PASSWORD);
    assert!(pulled.take("mail.new_sign_in").is_empty());
    let old = "UPDATE gatepost.known_networks SET seen_at = now() - interval '91 days'";
    server.sql().execute(old, &[]).unwrap();
    from("192.0.2.7", PASSWORD);
    pulled.one("mail.new_sign_in");

    assert_eq!(server.patch(&json!({"id": id, "password": NEW}), &token).status(), 200);
    assert_eq!(pulled.one("mail.password_changed")["login"], "alice");
    server.register_admin("root");
    let root = server.token("root");
    assert_eq!(server.patch(&json!({"id": id, "locked": true}), &root).status(), 200);
    pulled.one("mail.account_locked");
    assert_eq!(pulled.one("user.locked"), json!({"user_id": id}));
}
