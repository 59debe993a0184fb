//! My account: what people see and change of their own, and what is asked of them before.

use super::{OWN, cookie, location};
use crate::factors::Authenticator;
use crate::support::{PASSWORD, TestServer};
use gatepost::Config;
use gatepost::config::{ClaimTemplates, PagesEnabled};
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

const NEW: &str = "another good password";

pub(super) fn server() -> TestServer {
    server_with(|_| ())
}

pub(super) fn server_with(change: impl FnOnce(&mut Config)) -> TestServer {
    let mut server = TestServer::with(|config| {
        config.pages.enabled = PagesEnabled::All;
        change(config);
    });
    let builder = Client::builder().pool_max_idle_per_host(0);
    server.client = builder.redirect(reqwest::redirect::Policy::none()).build().unwrap();
    server
}

/// Somebody's browser.
pub(super) struct Visitor<'a> {
    server: &'a TestServer,
    cookie: String,
}

impl<'a> Visitor<'a> {
    pub(super) fn of(server: &'a TestServer, login: &str) -> Self {
        Self { server, cookie: server.sign_in_page(login) }
    }

    #[track_caller]
    pub(super) fn get(&mut self, target: &str) -> (u16, String) {
        let answer = self.server.page(target, &[("cookie", &self.cookie)]);
        self.follow(answer)
    }

    #[track_caller]
    pub(super) fn post(&mut self, target: &str, values: &[(&str, &str)]) -> (u16, String) {
        let fields = [("cookie", self.cookie.as_str()), OWN[0]];
        let answer = self.server.send_form(target, &fields, values);
        self.follow(answer)
    }

    /// Lets an hour pass since the sign-in.
    pub(super) fn ages(&mut self) {
        let sql = "UPDATE gatepost.sessions
                   SET created_at = created_at - interval '1 hour', authenticated_at = NULL";
        self.server.sql().execute(sql, &[]).unwrap();
        assert_eq!(self.get("/account").0, 200);
    }

    /// Takes the cookie over; the status, and the page or where it leads.
    fn follow(&mut self, answer: Response) -> (u16, String) {
        if answer.headers().contains_key("set-cookie") {
            self.cookie = cookie(&answer).unwrap_or_default();
        }
        let status = answer.status().as_u16();
        if status == 303 {
            return (status, location(&answer).to_owned());
        }
        super::read(answer)
    }
}

pub(super) fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let value = page.split(&format!("name=\"{name}\" value=\"")).nth(1).expect(page);
    value.split('"').next().unwrap()
}

#[test]
fn the_account_is_there_only_where_all_pages_are() {
    let server = TestServer::with(|config| config.pages.enabled = PagesEnabled::SignIn);
    for path in ["/account", "/account/password", "/account/export"] {
        assert_eq!(server.page(path, &[]).status(), 404, "{path}");
        assert_eq!(server.send_form(path, OWN, &[]).status(), 404, "{path}");
    }
}

#[test]
fn whoever_is_not_signed_in_comes_back_after_signing_in() {
    let server = server();
    server.register("alice");
    for (path, expected) in [
        ("/account", "sign-in?return=account"),
        ("/account/sessions", "../sign-in?return=account/sessions"),
    ] {
        assert_eq!(location(&server.page(path, &[])), expected);
    }
    let answer = server.send_form("/account/factors/remove", OWN, &[("id", "1")]);
    assert_eq!(location(&answer), "../../sign-in?return=account");
    let values = [("login", "alice"), ("password", PASSWORD), ("return", "account/sessions")];
    let answer = server.send_form("/sign-in", OWN, &values);
    assert_eq!(location(&answer), "account/sessions");
    let cookie = cookie(&answer).unwrap();
    let answer = server.page("/sign-in", &[("cookie", &cookie)]);
    assert_eq!(location(&answer), "account");
    let answer = server.page("/account", &[("cookie", &cookie)]);
    let text = answer.text().unwrap();
    assert!(text.contains("<strong>alice</strong>") && !text.contains("href=\"admin\""), "{text}");
}

#[test]
fn forms_of_the_account_are_taken_from_our_own_pages_alone() {
    let server = server();
    server.register("alice");
    let cookie = server.sign_in_page("alice");
    for path in [
        "password",
        "email",
        "email/verify",
        "factors/remove",
        "factors/app",
        "factors/app-code",
        "factors/passkey",
        "factors/passkey-made",
        "factors/codes",
        "sessions/end",
        "sessions/end-all",
        "delete",
    ] {
        for site in ["cross-site", "same-site", "none"] {
            let fields = [("cookie", cookie.as_str()), ("sec-fetch-site", site)];
            let values = [("login", "alice"), ("id", "1")];
            let answer = server.send_form(&format!("/account/{path}"), &fields, &values);
            assert_eq!(answer.status(), 403, "{path} {site}");
        }
    }
    assert_eq!(server.sessions("alice"), 1);
}

