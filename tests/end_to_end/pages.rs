//! The pages: signing in and out with a browser, and what another page must not be able to make it do.

mod account;
mod admin;
mod browser;
mod proofs;

use crate::support::{PASSWORD, TestServer, form};
use gatepost::config::PagesEnabled;
use reqwest::Method;
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

/// What a browser sends along with a form of our own page.
const OWN: &[(&str, &str)] = &[("sec-fetch-site", "same-origin")];

fn server() -> TestServer {
    let mut server = TestServer::with(|config| config.pages.enabled = PagesEnabled::SignIn);
    let builder = Client::builder().pool_max_idle_per_host(0);
    server.client = builder.redirect(reqwest::redirect::Policy::none()).build().unwrap();
    server
}

impl TestServer {
    fn page(&self, target: &str, fields: &[(&str, &str)]) -> Response {
        let request = self.request(Method::GET, target);
        fields.iter().fold(request, |it, (name, value)| it.header(*name, *value)).send().unwrap()
    }

    fn send_form(
        &self,
        target: &str,
        fields: &[(&str, &str)],
        values: &[(&str, &str)],
    ) -> Response {
        let request = form(self.request(Method::POST, target), values);
        fields.iter().fold(request, |it, (name, value)| it.header(*name, *value)).send().unwrap()
    }

    fn sign_in_page(&self, login: &str) -> String {
        let values = [("login", login), ("password", PASSWORD)];
        cookie(&self.send_form("/sign-in", OWN, &values)).unwrap()
    }

    fn sessions(&self, login: &str) -> i64 {
        let sql =
            "SELECT count(*) FROM gatepost.sessions s JOIN gatepost.users u ON u.id = s.user_id
                   WHERE u.login = $1 AND ended_at IS NULL";
        self.sql().query_one(sql, &[&login]).unwrap().get(0)
    }
}

/// What a browser sends back of the cookie in a response; nothing if it is taken away.
fn cookie(response: &Response) -> Option<String> {
    let field = response.headers().get("set-cookie")?.to_str().unwrap();
    let (pair, attributes) = field.split_once(';').unwrap();
    let is_removed = attributes.contains("Max-Age=0");
    assert_eq!(is_removed, pair.ends_with('='), "{field}");
    (!is_removed).then(|| pair.to_owned())
}

fn location(response: &Response) -> &str {
    assert_eq!(response.status(), 303);
    response.headers()["location"].to_str().unwrap()
}

/// The status of a page, and its text. Whatever it says, nobody may frame, keep or extend it.
#[track_caller]
fn read(response: Response) -> (u16, String) {
    let headers = response.headers();
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["referrer-policy"], "same-origin");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    let status = response.status().as_u16();
    let text = response.text().unwrap();
    let is_handler = |rest: &str| {
        let name = rest.split('=').next().unwrap_or_default();
        name.len() < rest.len() && name.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    assert!(!text.split(" on").skip(1).any(is_handler), "{text}");
    let scripts: Vec<&str> = text.split("<script").skip(1).collect();
    let ours = "pages/script.js\" type=\"module\"></";
    let is_ours = |it: &str| {
        let source = it.strip_prefix(" src=\"");
        source.is_some_and(|source| source.trim_start_matches("../").starts_with(ours))
    };
    assert!(scripts.into_iter().all(is_ours), "{text}");
    assert!(!text.contains(" style="), "{text}");
    (status, text)
}

#[test]
fn without_the_setting_there_are_no_pages() {
    let server = TestServer::start();
    for (method, path) in [
        ("GET", "/sign-in"),
        ("POST", "/sign-in"),
        ("PATCH", "/sign-out"),
        ("GET", "/pages/style.css"),
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(server.request(method, path).send().unwrap().status(), 404, "{path}");
    }
}

