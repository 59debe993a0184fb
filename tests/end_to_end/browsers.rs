//! What browsers expect: cross-origin requests, OPTIONS, and the fields that keep an answer in its
//! place.

use crate::support::{PASSWORD, TestServer, problem};
use gatepost::Profile;
use gatepost::secret::Secret;
use reqwest::Method;
use reqwest::blocking::Response;
use serde_json::json;
use std::collections::BTreeSet;

const APP: &str = "https://app.example.com";

fn with_origins() -> TestServer {
    TestServer::with(|config| {
        config.server.cors_origins =
            vec![APP.parse().unwrap(), "http://localhost:3000".parse().unwrap()];
    })
}

fn words(response: &Response, name: &str) -> BTreeSet<String> {
    let value = response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let value = value.unwrap_or_default();
    value.split(", ").filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// What a browser asks before a page may send this.
fn preflight(server: &TestServer, path: &str, origin: &str) -> Response {
    let request = server.request(Method::OPTIONS, path).header("origin", origin);
    let request = request.header("access-control-request-method", "PATCH");
    let request = request.header("access-control-request-headers", "authorization,content-type");
    request.send().unwrap()
}

#[test]
fn a_page_of_a_listed_origin_may_ask_and_read_and_no_other() {
    let server = with_origins();
    server.register("alice");
    let token = server.token("alice");
    let ask = |origin: &str| {
        let request = server.request(Method::GET, "/user?id=1").bearer_auth(&token);
        request.header("origin", origin).send().unwrap()
    };
    for origin in [APP, "http://localhost:3000"] {
        let response = preflight(&server, "/user", origin);
        assert_eq!(response.status(), 204);
        let fields = response.headers();
        assert_eq!(fields["access-control-allow-origin"], origin);
        assert_eq!(fields["vary"], "Origin");
        assert_eq!(fields["access-control-max-age"], "7200");
        assert!(words(&response, "access-control-allow-methods").contains("patch"));
        let allowed = words(&response, "access-control-allow-headers");
        assert!(allowed.contains("authorization") && allowed.contains("content-type"));
        assert!(!fields.contains_key("access-control-allow-credentials"));

        let response = ask(origin);
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["access-control-allow-origin"], origin);
        assert_eq!(response.headers()["vary"], "Origin");
        for name in ["link", "location", "retry-after", "www-authenticate", "x-request-id", "etag"]
        {
            assert!(words(&response, "access-control-expose-headers").contains(name), "{name}");
        }
    }
    for origin in [
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "https://app.example.com:444",
        "https://APP.example.com",
        "null",
        "*",
        "",
    ] {
        for response in [preflight(&server, "/user", origin), ask(origin)] {
            assert!(response.status().is_success(), "{origin}");
            assert_eq!(response.headers().get("access-control-allow-origin"), None, "{origin}");
            assert_eq!(response.headers()["vary"], "Origin", "{origin}");
        }
    }
    // Two fields are no browser's.
    let two = server.request(Method::GET, "/livez").header("origin", APP).header("origin", APP);
    let two = two.send().unwrap();
    assert_eq!(two.headers().get("access-control-allow-origin"), None);
}

#[test]
fn a_page_can_read_why_it_was_refused() {
    let server = with_origins();
    let send = |request: reqwest::blocking::RequestBuilder| {
        let response = request.header("origin", APP).send().unwrap();
        assert_eq!(response.headers()["access-control-allow-origin"], APP);
        response
    };
    problem(send(server.request(Method::GET, "/users")), 401, "unauthenticated");
    problem(send(server.request(Method::GET, "/nothing")), 404, "not_found");
    problem(send(server.request(Method::DELETE, "/users")), 405, "method_not_allowed");
    let body = json!({"login": "alice", "password": "x"});
    problem(send(server.request(Method::POST, "/user").json(&body)), 400, "weak_password");
}

#[test]
fn without_a_listed_origin_nothing_is_said_to_browsers() {
    let server = TestServer::start();
    for response in [
        preflight(&server, "/user", APP),
        server.request(Method::GET, "/livez").header("origin", APP).send().unwrap(),
    ] {
        assert!(response.status().is_success());
        let mut names = response.headers().keys();
        assert!(!names.any(|name| name.as_str().starts_with("access-control")));
        assert_eq!(response.headers().get("vary"), None);
    }
}

