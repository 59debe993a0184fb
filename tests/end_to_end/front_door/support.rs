//! A small backend on tiny_http, a door before it, and a client that writes and reads raw bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gatepost::internals::front_door::{
    Address, Door, Hooks, Lane, Listener, PROBE_TARGET, Problem, Settings, Upstreams,
};
use serde_json::{Value, json};

/// Long enough for a busy machine, short enough to end a test that hangs.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Which workers answered, and a gate that holds `/gate` until it is opened.
#[derive(Default)]
pub(super) struct Backend {
    pub(super) handled: AtomicUsize,
    pub(super) probes: AtomicUsize,
    gate: Mutex<bool>,
    opened: Condvar,
}

impl Backend {
    pub(super) fn open_gate(&self) {
        *self.gate.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn pass_gate(&self) {
        let shut = |open: &mut bool| !*open;
        let _ =
            self.opened.wait_timeout_while(self.gate.lock().unwrap(), PATIENCE * 3, shut).unwrap();
    }

    pub(super) fn wait_handled(&self, count: usize) {
        eventually("the backend handles the request", || {
            self.handled.load(Ordering::SeqCst) >= count
        });
    }
}

pub(super) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Answers one request.
pub(super) fn handle(backend: &Backend, lane: &str, mut request: tiny_http::Request) {
    let path = request.url().to_owned();
    let counter = if path == PROBE_TARGET { &backend.probes } else { &backend.handled };
    let earlier = counter.fetch_add(1, Ordering::SeqCst);
    let route = path.split('?').next().unwrap_or_default();
    if route.starts_with("/gate") || route.starts_with("/hash/gate") {
        backend.pass_gate();
    }
    if route == "/slow" {
        std::thread::sleep(Duration::from_millis(300));
    }
    assert!(route != "/panic", "asked to");
    let reply = match route {
        "/big" => tiny_http::Response::from_data(vec![b'x'; 8 << 20]),
        "/medium" => tiny_http::Response::from_data(vec![b'y'; 40_000]),
        "/nothing" => tiny_http::Response::from_data(vec![]).with_status_code(204),
        "/unchanged" => tiny_http::Response::from_data(vec![]).with_status_code(304),
        "/unread" => tiny_http::Response::from_data(b"unread".to_vec()),
        _ => {
            let mut body = Vec::new();
            let _ = request.as_reader().read_to_end(&mut body);
            let fields: Vec<Value> = request
                .headers()
                .iter()
                .map(|h| json!([h.field.as_str().as_str(), h.value.as_str()]))
                .collect();
            let seen = json!({
                "method": request.method().as_str(),
                "target": path,
                "fields": fields,
                "body": String::from_utf8_lossy(&body),
                "lane": lane,
                "earlier": earlier,
            });
            tiny_http::Response::from_data(seen.to_string().into_bytes())
        }
    };
    let _ = request.respond(reply);
}

struct Lanes {
    servers: Vec<Arc<tiny_http::Server>>,
    threads: Vec<JoinHandle<()>>,
    _directory: tempfile::TempDir,
}

/// A backend with two workers in each lane.
pub(super) struct Site {
    pub(super) door: Door,
    pub(super) backend: Arc<Backend>,
    lanes: Lanes,
}

pub(super) const WORKERS: usize = 2;

fn lane(_method: &str, path: &str, _body: &[u8]) -> Lane {
    if path.starts_with("/hash") { Lane::Hashing } else { Lane::Ordinary }
}

fn problem(problem: &Problem) -> Vec<u8> {
    assert!(problem.detail != "control character in the head", "a hook that fails");
    let text = json!({
        "status": problem.status,
        "code": problem.code,
        "title": problem.title,
        "detail": problem.detail,
        "request_id": problem.request_id,
    });
    text.to_string().into_bytes()
}

fn allow(path: &str) -> String {
    if path.starts_with("/options") { "GET, OPTIONS".to_owned() } else { String::new() }
}

pub(super) const HOOKS: Hooks =
    Hooks { lane, problem, allow, cookie_origins: 0, strict_transport: false };

/// Settings with few connections and short names, for tests to change.
pub(super) fn settings() -> Settings {
    changed(Settings::default(), |s| {
        s.tuning.ordinary_upstreams = 2 * WORKERS;
        s.tuning.hashing_upstreams = WORKERS;
        s.tuning.linger_timeout = Duration::from_millis(500);
    })
}

/// Settings in which some are changed.
pub(super) fn changed(mut settings: Settings, change: impl FnOnce(&mut Settings)) -> Settings {
    change(&mut settings);
    settings
}

pub(super) fn spawn_workers(
    server: &Arc<tiny_http::Server>,
    backend: &Arc<Backend>,
    lane: &'static str,
) -> Vec<JoinHandle<()>> {
    let worker = |_| {
        let (server, backend) = (Arc::clone(server), Arc::clone(backend));
        std::thread::spawn(move || {
            while let Ok(request) = server.recv() {
                let handled = std::panic::AssertUnwindSafe(|| handle(&backend, lane, request));
                let _ = std::panic::catch_unwind(handled);
            }
        })
    };
    (0..WORKERS).map(worker).collect()
}

impl Site {
    pub(super) fn new() -> Self {
        Self::with(settings())
    }

    pub(super) fn with(settings: Settings) -> Self {
        Self::listening(settings, vec![Listener::bind("127.0.0.1:0").unwrap()])
    }

