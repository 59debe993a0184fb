//! Adding passkeys, and signing in with them.

use super::device::{BE, BS, Device, UP, decode};
use super::server_with_passkey;
use crate::keys::payload;
use crate::support::{PASSWORD, TestServer, Tokens, problem};
use gatepost::config::AccessMode;
use gatepost::{Config, Profile};
use serde_json::{Value, json};
use std::sync::Barrier;

#[test]
fn the_options_are_those_that_browsers_read() {
    let server = TestServer::start();
    server.register("alice");
    let token = server.token("alice");
    let mut options = server.passkey_options(&token);
    let take = |value: &mut Value, name: &str| value[name].take();
    assert!(decode(&take(&mut options, "challenge")).len() > 64);
    assert_eq!(decode(&take(&mut options["user"], "id")).len(), 32);
    let expected = json!({
        "rp": {"id": "localhost", "name": "gatepost"},
        "user": {"id": null, "name": "alice", "displayName": "alice"},
        "challenge": null,
        "pubKeyCredParams": [
            {"type": "public-key", "alg": -7},
            {"type": "public-key", "alg": -8},
            {"type": "public-key", "alg": -257},
        ],
        "timeout": 300_000,
        "excludeCredentials": [],
        "authenticatorSelection": {
            "residentKey": "required", "requireResidentKey": true, "userVerification": "required",
        },
        "attestation": "none",
    });
    assert_eq!(options, expected);
    let mut options = server.request_options();
    assert!(decode(&take(&mut options, "challenge")).len() > 32);
    let expected = json!({
        "challenge": null, "timeout": 300_000, "rpId": "localhost", "allowCredentials": [],
        "userVerification": "required",
    });
    assert_eq!(options, expected);
}

#[test]
fn a_passkey_signs_its_user_in_without_login_and_password() {
    for mut device in [Device::new(), Device::of_ed25519()] {
        let server = TestServer::start();
        let id = server.register("alice");
        let added = server.add_passkey(&server.token("alice"), &mut device);
        assert_eq!((&added["kind"], &added["name"]), (&json!("passkey"), &json!("laptop")));
        assert_eq!(added["recovery_codes"].as_array().unwrap().len(), 10);
        let tokens = server.sign_in(&mut device);
        let claims = payload(&tokens.access);
        assert_eq!(
            (&claims["user_id"], &claims["amr"]),
            (&json!(id), &json!(["pop", "user", "mfa"]))
        );
        assert_eq!(claims["acr"], "https://refeds.org/profile/mfa");
        let listed: Value = server.get("/factors", &tokens.access).json().unwrap();
        assert!(listed["factors"][0]["last_used_at"].is_string());
        // It was shown with a second factor, so it may do all that a user may.
        let body = json!({"id": id, "password": "another password", "current_password": PASSWORD});
        assert_eq!(server.patch(&body, &tokens.access).status(), 200);
        // The handle is the same for each passkey, and nothing that is known of the user.
        let token = server.sign_in(&mut device).access;
        let options = server.passkey_options(&token);
        assert_eq!(Some(decode(&options["user"]["id"])), device.handle);
        assert_eq!(decode(&options["excludeCredentials"][0]["id"]), device.id);
        assert_eq!(options["excludeCredentials"][0]["transports"], json!(["internal", "hybrid"]));
    }
}

#[test]
fn after_a_password_it_is_the_second_factor() {
    let (server, mut device) = server_with_passkey();
    let challenge: Value = server.log_in("alice", PASSWORD).json().unwrap();
    assert_eq!(challenge["methods"], json!(["passkey", "recovery_code"]));
    let mfa_token = challenge["mfa_token"].as_str().unwrap();
    let options = server.post("/mfa/options", &json!({"mfa_token": mfa_token}));
    let options: Value = options.json().unwrap();
    assert_eq!(options["userVerification"], "preferred");
    assert_eq!(decode(&options["allowCredentials"][0]["id"]), device.id);
    // An authenticator that was told which passkey need not say whose it is, nor ask for a PIN.
    let credential = device.get(&options, |draft| {
        draft.flags = UP;
        draft.handle = None;
    });
    let finish = |credential: &Value| {
        server.post("/mfa", &json!({"mfa_token": mfa_token, "credential": credential}))
    };
    let tokens = Tokens::of(finish(&credential));
    assert_eq!(payload(&tokens.access)["amr"], json!(["pwd", "pop", "user", "mfa"]));
    problem(finish(&credential), 400, "invalid_proof");
    problem(server.post("/mfa/options", &json!({"mfa_token": "x"})), 400, "invalid_proof");
}

