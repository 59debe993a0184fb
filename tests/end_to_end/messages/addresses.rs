//! A user's address: how it is set, proved, changed and taken back.

use super::{Pulled, text};
use crate::support::{PASSWORD, TestServer, problem};
use reqwest::Method;
use serde_json::{Value, json};

#[test]
fn an_address_is_unproved_until_its_link_is_used_once() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    let body = json!({"login": "alice", "password": PASSWORD, "email": "Alice@EXAMPLE.com"});
    let user: Value = server.post("/user", &body).json().unwrap();
    assert_eq!(user["email"], "Alice@EXAMPLE.com");
    assert!(user.get("email_verified").is_none(), "{user}");
    let message = pulled.one("mail.verification");
    // To the domain as DNS has it, with what says whom it is about.
    assert_eq!(message["to"], "Alice@example.com");
    assert_eq!(message["login"], "alice");
    assert_eq!(message["expires_in"], 1800);
    assert!(message.get("code").is_none());
    let token = text(&message, "token");
    assert_eq!(
        text(&message, "link"),
        format!("https://www.example.com/account#verification={token}")
    );
    let answer = pulled.verified(token);
    assert_eq!(answer.status(), 200);
    let user: Value = answer.json().unwrap();
    assert_eq!((&user["email_verified"], &user["login"]), (&json!(true), &json!("alice")));
    let again = problem(pulled.verified(token), 400, "invalid_proof");
    for (name, wrong) in [
        ("another's form", "x".repeat(64)),
        ("one letter more", format!("{token}A")),
        ("nothing", String::new()),
        ("long", "A".repeat(3_000)),
    ] {
        assert_eq!(problem(pulled.verified(&wrong), 400, "invalid_proof"), again, "{name}");
    }
}

#[test]
fn what_is_no_address_is_refused_by_name() {
    let server = TestServer::start();
    server.register("alice");
    let token = server.token("alice");
    for wrong in
        [json!("a"), json!("a@"), json!("a b@x.org"), json!("a@x.org\r\nBcc: b@x.org"), json!(5)]
    {
        let body = json!({"login": "bob", "password": PASSWORD, "email": wrong});
        let detail = problem(server.post("/user", &body), 400, "invalid_request");
        assert!(detail.contains("email"), "{detail}");
        let detail = problem(
            server.patch(&json!({"id": 1, "email": wrong}), &token),
            400,
            "invalid_request",
        );
        assert!(detail.contains("email"), "{detail}");
    }
    for (body, what) in [(json!({}), "email"), (json!({"email": "b@x.org"}), "not your address")] {
        let detail = problem(server.call("/verification", &token, &body), 400, "invalid_request");
        assert!(detail.contains(what), "{detail}");
    }
    problem(server.post("/verification", &json!({"email": "b@x.org"})), 401, "unauthenticated");
}

#[test]
fn an_unproved_address_blocks_nobody_and_a_proved_one_is_one_users() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    let mut tokens = Vec::new();
    for login in ["alice", "bob"] {
        let body = json!({"login": login, "password": PASSWORD, "email": "us@example.com"});
        assert_eq!(server.post("/user", &body).status(), 201);
        tokens.push(text(&pulled.one("mail.verification"), "token").to_owned());
    }
    assert_eq!(pulled.verified(&tokens[1]).status(), 200);
    problem(pulled.verified(&tokens[0]), 400, "email_taken");
    // The proof was not used up by that.
    let bob = server.token("bob");
    assert_eq!(server.patch(&json!({"id": 2, "email": null}), &bob).status(), 200);
    assert_eq!(pulled.verified(&tokens[0]).status(), 200);
    assert_eq!(pulled.user(1)["email_verified"], true);
    assert!(pulled.user(2).get("email").is_none());
}

#[test]
fn a_proved_address_changes_when_the_new_one_is_proved_and_the_old_one_takes_it_back() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    let id = pulled.register("alice", "old@example.com");
    let alice = server.tokens("alice");
    let answer: Value =
        server.patch(&json!({"id": id, "email": "new@example.com"}), &alice.access).json().unwrap();
    assert_eq!(
        (&answer["email"], &answer["email_verified"], &answer["pending_email"]),
        (&json!("old@example.com"), &json!(true), &json!("new@example.com"))
    );
    assert!(pulled.take("mail.email_changed").is_empty(), "it was not changed yet");
    let proof = pulled.one("mail.verification");
    assert_eq!(proof["to"], "new@example.com");
    let changed: Value = pulled.verified(text(&proof, "token")).json().unwrap();
    assert_eq!(changed["email"], "new@example.com");
    assert!(changed.get("pending_email").is_none());
    let told = pulled.one("mail.email_changed");
    assert_eq!((&told["to"], &told["expires_in"]), (&json!("old@example.com"), &json!(7 * 86_400)));
    let undo = text(&told, "token").to_owned();
    assert!(text(&told, "link").contains("#undo="));

    // Whoever took the account over sets a password, and another address yet; the way back is good all the same.
    let body = json!({"id": id, "password": "staple and battery", "email": "thief@example.com"});
    assert_eq!(server.patch(&body, &alice.access).status(), 200);
    let restored = pulled.verified(&undo);
    assert_eq!(restored.status(), 200);
    let restored: Value = restored.json().unwrap();
    assert_eq!(
        (&restored["email"], &restored["email_verified"]),
        (&json!("old@example.com"), &json!(true))
    );
    assert!(restored.get("pending_email").is_none());
    problem(server.refresh(&alice.refresh), 400, "invalid_grant");
    problem(server.get(&format!("/user?id={id}"), &alice.access), 401, "unauthenticated");
    problem(pulled.verified(&undo), 400, "invalid_proof");
    // What waited for the thief's proof is void.
    assert!(pulled.take("mail.verification").is_empty());
}

