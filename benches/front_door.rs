//! The cost of the front door: a real service with its door, and tiny_http alone on TCP with as
//! many workers that do the same work, in turn under `wrk` with 64 keep-alive connections.
//! `cargo bench --bench front_door`, or with `-- --quick` for a short run.
//!
//! `GET /user?id=1` is the realistic case: a token verified, a row read, JSON written. `GET /livez`
//! does next to nothing, so it shows the door's own cost; no real load is like it. Both sides share
//! one service: its operations, its keys, its pool of database connections.
//!
//! tiny_http's thread pool may leave connections that are opened together, as `wrk` opens them,
//! unanswered while others are busy. Alone it would then be measured with fewer than 64. So before
//! each of its runs four times as many connections are opened one after the other, each proved with
//! a request, and closed. Their threads stay for five seconds, enough for every connection of `wrk`
//! to find one. Each connection that was answered is counted, and a run with fewer than 64 is
//! discarded.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

#[path = "shared/site.rs"]
mod site;

use gatepost::domain::{Login, UserId};
use gatepost::passwords::Password;
use gatepost::{App, Caller, Config, Profile, Service};
use gatepost_test_support::Cluster;
use site::PASSWORD;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tiny_http::{Header, Response, Server};

const CONNECTIONS: usize = 64;
const FIGURES: &str = "done = function(summary, latency, requests)
    local e = summary.errors
    io.write(string.format('figures %d %d %d %d %d\\n', summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99),
        e.connect + e.read + e.write + e.status + e.timeout))
end";

fn main() {
    if Command::new("wrk").arg("-v").output().is_err() {
        eprintln!("wrk is missing, and with it this benchmark: apt-get install wrk");
        std::process::exit(1);
    }
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (rounds, seconds) = if quick { (3, 2) } else { (11, 5) };

    let cluster = Cluster::start();
    let service = Service::start(config(&cluster)).unwrap();
    let (login, password) = (Login::parse("alice").unwrap(), Password::parse(PASSWORD).unwrap());
    let alice =
        gatepost::users::register(service.app(), &Caller::Trusted, &login, &password).unwrap();
    assert_eq!(alice.id.get(), 1);
    let token = gatepost::sessions::log_in(service.app(), &login, &password).unwrap().access_token;
    let door: SocketAddr = service.addr().to_string().parse().unwrap();
    let server = Server::http("127.0.0.1:0").unwrap();
    let alone = server.server_addr().to_ip().unwrap();
    let seen = Seen::default();
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), FIGURES).unwrap();

    std::thread::scope(|scope| {
        let workers = service.app().config().server.workers;
        for _ in 0..workers {
            scope.spawn(|| work(&server, service.app(), &seen));
        }
        for target in ["/user?id=1", "/livez"] {
            compare_answers(door, alone, target, &token);
            let wrk = |address| {
                Figures::of(Command::new("wrk").args([
                    "-t1",
                    &format!("-c{CONNECTIONS}"),
                    &format!("-d{seconds}s"),
                    "-s",
                    script.path().to_str().unwrap(),
                    "-H",
                    &format!("Authorization: Bearer {token}"),
                    &format!("http://{address}{target}"),
                ]))
            };
            let (mut with, mut without) = (Vec::new(), Vec::new());
            while with.len() < rounds {
                warm(alone, target, &token);
                seen.forget();
                let figures = wrk(alone);
                if seen.count() < CONNECTIONS {
                    println!("tiny_http alone answered {} connections; again", seen.count());
                    continue;
                }
                without.push(figures);
                with.push(wrk(door));
            }
            report(target, &with, &without);
        }
        (0..2 * workers).for_each(|_| server.unblock());
    });
}

fn config(cluster: &Cluster) -> Config {
    let mut config = site::prepare(cluster, Profile::Testing);
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    // No run must end in the middle of reconnecting.
    config.server.tuning.requests_per_connection = u32::MAX;
    config
}

/// The ports of the clients that tiny_http alone has answered.
struct Seen(Vec<AtomicBool>);

impl Default for Seen {
    fn default() -> Self {
        Self((0..=u16::MAX).map(|_| AtomicBool::new(false)).collect())
    }
}

impl Seen {
    fn forget(&self) {
        self.0.iter().for_each(|seen| seen.store(false, Ordering::Relaxed));
    }

    fn count(&self) -> usize {
        self.0.iter().filter(|seen| seen.load(Ordering::Relaxed)).count()
    }
}

