//! The token endpoint as OAuth's clients use it: forms, errors, tokens for API keys, and whom a
//! token is for.

use crate::authorization::key;
use crate::introspection::introspect;
use crate::sessions::claims;
use crate::support::{PASSWORD, TestServer, Tokens, form, problem};
use gatepost::Caller;
use gatepost::api_keys::ApiKeyRef;
use reqwest::Method;
use reqwest::blocking::Response;
use serde_json::{Value, json};

fn token(server: &TestServer, parameters: &[(&str, &str)]) -> Response {
    form(server.request(Method::POST, "/token"), parameters).send().unwrap()
}

fn with_basic(
    server: &TestServer,
    path: &str,
    (name, secret): (&str, &str),
    parameters: &[(&str, &str)],
) -> Response {
    let request = server.request(Method::POST, path).basic_auth(name, Some(secret));
    form(request, parameters).send().unwrap()
}

/// The answer to an OAuth client, which is refused with this word.
#[track_caller]
fn refused(response: Response, status: u16, error: &str) -> String {
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let challenge = response.headers().get("www-authenticate").cloned();
    assert_eq!(challenge.is_some(), status == 401);
    let seen = response.status().as_u16();
    let body: Value = response.json().unwrap();
    assert_eq!((seen, body["error"].as_str().unwrap()), (status, error), "{body}");
    assert_eq!(body["error_description"], body["detail"]);
    body["detail"].as_str().unwrap().to_owned()
}

#[test]
fn a_refresh_is_a_form_too_and_its_errors_are_those_of_the_rfc() {
    let server = TestServer::start();
    server.register("alice");
    let first = server.tokens("alice");
    let refresh =
        |token: &str| [("grant_type", "refresh_token"), ("refresh_token", token)].map(own);
    let again = |parameters: &[(String, String)], more: &[(&str, &str)]| {
        let all: Vec<(&str, &str)> =
            parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        token(&server, &[&all[..], more].concat())
    };
    let response = again(&refresh(&first.refresh), &[("client_id", "gatepost"), ("unknown", "x")]);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let second = Tokens::of(response);
    assert_ne!(first.refresh, second.refresh);
    assert_eq!(claims(&second.access)["sid"], claims(&first.access)["sid"]);

    let other = again(&refresh(&second.refresh), &[("client_id", "shop")]);
    refused(other, 401, "invalid_client");
    let secret =
        again(&refresh(&second.refresh), &[("client_id", "gatepost"), ("client_secret", "x")]);
    refused(secret, 401, "invalid_client");
    refused(again(&refresh("x"), &[]), 400, "invalid_grant");
    let missing =
        refused(token(&server, &[("grant_type", "refresh_token")]), 400, "invalid_request");
    assert!(missing.starts_with("refresh_token: is missing from the form"), "{missing}");
    let missing = refused(token(&server, &[("refresh_token", "x")]), 400, "invalid_request");
    assert!(missing.starts_with("grant_type: is missing"), "{missing}");
    for grant in ["password", "authorization_code", "Refresh_token", "x"] {
        let detail =
            refused(token(&server, &[("grant_type", grant)]), 400, "unsupported_grant_type");
        assert!(detail.contains("refresh_token or client_credentials"), "{detail}");
    }
    // None of these used the token up.
    assert_eq!(again(&refresh(&second.refresh), &[]).status(), 200);

    let in_json = |body: &Value| server.post("/token", body);
    let body = json!({"grant_type": "client_credentials", "refresh_token": "x"});
    let detail = problem(in_json(&body), 400, "invalid_request");
    assert!(detail.starts_with("grant_type: "), "{detail}");
    let third = server.tokens("alice").refresh;
    let body = json!({"grant_type": "refresh_token", "refresh_token": third});
    assert_eq!(in_json(&body).status(), 200);
}