#[test]
fn a_thief_who_takes_back_a_change_of_their_own_keeps_the_owner_neither_from_it_nor_undoes_the_owners()
 {
    let pulled = Pulled::start();
    let server = &pulled.server;
    let id = pulled.register("alice", "owner@example.com");
    let move_to = |email: &str| {
        let token = server.token("alice");
        assert_eq!(server.patch(&json!({"id": id, "email": email}), &token).status(), 200);
        let proof = text(&pulled.one("mail.verification"), "token").to_owned();
        assert_eq!(pulled.verified(&proof).status(), 200);
        text(&pulled.one("mail.email_changed"), "token").to_owned()
    };
    let owners = move_to("thief@example.com");
    let thiefs = move_to("second@example.com");
    let last = move_to("third@example.com");
    // The thief uses the second, and the owner's is good all the same.
    assert_eq!(pulled.verified(&thiefs).status(), 200);
    assert_eq!(pulled.user(id)["email"], "thief@example.com");
    problem(pulled.verified(&last), 400, "invalid_proof");
    assert_eq!(pulled.verified(&owners).status(), 200);
    assert_eq!(pulled.user(id)["email"], "owner@example.com");
    // Another day, the other way round: what the thief could take back is over once the owner has.
    let yesterday = "UPDATE gatepost.proofs SET created_at = created_at - interval '1 day'";
    server.sql().execute(yesterday, &[]).unwrap();
    let owners = move_to("thief@example.com");
    let thiefs = move_to("second@example.com");
    assert_eq!(pulled.verified(&owners).status(), 200);
    problem(pulled.verified(&thiefs), 400, "invalid_proof");
    assert_eq!(pulled.user(id)["email"], "owner@example.com");
}

#[test]
fn an_address_that_was_proved_is_told_of_its_removal() {
    let pulled = Pulled::start();
    let id = pulled.register("alice", "old@example.com");
    let alice = pulled.server.token("alice");
    let gone: Value =
        pulled.server.patch(&json!({"id": id, "email": null}), &alice).json().unwrap();
    assert!(gone.get("email").is_none() && gone.get("email_verified").is_none(), "{gone}");
    let undo = pulled.one("mail.email_changed");
    assert_eq!(pulled.verified(text(&undo, "token")).status(), 200);
    assert_eq!(pulled.user(id)["email"], "old@example.com");
}

#[test]
fn another_spelling_of_a_proved_address_stays_proved() {
    let pulled = Pulled::start();
    let id = pulled.register("alice", "a@example.com");
    let alice = pulled.server.token("alice");
    let user: Value =
        pulled.server.patch(&json!({"id": id, "email": "a@EXAMPLE.com"}), &alice).json().unwrap();
    assert_eq!((&user["email"], &user["email_verified"]), (&json!("a@EXAMPLE.com"), &json!(true)));
    assert!(
        pulled.take("mail.verification").is_empty() && pulled.take("mail.email_changed").is_empty()
    );
}

#[test]
fn a_new_address_needs_a_sign_in_of_late() {
    let pulled = Pulled::start();
    let id = pulled.register("alice", "a@example.com");
    let tokens = pulled.server.tokens("alice");
    let aged = pulled.server.aged(&tokens);
    let body = json!({"id": id, "email": "b@example.com"});
    problem(pulled.server.patch(&body, &aged.access), 401, "insufficient_user_authentication");
    assert!(pulled.user(id).get("pending_email").is_none());
}

#[test]
fn a_proof_is_asked_for_again_but_not_without_end() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    let body = json!({"login": "alice", "password": PASSWORD, "email": "a@example.com"});
    assert_eq!(server.post("/user", &body).status(), 201);
    let alice = server.token("alice");
    for _ in 0..10 {
        let response = server.call("/verification", &alice, &json!({"email": "a@example.com"}));
        assert_eq!((response.status().as_u16(), response.text().unwrap().trim()), (202, "{}"));
    }
    let sent = pulled.take("mail.verification");
    assert_eq!(sent.len(), 3);
    // The first is good for all that.
    assert_eq!(pulled.verified(text(&sent[0]["data"], "token")).status(), 200);
    for message in &sent[1..] {
        problem(pulled.verified(text(&message["data"], "token")), 400, "invalid_proof");
    }
    assert_eq!(
        server.call("/verification", &alice, &json!({"email": "a@example.com"})).status(),
        202
    );
    assert!(pulled.take("mail.verification").is_empty(), "it is proved");
}

