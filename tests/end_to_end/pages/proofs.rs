//! Registering, and the pages that links in messages lead to.

use super::{OWN, read};
use crate::messages::Pulled;
use crate::support::PASSWORD;
use gatepost::config::{PagesEnabled, Registration};
use reqwest::blocking::Response;

const NEW: &str = "another good password";

/// A service with pages, whose messages lead to them.
fn pulled() -> Pulled {
    Pulled::with(|config| {
        config.pages.enabled = PagesEnabled::SignIn;
        config.pages.origin = Some("https://login.example.com".parse().unwrap());
        config.mail.link_base = String::new();
    })
}

/// Where the link of a message leads, below our origin.
fn target(pulled: &Pulled, kind: &str) -> String {
    let data = pulled.one(kind);
    let link = data["link"].as_str().unwrap();
    link.strip_prefix("https://login.example.com").unwrap().to_owned()
}

/// The status of a page with a token, which it hands to no other page, and its text.
fn read_with_token(response: Response) -> (u16, String) {
    assert_eq!(response.headers()["referrer-policy"], "no-referrer");
    assert_eq!(response.headers().get_all("referrer-policy").iter().count(), 1);
    assert_eq!(response.headers()["cache-control"], "no-store");
    (response.status().as_u16(), response.text().unwrap())
}

#[test]
fn people_register_and_prove_their_address_unless_only_admins_register() {
    let pulled = pulled();
    let server = &pulled.server;
    let (status, text) = read(server.page("/sign-in", &[]));
    assert!(status == 200 && text.contains("href=\"register\""), "{text}");
    assert_eq!(read(server.page("/register", &[])).0, 200);
    let values = [("login", "alice"), ("password", PASSWORD), ("email", "a@example.com")];
    assert_eq!(
        read(server.send_form("/register", &[("sec-fetch-site", "cross-site")], &values)).0,
        403
    );
    assert_eq!(read(server.send_form("/register", OWN, &values)).0, 201);
    let (status, text) = read(server.send_form("/register", OWN, &values));
    assert_eq!(status, 400);
    assert!(
        text.contains("this login is taken") && text.contains("value=\"a@example.com\""),
        "{text}"
    );
    assert!(!text.contains(PASSWORD), "{text}");
    for values in [
        [("login", "bob"), ("password", "short"), ("email", "")],
        [("login", "bob"), ("password", PASSWORD), ("email", "no address")],
        [("login", ""), ("password", PASSWORD), ("email", "")],
    ] {
        assert_eq!(read(server.send_form("/register", OWN, &values)).0, 400, "{values:?}");
    }

    let target = target(&pulled, "mail.verification");
    let (path, token) = target.split_once("?token=").unwrap();
    assert_eq!(path, "/verify");
    for _ in 0..2 {
        // Looking at it uses nothing up.
        assert_eq!(read_with_token(server.page(&target, &[])).0, 200);
    }
    assert_eq!(read(server.send_form("/verify", &[], &[("token", token)])).0, 403);
    assert_eq!(read(server.send_form("/verify", OWN, &[("token", token)])).0, 200);
    assert_eq!(read(server.send_form("/verify", OWN, &[("token", token)])).0, 400);
    let sql = "SELECT email_verified FROM gatepost.users WHERE login = 'alice'";
    assert!(server.sql().query_one(sql, &[]).unwrap().get::<_, bool>(0));

    let closed = crate::support::TestServer::with(|config| {
        config.pages.enabled = PagesEnabled::SignIn;
        config.access.registration = Registration::Admin;
    });
    assert!(!read(closed.page("/sign-in", &[])).1.contains("href=\"register\""));
    let (status, text) = read(closed.page("/register", &[]));
    assert!(status == 401 && text.contains("people cannot register themselves here"), "{text}");
    assert_eq!(read(closed.send_form("/register", OWN, &values)).0, 401);
}

