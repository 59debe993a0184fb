//! How secrets of factors are kept.

use super::Authenticator;
use crate::passkeys::device::Device;
use crate::support::{PASSWORD, TestServer, client, config, new_database};
use crate::transfer::{counts, export, import};
use gatepost::signing_keys;
use gatepost::{App, Config, Service};
use serde_json::{Value, json};

const OLD: &str = "the old encryption key of 32 bytes and more";
const NEW: &str = "the new encryption key of 32 bytes and more";

fn settings(database: &str, key: Option<&str>, previous: Option<&str>) -> Config {
    let mut config = config(database);
    config.encryption.key = key.map(Into::into);
    config.encryption.previous_key = previous.map(Into::into);
    config
}

fn start(database: &str, key: Option<&str>, previous: Option<&str>) -> TestServer {
    let service = Service::start(settings(database, key, previous)).unwrap();
    TestServer { service, database: database.to_owned(), client: client() }
}

/// All of the two tables, as a copy of the database has them.
fn copied(server: &TestServer) -> Vec<Vec<u8>> {
    let sql = "SELECT secret FROM gatepost.factors WHERE secret IS NOT NULL UNION ALL SELECT hash FROM gatepost.recovery_codes";
    server.sql().query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn a_copy_of_the_database_gives_no_code_and_another_encryption_key_takes_over() {
    let database = new_database();
    let server = start(&database, Some(OLD), None);
    server.register("alice");
    let app = server.add_totp(&server.token("alice"));
    let before = copied(&server);
    assert_eq!(before.len(), 11);
    for bytes in &before {
        assert!(!bytes.windows(app.secret.len()).any(|window| window == app.secret));
        let text = String::from_utf8_lossy(bytes);
        let bare = |code: &String| text.contains(&code.replace('-', ""));
        assert!(!app.recovery_codes.iter().any(bare));
    }
    drop(server);
    let both = start(&database, Some(NEW), Some(OLD));
    both.tokens_with("alice", &app);
    let lines = signing_keys::reencrypt(both.app()).unwrap();
    assert_eq!(lines.last().unwrap(), "1 secrets of second factors");
    assert_ne!(copied(&both)[0], before[0]);
    assert!(signing_keys::reencrypt(both.app()).unwrap().is_empty());
    drop(both);
    start(&database, Some(NEW), None).tokens_with("alice", &app);
}

#[test]
fn secrets_of_before_the_encryption_key_are_encrypted_by_the_command() {
    let database = new_database();
    let server = start(&database, None, None);
    server.register("alice");
    let app = server.add_totp(&server.token("alice"));
    assert_eq!(copied(&server)[0], app.secret);
    drop(server);
    let repair = App::open_for_repair(settings(&database, Some(NEW), None)).unwrap();
    signing_keys::reencrypt(&repair).unwrap();
    drop(repair);
    let server = start(&database, Some(NEW), None);
    assert_ne!(copied(&server)[0], app.secret);
    server.tokens_with("alice", &app);
    // One that is put there now, as it is, is not taken.
    let planted = vec![7_u8; 20];
    let sql = "UPDATE gatepost.factors SET secret = $1, sealed_with = NULL";
    server.sql().execute(sql, &[&planted]).unwrap();
    let body = json!({"login": "alice", "password": PASSWORD, "code": app.code(0)});
    assert_eq!(server.post("/", &body).status(), 500);
    assert!(signing_keys::reencrypt(server.app()).is_err());
}

#[test]
fn a_secret_that_was_moved_to_another_user_is_not_taken() {
    let database = new_database();
    let server = start(&database, Some(OLD), None);
    for login in ["alice", "mallory"] {
        server.register(login);
    }
    server.add_totp(&server.token("alice"));
    let theirs = server.add_totp(&server.token("mallory"));
    let sql = "UPDATE gatepost.factors SET secret = (SELECT secret FROM gatepost.factors
                   WHERE id = $1)";
    server.sql().execute(sql, &[&theirs.id]).unwrap();
    let body = json!({"login": "alice", "password": PASSWORD, "code": theirs.code(0)});
    assert_eq!(server.post("/", &body).status(), 500);
}

