//! What is bounded is shared out by the clients' networks: whoever asks most does not get all of it.

use std::time::{Duration, Instant};

use gatepost::internals::front_door::Settings;

use super::support::{self, Client, Reply, Site, WORKERS, changed};

/// An address in the network of this number.
fn address(network: u8) -> [u8; 4] {
    [127, 0, network, 1]
}

/// Settings in which nothing ends by itself, however long the machine pauses.
fn settings() -> Settings {
    changed(support::settings(), |s| {
        let long = Duration::from_secs(300);
        s.tuning.hashing_queue_timeout = long;
        s.tuning.ordinary_queue_timeout = long;
        s.request_timeout = long;
    })
}

/// How a client shows from which network it comes.
#[derive(Clone, Copy)]
enum As {
    Peer,
    /// As a listed proxy says.
    Forwarded,
}

fn connect(site: &Site, network: u8) -> Client {
    Client::from(address(network), site.address())
}

/// Asks for something as a client of this network.
fn ask(site: &Site, way: As, network: u8, target: &str) -> Client {
    let [a, b, c, d] = address(network);
    let (mut client, field) = match way {
        As::Peer => (connect(site, network), String::new()),
        As::Forwarded => (site.connect(), format!("X-Forwarded-For: {a}.{b}.{c}.{d}\r\n")),
    };
    client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n{field}\r\n"));
    // An ordinary answer shows that the loop has read it.
    assert_eq!(site.get("/x").status, 200);
    client
}

fn site(way: As, settings: Settings) -> Site {
    let trusted_proxies = match way {
        As::Peer => Vec::new(),
        As::Forwarded => vec!["127.0.0.1/32".parse().unwrap()],
    };
    Site::with(changed(settings, |s| s.trusted_proxies = trusted_proxies))
}

/// Hangs all hashing workers.
fn occupy(site: &Site, way: As, network: u8) -> Vec<Client> {
    let occupy = |n| {
        let client = ask(site, way, network, "/hash/gate");
        // Each time, a request to `/x` has been handled too.
        site.backend.wait_handled(2 * (n + 1));
        client
    };
    (0..WORKERS).map(occupy).collect()
}

fn is_refused(reply: &Reply) -> bool {
    reply.status == 503 && reply.code() == "overloaded"
}

#[test]
fn a_network_with_most_requests_in_the_waiting_list_gives_way_to_another() {
    for way in [As::Peer, As::Forwarded] {
        let site = site(way, changed(settings(), |s| s.hashing_queue = 3));
        let running = occupy(&site, way, 1);
        let mut flood: Vec<Client> = (0..3).map(|_| ask(&site, way, 1, "/hash/flood")).collect();
        let mut honest = ask(&site, way, 2, "/hash/honest");
        // The newest of the flood hears it, and its connection stays.
        let mut newest = flood.pop().unwrap();
        assert!(is_refused(&newest.reply()));
        assert_eq!(newest.get("/x").status, 200);
        // One more would hold as many as the flood, which is then left alone.
        assert!(is_refused(&ask(&site, way, 2, "/hash/honest").reply()));
        site.backend.open_gate();
        assert_eq!(honest.reply().status, 200);
        for client in flood.iter_mut() {
            let reply = client.reply();
            assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
        }
        drop(running);
    }
}

#[test]
fn many_fresh_networks_evict_nobody_from_the_waiting_list() {
    let site = Site::with(changed(settings(), |s| s.hashing_queue = 3));
    let _running = occupy(&site, As::Peer, 1);
    let first = (2..5).map(|network| ask(&site, As::Peer, network, "/hash/x"));
    let mut first: Vec<Client> = first.collect();
    let fresh: Vec<Client> = (10..30).map(|n| ask(&site, As::Peer, n, "/hash/x")).collect();
    for mut client in fresh {
        assert!(is_refused(&client.reply()));
    }
    // Whoever asks again at once is kept for a moment each time.
    let begin = Instant::now();
    for _ in 0..2 {
        assert!(is_refused(&ask(&site, As::Peer, 30, "/hash/x").reply()));
    }
    assert!(begin.elapsed() >= Duration::from_millis(500), "{:?}", begin.elapsed());
    site.backend.open_gate();
    for client in &mut first {
        assert_eq!(client.reply().status, 200);
    }
}