#[test]
fn whoever_forgot_a_password_sets_a_new_one_by_link_or_by_code() {
    let pulled = pulled();
    let server = &pulled.server;
    pulled.register("alice", "a@example.com");
    assert_eq!(read(server.page("/recover", &[])).0, 200);
    let ask = |values: &[(&str, &str)]| {
        let (status, text) = read(server.send_form("/recover", OWN, values));
        assert_eq!(status, 200, "{text}");
        let (_, rest) = text.split_once("name=\"request\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    ask(&[("login", "alice")]);
    pulled.look();
    let target = target(&pulled, "mail.recovery");
    let (path, token) = target.split_once("?token=").unwrap();
    assert_eq!(path, "/recover");
    let (status, text) = read_with_token(server.page(&target, &[]));
    assert!(status == 200 && text.contains(&format!("value=\"{token}\"")), "{text}");
    let weak = server.send_form("/recover", OWN, &[("token", token), ("password", "short")]);
    let (status, text) = read_with_token(weak);
    assert!(status == 400 && text.contains(&format!("value=\"{token}\"")), "{text}");
    let values = [("token", token), ("password", NEW)];
    assert_eq!(read(server.send_form("/recover", &[], &values)).0, 403);
    assert_eq!(read(server.send_form("/recover", OWN, &values)).0, 200);
    assert_eq!(read_with_token(server.send_form("/recover", OWN, &values)).0, 400);
    assert_eq!(server.log_in("alice", NEW).status(), 200);

    let number = ask(&[("email", "a@example.com")]);
    pulled.look();
    let code = pulled.one("mail.recovery")["code"].as_str().unwrap().to_owned();
    let with = |code: &str| {
        let values = [("request", number.as_str()), ("code", code), ("password", PASSWORD)];
        read(server.send_form("/recover", OWN, &values))
    };
    let (status, text) = with("00000000");
    assert!(status == 400 && text.contains(&format!("value=\"{number}\"")), "{text}");
    assert_eq!(with(&code).0, 200);
    assert_eq!(server.log_in("alice", PASSWORD).status(), 200);
}

#[test]
fn the_answer_does_not_tell_whether_there_is_such_an_account() {
    let pulled = pulled();
    pulled.register("alice", "a@example.com");
    let text = |values: &[(&str, &str)]| {
        let (status, text) = read(pulled.server.send_form("/recover", OWN, values));
        assert_eq!(status, 200);
        let number = text.split("name=\"request\" value=\"").nth(1).unwrap();
        let number = number.split('"').next().unwrap().to_owned();
        text.replace(&number, "")
    };
    let known = text(&[("login", "alice")]);
    assert_eq!(text(&[("login", "nobody")]), known);
    assert_eq!(text(&[("email", "nobody@example.com")]), known);
    for values in [&[][..], &[("login", "alice"), ("email", "a@example.com")], &[("email", "x")]] {
        assert_eq!(read(pulled.server.send_form("/recover", OWN, values)).0, 400, "{values:?}");
    }
}

#[test]
fn an_invited_user_sets_the_first_password() {
    let pulled = pulled();
    let server = &pulled.server;
    server.register_admin("root");
    let body = serde_json::json!({"login": "bob", "email": "b@example.com"});
    assert_eq!(server.call("/invitation", &server.token("root"), &body).status(), 201);
    let target = target(&pulled, "mail.invitation");
    let (path, token) = target.split_once("?token=").unwrap();
    assert_eq!(path, "/accept");
    assert_eq!(read_with_token(server.page(&target, &[])).0, 200);
    let values = [("token", token), ("password", PASSWORD)];
    assert_eq!(
        read(server.send_form("/accept", &[("sec-fetch-site", "same-site")], &values)).0,
        403
    );
    assert_eq!(read(server.send_form("/accept", OWN, &values)).0, 200);
    assert_eq!(server.log_in("bob", PASSWORD).status(), 200);
    for path in ["/accept", "/verify"] {
        assert_eq!(read(server.page(path, &[])).0, 400, "{path}");
    }
}