#[test]
fn another_password_ends_all_other_sessions_and_keeps_this_one() {
    let server = server();
    server.register("alice");
    let other = server.sign_in_page("alice");
    let mut alice = Visitor::of(&server, "alice");
    let (status, page) = alice.get("/account/password");
    assert!(status == 200 && page.contains("value=\"alice\""), "{page}");
    let change = |current, new| [("current_password", current), ("password", new)];
    for (current, new, status, said) in [
        ("wrong password", NEW, 400, "wrong login or password"),
        (PASSWORD, "short", 400, "8 characters"),
        (PASSWORD, "", 400, "must not be empty"),
    ] {
        let (found, page) = alice.post("/account/password", &change(current, new));
        assert!(found == status && page.contains(said), "{page}");
        assert!(!page.contains(NEW) && !page.contains(PASSWORD));
    }
    let (status, page) = alice.post("/account/password", &change(PASSWORD, NEW));
    assert!(status == 200 && page.contains("Your password is set"), "{page}");
    assert_eq!(alice.get("/account").0, 200);
    assert_eq!(server.sessions("alice"), 1);
    assert_eq!(server.page("/account", &[("cookie", &other)]).status(), 303);
    assert_eq!(server.log_in("alice", NEW).status(), 200);
}

#[test]
fn an_act_that_needs_a_fresh_sign_in_asks_for_it_and_goes_on() {
    let server = server();
    server.register("alice");
    let mut alice = Visitor::of(&server, "alice");
    alice.ages();
    let values = [("email", "alice@example.com"), ("unknown", "<b>")];
    let (status, page) = alice.post("/account/email", &values);
    assert!(status == 401 && page.contains("Confirm that it is you"), "{page}");
    assert_eq!(hidden(&page, "email"), "alice@example.com");
    assert!(page.contains("action=\"email\"") && !page.contains("<b>"), "{page}");
    let with = |password| [("email", "alice@example.com"), ("confirm_password", password)];
    let (status, page) = alice.post("/account/email", &with("wrong password"));
    assert!(status == 400 && page.contains("wrong login or password"), "{page}");
    assert_eq!(hidden(&page, "email"), "alice@example.com");
    assert!(!page.contains("wrong password"), "{page}");
    let before = alice.cookie.clone();
    assert_eq!(alice.post("/account/email", &with(PASSWORD)), (303, "../account/email".to_owned()));
    assert_ne!(alice.cookie, before);
    let (_, page) = alice.get("/account/email");
    assert!(page.contains("<strong>alice@example.com</strong> – not confirmed"), "{page}");
    // The cookie from before is worth nothing now.
    assert_eq!(server.page("/account", &[("cookie", &before)]).status(), 303);
    // A step-up is not undone by an act that fails.
    alice.ages();
    let values = [("login", "bob"), ("confirm_password", PASSWORD)];
    let (status, page) = alice.post("/account/delete", &values);
    assert!(status == 400 && page.contains("must be your own"), "{page}");
    let (status, page) = alice.post("/account/delete", &[("login", "ALICE")]);
    assert!(status == 200 && page.contains("Your account is deleted"), "{page}");
    assert_eq!(alice.cookie, "");
    assert_eq!(server.log_in("alice", PASSWORD).status(), 400);
}

#[test]
fn an_app_is_added_with_its_code_and_asked_for_from_then_on() {
    let server = server();
    server.register("alice");
    let mut alice = Visitor::of(&server, "alice");
    let (_, page) = alice.get("/account/factors");
    assert!(page.contains("There are none."), "{page}");
    let (status, page) = alice.post("/account/factors/app", &[("name", "")]);
    assert!(status == 400 && page.contains("role=\"alert\""), "{page}");
    let (status, page) = alice.post("/account/factors/app", &[("name", "phone")]);
    assert!(status == 200 && page.contains("<svg class=\"qr\""), "{page}");
    let secret = page.split("<code>").nth(1).unwrap().split("</code>").next().unwrap();
    let id = hidden(&page, "id").to_owned();
    let mut app = Authenticator::of(&json!({"id": id.parse::<i64>().unwrap(), "secret": secret,
        "otpauth_uri": page.split("href=\"otpauth:").nth(1).unwrap().split('"').next().unwrap()}));
    let (status, page) =
        alice.post("/account/factors/app-code", &[("id", &id), ("code", "000000")]);
    assert!(status == 400 && hidden(&page, "id") == id && !page.contains(secret), "{page}");
    let (status, page) =
        alice.post("/account/factors/app-code", &[("id", &id), ("code", &app.code(0))]);
    assert!(status == 200 && page.contains("Recovery codes"), "{page}");
    let codes = page.split("tabindex=\"0\">").nth(1).unwrap().split("</pre>").next().unwrap();
    app.recovery_codes = codes.lines().map(str::to_owned).collect();
    assert_eq!(app.recovery_codes.len(), 10, "{page}");
    alice.ages();
    // From now on the code is what is asked for.
    let (status, page) = alice.post("/account/factors/codes", &[]);
    assert!(status == 401 && page.contains("name=\"confirm_code\""), "{page}");
    let recovery = app.recovery_codes[3].clone();
    let (status, page) = alice.post("/account/factors/codes", &[("confirm_code", &recovery)]);
    assert!(status == 200 && !page.contains(&recovery), "{page}");
    let (_, page) = alice.get("/account/factors");
    assert!(page.contains("<strong>phone</strong>") && page.contains("left: 10"), "{page}");
    alice.ages();
    let remove = [("id", id.as_str()), ("confirm_code", &app.code(1))];
    assert_eq!(alice.post("/account/factors/remove", &remove).1, "../../account/factors");
    assert!(alice.get("/account/factors").1.contains("There are none."));
}

