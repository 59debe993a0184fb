//! Introspection (RFC 7662) and revocation (RFC 7009).

use crate::authorization::key;
use crate::sessions::claims;
use crate::support::{PASSWORD, TestServer, Tokens, form, problem};
use gatepost::Caller;
use gatepost::domain::UserId;
use reqwest::Method;
use reqwest::blocking::Response;
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) fn introspect(server: &TestServer, key: &str, token: &str) -> Value {
    let request = server.request(Method::POST, "/introspect").bearer_auth(key);
    let response = form(request, &[("token", token)]).send().unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    response.json().unwrap()
}

fn revoke(server: &TestServer, token: &str) {
    let request = server.request(Method::POST, "/revoke");
    let response = form(request, &[("token", token), ("token_type_hint", "x")]).send().unwrap();
    assert_eq!((response.status(), response.json().unwrap()), (200.try_into().unwrap(), json!({})));
}

fn inactive() -> Value {
    json!({"active": false})
}

#[test]
fn both_kinds_of_token_are_described_as_the_rfc_says() {
    let server = TestServer::start();
    let id = server.register("Alice");
    let key = key(&server, "introspect").1;
    let tokens = server.tokens("alice");
    let access = introspect(&server, &key, &tokens.access);
    let refresh = introspect(&server, &key, &tokens.refresh);
    for answer in [&access, &refresh] {
        assert_eq!(answer["active"], true);
        assert_eq!((&answer["user_id"], &answer["sub"]), (&json!(id), &json!(id.to_string())));
        assert_eq!((&answer["username"], &answer["iss"]), (&json!("Alice"), &json!("gatepost")));
        let sid = &claims(&tokens.access)["sid"];
        assert_eq!((&answer["admin"], &answer["sid"]), (&json!(false), sid));
    }
    let lifetime =
        |answer: &Value| answer["exp"].as_u64().unwrap() - answer["iat"].as_u64().unwrap();
    assert_eq!((lifetime(&access), lifetime(&refresh)), (900, 7 * 86_400));
    assert_eq!(
        (&access["token_type"], &refresh["token_type"]),
        (&json!("Bearer"), &json!("refresh_token"))
    );
    assert!(access["jti"].is_string() && refresh.get("jti").is_none());
    // Asking for a refresh token does not use it.
    assert_eq!(server.refresh(&tokens.refresh).status(), 200);
}

#[test]
fn nonsense_is_inactive_and_nothing_more_is_said() {
    let server = TestServer::start();
    server.register("alice");
    let other = TestServer::start();
    other.register("alice");
    let foreign = other.tokens("alice");
    let key = key(&server, "introspect").1;
    let tokens = server.tokens("alice");
    let cut = &tokens.access[..tokens.access.len() - 2];
    for token in [
        "x",
        ".",
        "..",
        "a.b.c",
        "é",
        "\0",
        &key,
        cut,
        &foreign.access,
        &foreign.refresh,
        &"A".repeat(9_000),
    ] {
        assert_eq!(introspect(&server, &key, token), inactive(), "{token}");
        revoke(&server, token);
    }
    assert_eq!(introspect(&server, &key, &tokens.access)["active"], true);
}

#[test]
fn a_token_that_is_no_longer_good_is_inactive() {
    let server = TestServer::with(|c| c.sessions.refresh_grace = Duration::ZERO);
    let id = server.register("alice");
    let key = key(&server, "introspect").1;
    let active = |token: &str| introspect(&server, &key, token)["active"].as_bool().unwrap();
    let first = server.tokens("alice");
    let second = Tokens::of(server.refresh(&first.refresh));
    // Retired; asking for it does not count as using it, which would end the session.
    assert!(!active(&first.refresh) && active(&second.refresh) && active(&first.access));
    server.log_out(&second.access, &json!({}));
    assert!(!active(&second.refresh) && !active(&second.access) && !active(&first.access));
    // The session in which the password is changed goes on, its access token does not.
    let tokens = server.tokens("alice");
    let body = json!({"id": id, "password": "another password"});
    assert_eq!(server.patch(&body, &tokens.access).status(), 200);
    assert!(!active(&tokens.access) && active(&tokens.refresh));
    let tokens = Tokens::of(server.refresh(&tokens.refresh));
    assert!(active(&tokens.access));
    // Rights are those of the row.
    let user = UserId::parse(id).unwrap();
    gatepost::users::set_admin(server.app(), &Caller::Trusted, user, true).unwrap();
    assert_eq!(introspect(&server, &key, &tokens.access)["admin"], true);
    gatepost::users::delete(server.app(), &Caller::Trusted, user).unwrap();
    assert!(!active(&tokens.access) && !active(&tokens.refresh));
}

