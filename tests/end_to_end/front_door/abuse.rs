//! What brings a bare tiny_http down; each row must leave the door and its healthy client unharmed.
//! `without_the_door` sends the same inputs to a bare tiny_http.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::support::{Client, Site, WORKERS, eventually, of_this_process, settings};
use gatepost::internals::front_door::Settings;

/// Attacks an address and returns what it leaves open.
type Attack = fn(SocketAddr) -> Vec<Client>;

/// The inputs of the table, each a function that attacks an address. What they leave open is
/// returned, so that it stays open while the healthy client asks.
pub(super) const ATTACKS: [(&str, Attack); 9] = [
    ("an enormous length", enormous_length),
    ("lengths at the edge of the address space", edge_length),
    ("declared bodies that never come", bodies_that_never_come),
    ("bodies that come byte by byte", slow_bodies),
    ("clients that do not read long replies", readers_that_do_not),
    ("many idle connections", idle_connections),
    ("HTTP/2.0 on the request line", http2),
    ("upgrades with bodies", upgrades),
    ("connections opened together", opened_together),
];

fn post(address: SocketAddr, length: &str, body: &str) -> Client {
    let mut client = Client::to(address);
    let head = format!("POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    client.try_send(head + body);
    client
}

pub(super) fn enormous_length(address: SocketAddr) -> Vec<Client> {
    vec![post(address, "99999999999999", "")]
}

pub(super) fn edge_length(address: SocketAddr) -> Vec<Client> {
    (0..4).map(|_| post(address, "18446744073709551615", "")).collect()
}

fn bodies_that_never_come(address: SocketAddr) -> Vec<Client> {
    (0..6).map(|_| post(address, "2000000000", "")).collect()
}

fn slow_bodies(address: SocketAddr) -> Vec<Client> {
    (0..6).map(|_| post(address, "2000", "x")).collect()
}

fn readers_that_do_not(address: SocketAddr) -> Vec<Client> {
    let ask = |_| {
        let mut client = Client::to(address);
        client.try_send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
        client
    };
    (0..6).map(ask).collect()
}

pub(super) fn idle_connections(address: SocketAddr) -> Vec<Client> {
    (0..200).map(|_| Client::to(address)).collect()
}

pub(super) fn http2(address: SocketAddr) -> Vec<Client> {
    let ask = |_| {
        let mut client = Client::to(address);
        client.try_send("GET / HTTP/2.0\r\nHost: a\r\n\r\n");
        client
    };
    (0..6).map(ask).collect()
}

fn upgrades(address: SocketAddr) -> Vec<Client> {
    let ask = |_| {
        let mut client = Client::to(address);
        client.try_send(
            "POST /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nContent-Length: 3\r\n\r\nabc",
        );
        client
    };
    (0..6).map(ask).collect()
}

pub(super) fn opened_together(address: SocketAddr) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..64).map(|_| Client::to(address)).collect();
    for client in &mut clients {
        client.try_send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    clients
}

