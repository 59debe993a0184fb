//! The private connections: opened one at a time, and replaced when tiny_http goes and comes.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatepost::internals::front_door::{Address, Door, Listener, Settings, Upstreams};

use super::abuse::alone;
use super::support::{
    Backend, Client, HOOKS, PATIENCE, Site, changed, eventually, settings, spawn_workers,
};

/// A door before private sockets that a test serves itself.
fn door_before(directory: &tempfile::TempDir, settings: Settings) -> (Door, std::net::SocketAddr) {
    let [ordinary, hashing] = ["ordinary", "hashing"].map(|name| directory.path().join(name));
    let listeners = vec![Listener::bind("127.0.0.1:0").unwrap()];
    let upstreams = Upstreams { ordinary, hashing };
    let door = Door::start(settings, listeners, upstreams, HOOKS).unwrap();
    let Some(Address::Tcp(address)) = door.addr().cloned() else { panic!("no address") };
    (door, address)
}

#[test]
fn connections_opened_together_are_all_served_at_once() {
    for _ in 0..5 {
        let site = Site::with(changed(settings(), |s| s.tuning.ordinary_upstreams = 16));
        let mut clients: Vec<Client> = (0..32).map(|_| site.connect()).collect();
        for client in &mut clients {
            client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        for client in &mut clients {
            client.socket.set_read_timeout(Some(Duration::from_secs(4))).unwrap();
            assert_eq!(client.reply().status, 200);
        }
    }
}

#[test]
fn a_connection_is_opened_only_when_the_former_has_answered() {
    let directory = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(directory.path().join("ordinary")).unwrap();
    listener.set_nonblocking(true).unwrap();
    let (_door, _) = door_before(&directory, settings());
    let mut open = Vec::new();
    for n in 0..4 {
        eventually("the next connection", || match listener.accept() {
            Ok((socket, _)) => {
                open.push(socket);
                true
            }
            Err(_) => false,
        });
        std::thread::sleep(Duration::from_millis(100));
        assert!(listener.accept().is_err(), "opened before number {n} answered");
        let socket = &mut open[n];
        socket.set_nonblocking(false).unwrap();
        let mut probe = [0; 512];
        let count = socket.read(&mut probe).unwrap();
        assert!(probe[..count].starts_with(b"GET /-/front-door HTTP/1.1\r\n"));
        socket.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
    }
}

#[test]
fn requests_wait_for_a_backend_that_is_late_and_hear_503_when_it_does_not_come() {
    let directory = tempfile::tempdir().unwrap();
    let waiting = Duration::from_secs(2);
    let settings = changed(settings(), |s| s.tuning.ordinary_queue_timeout = waiting);
    let (_door, address) = door_before(&directory, settings);
    let mut client = Client::to(address);
    let reply = client.get("/x");
    assert_eq!((reply.status, reply.code().as_str()), (503, "unavailable"));
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    let path = directory.path().join("ordinary");
    let server = Arc::new(tiny_http::Server::http_unix(&path).unwrap());
    let backend = Arc::new(Backend::default());
    let threads = spawn_workers(&server, &backend, "ordinary");
    // The door looks again within two seconds.
    let mut statuses = vec![client.reply().status];
    while statuses.last() == Some(&503) {
        statuses.push(client.get("/x").status);
    }
    assert_eq!(statuses.last(), Some(&200));
    threads.iter().for_each(|_| server.unblock());
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// What a scripted backend has done.
#[derive(Default)]
struct Script {
    requests: AtomicUsize,
    closed: AtomicUsize,
}

impl Script {
    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// A backend of one connection at a time, told what to do with each request by its number.
fn scripted(
    directory: &tempfile::TempDir,
    act: fn(usize, &mut std::os::unix::net::UnixStream) -> bool,
) -> Arc<Script> {
    let listener = UnixListener::bind(directory.path().join("ordinary")).unwrap();
    let script = Arc::new(Script::default());
    let done = Arc::clone(&script);
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            // Out of descriptors, in one of the tests.
            let Ok(mut socket) = socket else { continue };
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut piece = [0; 4096];
            while let Ok(1..) = socket.read(&mut piece) {
                let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                if piece.starts_with(b"GET /-/front-door") {
                    socket.write_all(ok).unwrap();
                } else if !act(done.requests.fetch_add(1, Ordering::SeqCst), &mut socket) {
                    break;
                } else {
                    socket.write_all(ok).unwrap();
                }
            }
            drop(socket);
            done.closed.fetch_add(1, Ordering::SeqCst);
        }
    });
    script
}

fn one_upstream() -> Settings {
    changed(settings(), |s| s.tuning.ordinary_upstreams = 1)
}

#[test]
fn an_upstream_that_closes_after_a_reply_costs_the_next_request_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let script = scripted(&directory, |_, socket| {
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        false
    });
    let (_door, address) = door_before(&directory, one_upstream());
    let mut client = Client::to(address);
    for round in 1..=5 {
        client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
        assert_eq!(client.reply().status, 200);
        eventually("the upstream is closed", || script.closed.load(Ordering::SeqCst) == round);
    }
    assert_eq!(script.requests(), 5);
}

#[test]
fn running_out_of_descriptors_when_an_upstream_must_be_replaced_passes() {
    let test = "upstreams::no_descriptor_for_an_upstream";
    assert!(alone("-n 128", test).status().unwrap().success());
}