#[test]
fn revoking_either_token_ends_the_session_and_no_other() {
    let server = TestServer::start();
    let id = server.register("alice");
    let target = format!("/user?id={id}");
    let kept = server.tokens("alice");
    for which in [|tokens: &Tokens| tokens.access.clone(), |tokens: &Tokens| tokens.refresh.clone()]
    {
        let tokens = server.tokens("alice");
        revoke(&server, &which(&tokens));
        problem(server.get(&target, &tokens.access), 401, "unauthenticated");
        problem(server.refresh(&tokens.refresh), 400, "invalid_grant");
        revoke(&server, &which(&tokens));
    }
    assert_eq!(server.get(&target, &kept.access).status(), 200);
    assert_eq!(server.refresh(&kept.refresh).status(), 200);
}

#[test]
fn an_access_token_from_before_a_password_change_does_not_end_the_session_that_went_on() {
    let server = TestServer::start();
    let id = server.register("alice");
    let stolen = server.tokens("alice");
    let body = json!({"id": id, "password": "another password"});
    assert_eq!(server.patch(&body, &stolen.access).status(), 200);
    revoke(&server, &stolen.access);
    assert_eq!(server.refresh(&stolen.refresh).status(), 200);
}

#[test]
fn the_two_calls_take_forms_and_nothing_else() {
    let server = TestServer::start();
    let key = key(&server, "introspect").1;
    for path in ["/introspect", "/revoke"] {
        let send = |media_type: &str, body: &'static str| -> Response {
            let request = server.request(Method::POST, path).bearer_auth(&key);
            request.header("content-type", media_type).body(body).send().unwrap()
        };
        const FORM: &str = "application/x-www-form-urlencoded";
        for media_type in ["application/json", "text/plain", "multipart/form-data", ""] {
            let detail = problem(send(media_type, "token=x"), 415, "unsupported_media_type");
            assert!(detail.contains(FORM), "{detail}");
        }
        assert_eq!(
            send("Application/X-WWW-form-urlencoded; charset=UTF-8", "token=x").status(),
            200
        );
        for (body, begin) in [
            ("", "token: is missing"),
            ("token=", "token: is missing"),
            ("token_type_hint=access_token", "token: is missing"),
            ("token=x&token=x", "token: is given twice"),
            ("token=x&a=1&a=2", "a: is given twice"),
            ("token=%", "the form: broken percent-encoding"),
            ("token=%ff", "the form: not UTF-8"),
            ("{\"token\":\"x\"}", "token: is missing"),
        ] {
            let detail = problem(send(FORM, body), 400, "invalid_request");
            assert!(detail.starts_with(begin), "{path} {body}: {detail}");
        }
        // Clients send more than is asked for.
        assert_eq!(
            send(FORM, "client_id=shop&token=x&token_type_hint=refresh_token").status(),
            200
        );
        let query = server.request(Method::POST, &format!("{path}?token=x")).bearer_auth(&key);
        problem(form(query, &[("token", "x")]).send().unwrap(), 400, "invalid_request");
        let get = server.request(Method::GET, &format!("{path}?token=x")).send().unwrap();
        assert_eq!(get.headers()["allow"], "POST, OPTIONS");
        problem(get, 405, "method_not_allowed");
    }
    // And no other call takes one.
    let register = server.request(Method::POST, "/user");
    let register = form(register, &[("login", "a"), ("password", PASSWORD)]);
    let detail = problem(register.send().unwrap(), 415, "unsupported_media_type");
    assert!(detail.contains("application/json"), "{detail}");
}
