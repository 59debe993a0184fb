//! New passwords that are refused, and the pepper.

use crate::support::{PASSWORD, TestServer, config, problem};
use gatepost::domain::Login;
use gatepost::passwords::Password;
use gatepost::secret::Secret;
use gatepost::{Caller, Config, Error, Service};
use serde_json::json;

fn refused(server: &TestServer, login: &str, password: &str) -> String {
    let response = server.post("/user", &json!({"login": login, "password": password}));
    problem(response, 400, "weak_password")
}

#[test]
fn common_passwords_the_login_and_configured_words_are_refused_and_the_reason_is_said() {
    let server =
        TestServer::with(|c| c.passwords.refused_words = vec!["Wonderland Ltd".to_owned()]);
    assert!(refused(&server, "alice", "Password123").contains("most common"));
    assert!(refused(&server, "alice.liddell", "Alice.Liddell-1865").contains("the login"));
    let detail = refused(&server, "alice", "wonderland LTD 2026");
    assert!(detail.contains("\"Wonderland Ltd\""), "{detail}");
    let id = server.register("alice.liddell");
    let token = server.token("alice.liddell");
    for password in ["iloveyou", "alice.liddell"] {
        let response = server.patch(&json!({"id": id, "password": password}), &token);
        problem(response, 400, "weak_password");
    }
    assert_eq!(server.log_in("alice.liddell", PASSWORD).status(), 200);
}

#[test]
fn repetitions_runs_and_long_common_passwords_are_refused_in_production_s_length() {
    let server = TestServer::with(|c| c.passwords.min_length = 15);
    for password in [
        "passwordpassword",
        "Password1!Password1!",
        "123456789012345",
        "987654321098765",
        "aaaaaaaaaaaaaaa",
        "qwertyuiopasdfgh",
        "1qaz2wsx3edc4rfv5tgb",
        "monkey12monkey12monkey12",
        "letmeinletmein1234567890",
    ] {
        let detail = refused(&server, "alice", password);
        assert!(
            detail.starts_with("password: contains repetitions or sequences"),
            "{password}: {detail}"
        );
    }
    for password in ["thisismypassword", "AllYouNeedIsLove", "RobertPattinson"] {
        assert!(refused(&server, "alice", password).contains("most common"), "{password}");
    }
    server.register("alice");
}

#[test]
fn a_breached_password_is_refused_when_a_list_is_configured() {
    let dir = tempfile::tempdir().unwrap();
    let (text, list) = (dir.path().join("breached.txt"), dir.path().join("list"));
    std::fs::write(&text, "tr0ub4dor and 3\nÅngström ①②\n").unwrap();
    gatepost::passwords::build_breach_list(&[text], &list, 1, |_| ()).unwrap();
    let server = TestServer::with(|c| c.passwords.breach_list = Some(list));
    for password in ["tr0ub4dor and 3", "Ångström ①②"] {
        assert!(refused(&server, "alice", password).contains("breach"));
    }
    server.register("alice");
}

#[test]
fn a_service_does_not_start_with_a_breach_list_that_is_none() {
    let server = TestServer::start();
    let mut config = config(&server.database);
    config.passwords.breach_list = Some("/does/not/exist".into());
    let Err(Error::Startup(text)) = Service::start(config) else { panic!() };
    assert!(text.contains("passwords.breach_list: /does/not/exist"), "{text}");
}

fn pepper(letter: &str) -> Secret {
    Secret::new(letter.repeat(32))
}

/// A service on the same database with these peppers.
fn beside(server: &TestServer, current: Option<&str>, previous: &[&str]) -> Service {
    let mut config: Config = config(&server.database);
    config.passwords.pepper = current.map(pepper);
    config.passwords.previous_peppers = previous.iter().copied().map(pepper).collect();
    Service::start(config).unwrap()
}

fn log_in(service: &Service) -> gatepost::Result<()> {
    let (login, password) = (Login::parse("alice").unwrap(), Password::parse(PASSWORD).unwrap());
    gatepost::sessions::log_in(service.app(), &login, &password).map(drop)
}

#[test]
fn a_pepper_is_set_rotated_and_taken_away_without_anybody_noticing() {
    let server = TestServer::start();
    server.register("alice");
    let hash = || -> String {
        let sql = "SELECT password_hash FROM gatepost.users";
        server.sql().query_one(sql, &[]).unwrap().get(0)
    };
    let unpeppered = hash();
    log_in(&beside(&server, Some("a"), &[])).unwrap();
    let under_a = hash();
    assert!(!unpeppered.contains("keyid=") && under_a.contains(",keyid="), "{under_a}");
    log_in(&beside(&server, Some("b"), &["a"])).unwrap();
    let under_b = hash();
    assert_ne!(under_a.split(['=', '$']).nth(5), under_b.split(['=', '$']).nth(5));
    log_in(&beside(&server, Some("b"), &[])).unwrap();
    assert_eq!(hash(), under_b);
    log_in(&beside(&server, None, &["b"])).unwrap();
    assert!(!hash().contains("keyid="));
    assert_eq!(server.log_in("alice", PASSWORD).status(), 200);
}

#[test]
fn a_hash_whose_pepper_is_missing_is_a_fault_of_the_operator_and_not_a_wrong_password() {
    let server = TestServer::with(|c| c.passwords.pepper = Some(pepper("b")));
    let elsewhere = beside(&server, Some("a"), &[]);
    let (login, password) = (Login::parse("alice").unwrap(), Password::parse(PASSWORD).unwrap());
    gatepost::users::register(elsewhere.app(), &Caller::Trusted, &login, &password).unwrap();
    problem(server.log_in("alice", PASSWORD), 500, "internal");
    problem(server.log_in("alice", "wrong password"), 500, "internal");
    problem(server.log_in("nobody", "wrong password"), 400, "invalid_credentials");
    let Err(Error::Internal(text)) = log_in(&server.service) else { panic!() };
    assert!(text.contains("passwords.previous_peppers"), "{text}");
}
