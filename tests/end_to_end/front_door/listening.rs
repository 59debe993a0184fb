//! Unix sockets, IPv6, and sockets passed by systemd.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use gatepost::internals::front_door::{Address, Listener};

use super::support::{Client, PATIENCE, Site, settings};

fn over(path: &Path) -> String {
    let mut socket = UnixStream::connect(path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(b"GET /unix HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_unix_socket_is_served_replaced_when_stale_and_removed_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("door.sock");
    drop(UnixListener::bind(&path).unwrap());
    let listener = Listener::bind(&format!("unix:{}", path.display())).unwrap();
    assert_eq!(listener.address().unwrap(), Address::Unix(path.clone()));
    let site = Site::listening(settings(), vec![listener]);
    let text = over(&path);
    assert!(text.contains("/unix") && text.contains("127.0.0.1"), "{text}");
    let second = Listener::bind(&format!("unix:{}", path.display()));
    assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    drop(site);
    assert!(!path.exists());
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("precious");
    std::fs::write(&path, "text").unwrap();
    assert!(Listener::bind(&format!("unix:{}", path.display())).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "text");
}

#[test]
fn the_socket_of_a_successor_is_not_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("door.sock");
    let first = Listener::bind(&format!("unix:{}", path.display())).unwrap();
    std::fs::remove_file(&path).unwrap();
    let _second = UnixListener::bind(&path).unwrap();
    drop(first);
    assert!(path.exists());
}

#[test]
fn ipv6_and_mapped_ipv4_peers_are_named_as_they_are() {
    // A machine without IPv6 has nothing to test here.
    let Ok(listener) = Listener::bind("[::]:0") else { return };
    let site = Site::listening(settings(), vec![listener]);
    let port = site.address().port();
    for (address, seen) in [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1")] {
        let mut client = Client::to(format!("{address}:{port}").parse().unwrap());
        assert_eq!(client.get("/x").seen("x-gatepost-client"), [seen]);
    }
}

#[test]
fn several_listeners_share_one_door() {
    let listeners = (0..3).map(|_| Listener::bind("127.0.0.1:0").unwrap()).collect();
    let site = Site::listening(settings(), listeners);
    for address in site.door.addrs() {
        let Address::Tcp(address) = address else { panic!("{address}") };
        assert_eq!(Client::to(*address).get("/x").status, 200);
    }
}

#[test]
fn addresses_that_are_none_are_refused() {
    for text in ["", "8080", "localhost:8080", "[::1", "unix:", "unix:/nonexistent/x.sock"] {
        assert!(Listener::bind(text).is_err(), "{text}");
    }
}

#[test]
fn a_socket_passed_by_systemd_is_served() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // The shell does what systemd does: the socket becomes descriptor 3.
    let mut child = Command::new("sh")
        .arg("-c")
        .arg("exec 3<&0; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\" \"$@\"")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "front_door::listening::passed", "--ignored", "--test-threads=1"])
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(Client::to(address).get("/last").json()["target"], "/last");
    assert!(child.wait().unwrap().success());
}

#[test]
#[ignore = "run by a_socket_passed_by_systemd_is_served"]
fn passed() {
    let listeners = Listener::from_systemd().unwrap();
    assert_eq!(listeners.len(), 1);
    assert!(Listener::from_systemd().unwrap().is_empty());
    let site = Site::listening(settings(), listeners);
    site.backend.wait_handled(1);
    assert_eq!(
        site.door.stop(PATIENCE),
        gatepost::internals::front_door::End::Stopped { cut_off: 0 }
    );
}
