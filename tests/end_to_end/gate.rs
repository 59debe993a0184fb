//! The gate: what a proxy that asks is told, and the way through sign-in to another host and back.

mod doctor;
mod proxies;
mod site;

use crate::support::program::{Home, success};
use crate::support::{PASSWORD, TestServer, form};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost::config::{Config, GateRule, GateRules, PagesEnabled};
use gatepost::domain::{Names, WebPath};
use reqwest::Method;
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

/// Where people sign in, as they see it.
const LOGIN: &str = "https://login.example.com";
/// A program at another host.
const APP: &str = "https://app.example.com";

const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

fn rule(host: &str, prefix: &str, change: impl FnOnce(&mut GateRule)) -> GateRule {
    let mut rule = GateRule::default();
    rule.host = Some(host.parse().unwrap());
    rule.path_prefix = Some(WebPath::parse(prefix).unwrap());
    change(&mut rule);
    rule
}

fn configure(config: &mut Config) {
    config.pages.enabled = PagesEnabled::SignIn;
    config.pages.origin = Some(LOGIN.parse().unwrap());
    config.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    config.gate.origins = vec![APP.parse().unwrap(), "https://other.example.com".parse().unwrap()];
    let app = "app.example.com";
    config.gate.rules = GateRules(vec![
        rule(app, "/public", |rule| rule.public = true),
        rule(app, "/admin", |rule| rule.role = Names::parse("role", ["ops", "boss"]).unwrap()),
        rule(app, "/staff", |rule| rule.group = Names::parse("group", ["staff"]).unwrap()),
        rule(app, "/vault", |rule| rule.mfa = true),
        rule(app, "/", |rule| rule.methods = vec!["GET".to_owned(), "POST".to_owned()]),
        rule("other.example.com", "/", |_| {}),
        rule("login.example.com", "/app", |_| {}),
    ]);
}

fn server() -> TestServer {
    let mut server = TestServer::with(configure);
    let builder = Client::builder().pool_max_idle_per_host(0);
    server.client = builder.redirect(reqwest::redirect::Policy::none()).build().unwrap();
    server
}

/// What a browser says when somebody follows a link.
const LINK: (&str, &str) = ("sec-fetch-mode", "navigate");

impl TestServer {
    fn change(&self, token: &str, change: &Value) {
        assert_eq!(self.patch(change, token).status(), 200);
    }

    /// Asks the gate about a request, as a proxy does.
    fn gate(&self, query: &str, method: &str, url: &str, more: &[(&str, &str)]) -> Response {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (host, uri) = rest.split_at(rest.find('/').unwrap());
        let fields = [
            ("x-forwarded-method", method),
            ("x-forwarded-proto", scheme),
            ("x-forwarded-host", host),
            ("x-forwarded-uri", uri),
        ];
        self.fetch(&format!("/gate{query}"), &[&fields, more].concat())
    }

    fn fetch(&self, target: &str, fields: &[(&str, &str)]) -> Response {
        let request = self.request(Method::GET, target);
        fields.iter().fold(request, |it, (name, value)| it.header(*name, *value)).send().unwrap()
    }

    /// Signs in by the page, for a cookie of `LOGIN`.
    fn sign_in_here(&self, login: &str) -> String {
        let values = [("login", login), ("password", PASSWORD)];
        let request = form(self.request(Method::POST, "/sign-in"), &values).header(OWN.0, OWN.1);
        cookies(&request.send().unwrap()).remove(0)
    }

    /// Goes the way of a browser from a page of a program to sign-in and back, for a cookie of the gate.
    fn come_to(&self, url: &str, sign_in: &str) -> String {
        let (left, address) = self.leave(url);
        let code = self.return_with_code(&address, sign_in);
        let back = self.come_back(url, &code, &left);
        assert_eq!(back.status(), 303, "{}", back.text().unwrap());
        cookies(&back).remove(0)
    }

    /// The cookie that a browser leaves with, and the target at sign-in that it leaves for.
    fn leave(&self, url: &str) -> (String, String) {
        let answer = self.gate("?redirect=1", "GET", url, &[LINK]);
        assert_eq!(answer.status(), 302);
        let target = location(&answer).strip_prefix(LOGIN).unwrap().to_owned();
        (cookies(&answer).remove(0), target)
    }

