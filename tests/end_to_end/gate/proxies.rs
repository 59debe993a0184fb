//! The examples of `examples/gate`, with the real proxies: people come through sign-in to the program, and
//! what a client forges does not.

use super::LINK;
use super::site::{CADDY, GATE_AWAY, HAPROXY, NGINX, Proxy, Site, TRAEFIK, is_here};
use crate::support::PASSWORD;
use crate::support::browser::Browser;
use reqwest::Method;
use serde_json::json;

#[test]
fn the_example_for_nginx_lets_nobody_through_who_is_not_signed_in() {
    check(&NGINX);
}

#[test]
fn the_example_for_caddy_lets_nobody_through_who_is_not_signed_in() {
    check(&CADDY);
}

#[test]
fn the_example_for_traefik_lets_nobody_through_who_is_not_signed_in() {
    check(&TRAEFIK);
}

#[test]
fn the_example_for_haproxy_lets_nobody_through_who_is_not_signed_in() {
    check(&HAPROXY);
}

#[test]
fn a_fault_in_the_script_for_haproxy_lets_nobody_through() {
    if is_here("haproxy") {
        let broken = "local answer = => error(\"broken\") local answer =";
        let site = Site::start(&HAPROXY, &[GATE_AWAY, broken]);
        for path in ["/public", "/x"] {
            let answer = site.ask(path, &[LINK]);
            assert!(answer.status >= 500 && !answer.body.contains("GET "), "{answer:?}");
        }
    }
}

#[test]
fn chromium_comes_through_sign_in_to_the_page_that_it_asked_for() {
    let Some(browser) = is_here("nginx").then(Browser::start).flatten() else { return };
    let site = Site::start(&NGINX, &[]);
    site.server.register("alice");
    browser.open(&site.url("app", "/x?y=1"));
    browser.wait_for("Sign in");
    browser.press(&format!("alice\u{e004}{PASSWORD}\u{e007}"));
    browser.wait_for("Remote-User: alice");
    assert_eq!(browser.get("url").as_str(), Some(site.url("app", "/x?y=1").as_str()));
    // From now on no other page comes between.
    browser.open(&site.url("app", "/z"));
    browser.wait_for("GET /z");
    browser.open(&site.url("login", "/sign-out"));
    browser.press("\u{e004}\u{e007}");
    browser.wait_for("Sign in");
    browser.open(&site.url("app", "/z"));
    browser.wait_for("Sign in");
}

fn check(proxy: &Proxy) {
    if !is_here(proxy.program) {
        return eprintln!("skipped: there is no {} on this machine", proxy.program);
    }
    Site::start(proxy, &[]).people_come_through_sign_in();
    // Where the gate cannot be asked, nobody gets through.
    let away = Site::start(proxy, &[GATE_AWAY]);
    for path in ["/public", "/x"] {
        let answer = away.ask(path, &[LINK]);
        assert!(answer.status >= 500 && !answer.body.contains("GET "), "{answer:?}");
    }
    for (defences, name) in proxy.defences {
        let open = Site::start(proxy, defences);
        let seen = open.ask("/public", &[(name, "root")]).body;
        let forged = format!("{}: root", name.to_lowercase());
        assert!(seen.to_lowercase().contains(&forged), "without {defences:?}: {seen}");
    }
}

impl Site {
    fn people_come_through_sign_in(&self) {
        let id = self.server.register("alice");
        // Not yet.
        let answer = self.ask("/x?y=1&z=%2f..", &[LINK]);
        assert_eq!(answer.status, 302, "{answer:?}");
        let sign_in = answer.field("location").to_owned();
        let origin = format!("https://login.example.com:{}", self.port);
        assert!(sign_in.starts_with(&format!("{origin}/sign-in?return=")), "{sign_in}");
        let left = answer.cookie();
        assert_ne!(self.ask("/gate", &[]).status, 200);
        assert_ne!(self.ask("/.gatepost/ask", &[]).status, 200);
        let page = self.send(&sign_in, &[], None).body;
        let hidden = |name: &str| {
            let value = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
            value.split('"').next().unwrap().replace("&#38;", "&")
        };
        let (return_to, state) = (hidden("return"), hidden("state"));
        let values =
            [("login", "alice"), ("password", PASSWORD), ("return", &return_to), ("state", &state)];
        let answer = self.send_form("/sign-in", &values, "");
        assert_eq!(answer.status, 303, "{answer:?}");
        let signed_in = answer.cookie();
        let back = self.send(answer.field("location"), &[("cookie", &left)], None);
        assert_eq!((back.status, back.field("location")), (303, "/x?y=1&z=%2f.."));
        let cookie = back.cookie();
        self.only_what_the_gate_says_reaches_the_program(&cookie, &signed_in, &left);
        self.rules_decide(&cookie, id);
        // The gate itself is for the proxy.
        let gate = self.send(&self.url("login", "/gate?redirect=1"), &[], None);
        assert_eq!(gate.status, 404);
        assert_eq!(self.send_form("/sign-out", &[("a", "b")], &signed_in).status, 303);
        assert_eq!(self.ask("/x", &[LINK, ("cookie", &cookie)]).status, 302);
    }