#[test]
fn the_audit_log_tells_of_factors_and_codes() {
    let server = TestServer::start();
    server.register("alice");
    let app = server.add_totp(&server.token("alice"));
    let token = server.mfa_token("alice");
    server.mfa(&token, &app.wrong());
    let access = server.tokens_with("alice", &app).access;
    assert_eq!(server.call("/recovery-codes", &access, &json!({})).status(), 200);
    server.unused();
    let answer: Value =
        server.call("/step-up", &access, &json!({"code": app.code(0)})).json().unwrap();
    let access = answer["access_token"].as_str().unwrap();
    assert_eq!(server.delete(&format!("/factor?id={}", app.id), access).status(), 200);
    let sql = "SELECT action, outcome, coalesce(detail, '') FROM gatepost.audit ORDER BY id";
    let rows = server.sql().query(sql, &[]).unwrap();
    let seen: Vec<String> = rows
        .iter()
        .map(|row| [0, 1, 2].map(|at| row.get::<_, String>(at)).join(" ").trim().to_owned())
        .collect();
    let factor = format!("totp {}", app.id);
    let expected = [
        "register done".to_owned(),
        "log_in done".to_owned(),
        format!("add_factor done {factor}"),
        "log_in mfa_required".to_owned(),
        "log_in invalid_proof".to_owned(),
        "log_in mfa_required".to_owned(),
        "log_in done".to_owned(),
        "replace_recovery_codes done".to_owned(),
        "step_up done".to_owned(),
        format!("remove_factor done {factor}"),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn an_export_takes_factors_along_and_the_other_end_encrypts_them_with_its_own_key() {
    let server = start(&new_database(), Some(OLD), None);
    server.register("alice");
    server.register("bob");
    let app = server.add_totp(&server.token("alice"));
    let token = server.tokens_with("alice", &app).access;
    let mut device = Device::new();
    server.add_passkey(&token, &mut device);
    let exported = export(&server);
    assert!(exported.lines().nth(1).is_some_and(|bob| !bob.contains("factors")), "{exported}");

    let other = start(&new_database(), Some(NEW), None);
    let (done, said) = import(&other, &exported);
    assert_eq!((counts(&done), said), ([2, 2, 0, 0, 0], vec![]));
    assert_eq!(export(&other), exported);
    assert!(!copied(&other).contains(&app.secret));
    other.tokens_with("alice", &app);
    other.sign_in(&mut device);
    let body =
        json!({"mfa_token": other.mfa_token("alice"), "recovery_code": app.recovery_codes[3]});
    assert_eq!(other.post("/mfa", &body).status(), 200);
    assert_eq!(other.log_in("bob", PASSWORD).status(), 200);
    // Again, it finds them there.
    let renumbered = exported.replace("\"id\":1,", "").replace("\"id\":2,", "");
    let (done, _) = import(&other, &renumbered);
    assert_eq!(counts(&done), [2, 0, 2, 0, 0]);
    // Of another service, an app's secret is enough.
    let hash = "$2b$04$kLHVlmjw5QSN3KzeuPzR8evy4GpDLVNIUzxBi.Mb1afWVTgSgJppG";
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let factors = json!({"totp": [{"name": "phone", "secret": secret}]});
    let line = json!({"login": "carol", "password_hash": hash, "factors": factors});
    let (done, said) = import(&other, &line.to_string());
    assert_eq!((counts(&done), said), ([1, 1, 0, 0, 0], vec![]));
    let carols = Authenticator::of(&json!({"id": 0, "secret": secret}));
    other.tokens_with("carol", &carols);
    let bad = json!({"login": "dave", "password_hash": hash, "factors": {"totp": [{"name": "x", "secret": "a secret"}]}});
    let (done, said) = import(&other, &bad.to_string());
    assert_eq!(counts(&done), [1, 0, 0, 0, 1]);
    assert!(said[0].contains("factors: totp: secret") && !said[0].contains("a secret"), "{said:?}");
}
