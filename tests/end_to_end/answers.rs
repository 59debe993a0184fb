//! Answers as a whole: places that hold behind a proxy, a last line that ends, and what is logged.

use crate::authorization::key;
use crate::support::program::Home;
use crate::support::{PASSWORD, TestServer, form, problem};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gatepost::Caller;
use gatepost::api_keys::ApiKeyRef;
use reqwest::blocking::Response;
use reqwest::{Method, Url};
use serde_json::{Value, json};

/// What a client sees of a service behind a proxy that passes on what is below `/auth/`.
struct Behind<'a>(&'a TestServer);

impl Behind<'_> {
    fn url(&self, target: &str) -> Url {
        Url::parse("https://example.org/auth/").unwrap().join(target).unwrap()
    }

    /// Asks, as the proxy does, without what it strips.
    #[track_caller]
    fn get(&self, url: &Url, token: &str) -> Response {
        let Some(path) = url.path().strip_prefix("/auth") else { panic!("{url} is not ours") };
        let query = url.query().map_or(String::new(), |query| format!("?{query}"));
        let response = self.0.get(&format!("{path}{query}"), token);
        assert_eq!(response.status(), 200, "{url}");
        response
    }

    /// Asks, and again for what the link names, to the end. Returns how many there were.
    fn follow(&self, first: &str, token: &str) -> usize {
        let (mut url, mut pages) = (self.url(first), 0);
        loop {
            let response = self.get(&url, token);
            pages += 1;
            let Some(link) = response.headers().get("link") else { return pages };
            let link = link.to_str().unwrap();
            let (reference, rel) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
            assert_eq!(rel, "; rel=\"next\"");
            url = url.join(reference).unwrap();
        }
    }
}

#[test]
fn every_place_that_an_answer_names_holds_behind_a_proxy_that_strips_a_path() {
    let server = TestServer::start();
    let outside = Behind(&server);
    let root = server.register_admin("root");
    let token = server.token("root");
    let created = server.post("/user", &json!({"login": "alice", "password": PASSWORD}));
    let location = created.headers()["location"].to_str().unwrap().to_owned();
    let user: Value = created.json().unwrap();
    let place = outside.url("user").join(&location).unwrap();
    assert_eq!(outside.get(&place, &token).json::<Value>().unwrap(), user);
    assert_eq!(outside.follow("users?page_size=1", &token), 2);
    server.token("root");
    assert_eq!(outside.follow("sessions?page_size=1", &token), 2);
    let whose = format!("sessions?user_id={root}&page_size=1");
    assert_eq!(outside.follow(&whose, &token), 2);
    assert!(outside.follow("audit?page_size=1", &token) > 2);
    let mut url = outside.url("revocations");
    for _ in 0..2 {
        let jwt = outside.get(&url, "").text().unwrap();
        let payload = URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1).unwrap()).unwrap();
        let list: Value = serde_json::from_slice(&payload).unwrap();
        url = url.join(list["next"].as_str().unwrap()).unwrap();
    }
    // The issuer is no URL here, so the keys are told relative to the document.
    let metadata = outside.url(".well-known/oauth-authorization-server");
    let document: Value = outside.get(&metadata, "").json().unwrap();
    let keys = metadata.join(document["jwks_uri"].as_str().unwrap()).unwrap();
    assert!(outside.get(&keys, "").text().unwrap().contains("\"keys\""));
}

#[test]
fn every_json_answer_ends_its_line() {
    let server = TestServer::start();
    server.register_admin("root");
    let token = server.token("root");
    let answers = [
        server.log_in("root", PASSWORD),
        server.get("/users", &token),
        server.get("/audit", &token),
        server.get("/livez", ""),
        server.get("/.well-known/jwks.json", ""),
        server.get("/user?id=4711", &token),
        server.get("/nowhere", &token),
        server.request(Method::PATCH, "/users").send().unwrap(),
        // The front door answers this one by itself.
        server.request(Method::GET, "/users").header("expect", "patience").send().unwrap(),
    ];
    for answer in answers {
        let url = answer.url().clone();
        let text = answer.text().unwrap();
        assert!(text.ends_with("}\n") && text.lines().count() == 1, "{url}: {text:?}");
    }
}

/// Asks for introspection with these words of HTTP Basic.
fn introspect(server: &TestServer, name: &str, secret: &str) -> Response {
    let basic = format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")));
    let request = server.request(Method::POST, "/introspect").header("authorization", basic);
    form(request, &[("token", "nothing")]).send().unwrap()
}