#[test]
fn whoever_signs_in_gets_a_cookie_for_a_session_of_ours_and_is_sent_on() {
    let server = server();
    server.register("alice");
    let (status, text) = read(server.page("/sign-in", &[]));
    assert_eq!(status, 200);
    assert!(text.contains("name=\"login\"") && text.contains("<html lang=\"en\">"), "{text}");
    let values = [("login", "alice"), ("password", PASSWORD)];
    let response = server.send_form("/sign-in", OWN, &values);
    assert_eq!(location(&response), "sign-in");
    let field = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(field.starts_with("gatepost="), "{field}");
    assert!(field.contains("; Path=/; HttpOnly; SameSite=Lax; Max-Age="), "{field}");
    let cookie = cookie(&response).unwrap();
    let (status, text) = read(server.page("/sign-in", &[("cookie", &cookie)]));
    assert_eq!(status, 200);
    assert!(text.contains("<strong>alice</strong>"), "{text}");
    assert_eq!(server.sessions("alice"), 1);
    let sign_out = server.send_form("/sign-out", &[("cookie", &cookie), OWN[0]], &[]);
    assert_eq!((location(&sign_out), super::pages::cookie(&sign_out)), ("sign-in", None));
    assert_eq!(server.sessions("alice"), 0);
    // The cookie is of no use any more, and is taken away.
    let after = server.page("/sign-in", &[("cookie", &cookie)]);
    assert!(after.headers().contains_key("set-cookie"));
    assert!(read(after).1.contains("name=\"password\""));
    let again = server.send_form("/sign-out", &[("cookie", &cookie), OWN[0]], &[]);
    assert_eq!(location(&again), "sign-in");
}

#[test]
fn with_tls_the_cookie_is_for_this_host_alone_and_never_goes_in_the_clear() {
    let server = TestServer::with(|config| {
        config.pages.enabled = PagesEnabled::SignIn;
        config.pages.origin = Some("https://login.example.com".parse().unwrap());
    });
    server.register("alice");
    let values = [("login", "alice"), ("password", PASSWORD)];
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = form(client.post(server.url("/sign-in")), &values);
    let response = request.header("origin", "https://login.example.com").send().unwrap();
    let field = response.headers()["set-cookie"].to_str().unwrap();
    assert!(field.starts_with("__Host-gatepost=") && field.ends_with("; Secure"), "{field}");
    assert!(field.contains("; Path=/;") && !field.to_lowercase().contains("domain"), "{field}");
    let value = field.split(['=', ';']).nth(1).unwrap();
    let shown = |name: &str| {
        let request =
            client.get(server.url("/sign-in")).header("cookie", format!("{name}={value}"));
        request.send().unwrap().text().unwrap().contains("<strong>alice</strong>")
    };
    assert!(shown("__Host-gatepost"));
    assert!(!shown("gatepost"), "one that a page without TLS could have set");
}

#[test]
fn a_failure_is_told_with_its_status_and_keeps_what_was_typed_but_no_password() {
    let server = server();
    server.register("alice");
    let wrong = [("login", "alice\"><b>"), ("password", "pass\"><i>word 7Xq")];
    let (status, text) = read(server.send_form("/sign-in", OWN, &wrong));
    assert_eq!(status, 400);
    assert!(text.contains("role=\"alert\">wrong login or password"), "{text}");
    assert!(text.contains("value=\"alice&#34;&#62;&#60;b&#62;\""), "{text}");
    assert!(!text.contains("7Xq") && !text.contains("<b>") && !text.contains("<i>"), "{text}");
    let german = [OWN[0], ("accept-language", "de-DE,de;q=0.9,en;q=0.5")];
    let (_, text) = read(server.send_form("/sign-in", &german, &wrong));
    assert!(text.contains("Anmeldename oder Passwort ist falsch."), "{text}");
    for values in [&[][..], &[("login", "alice")], &[("password", PASSWORD)]] {
        assert_eq!(read(server.send_form("/sign-in", OWN, values)).0, 400, "{values:?}");
    }
    for values in [[("login", "a"), ("login", "b")], [("mfa_token", "x"), ("code", "123456")]] {
        assert_eq!(read(server.send_form("/sign-in", OWN, &values)).0, 400, "{values:?}");
    }
    let response =
        server.send_form("/sign-in", OWN, &[("login", "alice"), ("password", "wrong password")]);
    assert_eq!(response.status(), 400);
    server.sql().execute("UPDATE gatepost.users SET locked = true", &[]).unwrap();
    let values = [("login", "alice"), ("password", PASSWORD)];
    assert_eq!(read(server.send_form("/sign-in", OWN, &values)).0, 403);
}

