//! The examples of `examples/gate`, with the real proxies: people come through sign-in to the program, and
//! what a client forges does not.

use super::{LINK, OWN};
use crate::support::browser::Browser;
use crate::support::program::Spawned;
use crate::support::{PASSWORD, TestServer};
use gatepost::config::Loaded;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A proxy, and what makes its example safe.
struct Proxy {
    program: &'static str,
    /// The files of `examples/gate`, the one that the proxy is started with first.
    files: &'static [&'static str],
    /// What it is started with before the file's name, in one word with it if that ends with `=`.
    arguments: &'static [&'static str],
    /// Without these texts this field of a client comes through, which is `root`.
    defences: &'static [(&'static [&'static str], &'static str)],
}

const NGINX: Proxy = Proxy {
    program: "nginx",
    files: &["nginx.conf"],
    arguments: &["-g", "daemon off; pid nginx.pid;", "-e", "stderr", "-c"],
    defences: &[(&["proxy_set_header Remote-User $gate_user;"], "Remote-User")],
};

/// It takes fields with an underscore for an attack by itself.
const CADDY: Proxy = Proxy {
    program: "caddy",
    files: &["Caddyfile"],
    arguments: &["run", "--adapter", "caddyfile", "--config"],
    defences: &[(
        &[
            "request_header -Remote*",
            "copy_headers Remote-User Remote-Groups Remote-Email Remote-Name",
        ],
        "Remote-User",
    )],
};

const TRAEFIK: Proxy = Proxy {
    program: "traefik",
    files: &["traefik.yml", "traefik-routes.yml"],
    arguments: &["--configFile="],
    defences: &[
        (&["Remote_User: \"\""], "Remote_User"),
        (&["Remote-User, ", "Remote_User: \"\""], "Remote-User"),
    ],
};

const HAPROXY: Proxy = Proxy {
    program: "haproxy",
    files: &["haproxy.cfg", "gate.lua"],
    arguments: &["-f"],
    defences: &[
        (&["http-request del-header ^remote[^a-z0-9] -m reg"], "Remote-User"),
        (&["http-request del-header ^remote[^a-z0-9] -m reg"], "Remote_User"),
    ],
};

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

fn is_here(program: &str) -> bool {
    let found = Command::new(program).arg("--help").output().is_ok();
    assert!(found || std::env::var_os("REQUIRE_PROXIES").is_none(), "{program} is missing");
    found
}

fn check(proxy: &Proxy) {
    if !is_here(proxy.program) {
        return eprintln!("skipped: there is no {} on this machine", proxy.program);
    }
    Site::start(proxy, &[]).people_come_through_sign_in();
    for (defences, name) in proxy.defences {
        let open = Site::start(proxy, defences);
        let seen = open.ask("/public", &[(name, "root")]).body;
        let forged = format!("{}: root", name.to_lowercase());
        assert!(seen.to_lowercase().contains(&forged), "without {defences:?}: {seen}");
    }
}

/// Gatepost, a program that repeats what it gets, and the proxy in front of both.
struct Site {
    server: TestServer,
    port: u16,
    _proxy: Spawned,
    directory: tempfile::TempDir,
}