#[test]
#[ignore = "needs a process of its own, without descriptors"]
fn no_descriptor_for_an_upstream() {
    let directory = tempfile::tempdir().unwrap();
    scripted(&directory, |_, socket| {
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        false
    });
    let (door, address) = door_before(&directory, one_upstream());
    let mut client = Client::to(address);
    let idle: Vec<Client> = (0..10).map(|_| Client::to(address)).collect();
    let has_left = |idle: &Client| {
        idle.socket.set_nonblocking(true).unwrap();
        idle.socket.peek(&mut [0]).is_ok()
    };
    eventually("an idle connection gives way to the upstream", || {
        assert_eq!(client.get("/x").status, 200);
        // The upstream has gone; its successor, due in a moment, finds no descriptor.
        let files: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        std::thread::sleep(Duration::from_millis(150));
        drop(files);
        idle.iter().any(has_left)
    });
    assert_eq!(client.get("/x").status, 200);
    assert_eq!(door.failure(), None);
}

#[test]
fn an_upstream_lost_before_its_reply_is_replaced_for_safe_requests_only() {
    let directory = tempfile::tempdir().unwrap();
    let script = scripted(&directory, |n, _| n % 2 == 1);
    let (_door, address) = door_before(&directory, one_upstream());
    let mut client = Client::to(address);
    assert_eq!(client.get("/x").status, 200);
    assert_eq!(script.requests(), 2);
    client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(client.reply().code(), "unavailable");
    assert_eq!(script.requests(), 3);
}

#[test]
fn a_safe_request_is_sent_again_once_only() {
    let directory = tempfile::tempdir().unwrap();
    let script = scripted(&directory, |_, _| false);
    let (_door, address) = door_before(&directory, one_upstream());
    assert_eq!(Client::to(address).get("/x").code(), "unavailable");
    assert_eq!(script.requests(), 2);
}

#[test]
fn a_reply_that_breaks_off_is_cut_short_and_one_that_makes_no_sense_is_503() {
    let directory = tempfile::tempdir().unwrap();
    scripted(&directory, |n, socket| {
        let reply: &[u8] = match n {
            0 => b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
            _ => b"nonsense\r\n\r\n",
        };
        socket.write_all(reply).unwrap();
        false
    });
    let (_door, address) = door_before(&directory, one_upstream());
    let mut client = Client::to(address);
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.rest().ends_with("abc"));
    assert_eq!(Client::to(address).get("/x").code(), "unavailable");
}

#[test]
fn workers_that_hang_are_not_given_more_requests_than_there_are_connections() {
    let site = Site::with(changed(settings(), |s| {
        s.request_timeout = Duration::from_millis(50);
        s.tuning.ordinary_queue_timeout = Duration::from_millis(50);
    }));
    for _ in 0..30 {
        assert_eq!(site.get("/gate").status, 503);
    }
    site.backend.open_gate();
    let mut asked = 0;
    eventually("the workers come back", || {
        asked += 1;
        site.get("/x").status == 200
    });
    // Four connections, four requests; the other answers came from the door.
    let handled = site.backend.handled.load(Ordering::SeqCst);
    assert!(handled <= 4 + asked, "{handled} with {asked}");
}

#[test]
fn a_reply_before_the_body_was_read_does_not_mix_the_body_with_the_next_request() {
    // Far more than a private socket's buffer takes at once.
    let length = 4 << 20;
    let site = Site::with(changed(settings(), |s| {
        s.tuning.body_bytes = length;
        s.tuning.ordinary_queue_bytes = 2 * length;
        s.tuning.ordinary_upstreams = 1;
    }));
    let mut client = site.connect();
    let filler = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let body = filler.repeat(length / filler.len());
    for round in 0..5 {
        let head = format!("Host: a\r\nContent-Length: {}\r\n\r\n", body.len());
        client.send(format!("POST /unread HTTP/1.1\r\n{head}{body}"));
        assert_eq!(client.reply().body, b"unread");
        client.send(format!("POST /x?{round} HTTP/1.1\r\n{head}{body}"));
        let reply = client.reply().json();
        assert_eq!(reply["target"], format!("/x?{round}"));
        assert_eq!(reply["body"].as_str().unwrap().len(), body.len());
    }
    assert_eq!(site.backend.handled.load(Ordering::SeqCst), 10);
}

#[test]
fn a_backend_that_no_longer_accepts_is_a_failure_and_what_runs_is_still_answered() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ordinary");
    let listener = UnixListener::bind(&path).unwrap();
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let settings = changed(settings(), |s| s.tuning.ordinary_upstreams = 2);
    let (door, address) = door_before(&directory, settings);
    let (mut socket, _) = listener.accept().unwrap();
    let mut piece = [0; 4096];
    assert!(socket.read(&mut piece).unwrap() > 0);
    // This is how an accept thread dies: the listener is closed, the connections stay.
    drop(listener);
    assert_eq!(door.failure(), None);
    socket.write_all(ok).unwrap();
    let end = door.wait(PATIENCE);
    assert!(matches!(end, Some(gatepost::internals::front_door::End::Failed(_))), "{end:?}");
    assert!(door.failure().is_some());
    let mut client = Client::to(address);
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(socket.read(&mut piece).unwrap() > 0);
    socket.write_all(ok).unwrap();
    assert_eq!(client.reply().status, 200);
}
