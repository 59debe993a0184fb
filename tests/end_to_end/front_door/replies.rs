//! Replies, in all the shapes that clients and tiny_http give them.

use std::io::Read;
use std::time::Duration;

use gatepost::internals::front_door::Settings;

use super::support::{Client, Site, changed, eventually, settings};

#[test]
fn a_request_comes_through_with_the_clients_address_and_an_id() {
    let site = Site::new();
    let mut client = site.connect();
    client.send(
        "POST /echo?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Gatepost-Client: 6.6.6.6\r\n\
         X-GATEPOST-REQUEST-ID: mine\r\nConnection: x-gatepost-client\r\n\r\nhello",
    );
    let reply = client.reply();
    let seen = reply.json();
    assert_eq!((seen["method"].as_str(), seen["body"].as_str()), (Some("POST"), Some("hello")));
    assert_eq!(seen["target"], "/echo?a=b");
    assert_eq!(reply.seen("x-gatepost-client"), ["127.0.0.1"]);
    let ids = reply.seen("x-gatepost-request-id");
    assert!(ids.len() == 1 && ids[0].len() == 16 && u64::from_str_radix(&ids[0], 16).is_ok());
    assert_ne!(client.get("/").seen("x-gatepost-request-id"), ids);
    assert_eq!(reply.field("server"), None);
}