    fn only_what_the_gate_says_reaches_the_program(
        &self,
        cookie: &str,
        signed_in: &str,
        left: &str,
    ) {
        let jar = format!("theme=dark; {cookie}; {signed_in}; {left}; lang=de");
        let forged = [
            ("remote-user", "root"),
            ("REMOTE-GROUPS", "admins"),
            ("Remote-Email", "root@example.com"),
            ("remote-name", "Root"),
            ("Remote-Token", "e30.e30."),
            ("Remote_User", "root"),
            ("remote_groups", "admins"),
            ("REMOTE_EMAIL", "root@example.com"),
            ("remote_name", "Root"),
            ("x-forwarded-uri", "/public"),
            ("x-forwarded-host", "other.example.com"),
            ("x-forwarded-method", "OPTIONS"),
        ];
        let mut fields = forged.to_vec();
        fields.push(("cookie", jar.as_str()));
        let seen = self.ask("/x", &fields).body.to_lowercase();
        assert!(seen.contains("\nremote-user: alice\r"), "{seen}");
        let said: Vec<&str> = seen.lines().filter(|line| line.starts_with("remote")).collect();
        assert_eq!(said, ["remote-user: alice"], "{seen}");
        assert!(!seen.contains("gatepost"), "{seen}");
        let cookies = seen.lines().find_map(|line| line.strip_prefix("cookie: ")).unwrap();
        let mut cookies: Vec<&str> = cookies.split(';').map(str::trim).collect();
        cookies.retain(|it| !it.is_empty());
        assert_eq!(cookies, ["theme=dark", "lang=de"]);
        // Nobody is named where the gate names nobody, and a forged question is not asked.
        let seen = self.ask("/public", &forged).body.to_lowercase();
        assert!(seen.starts_with("get /public ") && !seen.contains("\nremote"), "{seen}");
        assert_ne!(self.ask("/x", &forged).status, 200);
        let only_ours = self.ask("/x", &[("cookie", cookie)]).body.to_lowercase();
        assert!(!only_ours.contains("__host"), "{only_ours}");
        // A body arrives.
        let url = self.url("app", "/x");
        let seen = self.send(&url, &[("cookie", cookie)], Some("a=body")).body;
        assert!(seen.starts_with("POST /x ") && seen.ends_with("a=body"), "{seen}");
        // A hostile program tries all that it has received.
        let replay = |target: &str, more: &[(&str, &str)]| {
            let request = self.server.request(Method::GET, target);
            let received = seen.lines().skip(1).filter_map(|line| line.split_once(": "));
            let received = received.filter(|(name, _)| {
                !["host", "content-length", "connection"].contains(&name.to_lowercase().as_str())
            });
            let request = received.fold(request, |it, (name, value)| it.header(name, value));
            more.iter().fold(request, |it, (name, value)| it.header(*name, *value)).send().unwrap()
        };
        let page = replay("/sign-in", &[]).text().unwrap();
        assert!(page.contains("name=\"password\""), "{page}");
    }

    fn rules_decide(&self, cookie: &str, id: i64) {
        let with = [("cookie", cookie)];
        assert_eq!(self.ask("/admin/x", &with).status, 403);
        for path in
            ["/public/../admin/x", "/public/%2e%2e/admin", "/public%2f..%2fadmin", "//admin/x"]
        {
            let answer = self.ask(path, &with);
            assert_ne!(answer.status, 200, "{path}: {answer:?}");
        }
        self.server.register_admin("root");
        let token = self.server.token("root");
        let change = json!({"id": id, "roles": ["ops"], "groups": ["staff", "a"],
                            "attributes": {"public": {"name": "Alice"}}});
        self.server.change(&token, &change);
        let seen = self.ask("/admin/x", &with).body.to_lowercase();
        assert!(seen.contains("\nremote-groups: a,staff\r"), "{seen}");
        assert!(seen.contains("\nremote-name: alice\r"), "{seen}");
    }
}