    pub(super) fn listening(settings: Settings, listeners: Vec<Listener>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let backend = Arc::new(Backend::default());
        let paths = ["ordinary", "hashing"].map(|name| directory.path().join(name));
        let (mut servers, mut threads) = (Vec::new(), Vec::new());
        for (path, lane) in paths.iter().zip(["ordinary", "hashing"]) {
            let server = Arc::new(tiny_http::Server::http_unix(path).unwrap());
            threads.extend(spawn_workers(&server, &backend, lane));
            servers.push(server);
        }
        let [ordinary, hashing]: [PathBuf; 2] = paths;
        let upstreams = Upstreams { ordinary, hashing };
        let door = Door::start(settings, listeners, upstreams, HOOKS).unwrap();
        Self { door, backend, lanes: Lanes { servers, threads, _directory: directory } }
    }

    pub(super) fn address(&self) -> SocketAddr {
        match self.door.addr() {
            Some(Address::Tcp(address)) => *address,
            other => panic!("no TCP address: {other:?}"),
        }
    }

    pub(super) fn connect(&self) -> Client {
        Client::to(self.address())
    }

    /// Sends the bytes on a new connection and reads one reply.
    pub(super) fn ask(&self, bytes: impl AsRef<[u8]>) -> Reply {
        let mut client = self.connect();
        client.send(bytes);
        client.reply()
    }

    pub(super) fn get(&self, target: &str) -> Reply {
        self.ask(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.backend.open_gate();
        self.door.stop(Duration::ZERO);
        for server in &self.lanes.servers {
            (0..WORKERS).for_each(|_| server.unblock());
        }
        for thread in self.lanes.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A client that does what it is told.
pub(super) struct Client {
    pub(super) socket: TcpStream,
    buffer: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}{text}", self.head))
    }

    pub(super) fn code(&self) -> String {
        assert!(self.head.contains("application/problem+json"), "{}", self.head);
        let json = self.json();
        assert_eq!(json["status"], self.status);
        assert_eq!(json["request_id"].as_str().unwrap().len(), 16);
        json["code"].as_str().unwrap().to_owned()
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(field, value)| field.eq_ignore_ascii_case(name).then_some(value))
    }

    /// A field as the backend saw it.
    pub(super) fn seen(&self, name: &str) -> Vec<String> {
        let json = self.json();
        let fields = json["fields"].as_array().unwrap();
        let named = fields.iter().filter(|f| f[0].as_str().unwrap().eq_ignore_ascii_case(name));
        named.map(|field| field[1].as_str().unwrap().to_owned()).collect()
    }
}

impl Client {
    pub(super) fn to(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap())
    }

    /// A client of another address of this machine: Linux has all of 127.0.0.0/8.
    pub(super) fn from(source: [u8; 4], address: SocketAddr) -> Self {
        use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&socket, &SocketAddr::from((source, 0))).unwrap();
        connect(&socket, &address).unwrap();
        Self::over(socket.into())
    }

    fn over(socket: TcpStream) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self { socket, buffer: Vec::new() }
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends what the other side may not want to take.
    pub(super) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.socket.write_all(bytes.as_ref()).is_ok()
    }

    pub(super) fn get(&mut self, target: &str) -> Reply {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        self.reply()
    }

    pub(super) fn no_more(&self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }

    fn more(&mut self) -> bool {
        let mut piece = [0; 65_536];
        match self.socket.read(&mut piece) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("nothing came, not even the end")
            }
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&piece[..count]);
                true
            }
        }
    }

    fn line(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|w| w == end) {
                return self.buffer.drain(..at + end.len()).collect();
            }
            let text = String::from_utf8_lossy(&self.buffer).into_owned();
            assert!(self.more(), "the connection ended after {text:?}");
        }
    }

    fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.more(), "the connection ended within a body");
        }
        self.buffer.drain(..count).collect()
    }

    /// Reads a reply to anything but HEAD.
    pub(super) fn reply(&mut self) -> Reply {
        self.reply_to("GET")
    }

    pub(super) fn reply_to(&mut self, method: &str) -> Reply {
        let head = String::from_utf8(self.line(b"\r\n\r\n")).unwrap();
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Reply { status, head, body: Vec::new() };
        if method == "HEAD" || status < 200 || matches!(status, 204 | 304) {
            return reply;
        }
        if reply.field("transfer-encoding").is_some() {
            loop {
                let line = String::from_utf8(self.line(b"\r\n")).unwrap();
                let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
                reply.body.extend(self.exactly(size));
                assert_eq!(self.exactly(2), b"\r\n");
                if size == 0 {
                    return reply;
                }
            }
        }
        match reply.field("content-length").map(|length| length.parse().unwrap()) {
            Some(length) => reply.body = self.exactly(length),
            None => {
                while self.more() {}
                reply.body = std::mem::take(&mut self.buffer);
            }
        }
        reply
    }

    /// Whether the other side closes, having sent nothing more.
    pub(super) fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.more()
    }

    /// All that still comes.
    pub(super) fn rest(&mut self) -> String {
        while self.more() {}
        String::from_utf8_lossy(&std::mem::take(&mut self.buffer)).into_owned()
    }
}

/// A number of `/proc/self/status`: `Threads`, or `VmRSS` in KiB.
pub(super) fn of_this_process(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}