#[test]
fn a_second_factor_is_asked_for_and_a_recovery_code_will_do() {
    let server = server();
    server.register("alice");
    let token = server.token("alice");
    let app = server.add_totp(&token);
    let mfa_token = || {
        let values = [("login", "alice"), ("password", PASSWORD), ("return", "/sign-out")];
        let response = server.send_form("/sign-in", OWN, &values);
        assert_eq!(cookie(&response), None);
        let (status, text) = read(response);
        assert_eq!(status, 200);
        assert!(text.contains("name=\"return\" value=\"/sign-out\""), "{text}");
        let (_, rest) = text.split_once("name=\"mfa_token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let first = mfa_token();
    let with = |code: &str| {
        let values = [("mfa_token", first.as_str()), ("code", code), ("return", "/sign-out")];
        server.send_form("/sign-in", OWN, &values)
    };
    for wrong in [app.wrong().as_str(), "", "é", "1"] {
        let (status, text) = read(with(wrong));
        assert_eq!(status, 400, "{wrong}");
        assert!(text.contains("role=\"alert\""), "{text}");
    }
    let response = with(&app.code(1));
    assert_eq!(location(&response), "/sign-out");
    assert!(cookie(&response).is_some());
    let second = mfa_token();
    let values = [("mfa_token", second.as_str()), ("code", &app.recovery_codes[0])];
    assert!(cookie(&server.send_form("/sign-in", OWN, &values)).is_some());
}

#[test]
fn a_browser_that_signs_in_anew_has_one_session_and_one_that_was_given_to_it_is_not_kept() {
    let server = server();
    server.register("alice");
    server.register("mallory");
    let planted = server.sign_in_page("mallory");
    let values = [("login", "alice"), ("password", PASSWORD)];
    let response = server.send_form("/sign-in", &[OWN[0], ("cookie", &planted)], &values);
    let own = cookie(&response).unwrap();
    assert_ne!(own, planted);
    assert_eq!((server.sessions("mallory"), server.sessions("alice")), (0, 1));
    let (_, text) = read(server.page("/sign-in", &[("cookie", &own)]));
    assert!(text.contains("<strong>alice</strong>"), "{text}");
}

#[test]
fn no_other_page_can_sign_a_visitor_in_or_out() {
    let server = server();
    server.register("alice");
    let cookie = server.sign_in_page("alice");
    let own = server.url("");
    for fields in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", &own), ("origin", "https://evil.example")],
        &[("sec-fetch-site", "cross-site"), ("origin", &own)],
    ] {
        let values = [("login", "alice"), ("password", PASSWORD)];
        let (status, _) = read(server.send_form("/sign-in", fields, &values));
        assert_eq!(status, 403, "{fields:?}");
        let fields = [fields, &[("cookie", &cookie)]].concat();
        assert_eq!(read(server.send_form("/sign-out", &fields, &[])).0, 403, "{fields:?}");
    }
    assert_eq!(server.sessions("alice"), 1);
    // A browser that says nothing of the page but its origin.
    let response = server.send_form("/sign-out", &[("origin", &own), ("cookie", &cookie)], &[]);
    assert_eq!((response.status().as_u16(), server.sessions("alice")), (303, 0));
    // A link is no form: it only asks.
    assert_eq!(read(server.page("/sign-out", &[])).0, 200);
    let get = server.page(&format!("/sign-in?login=alice&password={PASSWORD}"), &[]);
    assert!(get.headers().get("set-cookie").is_none());
}

#[test]
fn whoever_signed_in_is_sent_to_a_path_of_ours_and_nowhere_else() {
    let server = server();
    server.register("alice");
    let own = server.url("");
    let values = |to: &str| {
        [("login", "alice"), ("password", PASSWORD), ("return", to)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let send = |to: &str| {
        let values = values(to);
        let values = values.each_ref().map(|(name, value)| (name.as_str(), value.as_str()));
        server.send_form("/sign-in", OWN, &values)
    };
    for (to, expected) in [("/x?y=1&z=%2F", "/x?y=1&z=%2F"), (&format!("{own}/x"), "/x")] {
        assert_eq!(location(&send(to)), expected);
    }
    let cookie = server.sign_in_page("alice");
    for to in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/%09/evil\t.example",
        "/x\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "x",
        &format!("{own}.evil.example/"),
        &format!("{own}@evil.example/"),
        &format!("{own}//evil.example/"),
        &format!("/{}", "a".repeat(2_000)),
    ] {
        let response = send(to);
        assert!(response.headers().get("location").is_none(), "{to}");
        assert_eq!(read(response).0, 400, "{to}");
        let encoded = percent_encoding::utf8_percent_encode(to, percent_encoding::NON_ALPHANUMERIC);
        let response = server.page(&format!("/sign-in?return={encoded}"), &[("cookie", &cookie)]);
        assert_eq!(read(response).0, 400, "{to}");
    }
    let response = server.page("/sign-in?return=/sign-out", &[("cookie", &cookie)]);
    assert_eq!(location(&response), "/sign-out");
}

#[test]
fn a_cookie_counts_on_pages_alone_and_not_beside_a_token() {
    let server = server();
    server.register_admin("alice");
    let cookie = server.sign_in_page("alice");
    for (method, path) in
        [(Method::GET, "/users"), (Method::GET, "/sessions"), (Method::POST, "/logout")]
    {
        let request = server.request(method, path).header("cookie", &cookie);
        assert_eq!(
            request.header("sec-fetch-site", "same-origin").send().unwrap().status(),
            401,
            "{path}"
        );
    }
    let token = server.token("alice");
    let request = server.request(Method::GET, "/sign-in").header("cookie", &cookie);
    assert_eq!(read(request.bearer_auth(&token).send().unwrap()).0, 400);
    let before = server.sessions("alice");
    let values = [("login", "alice"), ("password", PASSWORD)];
    let bearer = format!("Bearer {token}");
    let fields = [OWN[0], ("cookie", &cookie), ("authorization", &bearer)];
    assert_eq!(read(server.send_form("/sign-in", &fields, &values)).0, 400);
    assert_eq!(server.sessions("alice"), before);
    let (name, value) = cookie.split_once('=').unwrap();
    for wrong in [
        format!("{name}={}", &value[1..]),
        format!("{name}={value}; {name}={value}"),
        format!("other{name}={value}"),
        format!("{name}={}", "A".repeat(4_000)),
    ] {
        let (_, text) = read(server.page("/sign-in", &[("cookie", &wrong)]));
        assert!(text.contains("name=\"password\""), "{wrong}");
    }
}

#[test]
fn a_cookie_ends_with_its_session_wherever_that_ends() {
    let server = server();
    let id = server.register("alice");
    let admin = {
        server.register_admin("root");
        server.token("root")
    };
    let shown =
        |cookie: &str| read(server.page("/sign-in", &[("cookie", cookie)])).1.contains("<strong>");
    let ways: [&dyn Fn(); 4] = [
        &|| drop(server.log_out(&server.token("alice"), &json!({"all": true}))),
        &|| assert_eq!(server.patch(&json!({"id": id, "locked": true}), &admin).status(), 200),
        &|| {
            let body = json!({"id": id, "password": "another good password"});
            assert_eq!(server.patch(&body, &admin).status(), 200);
            let body = json!({"id": id, "password": PASSWORD});
            assert_eq!(server.patch(&body, &admin).status(), 200);
        },
        &|| assert_eq!(server.delete(&format!("/user?id={id}"), &admin).status(), 200),
    ];
    for (number, way) in ways.iter().enumerate() {
        let cookie = server.sign_in_page("alice");
        assert!(shown(&cookie), "{number}");
        way();
        assert!(!shown(&cookie), "{number}");
        if number < 3 {
            server.patch(&json!({"id": id, "locked": false}), &admin);
        }
    }
}

#[test]
fn a_step_up_gives_another_cookie_its_place() {
    let server = server();
    server.register("alice");
    let cookie = server.sign_in_page("alice");
    let sql = "UPDATE gatepost.sessions SET authenticated_at = now() + interval '2 seconds'";
    assert_eq!(server.sql().execute(sql, &[]).unwrap(), 1);
    let (_, text) = read(server.page("/sign-in", &[("cookie", &cookie)]));
    assert!(text.contains("name=\"password\""), "{text}");
}

#[test]
fn without_an_origin_the_pages_are_for_this_machine_alone() {
    let server = server();
    let (status, text) = read(server.page("/sign-in", &[("host", "login.example.com")]));
    assert_eq!(status, 403);
    assert!(text.contains("pages.origin"), "{text}");
    assert_eq!(read(server.page("/sign-in", &[("host", "localhost:1")])).0, 200);
}

#[test]
fn the_style_sheet_has_the_colour_that_is_set() {
    let server = TestServer::with(|config| {
        config.pages.enabled = PagesEnabled::SignIn;
        config.pages.name = "Example <&> Co".to_owned();
    });
    let style = server.page("/pages/style.css", &[]);
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
    assert!(style.text().unwrap().starts_with(":root { --accent: #1f5fbf; --on-accent: #fff; }"));
    let (_, text) = read(server.page("/sign-in", &[]));
    assert!(text.contains("<title>Sign in – Example &#60;&#38;&#62; Co</title>"), "{text}");
}

#[test]
fn many_sign_ins_at_once_are_each_somebody_and_nobody_else() {
    let server = server();
    let logins: Vec<String> = (0..8).map(|n| format!("user{n}")).collect();
    for login in &logins {
        server.register(login);
    }
    std::thread::scope(|scope| {
        for login in &logins {
            let server = &server;
            scope.spawn(move || {
                let cookie = server.sign_in_page(login);
                let (_, text) = read(server.page("/sign-in", &[("cookie", &cookie)]));
                assert!(text.contains(&format!("<strong>{login}</strong>")), "{text}");
            });
        }
    });
    let answer: Value = server
        .get("/users", &{
            server.register_admin("root");
            server.token("root")
        })
        .json()
        .unwrap();
    assert_eq!(answer["users"].as_array().unwrap().len(), 9);
}

#[test]
fn the_logo_takes_the_place_of_the_name_and_runs_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("logo.svg");
    std::fs::write(&file, "<svg xmlns=\"http://www.w3.org/2000/svg\"/>").unwrap();
    let server = TestServer::with(|config| {
        config.pages.enabled = PagesEnabled::SignIn;
        config.pages.logo = Some(file.clone());
        config.pages.name = "Example & Co".to_owned();
    });
    let (_, page) = read(server.page("/sign-in", &[]));
    assert!(page.contains("src=\"pages/logo\" alt=\"Example &#38; Co\""), "{page}");
    let logo = server.page("/pages/logo", &[]);
    assert_eq!(logo.headers()["content-type"], "image/svg+xml");
    let policy = logo.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{policy}");
    std::fs::write(&file, vec![b' '; 256 * 1024 + 1]).unwrap();
    assert_eq!(server.page("/pages/logo", &[]).status(), 500);
    let mut config = gatepost::Config::new(gatepost::Profile::Testing);
    config.pages.enabled = PagesEnabled::SignIn;
    for (name, fault) in [
        ("none.png", "none.png"),
        ("logo.svg", "256 KiB"),
        ("logo.exe", "must be the name of a file"),
    ] {
        config.pages.logo = Some(directory.path().join(name));
        let error = gatepost::Service::check(&config).unwrap_err().to_string();
        assert!(error.contains(fault), "{error}");
    }
    assert_eq!(self::server().page("/pages/logo", &[]).status(), 404);
}

#[test]
fn the_api_takes_the_cookie_from_listed_pages_alone() {
    const APP: &str = "http://app.localhost:3000";
    let mut server = TestServer::with(|config| {
        config.pages.enabled = PagesEnabled::SignIn;
        config.pages.origin = Some("http://login.localhost".parse().unwrap());
        config.pages.cookie_api = vec![APP.parse().unwrap()];
        config.server.cors_origins = vec!["http://other.localhost".parse().unwrap()];
    });
    let builder = Client::builder().pool_max_idle_per_host(0);
    server.client = builder.redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let id = server.register("alice");
    let cookie = server.sign_in_page("alice");
    let user = format!("/user?id={id}");
    let ask = |fields: &[(&str, &str)]| {
        let fields = [&[("cookie", cookie.as_str())], fields].concat();
        server.page(&user, &fields)
    };
    let answer = ask(&[("origin", APP), ("sec-fetch-site", "same-site")]);
    assert_eq!(answer.status(), 200);
    let headers = answer.headers();
    assert_eq!(headers["access-control-allow-origin"], APP);
    assert_eq!(headers["access-control-allow-credentials"], "true");
    for fields in [
        &[][..],
        &[("origin", "http://other.localhost")],
        &[("origin", "http://evil.example")],
        &[("origin", "http://app.localhost:3001")],
        &[("origin", "null")],
        &[("origin", APP), ("origin", APP)],
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
    ] {
        let answer = ask(fields);
        assert_eq!(answer.status(), 401, "{fields:?}");
        assert!(answer.headers().get("access-control-allow-credentials").is_none(), "{fields:?}");
    }
    let bearer = format!("Bearer {}", server.token("alice"));
    assert_eq!(ask(&[("origin", APP), ("authorization", &bearer)]).status(), 400);
    // What changes something counts too, and not from elsewhere.
    let patch = |origin: &str| {
        let request = server.request(Method::PATCH, "/user").header("cookie", &cookie);
        let body = json!({"id": id, "email": "a@example.com"});
        request.header("origin", origin).json(&body).send().unwrap().status().as_u16()
    };
    assert_eq!(patch("http://login.localhost"), 401);
    assert_eq!(patch(APP), 200);
    // A page of that origin still sends none of our forms.
    let fields = [("cookie", cookie.as_str()), ("origin", APP), ("sec-fetch-site", "same-site")];
    assert_eq!(server.send_form("/sign-out", &fields, &[]).status(), 403);
    let preflight = server
        .request(Method::OPTIONS, "/user")
        .header("origin", APP)
        .header("access-control-request-method", "PATCH");
    let preflight = preflight.send().unwrap();
    assert_eq!(preflight.headers()["access-control-allow-credentials"], "true");
}