    /// The address at which somebody who is signed in comes back.
    fn return_with_code(&self, target: &str, sign_in: &str) -> String {
        let answer = self.fetch(target, &[("cookie", sign_in)]);
        assert_eq!(answer.status(), 303);
        location(&answer).to_owned()
    }

    /// Follows that address, through the proxy of the program.
    fn come_back(&self, url: &str, address: &str, cookie: &str) -> Response {
        let (scheme, rest) = url.split_once("://").unwrap();
        let host = rest.split('/').next().unwrap();
        let target = address.strip_prefix(&format!("{scheme}://{host}")).unwrap();
        let fields =
            [("x-forwarded-proto", scheme), ("x-forwarded-host", host), ("cookie", cookie)];
        self.fetch(target, &fields)
    }
}

/// What a browser sends back of the cookies in a response, without those that are taken away.
fn cookies(response: &Response) -> Vec<String> {
    let fields = response.headers().get_all("set-cookie").iter();
    let pairs = fields.map(|field| {
        let (pair, attributes) = field.to_str().unwrap().split_once(';').unwrap();
        assert!(attributes.contains("Path=/; HttpOnly; SameSite=Lax"), "{attributes}");
        assert!(pair.starts_with("__Host-") && attributes.ends_with("; Secure"), "{field:?}");
        pair.to_owned()
    });
    pairs.filter(|pair| !pair.ends_with('=')).collect()
}

fn location(response: &Response) -> &str {
    response.headers()["location"].to_str().unwrap()
}

fn field<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[test]
fn whoever_is_signed_in_is_named_to_the_program() {
    let server = server();
    let id = server.register("alice");
    let sign_in = server.sign_in_here("alice");
    let cookie = server.come_to(&format!("{APP}/x?y=1"), &sign_in);
    assert!(cookie.starts_with("__Host-gatepost-gate="), "{cookie}");
    let with = [("cookie", cookie.as_str())];
    let answer = server.gate("", "GET", &format!("{APP}/x?y=%zz&redirect=1"), &with);
    assert_eq!(answer.status(), 200);
    assert_eq!(field(&answer, "remote-user"), Some("alice"));
    assert_eq!(field(&answer, "cache-control"), Some("no-store"));
    for name in ["remote-groups", "remote-email", "remote-name", "remote-token"] {
        assert_eq!(field(&answer, name), None, "{name}");
    }
    server.register_admin("root");
    let token = server.token("root");
    server.change(
        &token,
        &json!({"id": id, "email": "a@example.com", "groups": ["staff", "a"],
                "attributes": {"public": {"name": "Ålice, 100%"}}}),
    );
    assert_eq!(field(&server.gate("", "GET", &format!("{APP}/x"), &with), "remote-email"), None);
    let sql = "UPDATE gatepost.users SET email_verified = true WHERE id = $1";
    server.sql().execute(sql, &[&id]).unwrap();
    let answer = server.gate("", "GET", &format!("{APP}/x"), &with);
    assert_eq!(field(&answer, "remote-email"), Some("a@example.com"));
    assert_eq!(field(&answer, "remote-groups"), Some("a,staff"));
    assert_eq!(field(&answer, "remote-name"), Some("%C3%85lice, 100%25"));
}

#[test]
fn a_rule_lets_through_whoever_has_what_it_asks() {
    let server = server();
    let id = server.register("alice");
    let sign_in = server.sign_in_here("alice");
    let cookie = server.come_to(&format!("{APP}/"), &sign_in);
    let statuses = |cookie: &str| {
        ["/public", "/admin/x", "/staff", "/vault", "/x"].map(|path| {
            let answer = server.gate("", "GET", &format!("{APP}{path}"), &[("cookie", cookie)]);
            answer.status().as_u16()
        })
    };
    assert_eq!(statuses(""), [200, 401, 401, 401, 401]);
    assert_eq!(statuses(&cookie), [200, 403, 403, 403, 200]);
    server.register_admin("root");
    let token = server.token("root");
    server.change(&token, &json!({"id": id, "roles": ["boss"], "groups": ["staff"]}));
    assert_eq!(statuses(&cookie), [200, 200, 200, 403, 200]);
    // No rule is for this method, and none for that path with parameters.
    for (method, path) in [("DELETE", "/x"), ("GET", "/admin;x/y")] {
        let with = [("cookie", cookie.as_str())];
        let answer = server.gate("", method, &format!("{APP}{path}"), &with);
        assert_eq!(answer.status(), 403, "{method} {path}");
        assert_eq!(answer.json::<Value>().unwrap()["code"], "forbidden");
    }
    let answer = server.gate("", "DELETE", &format!("{APP}/x"), &[]);
    assert_eq!(answer.status(), 403);
    let answer = server.gate("", "GET", &format!("{APP}/admin"), &[LINK]);
    assert_eq!(answer.status(), 401);
}

