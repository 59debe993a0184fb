//! Clients that leave at every moment; nobody gets somebody else's reply.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::support::{Client, Site};

/// Leaves with a reset instead of a farewell: closing with unread bytes does that.
#[expect(clippy::needless_pass_by_value, reason = "it leaves by being dropped")]
pub(super) fn reset(client: Client) {
    let linger = rustix::net::sockopt::set_socket_linger(&client.socket, Some(Duration::ZERO));
    linger.unwrap();
}

#[test]
fn leavers_at_every_moment_cross_no_replies() {
    let site = Site::new();
    let request = "POST /hash?leaver HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let mut steady = site.connect();
    for round in 0..request.len() {
        let mut client = site.connect();
        client.send(&request[..round]);
        if round % 2 == 0 {
            reset(client);
        } else {
            drop(client);
        }
        let mut client = site.connect();
        client.send(request);
        match round % 3 {
            0 => reset(client),
            1 => drop(client),
            _ => {
                client.no_more();
                assert_eq!(client.reply().json()["body"], "hello");
            }
        }
        let target = format!("/hash?steady{round}");
        assert_eq!(steady.get(&target).json()["target"], target);
    }
}

#[test]
fn a_reset_while_queued_or_running_leaves_the_reply_to_nobody() {
    let site = Site::new();
    let mut leavers = Vec::new();
    for _ in 0..8 {
        let mut client = site.connect();
        client.send("GET /gate?leaver HTTP/1.1\r\nHost: a\r\n\r\n");
        leavers.push(client);
    }
    site.backend.wait_handled(super::support::WORKERS);
    leavers.into_iter().for_each(reset);
    let mut stayer = site.connect();
    stayer.send("GET /x?stayer HTTP/1.1\r\nHost: a\r\n\r\n");
    std::thread::sleep(Duration::from_millis(50));
    site.backend.open_gate();
    assert_eq!(stayer.reply().json()["target"], "/x?stayer");
    // Those that were still in the door's waiting list never reached a worker.
    let handled = site.backend.handled.load(Ordering::SeqCst);
    assert!(handled <= 5 + super::support::WORKERS, "{handled}");
}

#[test]
fn leaving_within_a_long_reply_crosses_nothing() {
    let site = Site::new();
    let mut steady = site.connect();
    for round in 0..20 {
        let mut client = site.connect();
        client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut byte = [0];
        client.socket.peek(&mut byte).unwrap();
        if round % 2 == 0 {
            reset(client);
        } else {
            drop(client);
        }
        let target = format!("/x?{round}");
        assert_eq!(steady.get(&target).json()["target"], target);
    }
}