impl Site {
    /// Starts them, without these texts of the example.
    fn start(proxy: &Proxy, without: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("gatepost-test-").tempdir().unwrap();
        let path = directory.path();
        let port = free_port();
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gate");
        let read = |name: &str| std::fs::read_to_string(examples.join(name)).unwrap();
        let with_port =
            |text: &str| text.replace(".example.com\"", &format!(".example.com:{port}\""));
        // Rules have no port.
        let toml: Vec<String> = read("gatepost.toml")
            .lines()
            .map(|line| if line.starts_with("host =") { line.to_owned() } else { with_port(line) })
            .collect();
        std::fs::write(path.join("gatepost.toml"), toml.join("\n")).unwrap();
        let example = Loaded::read(Some(&path.join("gatepost.toml"))).unwrap().config;
        let server = TestServer::with(|config| {
            config.gate = example.gate;
            config.pages = example.pages;
            config.server.trusted_proxies = example.server.trusted_proxies;
        });
        let program = program();
        certificate(path);
        let written = path.display().to_string();
        for text in without {
            assert!(proxy.files.iter().any(|name| read(name).contains(text)), "{text}");
        }
        for name in proxy.files {
            let text = without.iter().fold(read(name), |all, text| all.replace(text, ""));
            let text = text
                .replace("127.0.0.1:8080", &server.service.addr().to_string())
                .replace("127.0.0.1:3000", &program.to_string())
                .replace("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"))
                .replace("bind :443", &format!("bind 127.0.0.1:{port}"))
                .replace("\":443\"", &format!("\"127.0.0.1:{port}\""))
                .replace("/etc/ssl/gate/", &format!("{written}/"))
                .replace("/var/log/nginx/", &format!("{written}/"))
                .replace("filename: traefik", &format!("filename: {written}/traefik"))
                .replace("lua-load gate", &format!("lua-load {written}/gate"));
            let text = if *name == "Caddyfile" { caddyfile(&text, port, &written) } else { text };
            std::fs::write(path.join(name), text).unwrap();
        }
        let mut command = Command::new(proxy.program);
        let file = path.join(proxy.files[0]).display().to_string();
        let (last, first) = proxy.arguments.split_last().unwrap();
        command.args(first);
        match last.ends_with('=') {
            true => command.arg(format!("{last}{file}")),
            false => command.args([*last, &file]),
        };
        if proxy.program == "nginx" {
            command.arg("-p").arg(path);
        }
        let log = std::fs::File::create(path.join("log")).unwrap();
        command.env("HOME", path).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let running = Spawned::start(&mut command);
        let site = Self { server, port, _proxy: running, directory };
        site.wait();
        site
    }

    fn wait(&self) {
        let end = Instant::now() + Duration::from_secs(60);
        let is_up = || self.ask("/public", &[]).status == 200;
        while !is_up() {
            let log = || std::fs::read_to_string(self.directory.path().join("log")).unwrap();
            assert!(Instant::now() < end, "the proxy does not answer: {}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Sends a request as it stands, with `curl`.
    fn send(&self, url: &str, fields: &[(&str, &str)], body: Option<&str>) -> Answer {
        let mut command = Command::new("curl");
        command.args(["-sik", "--http1.1", "--path-as-is", "-A", "test"]);
        for host in ["login", "app"] {
            let there = format!("{host}.example.com:{}:127.0.0.1", self.port);
            command.args(["--resolve", &there]);
        }
        for (name, value) in fields {
            command.args(["-H", &format!("{name}: {value}")]);
        }
        if let Some(body) = body {
            command.args(["-d", body]);
        }
        let output = command.arg(url).output().unwrap();
        Answer::parse(&String::from_utf8_lossy(&output.stdout))
    }

    fn url(&self, host: &str, target: &str) -> String {
        format!("https://{host}.example.com:{}{target}", self.port)
    }

    /// Asks the program.
    fn ask(&self, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(&self.url("app", target), fields, None)
    }

    fn send_form(&self, target: &str, values: &[(&str, &str)], cookie: &str) -> Answer {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs: Vec<String> =
            values.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let fields = [OWN, ("cookie", cookie)];
        self.send(&self.url("login", target), &fields, Some(&pairs.join("&")))
    }

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

/// What came back.
#[derive(Debug)]
struct Answer {
    /// 0 for nothing.
    status: u16,
    fields: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let fields = lines.filter_map(|line| line.split_once(": "));
        Self {
            status: status.map_or(0, |status| status.parse().unwrap()),
            fields: fields.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
            body: body.to_owned(),
        }
    }

    #[track_caller]
    fn field(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|(known, _)| known == name);
        &field.unwrap_or_else(|| panic!("no {name}: {self:?}")).1
    }

    /// What a browser sends back of the one cookie that is set.
    #[track_caller]
    fn cookie(&self) -> String {
        let set = self.fields.iter().filter(|(name, _)| name == "set-cookie");
        let mut pairs = set.map(|(_, value)| {
            assert!(value.ends_with("; Secure") && value.starts_with("__Host-"), "{value}");
            value.split(';').next().unwrap()
        });
        pairs.find(|pair| !pair.ends_with('=')).unwrap().to_owned()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Caddy gets a certificate by itself for real names. Here there is one for it.
fn caddyfile(text: &str, port: u16, directory: &str) -> String {
    let own =
        format!("{{\n\tbind 127.0.0.1\n\ttls {directory}/certificate.pem {directory}/key.pem\n");
    let text = text
        .replace("login.example.com {\n", &format!("https://login.example.com:{port} {own}"))
        .replace("app.example.com {\n", &format!("https://app.example.com:{port} {own}"));
    format!(
        "{{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system {directory}\n}}\n{text}"
    )
}

fn certificate(directory: &Path) {
    let names = ["login.example.com", "app.example.com"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    std::fs::write(directory.join("certificate.pem"), &certificate).unwrap();
    std::fs::write(directory.join("key.pem"), &key).unwrap();
    std::fs::write(directory.join("both.pem"), format!("{certificate}{key}")).unwrap();
}

/// A program that answers with what it was asked, for as long as the tests run.
fn program() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || repeat(stream));
        }
    });
    address
}

fn repeat(mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut text = String::new();
    let mut length = 0;
    loop {
        let start = text.len();
        if reader.read_line(&mut text).unwrap_or(0) == 0 {
            return;
        }
        let line = text[start..].to_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    text.push_str(&String::from_utf8(body).unwrap());
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length";
    let _ = write!(stream, "{head}: {}\r\n\r\n{text}", text.len());
}
