//! The same inputs against a bare tiny_http, to see that the tests would fail without the door.
//! Ignored, since they show faults of somebody else's program; run them with `--ignored`.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use super::abuse::{ATTACKS, alone, edge_length, enormous_length, http2, idle_connections};
use super::abuse::{is_healthy, opened_together};
use super::support::{Backend, Client, eventually, of_this_process, spawn_workers};

/// Workers, threads and all are leaked: some of them can never end.
fn bare() -> SocketAddr {
    let server = Arc::new(tiny_http::Server::http("127.0.0.1:0").unwrap());
    let address = server.server_addr().to_ip().unwrap();
    let backend = Arc::new(Backend::default());
    drop(spawn_workers(&server, &backend, "bare"));
    address
}

/// The same without workers: requests are received by the test or by nobody.
fn without_workers() -> (Arc<tiny_http::Server>, SocketAddr) {
    let server = Arc::new(tiny_http::Server::http("127.0.0.1:0").unwrap());
    let address = server.server_addr().to_ip().unwrap();
    (server, address)
}

/// Runs an ignored test of this file in a process of its own.
fn runs_alone(limit: &str, test: &str) {
    assert!(alone(limit, &format!("without_the_door::{test}")).status().unwrap().success());
}

/// Inputs that leave a bare tiny_http unhealthy while they last. The others of the table cost it
/// threads or memory, which is not what `is_healthy` asks, or abort the process.
const STALLING: [&str; 4] = [
    "declared bodies that never come",
    "bodies that come byte by byte",
    "clients that do not read long replies",
    "upgrades with bodies",
];

#[test]
#[ignore = "shows faults of a bare tiny_http"]
fn a_bare_tiny_http_is_stalled() {
    for (name, attack) in ATTACKS.iter().filter(|(name, _)| STALLING.contains(name)) {
        let address = bare();
        assert!(is_healthy(address));
        let open = attack(address);
        std::thread::sleep(Duration::from_millis(300));
        assert!(!is_healthy(address), "{name}");
        eprintln!("stalled by {name}");
        drop(open);
    }
}