#[test]
fn a_second_factor_is_asked_where_a_rule_says_so() {
    let server = server();
    server.register("alice");
    let secret = server.add_totp(&server.token("alice"));
    let values = [("login", "alice"), ("password", PASSWORD)];
    let send = |values: &[(&str, &str)]| {
        form(server.request(Method::POST, "/sign-in"), values).header(OWN.0, OWN.1).send().unwrap()
    };
    let page = send(&values).text().unwrap();
    let mfa_token = page.split("name=\"mfa_token\" value=\"").nth(1).unwrap();
    let mfa_token = mfa_token.split('"').next().unwrap().to_owned();
    let code = secret.code(1);
    let sign_in = cookies(&send(&[("mfa_token", &mfa_token), ("code", &code)])).remove(0);
    let cookie = server.come_to(&format!("{APP}/vault"), &sign_in);
    let answer = server.gate("", "GET", &format!("{APP}/vault"), &[("cookie", &cookie)]);
    assert_eq!(answer.status(), 200);
}

#[test]
fn a_token_tells_the_program_and_nobody_else_who_asks() {
    let server = server();
    let id = server.register("alice");
    let cookie = server.come_to(&format!("{APP}/"), &server.sign_in_here("alice"));
    let with = [("cookie", cookie.as_str())];
    let answer = server.gate("?token=1", "GET", &format!("{APP}/x"), &with);
    let token = field(&answer, "remote-token").unwrap();
    let part = |at: usize| {
        let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    let claims = part(1);
    assert_eq!(part(0)["typ"], "JWT");
    assert_eq!(claims["aud"], APP);
    assert_eq!(claims["username"], "alice");
    assert_eq!(claims["sub"], id.to_string());
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
    assert_eq!(claims["amr"], json!(["pwd"]));
    assert!(claims.get("sid").is_none());
    // It is no access token of ours, whatever signs it.
    assert_eq!(server.get(&format!("/user?id={id}"), token).status(), 401);
}

#[test]
fn a_browser_that_is_not_signed_in_is_sent_to_sign_in() {
    let server = server();
    let url = format!("{APP}/x?y=1&z=%20");
    let answer = server.gate("", "GET", &url, &[]);
    let expected = "https://login.example.com/sign-in?return=https%3A%2F%2Fapp.example.com%2Fx%3Fy%3D1%26z%3D%2520";
    assert_eq!((answer.status().as_u16(), location(&answer)), (401, expected));
    assert_eq!(field(&answer, "www-authenticate"), Some("Cookie"));
    assert!(cookies(&answer).is_empty());
    assert_eq!(answer.json::<Value>().unwrap()["code"], "unauthenticated");
    // Only who shows a page is sent on, and can come back.
    for (query, method, more, status) in [
        ("?redirect=1", "GET", LINK, 302),
        ("?redirect=1", "HEAD", LINK, 302),
        ("?redirect=1", "GET", ("accept", "text/html,*/*;q=0.8"), 302),
        ("?redirect=1", "GET", ("accept", "application/json"), 401),
        ("?redirect=1", "GET", ("sec-fetch-mode", "cors"), 401),
        ("?redirect=1", "POST", LINK, 401),
        ("", "GET", LINK, 401),
    ] {
        let answer = server.gate(query, method, &url, &[more]);
        assert_eq!(answer.status(), status, "{query} {method} {more:?}");
        let comes_back = method != "POST" && more.1 != "application/json" && more.1 != "cors";
        assert_eq!(cookies(&answer).len(), usize::from(comes_back), "{query} {method} {more:?}");
        assert_eq!(location(&answer).contains("&state="), comes_back);
    }
    let answer = server.gate("?redirect=1", "POST", &url, &[LINK]);
    assert!(location(&answer).ends_with("?return=https%3A%2F%2Fapp.example.com%2F"));
    // A second tab does not take the place of the first.
    let (left, address) = server.leave(&url);
    let answer = server.gate("?redirect=1", "GET", &url, &[LINK, ("cookie", &left)]);
    assert!(cookies(&answer).is_empty());
    assert_eq!(location(&answer), format!("{LOGIN}{address}"));
}

#[test]
fn a_code_is_good_once_for_its_host_in_the_browser_that_left() {
    let server = server();
    server.register("alice");
    let sign_in = server.sign_in_here("alice");
    let url = format!("{APP}/x?y=1");
    let (left, address) = server.leave(&url);
    let back = server.return_with_code(&address, &sign_in);
    assert!(back.starts_with("https://app.example.com/.gatepost/return?code="), "{back}");
    let refused = |url: &str, back: &str, cookie: &str| {
        let answer = server.come_back(url, back, cookie);
        assert_eq!(answer.status(), 400, "{}", answer.text().unwrap());
        assert!(cookies(&answer).is_empty());
    };
    // Somebody else's browser, which has left too or not.
    refused(&url, &back, "");
    refused(&url, &back, &server.leave(&url).0);
    let other = "https://other.example.com/x";
    refused(other, &back.replace(APP, "https://other.example.com"), &left);
    refused(&url, &format!("{back}A"), &left);
    refused(&url, "https://app.example.com/.gatepost/return", &left);
    let answer = server.come_back(&url, &back, &left);
    assert_eq!((answer.status().as_u16(), location(&answer)), (303, "/x?y=1"));
    assert_eq!(field(&answer, "referrer-policy"), Some("no-referrer"));
    let all = answer.headers().get_all("set-cookie").iter().count();
    assert_eq!((all, cookies(&answer).len()), (2, 1));
    refused(&url, &back, &left);
    // No proxy of ours has sent it.
    let request = server.request(Method::GET, "/.gatepost/return?code=x").header("cookie", &left);
    assert_eq!(request.send().unwrap().status(), 400);
}

#[test]
fn a_cookie_of_the_gate_is_good_at_its_host_alone_and_ends_with_the_session() {
    let server = server();
    server.register("alice");
    let sign_in = server.sign_in_here("alice");
    let cookie = server.come_to(&format!("{APP}/"), &sign_in);
    let status = |url: &str, cookie: &str| {
        server.gate("", "GET", url, &[("cookie", cookie)]).status().as_u16()
    };
    assert_eq!(status("https://app.example.com/x", &cookie), 200);
    // What the program behind has received, it can use nowhere else.
    assert_eq!(status("https://other.example.com/x", &cookie), 401);
    assert_eq!(status("https://login.example.com/app", &cookie), 401);
    let value = cookie.split_once('=').unwrap().1;
    let as_sign_in = format!("__Host-gatepost={value}");
    assert_eq!(status("https://login.example.com/app", &as_sign_in), 401);
    let page = server.fetch("/sign-in", &[("cookie", &as_sign_in)]).text().unwrap();
    assert!(page.contains("name=\"password\""), "{page}");
    // The cookie of the sign-in counts at our own host.
    assert_eq!(status("https://login.example.com/app", &sign_in), 200);
    assert_eq!(status("https://app.example.com/x", &sign_in), 401);
    let as_gate = format!("__Host-gatepost-gate={}", sign_in.split_once('=').unwrap().1);
    assert_eq!(status("https://app.example.com/x", &as_gate), 401);
    // Programs have an Authorization of their own.
    let more = [("cookie", cookie.as_str()), ("authorization", "Basic eDp5")];
    let answer = server.gate("", "GET", "https://app.example.com/x", &more);
    assert_eq!(answer.status(), 200);
    let sign_out = form(server.request(Method::POST, "/sign-out"), &[]).header(OWN.0, OWN.1);
    assert_eq!(sign_out.header("cookie", &sign_in).send().unwrap().status(), 303);
    assert_eq!(status("https://app.example.com/x", &cookie), 401);
}

#[test]
fn what_is_asked_is_believed_from_a_proxy_that_says_it_once() {
    let server = server();
    let url = format!("{APP}/public");
    assert_eq!(server.gate("", "GET", &url, &[]).status(), 200);
    let whole = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "app.example.com"),
        ("x-forwarded-uri", "/public"),
    ];
    for (name, _) in whole {
        let fields: Vec<_> = whole.into_iter().filter(|(it, _)| *it != name).collect();
        let answer = server.fetch("/gate", &fields);
        assert_eq!(answer.status(), 400, "{name}");
        let detail = answer.json::<Value>().unwrap()["detail"].as_str().unwrap().to_lowercase();
        assert!(detail.contains(name), "{detail}");
    }
    // Whoever asked the proxy may have sent the other one.
    for more in [
        ("x-forwarded-uri", "/public"),
        ("x-forwarded-host", "app.example.com"),
        ("x-original-url", "https://app.example.com/public"),
    ] {
        assert_eq!(server.gate("", "GET", &url, &[more]).status(), 400, "{more:?}");
    }
    assert_eq!(server.fetch("/gate", &original(&url)).status(), 200);
    assert_eq!(server.gate("", "GET", &url, &original(&url)).status(), 200);
    let vault = original("https://app.example.com/vault");
    assert_eq!(server.fetch("/gate", &vault).status(), 401);
    assert_eq!(server.gate("", "GET", &url, &vault).status(), 400);
    // With bytes that no field should have, it does not give way to another of its name.
    let mut socket = std::net::TcpStream::connect(server.service.addr().to_string()).unwrap();
    let head = b"GET /gate HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Forwarded-Method: GET\r\n\
        X-Forwarded-Proto: https\r\nX-Forwarded-Host: app.example.com\r\nX-Forwarded-Uri: /public\r\n\
        X-Forwarded-Uri: /\xc3\xa9\r\n\r\n";
    std::io::Write::write_all(&mut socket, head).unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut socket, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[test]
