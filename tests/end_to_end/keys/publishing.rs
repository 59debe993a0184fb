//! What others are told, and what they can do with it.

use super::{Pair, header, jwks, verifies};
use crate::support::program::success;
use crate::support::{TestServer, client, problem};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost::Error;
use gatepost::config::Algorithm;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn the_published_keys_verify_tokens_of_each_algorithm() {
    for (algorithm, name) in [(Algorithm::EdDsa, "EdDSA"), (Algorithm::Es256, "ES256")] {
        let server = TestServer::with(|c| c.tokens.algorithm = algorithm);
        let id = server.register("alice");
        let token = server.token("alice");
        assert_eq!(header(&token)["alg"], name);
        let keys = jwks(&server.url(""));
        assert_eq!(keys.len(), 1);
        assert!(verifies(&token, &keys));
        let (message, _) = token.rsplit_once('.').unwrap();
        assert!(!verifies(&format!("{message}.{}", URL_SAFE_NO_PAD.encode([7; 64])), &keys));
        assert_eq!(server.get(&format!("/user?id={id}"), &token).status(), 200);
        for name in ["d", "k"] {
            assert!(keys[0].get(name).is_none(), "a private member: {}", keys[0]);
        }
    }
}

#[test]
fn the_secret_of_hs256_is_never_published() {
    let secret = "0123456789abcdef0123456789abcdef";
    let server = TestServer::with(|c| {
        c.tokens.algorithm = Algorithm::Hs256;
        c.tokens.hs256_secret = Some(secret.into());
    });
    server.register("alice");
    assert_eq!(header(&server.token("alice"))["alg"], "HS256");
    let url = server.url("/.well-known/jwks.json");
    assert_eq!(client().get(url).send().unwrap().text().unwrap(), "{\"keys\":[]}\n");
    assert!(matches!(
        gatepost::signing_keys::rotate(server.app(), &gatepost::Caller::Trusted),
        Err(Error::Configuration(_))
    ));
}

#[test]
fn keys_and_issuer_can_be_found_and_cached() {
    let server = TestServer::with(|c| c.tokens.issuer = "https://auth.example".to_owned());
    let get = |target: &str| server.request(Method::GET, target).send().unwrap();
    let response = get("/.well-known/oauth-authorization-server");
    assert_eq!(response.headers()["cache-control"], "public, max-age=300");
    let document: Value = response.json().unwrap();
    assert_eq!(document["issuer"], "https://auth.example");
    assert_eq!(document["jwks_uri"], "https://auth.example/.well-known/jwks.json");
    assert_eq!(document["token_endpoint"], "https://auth.example/token");
    assert_eq!(document["introspection_endpoint"], "https://auth.example/introspect");
    assert_eq!(document["revocation_endpoint"], "https://auth.example/revoke");
    assert_eq!(document["grant_types_supported"], json!(["refresh_token", "client_credentials"]));
    assert_eq!(document["response_types_supported"], json!(["none"]));
    problem(get("/.well-known/oauth-authorization-server/a"), 404, "not_found");
    let response = get("/.well-known/jwks.json");
    assert_eq!(response.headers()["cache-control"], "public, max-age=300");
    problem(get("/.well-known/jwks.json?x=1"), 400, "invalid_request");
}

#[test]
fn the_metadata_of_an_issuer_with_a_path_is_where_the_rfc_puts_it() {
    let server = TestServer::with(|c| c.tokens.issuer = "https://a.example/auth/".to_owned());
    let get = |target: &str| server.request(Method::GET, target).send().unwrap();
    for path in ["", "/auth"] {
        let response = get(&format!("/.well-known/oauth-authorization-server{path}"));
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.json::<Value>().unwrap()["issuer"], "https://a.example/auth/");
    }
    for path in ["/", "/auth/", "/other", "/auth/x"] {
        let response = get(&format!("/.well-known/oauth-authorization-server{path}"));
        problem(response, 404, "not_found");
    }
    let post = server.request(Method::POST, "/.well-known/oauth-authorization-server/auth");
    problem(post.send().unwrap(), 405, "method_not_allowed");
}

/// What a service in Python would do.
const PYTHON: &str = "
import jwt, sys
url, issuer, *tokens = sys.argv[1:]
keys = jwt.PyJWKClient(url + '/.well-known/jwks.json', cache_keys=False, lifespan=1)
for token in tokens:
    key = keys.get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key.key, algorithms=['EdDSA', 'ES256'], issuer=issuer)
    print(claims['sub'], jwt.get_unverified_header(token)['kid'])
    try:
        jwt.decode(token[:-9] + 'AAAAAAAAA', key.key, algorithms=['EdDSA', 'ES256'])
        sys.exit('a changed token verifies')
    except jwt.InvalidSignatureError:
        pass
";

#[test]
fn pyjwt_verifies_tokens_before_during_and_after_a_rotation_on_two_instances() {
    let python = |arguments: &[&str]| {
        std::process::Command::new("python3").arg("-c").args(arguments).output()
    };
    let installed = python(&["import jwt, cryptography"]).is_ok_and(|it| it.status.success());
    if !installed {
        assert!(std::env::var_os("REQUIRE_PYJWT").is_none(), "python3 has no PyJWT");
        eprintln!("skipped: python3 has no PyJWT (pip install pyjwt cryptography)");
        return;
    }
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let pair = Pair::start(|config| config.tokens.algorithm = algorithm);
        pair.first.register("alice");
        let mut tokens = Vec::new();
        let mut check = || {
            tokens.push(pair.first.token("alice"));
            tokens.push(pair.second.token("alice"));
            for url in pair.urls() {
                let mut arguments = vec![PYTHON, &url, "gatepost"];
                arguments.extend(tokens.iter().map(String::as_str));
                let text = success(&python(&arguments).unwrap());
                assert_eq!(text.lines().count(), tokens.len(), "{text}");
            }
        };
        check();
        gatepost::signing_keys::rotate(pair.second.app(), &gatepost::Caller::Trusted).unwrap();
        pair.read_again();
        check();
        pair.let_pass(3_600);
        check();
        let kids: BTreeSet<String> =
            tokens.iter().map(|it| header(it)["kid"].to_string()).collect();
        assert_eq!(kids.len(), 2);
    }
}