fn own((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn a_token_is_for_the_issuer_and_all_services_unless_it_is_narrowed() {
    let server = TestServer::with(|c| {
        c.tokens.audience = vec!["https://api.example".to_owned(), "files".to_owned()];
        c.tokens.client_id = "app".to_owned();
    });
    let id = server.register("alice");
    let target = format!("/user?id={id}");
    let whole = server.tokens("alice");
    let everyone = json!(["gatepost", "https://api.example", "files"]);
    assert_eq!(claims(&whole.access)["aud"], everyone);
    assert_eq!(claims(&whole.access)["client_id"], "app");
    assert_eq!(server.get(&target, &whole.access).status(), 200);

    let log_in = |resource: &Value| {
        server.post("/", &json!({"login": "alice", "password": PASSWORD, "resource": resource}))
    };
    let narrow = Tokens::of(log_in(&json!("files")));
    assert_eq!(claims(&narrow.access)["aud"], "files");
    problem(server.get(&target, &narrow.access), 401, "unauthenticated");
    let key = key(&server, "introspect").1;
    let worth = introspect(&server, &key, &narrow.access);
    assert_eq!((&worth["active"], &worth["aud"]), (&json!(true), &json!("files")));
    // The session is not narrowed, only that token.
    let form = [("grant_type", "refresh_token"), ("refresh_token", &narrow.refresh)];
    let again = Tokens::of(token(&server, &form));
    assert_eq!(claims(&again.access)["aud"], everyone);
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &again.refresh),
        ("resource", "files"),
        ("resource", "gatepost"),
    ];
    let two = Tokens::of(token(&server, &form));
    assert_eq!(claims(&two.access)["aud"], json!(["gatepost", "files"]));
    assert_eq!(server.get(&target, &two.access).status(), 200);
    let in_json = json!({"refresh_token": two.refresh, "resource": ["https://api.example"]});
    let three = Tokens::of(server.post("/token", &in_json));
    assert_eq!(claims(&three.access)["aud"], "https://api.example");

    let detail = problem(log_in(&json!("other")), 400, "invalid_target");
    assert!(detail.contains("\"other\""), "{detail}");
    problem(log_in(&json!(["files", "other"])), 400, "invalid_target");
    problem(log_in(&json!([1])), 400, "invalid_request");
    problem(log_in(&json!({"a": 1})), 400, "invalid_request");
    assert_eq!(log_in(&json!([])).status(), 200);
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &three.refresh),
        ("resource", "https://api.example/"),
    ];
    refused(token(&server, &form), 400, "invalid_target");
}

#[test]
fn the_time_of_the_login_stays_when_a_session_is_refreshed() {
    let server = TestServer::start();
    server.register("alice");
    let first = server.tokens("alice");
    let sql = "UPDATE gatepost.sessions SET created_at = to_timestamp(1700000000)";
    server.sql().execute(sql, &[]).unwrap();
    let second = Tokens::of(server.refresh(&first.refresh));
    assert_eq!(claims(&second.access)["auth_time"], 1_700_000_000);
}

#[test]
fn a_program_exchanges_its_key_for_a_token_that_ends_with_the_key() {
    let server = TestServer::start();
    let id = server.register("alice");
    let (name, secret) = key(&server, "users:read,register");
    let grant = [("grant_type", "client_credentials")];
    let response = with_basic(&server, "/token", (name.as_str(), &secret), &grant);
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let answer: Value = response.json().unwrap();
    assert_eq!(answer["scope"], "users:read register");
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert!(answer.get("refresh_token").is_none() && answer.get("user_id").is_none());
    let access = answer["access_token"].as_str().unwrap();
    let mut content = claims(access);
    let content = content.as_object_mut().unwrap();
    let jti = content["jti"].as_str().unwrap().to_owned();
    let names: Vec<&str> = content.keys().map(String::as_str).collect();
    let expected = ["aud", "client_id", "exp", "iat", "iss", "jti", "scope", "sub"];
    assert_eq!(names, expected);
    assert_eq!(content["sub"], name.as_str());
    assert_eq!(content["client_id"], name.as_str());

    let user = format!("/user?id={id}");
    assert_eq!(server.get(&user, access).status(), 200);
    assert_eq!(server.get("/users", access).status(), 200);
    problem(server.delete(&user, access), 403, "forbidden");
    problem(server.log_out(access, &json!({})), 400, "invalid_request");

    let asker = key(&server, "introspect").1;
    let worth = introspect(&server, &asker, access);
    assert_eq!((&worth["active"], &worth["scope"]), (&json!(true), &json!("users:read register")));
    assert_eq!((&worth["sub"], worth.get("user_id")), (&json!(name.as_str()), None));
    let revoke = form(server.request(Method::POST, "/revoke"), &[("token", access)]);
    refused(revoke.send().unwrap(), 400, "unsupported_token_type");

    gatepost::api_keys::revoke(server.app(), &Caller::Trusted, &ApiKeyRef::Name(name.clone()))
        .unwrap();
    problem(server.get(&user, access), 401, "unauthenticated");
    assert_eq!(introspect(&server, &asker, access), json!({"active": false}));
    let list = server.request(Method::GET, "/revocations").send().unwrap().text().unwrap();
    let prefixes = &claims(&list)["jti_prefixes"];
    let prefix = prefixes[0].as_str().unwrap();
    assert!(jti.starts_with(prefix) && prefix.len() == 17, "{jti} {prefixes}");
    // A new key of the same name does not bring the token back.
    let scopes = gatepost::api_keys::Scopes::parse("users:read").unwrap();
    gatepost::api_keys::create(server.app(), &Caller::Trusted, &name, &scopes).unwrap();
    problem(server.get(&user, access), 401, "unauthenticated");
    let refusal = with_basic(&server, "/token", (name.as_str(), &secret), &grant);
    refused(refusal, 401, "invalid_client");
}