#[test]
fn the_lane_decides_which_workers_answer() {
    let site = Site::new();
    assert_eq!(site.get("/x?/hash").json()["lane"], "ordinary");
    assert_eq!(site.get("/hash?x").json()["lane"], "hashing");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let site = Site::new();
    let mut client = site.connect();
    let all: String =
        (0..50).map(|n| format!("GET /slow?{n} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    client.send(all.replace("/slow?", "/x?"));
    for n in 0..50 {
        assert_eq!(client.reply().json()["target"], format!("/x?{n}"));
    }
}

#[test]
fn replies_over_the_chunking_threshold_come_whole() {
    let site = Site::new();
    let mut client = site.connect();
    assert_eq!(client.get("/medium").body, vec![b'y'; 40_000]);
    assert_eq!(client.get("/big").body.len(), 8 << 20);
    assert_eq!(client.get("/x").json()["target"], "/x");
}

#[test]
fn an_old_client_gets_long_replies_until_the_connection_ends() {
    let site = Site::new();
    let reply = site.ask("GET /medium HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(reply.field("transfer-encoding"), None);
    assert_eq!(reply.field("connection"), Some("close"));
    assert_eq!(reply.body, vec![b'y'; 40_000]);
}

#[test]
fn an_old_client_is_closed_unless_it_asks_to_stay() {
    let site = Site::new();
    let mut client = site.connect();
    client.send("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(client.reply().field("connection"), Some("keep-alive"));
    client.send("GET /x HTTP/1.0\r\n\r\n");
    assert_eq!(client.reply().field("connection"), Some("close"));
    assert!(client.is_closed());
}

#[test]
fn head_204_and_304_have_no_body_and_the_connection_goes_on() {
    let site = Site::new();
    let mut client = site.connect();
    for path in ["/x", "/medium", "/nothing"] {
        client.send(format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(client.reply_to("HEAD").body.is_empty());
    }
    for (path, status) in [("/nothing", 204), ("/unchanged", 304)] {
        let reply = client.get(path);
        assert_eq!((reply.status, reply.field("content-length")), (status, None));
    }
    assert_eq!(client.get("/x").status, 200);
}

#[test]
fn a_client_that_expects_100_continue_hears_it_before_the_body() {
    let site = Site::new();
    let mut client = site.connect();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\nExpect: 100-continue\r\n\r\n";
    for _ in 0..2 {
        client.send(head);
        assert_eq!(client.reply().status, 100);
        client.send("x".repeat(2000));
        let reply = client.reply();
        assert_eq!(reply.json()["body"].as_str().unwrap().len(), 2000);
        assert!(reply.seen("expect").is_empty());
    }
    // Whoever does not wait is not told to go on.
    client.send(format!("{head}{}", "x".repeat(2000)));
    assert_eq!(client.reply().status, 200);
    client.send(head.replace("2000", "0"));
    assert_eq!(client.reply().status, 200);
    client.send(head.replace("2000", "20000"));
    assert_eq!(client.reply().code(), "payload_too_large");
}

#[test]
fn half_closed_clients_and_fin_with_the_request_are_answered() {
    let site = Site::new();
    for target in ["/slow", "/hash", "/medium"] {
        let mut client = site.connect();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(2));
        client.no_more();
        assert_eq!(client.reply().status, 200);
        assert_eq!(client.reply().status, 200);
        assert!(client.is_closed());
    }
}

#[test]
fn half_a_request_and_then_nothing_is_closed() {
    let site = Site::new();
    for part in ["", "GET", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"] {
        let mut client = site.connect();
        client.send(part);
        client.no_more();
        assert!(client.is_closed());
    }
}

#[test]
fn a_slow_reader_gets_the_whole_reply_while_others_are_served() {
    let site = Site::new();
    let mut slow: Vec<_> = (0..6).map(|_| site.connect()).collect();
    for client in &mut slow[..2] {
        client.send("GET /medium HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for _ in 0..50 {
        assert_eq!(site.get("/x").status, 200);
    }
    for client in &mut slow[..2] {
        assert_eq!(client.reply().body.len(), 40_000);
    }
}

/// Twelve clients that want eight MiB each and read nothing, before four private connections.
fn readers_that_do_not(settings: Settings) {
    let site = Site::with(settings);
    let mut slow: Vec<_> = (0..12).map(|_| site.connect()).collect();
    for client in &mut slow {
        client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    site.backend.wait_handled(1);
    assert_eq!(site.get("/x").status, 200);
    eventually("all twelve replies are given up", || {
        site.backend.handled.load(std::sync::atomic::Ordering::SeqCst) == 13
    });
    // The last four may still have their private connections, and get all when they now read.
    let is_cut_off = |client: &mut Client| {
        let mut rest = Vec::new();
        let _ = client.socket.read_to_end(&mut rest);
        rest.len() < 8 << 20
    };
    let cut_off = slow.iter_mut().filter_map(|client| is_cut_off(client).then_some(())).count();
    assert!(cut_off >= 8, "{cut_off}");
}

#[test]
fn clients_that_never_read_hold_no_worker_for_long() {
    let long = Duration::from_secs(300);
    readers_that_do_not(changed(settings(), |s| {
        s.tuning.hold_timeout = Duration::from_millis(200);
        s.tuning.write_timeout = long;
    }));
    readers_that_do_not(changed(settings(), |s| {
        s.tuning.hold_timeout = long;
        s.tuning.write_timeout = Duration::from_millis(200);
    }));
}

#[test]
fn a_client_that_reads_slowly_but_steadily_gets_all_of_a_long_reply() {
    let site =
        Site::with(changed(settings(), |s| s.tuning.hold_timeout = Duration::from_millis(1000)));
    let mut client = site.connect();
    client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    let (mut count, mut piece) = (0, vec![0; 64 * 1024]);
    // About three seconds in all, well beyond the deadline.
    while count < 8 << 20 {
        count += client.socket.read(&mut piece).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_panicking_worker_answers_500_and_the_next_request_is_served() {
    let site = Site::new();
    let mut client = site.connect();
    for _ in 0..6 {
        assert_eq!(client.get("/panic").status, 500);
        assert_eq!(client.get("/x").status, 200);
    }
}

#[test]
fn the_proxys_word_counts_only_when_it_is_trusted() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1, 198.51.100.7\r\n\r\n";
    assert_eq!(Site::new().ask(request).seen("x-gatepost-client"), ["127.0.0.1"]);
    let trusting =
        changed(settings(), |s| s.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    assert_eq!(Site::with(trusting).ask(request).seen("x-gatepost-client"), ["198.51.100.7"]);
}