#[test]
fn it_renews_a_sign_in() {
    let (server, mut device) = server_with_passkey();
    let old = server.aged(&server.sign_in(&mut device)).access;
    let body = json!({"name": "phone"});
    problem(server.call("/factor/totp", &old, &body), 401, "insufficient_user_authentication");
    let credential = device.get(&server.request_options(), |_| ());
    let renewed = server.call("/step-up", &old, &json!({"credential": credential}));
    let tokens = Tokens::of(renewed);
    assert_eq!(server.call("/factor/totp", &tokens.access, &body).status(), 201);
    problem(server.get("/factors", &old), 401, "unauthenticated");
}

#[test]
fn a_counter_goes_on_and_backup_flags_may_change() {
    let server = TestServer::start();
    server.register("alice");
    let mut device = Device::new();
    device.counter = 5;
    server.add_passkey(&server.token("alice"), &mut device);
    server.sign_in(&mut device);
    device.flags |= BE;
    server.sign_in(&mut device);
    device.flags |= BS;
    server.sign_in(&mut device);
    let backed_up = "SELECT backed_up, sign_count FROM gatepost.factors";
    let row = server.sql().query_one(backed_up, &[]).unwrap();
    assert_eq!((row.get(0), row.get(1)), (true, 8_i64));
    // A copy of the authenticator counts for itself.
    device.counter = 3;
    let credential = device.get(&server.request_options(), |_| ());
    problem(server.post("/passkey", &credential), 400, "invalid_proof");
    let sql = "SELECT detail FROM gatepost.audit WHERE detail LIKE '%counter%'";
    let detail: String = server.sql().query_one(sql, &[]).unwrap().get(0);
    assert_eq!(detail, "passkey 1: its counter went back");
}

