//! The examples of `examples/gate` as they run: a proxy, Gatepost and a program behind.

use super::OWN;
use crate::support::TestServer;
use crate::support::program::Spawned;
use gatepost::config::Loaded;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A proxy, and what makes its example safe.
pub(super) struct Proxy {
    pub(super) program: &'static str,
    /// The files of `examples/gate`, the one that the proxy is started with first.
    pub(super) files: &'static [&'static str],
    /// What it is started with before the file's name, in one word with it if that ends with `=`.
    pub(super) arguments: &'static [&'static str],
    /// Without these texts this field of a client comes through, which is `root`.
    pub(super) defences: &'static [(&'static [&'static str], &'static str)],
}

pub(super) const NGINX: Proxy = Proxy {
    program: "nginx",
    files: &["nginx.conf"],
    arguments: &["-g", "daemon off; pid nginx.pid;", "-e", "stderr", "-c"],
    defences: &[(&["proxy_set_header Remote-User $gate_user;"], "Remote-User")],
};

/// It takes fields with an underscore for an attack by itself.
pub(super) const CADDY: Proxy = Proxy {
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

pub(super) const TRAEFIK: Proxy = Proxy {
    program: "traefik",
    files: &["traefik.yml", "traefik-routes.yml"],
    arguments: &["--configFile="],
    defences: &[
        (&["Remote_User: \"\""], "Remote_User"),
        (&["Remote-User, ", "Remote_User: \"\""], "Remote-User"),
    ],
};

pub(super) const HAPROXY: Proxy = Proxy {
    program: "haproxy",
    files: &["haproxy.cfg", "gate.lua"],
    arguments: &["-f"],
    defences: &[
        (&["http-request del-header ^remote[^a-z0-9] -m reg"], "Remote-User"),
        (&["http-request del-header ^remote[^a-z0-9] -m reg"], "Remote_User"),
    ],
};

/// Lets the proxy find nobody where Gatepost should be.
pub(super) const GATE_AWAY: &str = "127.0.0.1:8080 => 127.0.0.1:1";

pub(super) fn is_here(program: &str) -> bool {
    let found = Command::new(program).arg("--help").output().is_ok();
    assert!(found || std::env::var_os("REQUIRE_PROXIES").is_none(), "{program} is missing");
    found
}

/// Gatepost, a program that repeats what it gets, and the proxy in front of both.
pub(super) struct Site {
    pub(super) server: TestServer,
    pub(super) program: Program,
    pub(super) port: u16,
    _proxy: Spawned,
    pub(super) directory: tempfile::TempDir,
}

impl Site {
    /// Starts them, without these texts of the example, or with what stands behind an arrow instead.
    pub(super) fn start(proxy: &Proxy, without: &[&str]) -> Self {
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
        let program = Program::start();
        certificate(path);
        let written = path.display().to_string();
        for text in without {
            let before = text.split(" => ").next().unwrap();
            assert!(proxy.files.iter().any(|name| read(name).contains(before)), "{text}");
        }
        for name in proxy.files {
            let changed = |all: String, text: &&str| {
                let (before, after) = text.split_once(" => ").unwrap_or((text, ""));
                all.replace(before, after)
            };
            let text = without.iter().fold(read(name), changed);
            let text = text
                .replace("127.0.0.1:8080", &server.service.addr().to_string())
                .replace("127.0.0.1:3000", &program.address.to_string())
                .replace("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"))
                .replace("bind :443", &format!("bind 127.0.0.1:{port}"))
                .replace("\":443\"", &format!("\"127.0.0.1:{port}\""))
                // Elsewhere only root may write.
                .replace("\nhttp {\n", &temporary(&written))
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
        let site = Self { server, program, port, _proxy: running, directory };
        site.wait(without.contains(&GATE_AWAY));
        site
    }

    fn wait(&self, gate_is_away: bool) {
        let expected: &[u16] = if gate_is_away { &[500, 502, 503] } else { &[200, 500] };
        let end = Instant::now() + Duration::from_secs(60);
        let is_up = || expected.contains(&self.ask("/public", &[]).status);
        while !is_up() {
            let log = || std::fs::read_to_string(self.directory.path().join("log")).unwrap();
            assert!(Instant::now() < end, "the proxy does not answer: {}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Sends a request as it stands, with `curl`.
    pub(super) fn send(&self, url: &str, fields: &[(&str, &str)], body: Option<&str>) -> Answer {
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

    pub(super) fn url(&self, host: &str, target: &str) -> String {
        format!("https://{host}.example.com:{}{target}", self.port)
    }

    /// Asks the program.
    pub(super) fn ask(&self, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(&self.url("app", target), fields, None)
    }

    pub(super) fn send_form(&self, target: &str, values: &[(&str, &str)], cookie: &str) -> Answer {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs: Vec<String> =
            values.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let fields = [OWN, ("cookie", cookie)];
        self.send(&self.url("login", target), &fields, Some(&pairs.join("&")))
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    /// 0 for nothing.
    pub(super) status: u16,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: String,
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
    pub(super) fn field(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|(known, _)| known == name);
        &field.unwrap_or_else(|| panic!("no {name}: {self:?}")).1
    }

    /// What a browser sends back of the one cookie that is set.
    #[track_caller]
    pub(super) fn cookie(&self) -> String {
        let set = self.fields.iter().filter(|(name, _)| name == "set-cookie");
        let mut pairs = set.map(|(_, value)| {
            assert!(value.ends_with("; Secure") && value.starts_with("__Host-"), "{value}");
            value.split(';').next().unwrap()
        });
        pairs.find(|pair| !pair.ends_with('=')).unwrap().to_owned()
    }
}

/// Where nginx keeps what is too long to hold.
fn temporary(directory: &str) -> String {
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let lines = kinds.map(|kind| format!("{kind}_temp_path {directory}/{kind};\n"));
    format!("\nhttp {{\n{}", lines.concat())
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

/// A program that answers with what it was asked.
pub(super) struct Program {
    pub(super) address: SocketAddr,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Program {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ending = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ending);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                std::thread::spawn(move || repeat(stream));
            }
        });
        Self { address, ending, thread: Some(thread) }
    }

    /// Leaves its address to others.
    pub(super) fn stop(&mut self) -> SocketAddr {
        if let Some(thread) = self.thread.take() {
            self.ending.store(true, Ordering::SeqCst);
            // It is waiting for one more.
            drop(TcpStream::connect(self.address));
            thread.join().unwrap();
        }
        self.address
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop();
    }
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
