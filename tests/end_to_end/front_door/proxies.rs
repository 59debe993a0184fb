//! Real proxies before the door: whatever a client sends them, the requests that reach the workers
//! are those that the proxy says it has sent, in its log, and nobody gets another one's reply.
//!
//! nginx and HAProxy keep connections to the door and share them between their clients, each once
//! as it comes and once as lenient as it can be made, so that more of what is odd gets through.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gatepost::internals::front_door::{Door, Hooks, Lane, Listener, PROBE_TARGET, Upstreams};

use super::smuggling::corpus;
use super::support::{Backend, HOOKS, PATIENCE, WORKERS, eventually, handle, settings};
use crate::support::program::Spawned;

/// How long a proxy that says nothing more is listened to.
const QUIET: Duration = Duration::from_secs(2);
/// Clients of a proxy at a time.
const CLIENTS: usize = 8;

/// Method, target in origin-form, Host; and how often.
type Seen = BTreeMap<(String, String, String), usize>;

#[test]
fn no_request_is_seen_differently_by_nginx_and_the_door() {
    if is_here("nginx", "-v") {
        behind(nginx, &["nginx", "nginx-lenient"]);
    }
}

#[test]
fn no_request_is_seen_differently_by_haproxy_and_the_door() {
    if is_here("haproxy", "-v") {
        behind(haproxy, &["haproxy", "haproxy-lenient"]);
    }
}

fn is_here(program: &str, argument: &str) -> bool {
    let found = Command::new(program).arg(argument).output().is_ok();
    if !found {
        // .ci/run installs them and says that they must be there.
        assert!(std::env::var_os("REQUIRE_PROXIES").is_none(), "{program} is missing");
        eprintln!("skipped: there is no {program} on this machine");
    }
    found
}

fn behind(start: fn(&Path, &str) -> Command, fronts: &[&str]) {
    let site = Site::start();
    let directory = tempfile::tempdir().unwrap();
    let door = site.door.addr().unwrap().to_string();
    let log = std::fs::File::create(directory.path().join("log")).unwrap();
    let mut command = start(directory.path(), &door);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let _proxy = Spawned::start(&mut command);
    for front in fronts {
        let socket = directory.path().join(front);
        eventually("the proxy listens", || UnixStream::connect(&socket).is_ok());
        site.seen.lock().unwrap().clear();
        let cases = corpus(front);
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                        attack(&socket, &case.bytes, &format!("/marker?{}", case.tag), QUIET);
                        let target = format!("/victim?{}", case.tag);
                        let reply = attack(&socket, b"", &target, PATIENCE);
                        let own = reply.contains(&format!("\"target\":\"{target}\""));
                        assert!(own && count(&reply, "HTTP/1.1 ") == 1, "{case:?}: {reply}");
                    }
                });
            }
        });
        let log = directory.path().join(format!("{front}.log"));
        let sent = |statuses: &[&str]| sent(&log, front, statuses);
        let seen = || site.seen.lock().unwrap().clone();
        let end = Instant::now() + PATIENCE;
        while !(is_within(&seen(), &sent(SENT)) && is_within(&sent(ANSWERED), &seen()))
            && Instant::now() < end
        {
            std::thread::sleep(Duration::from_millis(20));
        }
        let (meant, answered, seen) = (sent(SENT), sent(ANSWERED), seen());
        for (request, times) in &seen {
            let meant = meant.get(request).copied().unwrap_or(0);
            let told = told(&log, &request.1);
            assert!(
                *times <= meant,
                "{front}: {request:?} reached a worker {times} times; the log has {told:#?}; cases: \
                 {cases:#?}"
            );
        }
        for (request, times) in &answered {
            let got = seen.get(request).copied().unwrap_or(0);
            assert!(*times <= got, "{front}: {request:?} got a worker's reply; {cases:#?}");
        }
        let victims = seen.keys().filter(|(_, target, _)| target.starts_with("/victim?")).count();
        assert_eq!(victims, cases.len());
        let first = seen.keys().filter(|(_, target, _)| target.starts_with("/first?")).count();
        assert!(first >= 10, "{front}: only {first} requests of the cases came through");
        eprintln!("{front}: {} cases, {first} of them came through", cases.len());
    }
}

/// What a proxy logs of a request that a worker has answered.
const ANSWERED: &[&str] = &["200"];

/// What it logs of one that it has sent: also when its client left before the answer (`-1` of
/// HAProxy, `499` of nginx).
const SENT: &[&str] = &["200", "-1", "499"];

/// Whether nothing is in the first that is not in the second, as often.
fn is_within(some: &Seen, all: &Seen) -> bool {
    some.iter().all(|(request, times)| all.get(request).is_some_and(|most| times <= most))
}

fn count(text: &str, piece: &str) -> usize {
    text.matches(piece).count()
}

/// Sends the bytes and a request for the target right behind them; returns all that comes, until
/// the target's reply or a silence.
fn attack(socket: &Path, bytes: &[u8], target: &str, silence: Duration) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(silence)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    // The proxy may close before all is written.
    let _ = stream.write_all(bytes);
    let _ = stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    let (mut reply, mut piece) = (Vec::new(), [0; 16_384]);
    let ours = format!("\"target\":\"{target}\"");
    while let Ok(length @ 1..) = stream.read(&mut piece) {
        reply.extend_from_slice(&piece[..length]);
        if reply.ends_with(b"}") && String::from_utf8_lossy(&reply).contains(&ours) {
            break;
        }
    }
    String::from_utf8_lossy(&reply).into_owned()
}