fn nobody_is_believed_who_is_no_proxy_of_ours() {
    let server = TestServer::with(|config| {
        configure(config);
        config.server.trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()];
    });
    let answer =
        server.gate("", "GET", &format!("{APP}/public"), &[("x-gatepost-proxy", "trusted")]);
    assert_eq!(answer.status(), 400);
    let detail = answer.json::<Value>().unwrap()["detail"].clone();
    assert!(detail.as_str().unwrap().contains("server.trusted_proxies"), "{detail}");
}

#[test]
fn a_path_that_could_be_read_in_two_ways_is_let_through_nowhere() {
    let server = server();
    for path in [
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/public/..%2fadmin",
        "/public/..;/admin",
        "/public//admin",
        "/public/..\\admin",
        "/public/%5c../admin",
        "/public/%252e%252e/admin",
        "/public/%00",
        "/public%0d%0ax",
        "/%70ublic/%c0%ae%c0%ae/admin",
    ] {
        let answer = server.gate("", "GET", &format!("{APP}{path}"), &[]);
        assert_eq!(answer.status(), 400, "{path}");
    }
    // What stands in the query is for the program to judge.
    let url = format!("{APP}/%70ublic/x?a=../..&b=%2f%zz//");
    assert_eq!(server.gate("?a=1&a=2&%zz", "GET", &url, &[]).status(), 200);
}