/// A worker of tiny_http alone, which does the same as one of the service.
fn work(server: &Server, app: &App, seen: &Seen) {
    let mut served = 0_u64;
    while let Ok(request) = server.recv() {
        let port = request.remote_addr().unwrap().port();
        seen.0[usize::from(port)].store(true, Ordering::Relaxed);
        let body = match request.url() {
            "/livez" => serde_json::to_vec(&serde_json::json!({"status": "live"})).unwrap(),
            url => {
                let id = url.strip_prefix("/user?id=").unwrap().parse().unwrap();
                let field = |header: &&Header| header.field.equiv("authorization");
                let value = request.headers().iter().find(field).unwrap().value.as_str();
                let token = value.strip_prefix("Bearer ").unwrap();
                let caller = Caller::bearer(app, token).unwrap();
                let user = gatepost::users::show(app, &caller, UserId::parse(id).unwrap()).unwrap();
                serde_json::to_vec(&user).unwrap()
            }
        };
        served += 1;
        let mut response = Response::from_data(body);
        for (name, value) in [
            ("Content-Type", "application/json"),
            ("Cache-Control", "no-store"),
            ("Server", "gatepost"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Request-Id", &format!("{served:016x}")),
        ] {
            response.add_header(Header::from_bytes(name, value).unwrap());
        }
        let _ = request.respond(response);
    }
}

/// Sends one request and returns the status line and the body.
fn ask(stream: &mut TcpStream, target: &str, token: &str) -> (String, String) {
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    let mut piece = [0; 4096];
    loop {
        let count = stream.read(&mut piece).unwrap();
        assert_ne!(count, 0, "closed after {reply:?}");
        reply.push_str(std::str::from_utf8(&piece[..count]).unwrap());
        if let Some((head, body)) = reply.split_once("\r\n\r\n")
            && body.ends_with('}')
        {
            return (head.lines().next().unwrap().to_owned(), body.to_owned());
        }
    }
}

/// Checks that both sides give the same answer, so that the comparison is fair.
fn compare_answers(door: SocketAddr, alone: SocketAddr, target: &str, token: &str) {
    let [first, second] =
        [door, alone].map(|address| ask(&mut TcpStream::connect(address).unwrap(), target, token));
    assert_eq!(first, second);
    assert_eq!(first.0, "HTTP/1.1 200 OK");
}

/// Gives tiny_http more threads than `wrk` opens connections.
fn warm(alone: SocketAddr, target: &str, token: &str) {
    let mut open = Vec::new();
    for _ in 0..4 * CONNECTIONS {
        let mut stream = TcpStream::connect(alone).unwrap();
        ask(&mut stream, target, token);
        open.push(stream);
    }
    drop(open);
    std::thread::sleep(Duration::from_millis(300));
}

/// The figures of one run of `wrk`.
#[derive(Clone, Copy)]
struct Figures {
    rate: f64,
    median_ms: f64,
    p99_ms: f64,
}

impl Figures {
    fn of(wrk: &mut Command) -> Self {
        let output = wrk.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("figures ")).expect(&text);
        let numbers: Vec<f64> = line.split(' ').map(|word| word.parse().unwrap()).collect();
        let &[requests, micros, median, p99, errors] = &numbers[..] else { panic!("{line}") };
        assert_eq!(errors, 0.0, "{text}");
        Self { rate: requests / micros * 1e6, median_ms: median / 1e3, p99_ms: p99 / 1e3 }
    }
}

fn report(target: &str, with: &[Figures], without: &[Figures]) {
    println!(
        "GET {target}, {CONNECTIONS} connections, {} pairs: median (least to most)",
        with.len()
    );
    let line = |name: &str, digits: usize, runs: Vec<f64>| {
        let (median, least, most) = spread(runs);
        println!("    {name:34} {median:9.digits$} ({least:.digits$} to {most:.digits$})");
    };
    for (name, runs) in [("door + tiny_http", with), ("tiny_http alone", without)] {
        line(&format!("{name}, requests/s"), 0, runs.iter().map(|run| run.rate).collect());
        line(&format!("{name}, median ms"), 2, runs.iter().map(|run| run.median_ms).collect());
        line(&format!("{name}, p99 ms"), 2, runs.iter().map(|run| run.p99_ms).collect());
    }
    let ratio = |of: fn(&Figures) -> f64| {
        with.iter().zip(without).map(|(a, b)| of(a) / of(b)).collect::<Vec<_>>()
    };
    line("requests/s, with : without", 3, ratio(|run| run.rate));
    line("p99, with : without", 3, ratio(|run| run.p99_ms));
}

fn spread(mut runs: Vec<f64>) -> (f64, f64, f64) {
    runs.sort_by(f64::total_cmp);
    (runs[runs.len() / 2], runs[0], runs[runs.len() - 1])
}