#[test]
fn a_key_in_http_basic_may_be_encoded_as_oauth_says_and_hears_a_basic_challenge() {
    let server = TestServer::start();
    let (name, secret) = key(&server, "introspect");
    let encoded = secret.replace('_', "%5F");
    let client = name.as_str();
    let hexadecimal: String = client.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for (client, secret) in [
        (hexadecimal.as_str(), encoded.as_str()),
        (client, secret.as_str()),
        (client, &secret.replace('_', "%5f")),
    ] {
        let response = introspect(&server, client, secret);
        assert_eq!(response.status(), 200, "{client}:{secret}");
    }
    let refused = |client: &str, secret: &str| {
        let response = introspect(&server, client, secret);
        assert_eq!(response.headers()["www-authenticate"], "Basic realm=\"gatepost\"");
        problem(response, 401, "unauthenticated")
    };
    let spaced = format!("{secret}+");
    for secret in ["", "gp_nothing", &spaced, "gp%5", "gp%FF", &encoded.replace('%', "%25")] {
        assert!(refused(client, secret).contains("API key"), "{secret}");
    }
    // A client's name that is not encoded right is no reason to believe the rest.
    refused(&format!("{client}%"), &secret);
    gatepost::api_keys::revoke(server.app(), &Caller::Trusted, &ApiKeyRef::Name(name.clone()))
        .unwrap();
    assert!(refused(client, &secret).contains("API key"));
    // Whoever tried something else, or nothing, hears of the scheme that all calls know.
    let bearer = server.request(Method::POST, "/introspect").bearer_auth(&secret);
    let nobody = server.request(Method::POST, "/introspect");
    for request in [bearer, nobody] {
        let response = form(request, &[("token", "nothing")]).send().unwrap();
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Bearer"), "{challenge}");
    }
    // Where no program shows its key so, nobody is asked for it so: a browser would ask its user.
    let elsewhere = server.request(Method::GET, "/users").basic_auth("any", Some(&secret));
    let response = elsewhere.send().unwrap();
    assert_eq!(response.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
}

#[test]
fn a_key_that_is_refused_hears_of_a_key_and_not_of_an_access_token() {
    let server = TestServer::start();
    let (name, secret) = key(&server, "users:read,users:write");
    let root = server.register_admin("root");
    // Not even with all scopes: that is for admins.
    let forbidden = problem(server.get("/audit", &secret), 403, "forbidden");
    assert!(!forbidden.contains("this access token"), "{forbidden}");
    let delete = server.delete(&format!("/user?id={root}"), &secret);
    assert!(!problem(delete, 403, "forbidden").contains("this access token"));
    gatepost::api_keys::revoke(server.app(), &Caller::Trusted, &ApiKeyRef::Name(name)).unwrap();
    let (begin, last) = secret.split_at(51);
    let misspelt = format!("{begin}{}", if last == "A" { "B" } else { "A" });
    for key in [secret.as_str(), &misspelt, "gp_"] {
        let patch = server.patch(&json!({"id": root, "locked": true}), key);
        for response in [server.get("/users", key), patch] {
            assert_eq!(response.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
            let detail = problem(response, 401, "unauthenticated");
            assert!(detail.starts_with("the API key is invalid"), "{key}: {detail}");
        }
    }
    let token = problem(server.get("/users", "a.b.c"), 401, "unauthenticated");
    assert!(token.starts_with("the access token is invalid"), "{token}");
}

#[test]
fn what_is_asked_again_and_again_leaves_no_line_in_the_log_unless_it_fails() {
    let home = Home::new();
    let service = home.serve();
    let client = crate::support::client();
    let get = |target: &str| client.get(format!("{}{target}", service.url)).send().unwrap();
    for target in ["/revocations", "/livez", "/readyz"] {
        assert_eq!(get(target).status(), 200);
        assert_eq!(get(&format!("{target}?x=1")).status(), 400);
    }
    assert_eq!(get("/users").status(), 401);
    service.wait_for_log("GET /users 401 ");
    let log = service.log();
    for target in ["/revocations", "/livez", "/readyz"] {
        assert!(!log.contains(&format!("GET {target} 200 ")), "{log}");
        assert!(log.contains(&format!("GET {target} 400 ")), "{log}");
    }
}