/// Whether a healthy client is answered soon, several times in a row on new connections.
pub(super) fn is_healthy(address: SocketAddr) -> bool {
    (0..8).all(|_| {
        let Ok(socket) = std::net::TcpStream::connect(address) else { return false };
        let _ = socket.set_read_timeout(Some(Duration::from_secs(3)));
        let _ = (&socket).write_all(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut piece = [0; 12];
        Read::read_exact(&mut &socket, &mut piece).is_ok() && piece.ends_with(b"200")
    })
}

#[test]
fn no_input_of_the_table_stops_or_stalls_the_door() {
    assert!(alone("-n 1024", "abuse::the_table").status().unwrap().success());
}

#[test]
#[ignore = "needs a process of its own, to count its threads"]
fn the_table() {
    for (name, attack) in ATTACKS {
        let site = Site::with(Settings { hold_deadline: Duration::from_millis(300), ..settings() });
        assert!(is_healthy(site.address()));
        let threads = of_this_process("Threads");
        let open = attack(site.address());
        assert!(is_healthy(site.address()), "{name}");
        // tiny_http may take one for each private connection, and lets it go.
        let more = of_this_process("Threads").saturating_sub(threads);
        assert!(more <= 3 * WORKERS, "{name}: {more} threads more");
        assert_eq!(site.door.failure(), None, "{name}");
        drop(open);
    }
}

#[test]
fn an_endless_head_or_line_is_answered_and_ended() {
    let site = Site::new();
    for (first, more, status) in [
        ("GET /", "x".repeat(65_536), " 414 "),
        ("GET / HTTP/1.1\r\nA: ", "x".repeat(65_536), " 431 "),
        ("GET / HTTP/1.1\r\n", "A: b\r\n".repeat(10_000), " 431 "),
    ] {
        let mut client = site.connect();
        client.send(first);
        let ended = (0..1000).any(|_| !client.try_send(&more));
        assert!(ended, "64 MB were taken");
        drop(client);
        // A moderate excess leaves the answer readable.
        let mut client = site.connect();
        client.send(format!("{first}{more}"));
        assert!(client.rest().contains(status));
    }
}

#[test]
fn an_error_answer_survives_unread_input() {
    let site = Site::new();
    for _ in 0..10 {
        let mut client = site.connect();
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n");
        client.try_send("x".repeat(500_000));
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(client.reply().code(), "payload_too_large");
        // An orderly end; a reset might have overtaken the answer on a longer way.
        assert_eq!(client.socket.read(&mut [0; 9]).unwrap(), 0);
    }
}

#[test]
fn pipelining_without_reading_fills_the_clients_own_socket() {
    let site = Site::new();
    let client = site.connect();
    client.socket.set_nonblocking(true).unwrap();
    let requests = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
    let end = Instant::now() + Duration::from_secs(2);
    let mut sent = 0;
    while Instant::now() < end {
        match (&client.socket).write(requests.as_bytes()) {
            Ok(count) => sent += count,
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    let handled = site.backend.handled.load(Ordering::SeqCst);
    assert!(sent < 64 << 20, "{sent} bytes were taken");
    // Answers stop when the client's socket is full of them.
    assert!(handled < 100_000, "{handled}");
    assert_eq!(site.get("/x").status, 200);
}

#[test]
fn slow_heads_and_bodies_leave_a_healthy_client_alone() {
    let site = Site::new();
    let mut slow: Vec<Client> = (0..150).map(|_| site.connect()).collect();
    for (n, client) in slow.iter_mut().enumerate() {
        client.send(if n % 2 == 0 {
            "GET / HTTP/1.1\r\nHost: a\r\nX-"
        } else {
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\nx"
        });
    }
    let mut healthy = site.connect();
    let mut slowest = Duration::ZERO;
    for round in 0..200 {
        for client in slow.iter_mut().skip(round % 10).step_by(10) {
            client.try_send("y");
        }
        let begin = Instant::now();
        assert_eq!(healthy.get("/x").status, 200);
        slowest = slowest.max(begin.elapsed());
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}

/// A test of these modules as a process of its own, with a limit as `ulimit` takes it.
pub(super) fn alone(limit: &str, test: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("ulimit {limit} && exec \"$0\" \"$@\""))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("front_door::{test}")])
        .args(["--ignored", "--nocapture", "--test-threads=1"]);
    command
}

#[test]
fn running_out_of_descriptors_passes() {
    assert!(alone("-n 256", "abuse::out_of_descriptors").status().unwrap().success());
}

#[test]
#[ignore = "needs a process of its own, which running_out_of_descriptors_passes gives it"]
fn out_of_descriptors() {
    // Longer than the test's patience: nobody leaves by itself.
    let long = Duration::from_secs(300);
    let site = Site::with(Settings { head_deadline: long, idle_deadline: long, ..settings() });
    assert_eq!(site.get("/x").status, 200);
    // A private connection that is being opened now would end tiny_http's accept thread.
    eventually("all private connections are open", || {
        site.backend.probes.load(Ordering::SeqCst) == 3 * WORKERS
    });
    let knocking: Vec<Client> = (0..20).map(|_| site.connect()).collect();
    let mut last = site.connect();
    assert_eq!(last.get("/x").status, 200);
    // Whatever is left is taken, by files, so that accepting fails.
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    files.pop();
    let mut waiting = site.connect();
    waiting.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    // Idle connections give way until there is a descriptor for it.
    assert_eq!(waiting.reply().status, 200);
    drop((knocking, files));
    eventually("all is well again", || site.get("/x").status == 200);
    assert_eq!(site.door.failure(), None);
}

const MANY: usize = 10_000;
const MANY_DESCRIPTORS: u64 = 10_400;

/// The same test binary with as many.
fn alone_with_many(test: &str) -> Command {
    alone(&format!("-n {MANY_DESCRIPTORS}"), test)
}

#[test]
fn ten_thousand_idle_connections_cost_less_than_20_mib_and_no_thread() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    if limit.maximum.is_some_and(|most| most < MANY_DESCRIPTORS) {
        eprintln!("not seen: this machine allows too few descriptors");
        return;
    }
    assert!(alone_with_many("abuse::ten_thousand_idle").status().unwrap().success());
}

#[test]
#[ignore = "needs a process of its own, with many descriptors"]
fn ten_thousand_idle() {
    let site = Site::with(settings());
    eventually("all private connections are open", || {
        site.backend.probes.load(Ordering::SeqCst) == 3 * WORKERS
    });
    let mut first = site.connect();
    for _ in 0..100 {
        assert_eq!(first.get("/x").status, 200);
    }
    let (threads, memory) = (of_this_process("Threads"), of_this_process("VmRSS"));
    // The clients live elsewhere, so that only the door's side is measured.
    let mut clients = alone_with_many("abuse::holder")
        .env("HOLDER_ADDRESS", site.address().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(clients.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().map(Result::unwrap).any(|line| line.ends_with("all are open")));
    let more = of_this_process("VmRSS").saturating_sub(memory);
    eprintln!("{MANY} idle connections: {more} KiB more");
    // Fewer, when tiny_http has let an idle one go meanwhile.
    assert!(of_this_process("Threads") <= threads);
    assert!(more < 20 * 1024, "{more} KiB");
    assert_eq!(first.get("/x").status, 200);
    drop(clients.stdin.take());
    lines.for_each(drop);
    assert!(clients.wait().unwrap().success());
}

#[test]
#[ignore = "the clients of ten_thousand_idle"]
fn holder() {
    let address = std::env::var("HOLDER_ADDRESS").unwrap().parse().unwrap();
    let open = |_| {
        let mut client = Client::to(address);
        assert_eq!(client.get("/x").status, 200);
        client
    };
    let clients: Vec<Client> = (0..MANY).map(open).collect();
    println!("all are open");
    let _ = std::io::stdin().read_line(&mut String::new());
    drop(clients);
}
