//! Stopping in each state, and the event loop's death.

use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gatepost::internals::front_door::End;

use super::support::{PATIENCE, Site, eventually};

#[test]
fn queued_running_and_half_sent_requests_are_answered_and_new_ones_refused() {
    let site = Site::new();
    let mut idle = site.connect();
    assert_eq!(idle.get("/x").status, 200);
    let mut half = site.connect();
    half.send("POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
    let mut half_head = site.connect();
    half_head.send("GET /half HTTP/1.1\r\n");
    let mut clients: Vec<_> = (0..10).map(|_| site.connect()).collect();
    for client in &mut clients {
        client.send("GET /hash/gate HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    site.backend.wait_handled(1 + super::support::WORKERS);
    let address = site.address();
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| site.door.stop(PATIENCE));
        eventually("new connections are refused", || TcpStream::connect(address).is_err());
        assert!(idle.is_closed());
        half.send("llo");
        let reply = half.reply();
        assert_eq!(reply.field("connection"), Some("close"));
        assert_eq!(reply.json()["body"], "hello");
        half_head.send("Host: a\r\n\r\n");
        assert_eq!(half_head.reply().status, 200);
        site.backend.open_gate();
        for client in &mut clients {
            assert_eq!(client.reply().status, 200);
            assert!(client.is_closed());
        }
        drop((half, half_head));
        assert_eq!(stop.join().unwrap(), End::Stopped { cut_off: 0 });
    });
    assert_eq!(site.backend.handled.load(Ordering::SeqCst), 13);
    assert_eq!(site.door.failure(), None);
}

#[test]
fn requests_that_were_sent_before_the_stop_are_answered_even_if_not_yet_accepted() {
    for _ in 0..10 {
        let site = Site::new();
        let mut clients: Vec<_> = (0..10).map(|_| site.connect()).collect();
        for client in &mut clients {
            client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        std::thread::scope(|scope| {
            let stop = scope.spawn(|| site.door.stop(PATIENCE));
            for mut client in clients {
                assert_eq!(client.reply().status, 200);
            }
            assert_eq!(stop.join().unwrap(), End::Stopped { cut_off: 0 });
        });
    }
}

#[test]
fn the_deadline_cuts_off_and_says_so() {
    let site = Site::new();
    let mut client = site.connect();
    client.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n");
    site.backend.wait_handled(1);
    assert_eq!(site.door.stop(Duration::from_millis(100)), End::Stopped { cut_off: 1 });
    assert!(client.is_closed());
}

#[test]
fn a_second_stop_is_at_once() {
    let site = Site::new();
    let mut client = site.connect();
    client.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n");
    site.backend.wait_handled(1);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| site.door.stop(Duration::from_secs(3600)));
        assert_eq!(site.door.wait(Duration::from_millis(50)), None);
        assert_eq!(site.door.stop(Duration::ZERO), End::Stopped { cut_off: 1 });
        assert_eq!(first.join().unwrap(), End::Stopped { cut_off: 1 });
    });
}

#[test]
fn the_event_loops_death_is_noticed() {
    let site = Site::new();
    assert_eq!(site.door.failure(), None);
    let mut client = site.connect();
    // The problem hook of these tests panics at this one.
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX: \u{1}\r\n\r\n");
    assert!(client.is_closed());
    let end = site.door.wait(PATIENCE);
    assert_eq!(end, Some(End::Failed("a hook that fails".to_owned())));
    assert!(site.door.failure().is_some());
    assert!(TcpStream::connect(site.address()).is_err());
}