#[test]
fn sessions_are_shown_and_ended_one_by_one_or_all_and_nobody_elses() {
    let server = server();
    server.register("alice");
    server.register("bob");
    let other = server.sign_in_page("alice");
    let mut alice = Visitor::of(&server, "alice");
    let (_, page) = alice.get("/account/sessions");
    assert_eq!(page.matches("<li>").count(), 2, "{page}");
    assert_eq!(page.matches("this one").count(), 1, "{page}");
    assert!(page.contains("127.0.0.1"), "{page}");
    let first = hidden(&page, "id").to_owned();
    let ended = alice.post("/account/sessions/end", &[("id", &first)]);
    assert_eq!(ended, (303, "../../account/sessions".to_owned()));
    assert_eq!(server.page("/account", &[("cookie", &other)]).status(), 303);
    let mut bob = Visitor::of(&server, "bob");
    let (_, page) = bob.get("/account/sessions");
    let of_bob = hidden(&page, "id").to_owned();
    let (status, page) = alice.post("/account/sessions/end", &[("id", &of_bob)]);
    assert!(status == 403 && page.contains("role=\"alert\""), "{page}");
    for id in ["", "0", "-1", "x", "99999999999999999999"] {
        assert_eq!(alice.post("/account/sessions/end", &[("id", id)]).0, 400, "{id}");
    }
    assert_eq!(bob.get("/account").0, 200);
    assert_eq!(alice.post("/account/sessions/end-all", &[]), (303, "../../sign-in".to_owned()));
    assert_eq!((alice.cookie.as_str(), server.sessions("alice")), ("", 0));
}

#[test]
fn the_export_is_a_file_with_all_that_is_kept() {
    let server = server();
    let id = server.register("alice");
    let alice = Visitor::of(&server, "alice");
    for _ in 0..120 {
        server.tokens("alice");
    }
    let answer = server.page("/account/export", &[("cookie", &alice.cookie)]);
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"account.json\"");
    let whole: Value = answer.json().unwrap();
    assert_eq!(whole["user"]["id"], id);
    assert_eq!(whole["sessions"].as_array().unwrap().len(), 121);
    assert!(whole["audit"].as_array().unwrap().len() > 121);
}

#[test]
fn a_session_goes_on_while_it_is_used_and_knows_what_changed() {
    let server = server_with(|config| {
        config.tokens.claims = ClaimTemplates::parse("{\"roles\":\"$roles\"}").unwrap();
    });
    let id = server.register("alice");
    let mut alice = Visitor::of(&server, "alice");
    let sql = "UPDATE gatepost.sessions SET expires_at = now() + interval '1 minute'";
    server.sql().execute(sql, &[]).unwrap();
    assert_eq!(alice.get("/account").0, 200);
    let sql = "SELECT expires_at > now() + interval '6 days' FROM gatepost.sessions";
    assert!(server.sql().query_one(sql, &[]).unwrap().get::<_, bool>(0));
    // Tokens that claim what is no longer so are refused. The browser stays signed in.
    server.register_admin("root");
    let token = server.token("root");
    let change = json!({"id": id, "roles": ["ops"]});
    assert_eq!(server.patch(&change, &token).status(), 200);
    assert_eq!(alice.get("/account/email").0, 200);
    assert_eq!(server.patch(&json!({"id": id, "locked": true}), &token).status(), 200);
    assert_eq!(alice.get("/account/email").0, 303);
}

#[test]
fn a_session_says_from_where_it_was_last_used() {
    let server = server_with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    });
    server.register("alice");
    let cookie = server.sign_in_page("alice");
    let visit = |page: &str, address: &str| {
        let fields = [("cookie", cookie.as_str()), ("x-forwarded-for", address)];
        server.page(page, &fields).text().unwrap()
    };
    visit("/account", "192.0.2.7");
    let page = visit("/account/sessions", "192.0.2.8");
    assert!(page.contains("192.0.2.7") && !page.contains("192.0.2.8"), "{page}");
}