#[test]
fn the_scope_of_a_token_is_narrowed_and_never_widened() {
    let server = TestServer::start();
    let id = server.register("alice");
    let (name, secret) = key(&server, "users:read,users:write");
    let ask = |scope: &str| {
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        with_basic(&server, "/token", (name.as_str(), &secret), &form)
    };
    let answer: Value = ask("users:read").json().unwrap();
    assert_eq!(answer["scope"], "users:read");
    let narrow = answer["access_token"].as_str().unwrap().to_owned();
    let user = format!("/user?id={id}");
    assert_eq!(server.get(&user, &narrow).status(), 200);
    problem(server.delete(&user, &narrow), 403, "forbidden");
    for scope in ["register", "users:read register", "admin", "users:read,users:write"] {
        let detail = refused(ask(scope), 400, "invalid_scope");
        assert!(detail.contains("users:read users:write"), "{detail}");
    }
    // The key loses a right: so does the token.
    let whole: Value = ask("").json().unwrap();
    let whole = whole["access_token"].as_str().unwrap();
    server.sql().execute("UPDATE gatepost.api_keys SET scopes = 'users:write'", &[]).unwrap();
    problem(server.get(&user, whole), 403, "forbidden");
    problem(server.get(&user, &narrow), 403, "forbidden");
}

#[test]
fn a_client_is_who_it_says_in_one_way() {
    let server = TestServer::start();
    let (name, secret) = key(&server, "introspect");
    let name = name.as_str();
    let alien = key(&server, "introspect").1;
    for (path, more) in
        [("/token", ("grant_type", "client_credentials")), ("/introspect", ("token", "x"))]
    {
        let ask = |parameters: &[(&str, &str)]| {
            let all = [parameters, &[more]].concat();
            form(server.request(Method::POST, path), &all).send().unwrap()
        };
        let basic = |name: &str, secret: &str, parameters: &[(&str, &str)]| {
            with_basic(&server, path, (name, secret), &[parameters, &[more]].concat())
        };
        assert_eq!(basic(name, &secret, &[]).status(), 200, "{path}");
        assert_eq!(basic(name, &secret, &[("client_id", name)]).status(), 200, "{path}");
        assert_eq!(ask(&[("client_id", name), ("client_secret", &secret)]).status(), 200, "{path}");
        refused(ask(&[]), 401, "invalid_client");
        refused(ask(&[("client_id", name)]), 401, "invalid_client");
        refused(ask(&[("client_id", name), ("client_secret", &alien)]), 401, "invalid_client");
        refused(
            ask(&[("client_id", "gatepost"), ("client_secret", &secret)]),
            401,
            "invalid_client",
        );
        refused(basic("gatepost", &secret, &[]), 401, "invalid_client");
        refused(basic(name, &alien, &[]), 401, "invalid_client");
        refused(basic(name, "x", &[]), 401, "invalid_client");
        refused(basic("", "", &[]), 401, "invalid_client");
        refused(basic(name, &secret, &[("client_secret", &secret)]), 400, "invalid_request");
        refused(basic(name, &secret, &[("client_id", "other")]), 400, "invalid_request");
    }
    // No API key can be taken for the client of people.
    let refusal = gatepost::api_keys::ApiKeyName::parse("gatepost").and_then(|name| {
        let scopes = gatepost::api_keys::Scopes::parse("register")?;
        gatepost::api_keys::create(server.app(), &Caller::Trusted, &name, &scopes)
    });
    let fault = refusal.unwrap_err().to_string();
    assert!(fault.contains("tokens.client_id"), "{fault}");
}