#[test]
fn nobody_is_sent_to_a_program_that_is_not_listed() {
    let server = server();
    server.register("alice");
    let sign_in = server.sign_in_here("alice");
    for (url, status) in [
        ("https://evil.example/x", 403),
        ("http://app.example.com/x", 400),
        ("https://app.example.com:8443/x", 400),
    ] {
        let answer = server.gate("?redirect=1", "GET", url, &[LINK]);
        assert_eq!(answer.status(), status, "{url}");
        let page = answer.text().unwrap();
        assert!(page.contains("href=\"https://login.example.com/pages/style.css\""), "{page}");
    }
    let (_, address) = server.leave(&format!("{APP}/x"));
    for (from, to) in [
        ("app.example.com", "evil.example"),
        ("app.example.com", "app.example.com.evil.example"),
        ("https%3A", "http%3A"),
        ("&state=", "&state=A"),
    ] {
        let answer = server.fetch(&address.replace(from, to), &[("cookie", &sign_in)]);
        assert_eq!(answer.status(), 400, "{from} {to}");
    }
    // Without a state there is nothing to come back with, so the gate begins anew.
    let stateless = address.split("&state=").next().unwrap();
    let answer = server.fetch(stateless, &[("cookie", &sign_in)]);
    assert_eq!((answer.status().as_u16(), location(&answer)), (303, "https://app.example.com/x"));
    // A form leads there too, and browsers are told that it may.
    let page = server.fetch(&address, &[]);
    let policy = field(&page, "content-security-policy").unwrap().to_owned();
    assert!(
        policy.contains("form-action 'self' https://app.example.com https://other"),
        "{policy}"
    );
    let page = page.text().unwrap();
    let hidden = |name: &str| {
        let value = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        value.split('"').next().unwrap().to_owned()
    };
    let (return_to, state) = (hidden("return"), hidden("state"));
    let values =
        [("login", "alice"), ("password", PASSWORD), ("return", &return_to), ("state", &state)];
    let request = form(server.request(Method::POST, "/sign-in"), &values).header(OWN.0, OWN.1);
    let answer = request.send().unwrap();
    assert_eq!(answer.status(), 303);
    assert!(location(&answer).starts_with("https://app.example.com/.gatepost/return?code="));
}