#[test]
fn networks_are_served_in_turn_and_their_own_in_order() {
    for way in [As::Peer, As::Forwarded] {
        let site = site(way, changed(settings(), |s| s.tuning.hashing_upstreams = 1));
        let running = ask(&site, way, 9, "/hash/gate");
        site.backend.wait_handled(1);
        let asked = [(1, "a1"), (1, "a2"), (1, "a3"), (2, "b1"), (1, "a4"), (3, "c1"), (2, "b2")];
        let clients =
            asked.map(|(network, name)| (ask(&site, way, network, &format!("/hash/{name}")), name));
        site.backend.open_gate();
        let mut order = clients
            .map(|(mut client, name)| (client.reply().json()["earlier"].as_u64().unwrap(), name));
        order.sort_unstable();
        assert_eq!(order.map(|(_, name)| name), ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
        drop(running);
    }
}

#[test]
fn a_network_that_has_just_succeeded_is_next_among_equals_once_a_minute() {
    let site = Site::with(changed(settings(), |s| s.tuning.hashing_upstreams = 1));
    // A success of a request that does not hash is none.
    assert_eq!(ask(&site, As::Peer, 2, "/x").reply().status, 200);
    assert_eq!(ask(&site, As::Peer, 3, "/hash/x").reply().status, 200);
    let _running = ask(&site, As::Peer, 9, "/hash/gate");
    let asked = [(1, "a1"), (2, "b1"), (3, "c1"), (3, "c2"), (1, "a2")];
    let clients = asked
        .map(|(network, name)| (ask(&site, As::Peer, network, &format!("/hash/{name}")), name));
    site.backend.open_gate();
    let mut order = clients
        .map(|(mut client, name)| (client.reply().json()["earlier"].as_u64().unwrap(), name));
    order.sort_unstable();
    assert_eq!(order.map(|(_, name)| name), ["c1", "a1", "b1", "c2", "a2"]);
}

#[test]
fn a_half_close_in_the_waiting_list_is_answered() {
    let site = Site::new();
    let _running = occupy(&site, As::Peer, 1);
    let mut waiting = ask(&site, As::Peer, 2, "/hash/x");
    waiting.no_more();
    assert_eq!(site.get("/x").status, 200);
    site.backend.open_gate();
    assert_eq!(waiting.reply().status, 200);
    assert!(waiting.is_closed());
}

const BODY: &str = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 16000\r\n\r\n";

/// A client whose requests come in two packets. Whether all of ten were answered.
fn is_heard(client: &mut Client) -> bool {
    let field = "x".repeat(300);
    (0..10).all(|_| {
        client.try_send(format!("GET /x HTTP/1.1\r\nHost: a\r\nA: {field}"));
        std::thread::sleep(Duration::from_millis(20));
        client.try_send("\r\n\r\n");
        client.reply().status == 200
    })
}

#[test]
fn whoever_makes_the_door_hold_most_gives_way_and_not_whoever_grows() {
    let site = Site::with(changed(settings(), |s| s.tuning.buffered_bytes = 64 * 1024));
    let mut flood: Vec<Client> = (0..400).map(|_| connect(&site, 1)).collect();
    for (n, client) in flood.iter_mut().enumerate() {
        // Long bodies, and then short heads until there is not the least room.
        if n < 20 {
            client.send(format!("{BODY}{}", "x".repeat(2500)));
        } else {
            client.send(format!("GET / HTTP/1.1\r\nA: {}", "x".repeat(180)));
        }
    }
    assert!(is_heard(&mut connect(&site, 2)));
    // The network itself is not shut out: it gave way with those that held most.
    assert!(flood.iter_mut().skip(20).any(|client| {
        client.try_send("\r\nHost: a\r\nConnection: close\r\n\r\n");
        client.rest().contains(" 200 ")
    }));
}

#[test]
fn whoever_does_not_read_a_long_reply_gives_way_too() {
    let long = Duration::from_secs(300);
    let site = Site::with(changed(settings(), |s| {
        s.tuning.buffered_bytes = 64 * 1024;
        s.tuning.hold_timeout = long;
        s.tuning.write_timeout = long;
    }));
    let mut deaf = connect(&site, 1);
    deaf.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    site.backend.wait_handled(1);
    let mut honest = connect(&site, 2);
    assert!((0..3).all(|_| is_heard(&mut honest)));
}

#[test]
fn a_body_counts_for_the_client_that_a_listed_proxy_names() {
    let proxies = vec!["127.0.0.1/32".parse().unwrap()];
    let site = Site::with(changed(settings(), |s| {
        s.tuning.buffered_bytes = 64 * 1024;
        s.trusted_proxies = proxies;
    }));
    let post = |from: &str, sent: usize| {
        let mut client = site.connect();
        let head = format!("POST /x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {from}\r\n");
        client.send(format!("{head}Content-Length: 14000\r\n\r\n{}", "x".repeat(sent)));
        assert_eq!(site.get("/x").status, 200);
        client
    };
    let mut honest = post("203.0.113.1", 7000);
    // Much of each, and then so little of each that there is no room at all.
    let sent = [7000; 12].into_iter().chain([100; 200]);
    let _flood: Vec<Client> = sent.map(|sent| post("198.51.100.1", sent)).collect();
    assert!(honest.try_send("x".repeat(7000)));
    assert_eq!(honest.reply().status, 200);
}

#[cfg(feature = "tls")]
#[test]
fn a_handshake_is_not_sent_away_by_those_of_a_network_with_more() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = super::tls::issue(directory.path());
    let site = Site::with(changed(super::tls::with_tls(directory.path()), |s| {
        s.tuning.handshake_timeout = Duration::from_secs(300);
        s.tuning.max_handshakes = 4;
    }));
    let silent = |network| {
        let mut client = connect(&site, network);
        client.try_send([0x16, 3, 1]);
        client
    };
    // One network that asks for all of it, then networks with one each.
    for networks in [[1; 40].as_slice(), &std::array::from_fn::<u8, 40, _>(|n| 10 + n as u8)] {
        let mut session = super::tls::session(&certificate, &rustls::version::TLS13);
        let mut hello = Vec::new();
        session.write_tls(&mut hello).unwrap();
        let mut honest = connect(&site, 2);
        honest.send(&hello[..5]);
        let flood: Vec<Client> = networks.iter().map(|network| silent(*network)).collect();
        honest.try_send(&hello[5..]);
        while session.is_handshaking() {
            let shaken = session.complete_io(&mut honest.socket);
            assert!(shaken.is_ok(), "sent away: {shaken:?}");
        }
        drop(flood);
    }
}