#[test]
fn of_64_uses_of_one_assertion_at_once_on_two_instances_one_succeeds() {
    let (server, mut device) = server_with_passkey();
    let other = TestServer::on(&server.database);
    let credential = device.get(&server.request_options(), |_| ());
    let gate = Barrier::new(64);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64)
            .map(|number| {
                let server = if number % 2 == 0 { &server } else { &other };
                let (gate, credential) = (&gate, &credential);
                scope.spawn(move || {
                    gate.wait();
                    server.post("/passkey", credential).status().as_u16()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(200), count(400)), (1, 63), "{statuses:?}");
}

#[test]
fn a_closed_account_is_told_so_and_guesses_keep_no_passkey_out() {
    let (server, mut device) = server_with_passkey();
    for _ in 0..15 {
        server.log_in("alice", "another password");
    }
    server.sign_in(&mut device);
    server.sql().execute("UPDATE gatepost.users SET locked = true", &[]).unwrap();
    let credential = device.get(&server.request_options(), |_| ());
    problem(server.post("/passkey", &credential), 403, "account_locked");
    let forged = device.get(&server.request_options(), |draft| draft.rp_id = "example.com".into());
    problem(server.post("/passkey", &forged), 400, "invalid_proof");
}

#[test]
fn a_removed_passkey_signs_nobody_in() {
    let (server, mut device) = server_with_passkey();
    let token = server.sign_in(&mut device).access;
    let credential = device.get(&server.request_options(), |_| ());
    assert_eq!(server.delete("/factor?id=1", &token).status(), 200);
    problem(server.post("/passkey", &credential), 400, "invalid_proof");
    assert_eq!(server.log_in("alice", PASSWORD).status(), 200);
}

#[test]
fn where_they_are_set_up_the_domain_and_the_pages_are_those_of_the_settings() {
    let server = TestServer::with(|c| {
        c.passkeys.rp_id = Some("example.com".parse().unwrap());
        c.passkeys.origins = vec!["https://login.example.com".parse().unwrap()];
    });
    server.register("alice");
    let token = server.token("alice");
    let mut device = Device::new();
    let options = server.passkey_options(&token);
    assert_eq!(options["rp"]["id"], "example.com");
    for origin in
        ["http://localhost:3000", "https://example.com", "https://login.example.com.evil.test"]
    {
        device.origin = origin.to_owned();
        let credential = device.create(&options, |_| ());
        problem(server.call("/factor/passkey", &token, &credential), 400, "invalid_proof");
    }
    device.origin = "https://login.example.com".to_owned();
    server.add_passkey(&token, &mut device);
    server.sign_in(&mut device);
}

#[test]
fn in_production_there_are_none_until_they_are_set_up() {
    let server = TestServer::with(|c| {
        c.profile = Profile::Production;
        c.tokens.issuer = "https://auth.example.com".to_owned();
        c.encryption.key = Some("an encryption key of 32 bytes and more".into());
        c.passwords.iterations = 600_000;
    });
    let detail = problem(server.post("/passkey/options", &json!({})), 404, "not_found");
    assert!(detail.contains("passkeys.rp_id"), "{detail}");
    let mut device = Device::new();
    let options = json!({"challenge": "AAAA", "rpId": "localhost"});
    problem(server.post("/passkey", &device.get(&options, |_| ())), 404, "not_found");
    let check = |domain: &str, origins: &[&str]| {
        let mut config = Config::new(Profile::Testing);
        config.passkeys.rp_id = (!domain.is_empty()).then(|| domain.parse().unwrap());
        config.passkeys.origins = origins.iter().map(|origin| origin.parse().unwrap()).collect();
        config.validate().err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(check("example.com", &["https://example.com", "https://a.b.example.com:8443"]), "");
    assert_eq!(check("localhost", &["http://localhost:3000"]), "");
    assert!(check("example.com", &[]).contains("both are needed"));
    assert!(check("", &["https://example.com"]).contains("both are needed"));
    for foreign in ["https://example.org", "https://badexample.com", "https://com"] {
        assert!(check("example.com", &[foreign]).contains("a name below it"), "{foreign}");
    }
    assert!(check("example.com", &["http://example.com"]).contains("https"));
}

#[test]
fn in_open_mode_a_passkey_signs_in_too() {
    let server = TestServer::with(|c| c.access.mode = AccessMode::Open);
    server.register("alice");
    let mut device = Device::new();
    let added = server.add_passkey(&server.token("alice"), &mut device);
    assert_eq!(added["id"], 1);
    server.sign_in(&mut device);
}

#[test]
fn answered_challenges_are_removed_once_they_are_over_however_many_there_are() {
    let server = TestServer::with(|c| {
        c.sessions.tuning.sweep_interval = std::time::Duration::from_secs(1);
        c.tokens.tuning.key_check_interval = std::time::Duration::from_secs(1);
    });
    let fill = "INSERT INTO gatepost.used_challenges
                SELECT sha256(n::text::bytea), now() - interval '1 hour' * (n % 2000)
                FROM generate_series(0, 3999) AS n";
    server.sql().execute(fill, &[]).unwrap();
    // Two of them are not over for an hour yet, and two more are so since this moment.
    let left = || -> i64 {
        let sql = "SELECT count(*) FROM gatepost.used_challenges";
        server.sql().query_one(sql, &[]).unwrap().get(0)
    };
    let begin = std::time::Instant::now();
    while left() > 4 {
        assert!(begin.elapsed().as_secs() < 4, "{} are left", left());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(left() >= 2);
}
