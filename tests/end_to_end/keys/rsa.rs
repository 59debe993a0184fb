//! RS256: keys that take a while to make, and are known before they sign.

use super::{header, verifies};
use crate::support::program::{Home, run, success};
use crate::support::{PASSWORD, TestServer, problem};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost::Caller;
use gatepost::config::Algorithm;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Waits until something is there.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn jwks(server: &TestServer) -> Vec<Value> {
    let answer = server.request(Method::GET, "/.well-known/jwks.json").send().unwrap();
    match answer.status().as_u16() {
        200 => answer.json::<Value>().unwrap()["keys"].as_array().unwrap().clone(),
        _ => Vec::new(),
    }
}

fn decoded(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

#[test]
fn a_service_that_has_no_key_yet_is_there_at_once_and_says_to_wait() {
    for (algorithm, bytes) in [(Algorithm::Rs256, 256), (Algorithm::Rs256Bits3072, 384)] {
        let server = TestServer::with(|config| {
            config.tokens.algorithm = algorithm;
            config.encryption.key = Some("an encryption key of 32 bytes, at least".into());
        });
        let body = json!({"login": "alice", "password": PASSWORD});
        let registered = until("nobody can register", || {
            let answer = server.post("/user", &body);
            if answer.status() == 201 {
                return Some(answer);
            }
            assert!(answer.headers().contains_key("retry-after"));
            let detail = problem(answer, 503, "overloaded");
            assert!(detail.contains("the first signing key is being made"), "{detail}");
            None
        });
        assert_eq!(registered.json::<Value>().unwrap()["id"], 1);
        let token = server.token("alice");
        assert_eq!(header(&token)["alg"], "RS256");
        assert_eq!(server.get("/user?id=1", &token).status(), 200);
        let keys = jwks(&server);
        assert_eq!(
            (keys.len(), &keys[0]["kty"], &keys[0]["alg"]),
            (1, &json!("RSA"), &json!("RS256"))
        );
        assert_eq!(decoded(&keys[0]["n"]).len(), bytes);
        assert!(keys[0].get("crv").is_none() && keys[0].get("x").is_none());
        assert!(verifies(&token, &keys));
        let (head, tail) = token.split_at(token.len() - 20);
        let other = if tail.starts_with('A') { 'B' } else { 'A' };
        let changed = format!("{head}{other}{}", &tail[1..]);
        assert!(!verifies(&changed, &keys));
        problem(server.get("/user?id=1", &changed), 401, "unauthenticated");

        // Another instance reads the same key out of the database.
        let other = TestServer::on_with(&server.database, |config| {
            config.tokens.algorithm = algorithm;
            config.encryption.key = Some("an encryption key of 32 bytes, at least".into());
        });
        assert_eq!(other.get("/user?id=1", &token).status(), 200);
        assert_eq!(jwks(&other), keys);
        let listed = gatepost::signing_keys::list(other.app(), &Caller::Trusted).unwrap();
        let name = if bytes == 256 { "RS256" } else { "RS256-3072" };
        assert_eq!(listed.iter().map(|key| key.algorithm.as_str()).collect::<Vec<_>>(), [name]);
    }
}

#[test]
fn a_key_that_follows_others_is_published_before_it_signs() {
    let server = TestServer::start();
    server.register("alice");
    assert_eq!(header(&server.token("alice"))["alg"], "EdDSA");
    let changed = TestServer::on_with(&server.database, |config| {
        config.tokens.algorithm = Algorithm::Rs256;
        config.tokens.key_publication = Duration::from_secs(3);
        config.tokens.key_rotation = Duration::from_secs(3_600);
    });
    // Nobody waits: the key of before signs while the next is being made and published.
    assert_eq!(header(&changed.token("alice"))["alg"], "EdDSA");
    let key = until("the key is not published", || {
        changed.app().reload_keys().unwrap();
        jwks(&changed).into_iter().find(|key| key["kty"] == "RSA")
    });
    let begin = Instant::now();
    let token = changed.token("alice");
    if begin.elapsed() < Duration::from_secs(1) {
        assert_eq!(header(&token)["alg"], "EdDSA", "it signs before anyone can know it");
    }
    let token = until("the key does not sign", || {
        let token = changed.token("alice");
        (header(&token)["alg"] == "RS256").then_some(token)
    });
    assert!(verifies(&token, &[key]));
    server.app().reload_keys().unwrap();
    assert_eq!(server.get("/user?id=1", &token).status(), 200, "the others know it too");
}

#[test]
fn a_command_waits_for_the_first_key() {
    let home = Home::new();
    let with = |arguments: &[&str], input: &str| {
        let mut command = home.command(arguments);
        success(&run(command.env("GATEPOST_TOKENS_ALGORITHM", "RS256"), input))
    };
    with(&["user", "create", "alice"], "staple and battery\n");
    let text = with(&["signing-key", "list"], "");
    assert!(text.contains("\tRS256\tsigning\t"), "{text}");
    let text = with(&["signing-key", "rotate"], "");
    assert!(text.contains("\tRS256\tnext\t"), "{text}");
    let text = with(&["signing-key", "rotate", "--compromised"], "");
    assert!(text.contains("\tRS256\tsigning\t"), "{text}");
}