/// The fields in which other proxies say it.
fn original(url: &str) -> [(&str, &str); 2] {
    [("x-original-method", "GET"), ("x-original-url", url)]
}

#[test]
fn the_command_line_says_which_rule_decides() {
    let home = Home::new();
    let rules = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n[pages]\nenabled = \"sign-in\"\n\
        origin = \"https://login.example.com\"\n[gate]\norigins = [\"https://app.example.com\"]\n\
        [[gate.rules]]\npath_prefix = \"/public\"\npublic = true\n\
        [[gate.rules]]\nhost = \"app.example.com\"\npath_prefix = \"/admin\"\nrole = \"ops\"\n\
        [[gate.rules]]\nhost = \"app.example.com\"\nmethods = [\"GET\"]\n";
    std::fs::write(home.path().join("gate.toml"), rules).unwrap();
    let file = home.path().join("gate.toml").display().to_string();
    let test = |arguments: &[&str]| {
        home.run(&[&["--config", &file, "gate", "test"], arguments].concat(), "")
    };
    let said = success(&test(&["https://app.example.com/public/x"]));
    assert_eq!(
        said,
        "rule 1 decides: path_prefix = \"/public\", public = true\nlet through: it is public\n"
    );
    for (arguments, expected) in [
        (&["https://app.example.com/x", "--method", "PUT"][..], "no rule is for this host"),
        (&["https://app.example.com/x"], "--as says as whom"),
        (&["https://app.example.com:8443/x"], "is neither pages.origin nor one of gate.origins"),
        (&["https://app.example.com/admin;x"], "in two ways"),
        (&["https://app.example.com/../x"], "a path must not have .."),
        (&["app.example.com"], "must be one such as https://app.example.com/path"),
        (&["https://app.example.com/x", "--as", "nobody"], "no such user"),
    ] {
        let output = test(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains(expected), "{said}");
    }
    let config = ["--config", &file];
    let create = [&config[..], &["user", "create", "alice", "--role", "ops"]].concat();
    success(&home.run(&create, PASSWORD));
    let said = success(&test(&["https://app.example.com/admin/x", "--as", "ALICE"]));
    assert!(said.contains("rule 2 decides: host = \"app.example.com\", path_prefix"), "{said}");
    assert!(said.ends_with("\nlet through: the user has all that the rule asks\n"), "{said}");
    success(&home.run(&[&config[..], &["user", "set-roles", "alice", "staff"]].concat(), ""));
    let output = test(&["https://app.example.com/admin/x", "--as", "alice"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "gatepost: denied: the user lacks the role ops\n");
}