/// Lines of the log about a target.
fn told(log: &Path, target: &str) -> Vec<String> {
    let common = log.with_file_name("log");
    let path = if log.exists() { log } else { &common };
    let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    text.lines().filter(|line| line.contains(target)).map(str::to_owned).collect()
}

/// The requests of these statuses, as the proxy has logged them:
/// `front status method target host`. The door answers none with 200 by itself.
fn sent(log: &Path, front: &str, statuses: &[&str]) -> Seen {
    // HAProxy logs to standard output, both fronts together.
    let common = log.with_file_name("log");
    let path = if log.exists() { log } else { &common };
    let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let mut sent = Seen::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if let [of, status, method, target, rest @ ..] = &words[..]
            && *of == front
            && statuses.contains(status)
        {
            let host = rest.join(" ");
            let host = if host == "-" { "" } else { host.as_str() };
            // The authority of an absolute-form target stands above the Host field.
            let (host, target) = match target.split_once("://") {
                Some((_, rest)) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
                None => (host, *target),
            };
            let request = ((*method).to_owned(), target.to_owned(), host.to_owned());
            *sent.entry(request).or_default() += 1;
        }
    }
    sent
}

/// A door before workers that note what they are asked.
struct Site {
    door: Door,
    seen: Arc<Mutex<Seen>>,
    server: Arc<tiny_http::Server>,
    _directory: tempfile::TempDir,
}

impl Site {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ordinary");
        let server = Arc::new(tiny_http::Server::http_unix(&path).unwrap());
        let (seen, backend) = (Arc::new(Mutex::new(Seen::new())), Arc::new(Backend::default()));
        for _ in 0..WORKERS {
            let (server, seen) = (Arc::clone(&server), Arc::clone(&seen));
            let backend = Arc::clone(&backend);
            std::thread::spawn(move || {
                while let Ok(request) = server.recv() {
                    if request.url() != PROBE_TARGET {
                        note(&seen, &request);
                    }
                    handle(&backend, "ordinary", request);
                }
            });
        }
        let listeners = vec![Listener::bind("127.0.0.1:0").unwrap()];
        let upstreams = Upstreams { ordinary: path.clone(), hashing: path };
        let hooks = Hooks {
            lane: |_, _, _| Lane::Ordinary,
            problem: |problem| problem.code.into(),
            ..HOOKS
        };
        let door = Door::start(settings(), listeners, upstreams, hooks).unwrap();
        Self { door, seen, server, _directory: directory }
    }
}

fn note(seen: &Mutex<Seen>, request: &tiny_http::Request) {
    let host = request.headers().iter().find(|header| header.field.equiv("host"));
    let host = host.map(|header| header.value.as_str().to_owned()).unwrap_or_default();
    let request = (request.method().as_str().to_owned(), request.url().to_owned(), host);
    *seen.lock().unwrap().entry(request).or_default() += 1;
}

impl Drop for Site {
    fn drop(&mut self) {
        self.door.stop(Duration::ZERO);
        (0..2 * WORKERS).for_each(|_| self.server.unblock());
    }
}

fn nginx(directory: &Path, door: &str) -> Command {
    let here = directory.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {here}/{name};\n"))
        .concat();
    let server = |name: &str, settings: &str| {
        format!(
            "log_format seen-{name} '{name} $upstream_status $request_method $request_uri $host';
            server {{
                listen unix:{here}/{name};
                access_log {here}/{name}.log seen-{name};
                {settings}
                location / {{
                    proxy_pass http://door;
                    proxy_http_version 1.1;
                    proxy_set_header Connection '';
                    proxy_set_header Host $host;
                    proxy_next_upstream off;
                }}
            }}\n"
        )
    };
    let plain = server("nginx", "");
    let lenient = "ignore_invalid_headers off; underscores_in_headers on; merge_slashes off;
                   proxy_request_buffering off;";
    let lenient = server("nginx-lenient", lenient);
    let configuration = format!(
        "daemon off; master_process off; pid {here}/pid; error_log {here}/errors;
         events {{ worker_connections 256; }}
         http {{
             {temporary}
             upstream door {{ server {door}; keepalive 4; }}
             {plain} {lenient}
         }}"
    );
    let file = directory.join("nginx.conf");
    std::fs::write(&file, configuration).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-p").arg(directory).arg("-c").arg(file).arg("-e").arg(directory.join("errors"));
    command
}

fn haproxy(directory: &Path, door: &str) -> Command {
    let here = directory.display();
    let front = |name: &str, settings: &str| {
        format!(
            "frontend {name}
                bind unix@{here}/{name}
                {settings}
                http-request set-var(txn.host) req.fhdr(host)
                log-format \"%f %ST %HM %HU %[var(txn.host)]\"
                default_backend door\n"
        )
    };
    let plain = front("haproxy", "");
    let lenient = front("haproxy-lenient", "option accept-invalid-http-request");
    let configuration = format!(
        "global
            log stdout format raw local0
            # Two threads that log at once drop lines: 4 of 28 runs on a busy machine missed one.
            nbthread 1
         defaults
            mode http
            log global
            timeout connect 5s
            timeout client 5s
            timeout server 20s
            retries 0
         {plain}
         {lenient}
         backend door
            http-reuse always
            server door {door}\n"
    );
    let file = directory.join("haproxy.cfg");
    std::fs::write(&file, configuration).unwrap();
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(file);
    command
}
