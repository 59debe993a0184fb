//! The same inputs against a bare tiny_http, to see that the tests would fail without the door.
//! Ignored, since they show faults of somebody else's program; run them with `--ignored`.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::abuse::{ATTACKS, enormous_length, is_healthy};
use super::support::{Backend, eventually, spawn_workers};

/// Workers, threads and all are leaked: some of them can never end.
fn bare() -> SocketAddr {
    let server = Arc::new(tiny_http::Server::http("127.0.0.1:0").unwrap());
    let address = server.server_addr().to_ip().unwrap();
    let backend = Arc::new(Backend::default());
    drop(spawn_workers(&server, &backend, "bare"));
    address
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
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(!is_healthy(address), "{name}");
        eprintln!("stalled by {name}");
        drop(open);
    }
}

#[test]
#[ignore = "shows faults of a bare tiny_http"]
fn a_bare_tiny_http_aborts_on_an_enormous_length() {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "front_door::without_the_door::victim", "--ignored", "--nocapture"])
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(6), "{status}");
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
        let mut client = super::support::Client::to(address);
        let head = format!("POST /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        client.send(head + "5\r\nhello\r\n0\r\n\r\n");
        assert_eq!(client.reply().status, 200, "{fields}");
        eprintln!("taken: {fields:?}");
    }
    for head in ["GET /x HTTP/1.1\r\n\r\n", "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"] {
        let mut client = super::support::Client::to(address);
        client.send(head);
        assert_eq!(client.reply().status, 200, "{head}");
    }
}