#[test]
#[ignore = "shows faults of a bare tiny_http"]
fn a_bare_tiny_http_aborts_on_an_enormous_length() {
    let mut command = alone("-n 256", "without_the_door::victim");
    let status = command.stderr(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    assert_eq!(status.signal(), Some(6), "{status}");
}

#[test]
#[ignore = "aborts; a_bare_tiny_http_aborts_on_an_enormous_length runs it in a process of its own"]
fn victim() {
    let address = bare();
    let _open = enormous_length(address);
    eventually("the process aborts", || !is_healthy(address));
}

#[test]
#[ignore = "shows faults of a bare tiny_http"]
fn a_bare_tiny_http_takes_what_is_ambiguous() {
    let address = bare();
    for fields in [
        "Content-Length: +5",
        "Content-Length: 005",
        "Content-Length: 5\r\nContent-Length: 6",
        "Transfer-Encoding: gzip\r\nContent-Length: 3",
    ] {
        let mut client = Client::to(address);
        let head = format!("POST /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        client.send(head + "5\r\nhello\r\n0\r\n\r\n");
        assert_eq!(client.reply().status, 200, "{fields}");
        eprintln!("taken: {fields:?}");
    }
    for head in ["GET /x HTTP/1.1\r\n\r\n", "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"] {
        let mut client = Client::to(address);
        client.send(head);
        assert_eq!(client.reply().status, 200, "{head}");
    }
}

#[test]
#[ignore = "shows faults of a bare tiny_http"]
fn a_bare_tiny_http_reads_one_request_as_two_and_two_as_one() {
    let address = bare();
    // What is behind the head is the next request, though a length was given.
    for length in ["abc", "-1", "", "5, 5"] {
        let mut client = Client::to(address);
        let head = format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        client.send(head + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.reply().json()["body"], "", "{length}");
        assert_eq!(client.reply().json()["target"], "/smuggled", "{length}");
    }
    // A body, where others see none, or another one.
    for (fields, body) in [
        ("X: y\r\n Content-Length: 5", "hello"),
        ("Content-Length: 3\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", "+5\r\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: identity", "5\r\nhello\r\n0\r\n\r\n"),
    ] {
        let mut client = Client::to(address);
        client.send(format!("POST /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{body}"));
        assert_eq!(client.reply().json()["body"], "hello", "{fields}");
    }
    for value in ["a\0b", "a\rb"] {
        let mut client = Client::to(address);
        client.send(format!("GET /x HTTP/1.1\r\nHost: a\r\nX: {value}\r\n\r\n"));
        assert_eq!(client.reply().status, 200, "{value:?}");
    }
    let mut client = Client::to(address);
    client.send("GET /x HTTP/1.1\r\nHost: a\r\nX: \u{e4}\r\n\r\n");
    assert!(client.is_closed(), "answered");
}

#[test]
#[ignore = "shows faults of a bare tiny_http"]
fn a_bare_tiny_http_does_not_say_what_a_client_must_know() {
    let address = bare();
    let mut client = Client::to(address);
    client.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(client.reply().field("connection"), None);
    assert_eq!(Client::to(address).get("/nothing").field("content-length"), Some("0"));
    let reply = Client::to(address).get("/panic");
    assert_eq!((reply.status, reply.body.len()), (500, 0));
}

#[test]
#[ignore = "shows faults of a bare tiny_http"]
fn a_bare_tiny_http_panics_in_the_worker_on_a_length_at_the_edge() {
    let (server, address) = without_workers();
    let worker = std::thread::spawn(move || {
        let request = server.recv().unwrap();
        request.respond(tiny_http::Response::empty(200))
    });
    let _open = edge_length(address);
    assert!(worker.join().is_err());
}

#[test]
#[ignore = "shows faults of a bare tiny_http"]
fn a_bare_tiny_http_never_answers_http2() {
    let address = bare();
    for client in http2(address) {
        client.socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let answered = (&client.socket).read(&mut [0; 99]);
        assert_eq!(answered.unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

#[test]
#[ignore = "shows faults of a bare tiny_http"]
fn a_bare_tiny_http_parks_some_of_those_that_come_together() {
    eventually("somebody is parked behind others", || {
        let clients = opened_together(bare());
        let parked = clients.iter().filter(|client| {
            client.socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            (&client.socket).read(&mut [0; 12]).is_err()
        });
        parked.count() > 0
    });
}

#[test]
#[ignore = "shows faults of a bare tiny_http"]
fn a_bare_tiny_http_has_no_limits() {
    for test in ["threads", "long_line", "many_fields", "pipeline"] {
        runs_alone("-n 1024", test);
    }
    runs_alone("-n 64", "accept_error");
    runs_alone("-v 500000", "spawn_error");
}

#[test]
#[ignore = "run by a_bare_tiny_http_has_no_limits"]
fn threads() {
    let address = bare();
    let before = of_this_process("Threads");
    let _open = idle_connections(address);
    // The race in its pool parks some behind others; each of the rest has a thread.
    eventually("threads by the hundred", || of_this_process("Threads") >= before + 100);
}

/// What is resident grows by so much, in MiB, when the bytes are sent and nothing is read.
fn grows(mib: usize, first: &str, piece: &str, times: usize) {
    let (_server, address) = without_workers();
    let before = of_this_process("VmRSS");
    let mut client = Client::to(address);
    client.send(first);
    for _ in 0..times {
        assert!(client.try_send(piece), "somebody had enough");
    }
    eventually("it has grown", || of_this_process("VmRSS") > before + mib * 1024);
}

#[test]
#[ignore = "run by a_bare_tiny_http_has_no_limits"]
fn long_line() {
    grows(60, "GET /x HTTP/1.1\r\nX: ", &"x".repeat(1 << 20), 64);
}

#[test]
#[ignore = "run by a_bare_tiny_http_has_no_limits"]
fn many_fields() {
    grows(20, "GET /x HTTP/1.1\r\n", &"A: b\r\n".repeat(10_000), 30);
}

#[test]
#[ignore = "run by a_bare_tiny_http_has_no_limits"]
fn pipeline() {
    grows(100, "", &"GET /x HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1_000), 150);
}

#[test]
#[ignore = "run by a_bare_tiny_http_has_no_limits"]
fn accept_error() {
    let address = bare();
    assert!(is_healthy(address));
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    // One for the client, none for the server.
    files.pop();
    let client = TcpStream::connect(address).unwrap();
    eventually("nobody listens any more", || {
        files.clear();
        TcpStream::connect(address).is_err()
    });
    drop(client);
    assert!(!is_healthy(address));
}

#[test]
#[ignore = "run by a_bare_tiny_http_has_no_limits"]
fn spawn_error() {
    let address = bare();
    let mut open = Vec::new();
    eventually("nobody listens any more", || match TcpStream::connect(address) {
        Ok(client) => {
            open.push(client);
            open.len() == 1000
        }
        Err(_) => true,
    });
    drop(open);
    assert!(!is_healthy(address));
}