#[test]
fn options_lists_the_methods_of_a_path() {
    let server = TestServer::start();
    let options = |path: &str| server.request(Method::OPTIONS, path).send().unwrap();
    for (path, allow) in [
        ("/", "POST, OPTIONS"),
        ("/user", "GET, HEAD, POST, PATCH, DELETE, OPTIONS"),
        ("/user?id=1", "GET, HEAD, POST, PATCH, DELETE, OPTIONS"),
        ("/users", "GET, HEAD, OPTIONS"),
        ("/docs", "GET, HEAD, OPTIONS"),
    ] {
        let response = options(path);
        assert_eq!(
            (response.status().as_u16(), &response.headers()["allow"]),
            (204, &allow.parse().unwrap()),
            "{path}"
        );
        assert!(response.headers().contains_key("x-request-id"));
        assert_eq!(response.headers().get("content-length"), None);
    }
    problem(options("/nothing"), 404, "not_found");
    // The whole server (RFC 9110, section 9.3.7), which reqwest cannot ask.
    let address = server.url("").trim_start_matches("http://").trim_end_matches('/').to_owned();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let request = "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let mut answers = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answers).unwrap();
    assert!(answers.starts_with("HTTP/1.1 204 No Content\r\n"), "{answers}");
    assert!(
        answers.contains("\r\nAllow: GET, HEAD, POST, PATCH, DELETE, OPTIONS\r\n"),
        "{answers}"
    );
    assert!(answers.contains("HTTP/1.1 200 OK\r\n"), "{answers}");
}

#[test]
fn every_answer_keeps_browsers_from_using_it_for_anything_else() {
    let server = with_origins();
    server.register("alice");
    let token = server.token("alice");
    let mut answers = vec![
        server.log_in("alice", PASSWORD),
        server.get("/user?id=1", &token),
        server.get("/nothing", &token),
        server.request(Method::OPTIONS, "/user").send().unwrap(),
        preflight(&server, "/user", APP),
        // From the door itself.
        server.request(Method::POST, "/user").body(vec![b'x'; 20_000]).send().unwrap(),
    ];
    for path in ["/docs", "/openapi.json", "/.well-known/jwks.json", "/revocations", "/livez"] {
        answers.push(server.request(Method::GET, path).send().unwrap());
    }
    for response in answers {
        let fields = response.headers();
        let url = response.url();
        let said = ["x-content-type-options", "referrer-policy"].map(|name| fields.get(name));
        // OPTIONS has no content.
        if response.status() != 204 {
            assert_eq!(
                said.map(|value| value.unwrap().to_str().unwrap()),
                ["nosniff", "no-referrer"],
                "{url}"
            );
            let policy = fields["content-security-policy"].to_str().unwrap();
            assert!(
                policy.starts_with("default-src 'none'")
                    && policy.contains("frame-ancestors 'none'")
            );
            assert_eq!(fields.get_all("content-security-policy").iter().count(), 1, "{url}");
        }
        assert_eq!(fields.get("strict-transport-security"), None);
    }
}

#[test]
fn in_production_a_service_with_a_certificate_of_its_own_asks_for_tls_from_then_on() {
    let directory = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (directory.path().join("certificate"), directory.path().join("key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    for (profile, expected) in
        [(Profile::Testing, None), (Profile::Production, Some("max-age=63072000"))]
    {
        let server = TestServer::with(|config| {
            config.profile = profile;
            config.tokens.issuer = "https://auth.example.com".to_owned();
            config.encryption.key = Some(Secret::new("x".repeat(32)));
            config.passwords.iterations = 600_000;
            config.server.tls_certificate = Some(certificate.clone());
            config.server.tls_key = Some(key.clone());
        });
        // The door says in plain text that it speaks TLS, with the fields of every answer.
        let response = server.request(Method::GET, "/livez").send().unwrap();
        assert_eq!(response.status(), 400);
        let said = response.headers().get("strict-transport-security");
        assert_eq!(said.map(|value| value.to_str().unwrap()), expected, "{profile:?}");
    }
}

/// Whatever is not the same for everyone is kept by no cache.
#[test]
fn no_cache_keeps_what_is_not_for_everyone() {
    let server = TestServer::start();
    server.register_admin("root");
    let token = server.token("root");
    let document: serde_json::Value =
        serde_json::from_str(include_str!("../../src/openapi/openapi.json")).unwrap();
    let public = [
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/docs",
        "/openapi.json",
        "/revocations",
    ];
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            // With a token and without, with what is asked for and without.
            for query in ["", "?id=1", "?x=1"] {
                for token in [Some(&token), None] {
                    let request = server.request(method.clone(), &format!("{path}{query}"));
                    let request = match token {
                        Some(token) => request.bearer_auth(token),
                        None => request,
                    };
                    let response = request.send().unwrap();
                    let kept = response.headers()["cache-control"].to_str().unwrap();
                    let is_public = public.contains(&path.as_str()) && response.status() == 200;
                    let expected = if is_public { "public, max-age=" } else { "no-store" };
                    assert!(kept.starts_with(expected), "{method} {path}{query}: {kept}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen >= 100, "{seen}");
}