#[test]
fn many_accounts_with_one_address_fill_no_mailbox() {
    let pulled = Pulled::with(|config| config.limits.enabled = false);
    for number in 0..12 {
        let login = format!("user-{number}");
        let body = json!({"login": login, "password": PASSWORD, "email": "victim@example.com"});
        assert_eq!(pulled.server.post("/user", &body).status(), 201);
    }
    assert_eq!(pulled.take("mail.verification").len(), 5);
}

/// What ends the link of a user.
type Spoil = fn(&Pulled, i64);

#[test]
fn a_link_is_over_after_its_time_a_lock_and_a_new_password() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    let spoil: [(&str, Spoil); 4] = [
        ("a time", |pulled, _| {
            let sql = "UPDATE gatepost.proofs SET expires_at = now() - interval '1 ms'";
            pulled.server.sql().execute(sql, &[]).unwrap();
        }),
        ("a lock", |pulled, id| {
            pulled.server.register_admin("root");
            let root = pulled.server.token("root");
            assert_eq!(
                pulled.server.patch(&json!({"id": id, "locked": true}), &root).status(),
                200
            );
        }),
        ("a password", |pulled, id| {
            let token = pulled.server.token("user-2");
            let body = json!({"id": id, "password": "staple and battery"});
            assert_eq!(pulled.server.patch(&body, &token).status(), 200);
        }),
        ("a deletion", |pulled, id| {
            let token = pulled.server.token("user-3");
            assert_eq!(pulled.server.delete(&format!("/user?id={id}"), &token).status(), 200);
        }),
    ];
    for (number, (name, spoil)) in spoil.into_iter().enumerate() {
        let login = format!("user-{number}");
        let email = format!("{login}@example.com");
        let body = json!({"login": login, "password": PASSWORD, "email": email});
        let user: Value = server.post("/user", &body).json().unwrap();
        let proof = pulled.one("mail.verification");
        spoil(&pulled, user["id"].as_i64().unwrap());
        let detail = problem(pulled.verified(text(&proof, "token")), 400, "invalid_proof");
        assert!(!detail.is_empty(), "{name}");
    }
}

#[test]
fn of_sixty_four_uses_of_a_link_one_succeeds() {
    let pulled = Pulled::start();
    let other = TestServer::on(&pulled.server.database);
    let body = json!({"login": "alice", "password": PASSWORD, "email": "a@example.com"});
    assert_eq!(pulled.server.post("/user", &body).status(), 201);
    let proof = pulled.one("mail.verification");
    let token = text(&proof, "token");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64)
            .map(|number| {
                let server = if number % 2 == 0 { &pulled.server } else { &other };
                let body = json!({ "token": token });
                scope.spawn(move || server.post("/verification/confirm", &body).status().as_u16())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 63, "{statuses:?}");
}

#[test]
fn users_are_found_by_address_proved_or_not() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    pulled.register("alice", "us@example.com");
    for login in ["bob", "carol"] {
        let body = json!({"login": login, "password": PASSWORD, "email": "us@EXAMPLE.com"});
        assert_eq!(server.post("/user", &body).status(), 201);
    }
    server.register("dave");
    server.register_admin("root");
    let root = server.token("root");
    let page: Value =
        server.get("/users?email=us%40example.COM&page_size=2", &root).json().unwrap();
    let logins = |page: &Value| -> Vec<String> {
        page["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| text(user, "login").to_owned())
            .collect()
    };
    assert_eq!(logins(&page), ["alice", "bob"]);
    let next: Value =
        server.get("/users?email=us%40example.com&page_size=2&after=2", &root).json().unwrap();
    assert_eq!(logins(&next), ["carol"]);
    problem(server.get("/users?email=x", &root), 400, "invalid_request");
    problem(server.get("/users?email=us%40example.com", &server.token("dave")), 403, "forbidden");
}

#[test]
fn a_key_gives_addresses_to_users_and_proves_none() {
    let pulled = Pulled::start();
    let server = &pulled.server;
    server.register("alice");
    let key = crate::authorization::key(server, "users:write").1;
    let user: Value =
        server.patch(&json!({"id": 1, "email": "a@example.com"}), &key).json().unwrap();
    assert!(user.get("email_verified").is_none(), "{user}");
    let body = json!({"id": 1, "email": "a@example.com", "email_verified": true});
    problem(server.patch(&body, &key), 400, "invalid_request");
    let root = server.register_admin("root");
    problem(server.patch(&json!({"id": root, "email": "a@example.com"}), &key), 403, "forbidden");
    let body = json!({"id": 1, "email": "b@example.com"});
    let request = server.request(Method::PATCH, "/user").json(&body);
    problem(request.send().unwrap(), 401, "unauthenticated");
}
