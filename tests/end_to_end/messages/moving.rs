//! Addresses in imports, exports and restored backups, and invitations by import.

use super::{Pulled, text};
use crate::support::{PASSWORD, TestServer, problem};
use gatepost::transfer::{self, Ids, ImportEvent, Importing};
use serde_json::{Value, json};

fn import(
    server: &TestServer,
    text: &str,
    importing: Importing,
) -> (transfer::Imported, Vec<String>) {
    let mut said = Vec::new();
    let hear = |event: ImportEvent<'_>| match event {
        ImportEvent::Refused(fault) | ImportEvent::Changed(fault) => said.push(fault.to_string()),
        _ => (),
    };
    (transfer::import(server.app(), text.as_bytes(), importing, hear).unwrap(), said)
}

fn survey(
    server: &TestServer,
    text: &str,
    importing: Importing,
) -> (transfer::Imported, Vec<String>) {
    let mut said = Vec::new();
    let hear = |event: ImportEvent<'_>| {
        if let ImportEvent::Refused(fault) = event {
            said.push(fault.to_string());
        }
    };
    (transfer::survey(server.app(), text.as_bytes(), importing, hear).unwrap().outcome, said)
}

fn exported(server: &TestServer) -> String {
    let mut out = Vec::new();
    transfer::export(server.app(), &mut out, |_| ()).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn addresses_go_out_and_come_in_again() {
    let pulled = Pulled::start();
    pulled.register("alice", "Alice@EXAMPLE.com");
    let body = json!({"login": "bob", "password": PASSWORD, "email": "bob@example.com"});
    assert_eq!(pulled.server.post("/user", &body).status(), 201);
    pulled.server.register("carol");
    let text = exported(&pulled.server);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&lines[0]["email"], &lines[0]["email_verified"]),
        (&json!("Alice@EXAMPLE.com"), &json!(true))
    );
    assert_eq!(
        (&lines[1]["email"], lines[1].get("email_verified")),
        (&json!("bob@example.com"), None)
    );
    assert!(lines[2].get("email").is_none());
    let other = TestServer::start();
    assert_eq!(import(&other, &text, Ids::Kept.into()).0.imported, 3);
    assert_eq!(exported(&other), text);
    let (again, said) =
        import(&other, &text.replace("bob@example.com", "b@example.com"), Ids::Renumbered.into());
    assert_eq!((again.present, again.changed), (2, 1));
    assert!(said[0].contains("another email"), "{said:?}");
}

const HASH: &str = "$2b$04$kLHVlmjw5QSN3KzeuPzR8evy4GpDLVNIUzxBi.Mb1afWVTgSgJppG";

#[test]
fn a_proved_address_comes_in_once_and_a_dry_run_says_so() {
    let pulled = Pulled::start();
    pulled.register("alice", "a@example.com");
    let line = |login: &str, email: &str, verified: bool| {
        let line = json!({"login": login, "password_hash": HASH, "email": email, "email_verified": verified});
        format!("{line}\n")
    };
    let text = [
        line("bob", "b@example.com", true),
        line("carol", "b@EXAMPLE.com", true),
        line("dave", "b@example.com", false),
        line("erin", "a@example.com", true),
    ]
    .concat();
    for (outcome, said) in [
        survey(&pulled.server, &text, Ids::Kept.into()),
        import(&pulled.server, &text, Ids::Kept.into()),
    ] {
        assert_eq!((outcome.imported, outcome.refused), (2, 2), "{said:?}");
        let about = |line: &str| {
            said.iter().any(|said| said.starts_with(line) && said.contains("verified email"))
        };
        assert!(about("2:") && about("4:"), "{said:?}");
    }
    for (line, cause) in [
        (json!({"login": "x", "password_hash": HASH, "email": "x"}), "email: must be an address"),
        (json!({"login": "x", "password_hash": HASH, "email": 5}), "email: must be a string"),
        (json!({"login": "x", "password_hash": HASH, "email_verified": true}), "there is no email"),
        (json!({"login": "x", "email": "x@example.com"}), "password_hash: is missing"),
    ] {
        let (outcome, said) = import(&pulled.server, &line.to_string(), Ids::Kept.into());
        assert_eq!(outcome.refused, 1);
        assert!(said[0].contains(cause), "{said:?}");
    }
}

#[test]
fn users_without_a_hash_are_invited_where_that_is_asked_for() {
    let pulled = Pulled::start();
    let inviting = Importing::from(Ids::Kept).inviting();
    let text = [
        json!({"login": "alice", "email": "a@example.com", "roles": ["staff"]}),
        json!({"login": "bob", "password_hash": HASH, "email": "b@example.com"}),
        json!({"login": "carol"}),
        json!({"login": "dave", "email": "d@example.com", "admin": true}),
        json!({"login": "erin", "email": "e@example.com", "email_verified": true}),
    ]
    .map(|line| format!("{line}\n"))
    .concat();
    let (dry, _) = survey(&pulled.server, &text, inviting);
    let (done, said) = import(&pulled.server, &text, inviting);
    assert_eq!((dry.imported, dry.refused), (2, 3));
    assert_eq!((done.imported, done.refused), (2, 3), "{said:?}");
    let message = pulled.one("mail.invitation");
    assert_eq!((&message["to"], &message["login"]), (&json!("a@example.com"), &json!("alice")));
    problem(pulled.server.log_in("alice", PASSWORD), 400, "invalid_credentials");
    let body = json!({"token": message["token"], "password": PASSWORD});
    let user: Value = pulled.server.post("/invitation/confirm", &body).json().unwrap();
    assert_eq!((&user["roles"], &user["email_verified"]), (&json!(["staff"]), &json!(true)));
    // Again, nobody is invited twice.
    let (again, _) = import(&pulled.server, &text, inviting);
    assert_eq!((again.imported, again.refused), (0, 3));
    assert!(pulled.take("mail.invitation").is_empty());
    // Where no message can leave, nobody is made.
    let other = TestServer::start();
    let line = json!({"login": "alice", "email": "a@example.com"}).to_string();
    let fault = transfer::import(other.app(), line.as_bytes(), inviting, |_| ()).unwrap_err();
    assert!(fault.to_string().contains("no message can leave"), "{fault}");
    assert_eq!(exported(&other), "");
}

#[test]
fn what_a_restored_backup_brings_back_of_links_and_messages_is_over_after_the_command() {
    let pulled = Pulled::start();
    pulled.register("alice", "a@example.com");
    pulled.ask(&json!({"login": "alice"}));
    let waiting = pulled.waiting();
    let token = text(&waiting.last().unwrap()["data"], "token").to_owned();
    gatepost::restore::after_restore(pulled.server.app()).unwrap();
    assert!(pulled.waiting().is_empty());
    problem(pulled.recover(&token, "staple and battery"), 400, "invalid_proof");
    // What is asked for from then on is answered.
    pulled.ask(&json!({"login": "alice"}));
    let token = text(&pulled.one("mail.recovery"), "token").to_owned();
    assert_eq!(pulled.recover(&token, "staple and battery").status(), 200);
}
