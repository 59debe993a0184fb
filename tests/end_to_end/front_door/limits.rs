//! Limits at N-1, N and N+1, deadlines, waiting lists, and who gives way.

use std::time::Duration;

use gatepost::internals::front_door::Settings;

use super::support::{Client, Site, eventually, settings};

const SHORT: Duration = Duration::from_millis(200);

#[test]
fn the_body_limit_holds_at_its_edges() {
    let site = Site::with(Settings { body_bytes: 3000, ..settings() });
    for (length, status) in [(2999, 200), (3000, 200), (3001, 413)] {
        let body = "x".repeat(length);
        let head = "POST / HTTP/1.1\r\nHost: a\r\n";
        let plain = site.ask(format!("{head}Content-Length: {length}\r\n\r\n{body}"));
        assert_eq!(plain.status, status, "{length}");
        let halves = (length / 2, length - length / 2);
        let chunked = site.ask(format!(
            "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
            halves.0,
            &body[..halves.0],
            halves.1,
            &body[..halves.1]
        ));
        assert_eq!(chunked.status, status, "{length} in chunks");
    }
}

#[test]
fn the_head_limits_hold_at_their_edges() {
    let site = Site::with(Settings {
        head_bytes: 2000,
        request_line_bytes: 500,
        head_fields: 10,
        ..settings()
    });
    let bare = "GET / HTTP/1.1\r\nHost: a\r\nA: \r\n\r\n".len();
    for (length, status) in [(1999, 200), (2000, 200), (2001, 431)] {
        let value = "x".repeat(length - bare);
        let reply = site.ask(format!("GET / HTTP/1.1\r\nHost: a\r\nA: {value}\r\n\r\n"));
        assert_eq!(reply.status, status, "{length}");
    }
    let bare = "GET / HTTP/1.1\r\n".len();
    for (length, status) in [(499, 200), (500, 200), (501, 414)] {
        let path = "x".repeat(length - bare);
        let reply = site.ask(format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(reply.status, status, "{length}");
    }
    for (count, status) in [(9, 200), (10, 200), (11, 431)] {
        let fields = "A: b\r\n".repeat(count - 1);
        let reply = site.ask(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        assert_eq!(reply.status, status, "{count}");
    }
}

#[test]
fn slow_heads_and_slow_bodies_hear_408() {
    // Long enough for a client on a busy machine to say its part.
    let long = Duration::from_secs(2);
    let site = Site::with(Settings { head_deadline: long, body_deadline: long, ..settings() });
    for part in ["GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"] {
        let mut client = site.connect();
        client.send(part);
        let reply = client.reply();
        assert_eq!((reply.status, reply.code().as_str()), (408, "request_timeout"));
        assert!(client.is_closed());
    }
    // Nothing at all is no request, and is not answered.
    assert!(site.connect().is_closed());
}

#[test]
fn dribbling_does_not_move_a_deadline() {
    let long = Duration::from_secs(2);
    let site = Site::with(Settings { head_deadline: long, ..settings() });
    let mut client = site.connect();
    client.send("GET / HTTP/1.1\r\n");
    // Fewer fields than would be refused for their number.
    for _ in 0..50 {
        std::thread::sleep(Duration::from_millis(60));
        if !client.try_send("A: b\r\n") {
            break;
        }
    }
    assert!(client.rest().contains(" 408 "));
}

#[test]
fn idle_connections_are_closed_in_time() {
    let site = Site::with(Settings { idle_deadline: SHORT, ..settings() });
    let mut client = site.connect();
    assert_eq!(client.get("/x").status, 200);
    assert!(client.is_closed());
}

#[test]
fn a_connection_has_only_so_many_requests() {
    let site = Site::with(Settings { requests_per_connection: 3, ..settings() });
    let mut client = site.connect();
    let connection = |client: &mut Client| client.get("/x").field("connection").map(str::to_owned);
    assert_eq!(connection(&mut client), None);
    assert_eq!(connection(&mut client), None);
    assert_eq!(connection(&mut client).as_deref(), Some("close"));
    assert!(client.is_closed());
}

#[test]
fn a_hanging_worker_costs_its_client_503_and_others_go_on() {
    // Long enough for what does not hang, on a busy machine too.
    let long = Duration::from_secs(3);
    let site = Site::with(Settings { request_deadline: long, ..settings() });
    let mut client = site.connect();
    let reply = client.get("/gate");
    assert_eq!((reply.status, reply.code().as_str()), (503, "unavailable"));
    assert!(reply.field("retry-after").is_some());
    // The same connection goes on, and the late reply is nobody's.
    site.backend.open_gate();
    for n in 0..20 {
        assert_eq!(client.get(&format!("/x?{n}")).json()["target"], format!("/x?{n}"));
    }
}

/// Hangs all hashing workers, and leaves `more` requests waiting.
fn occupy(site: &Site, more: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for n in 0..super::support::WORKERS + more {
        let mut client = site.connect();
        client.send("GET /hash/gate HTTP/1.1\r\nHost: a\r\n\r\n");
        clients.push(client);
        // One after the other, so that the order is known.
        site.backend.wait_handled((n + 1).min(super::support::WORKERS));
    }
    // An ordinary answer shows that the loop has read all the former.
    assert_eq!(site.get("/x").status, 200);
    clients
}

#[test]
fn a_full_waiting_list_answers_503_at_once_and_ordinary_requests_go_on() {
    let site = Site::with(Settings { hashing_waiting: 3, ..settings() });
    let mut clients = occupy(&site, 3);
    let mut late = site.connect();
    let reply = late.get("/hash/x");
    assert_eq!((reply.status, reply.code().as_str()), (503, "overloaded"));
    assert!(reply.field("retry-after").is_some());
    // It was told, not thrown out.
    assert_eq!(late.get("/x").json()["lane"], "ordinary");
    site.backend.open_gate();
    for client in &mut clients {
        assert_eq!(client.reply().json()["lane"], "hashing");
    }
}

#[test]
fn the_waiting_list_is_bounded_in_bytes_too() {
    let site = Site::with(Settings { hashing_waiting_bytes: 4000, ..settings() });
    let _clients = occupy(&site, 1);
    let body = "x".repeat(4000);
    let reply =
        site.ask(format!("POST /hash HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n{body}"));
    assert_eq!(reply.code(), "overloaded");
}

#[test]
fn who_waits_too_long_hears_503() {
    let site = Site::with(Settings { hashing_waiting_deadline: SHORT, ..settings() });
    let mut clients = occupy(&site, 1);
    let last = clients.last_mut().unwrap();
    let reply = last.reply();
    assert_eq!((reply.status, reply.code().as_str()), (503, "overloaded"));
    assert_eq!(last.get("/x").status, 200);
}

#[test]
fn a_client_that_leaves_the_waiting_list_frees_its_place() {
    let site = Site::with(Settings { hashing_waiting: 1, ..settings() });
    let mut clients = occupy(&site, 1);
    let leaver = clients.pop().unwrap();
    super::leaving::reset(leaver);
    eventually("the place is free", || {
        let mut client = site.connect();
        client.send("GET /hash/gate HTTP/1.1\r\nHost: a\r\n\r\n");
        client.socket.set_read_timeout(Some(SHORT)).unwrap();
        let mut byte = [0];
        let waits = client.socket.peek(&mut byte).is_err();
        clients.push(client);
        waits
    });
}

#[test]
fn at_the_connection_limit_the_longest_idle_one_gives_way() {
    let site = Site::with(Settings { max_connections: 16, ..settings() });
    let mut clients: Vec<Client> = (0..16).map(|_| site.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/x").status, 200);
    }
    assert_eq!(clients[0].get("/x").status, 200);
    assert_eq!(site.get("/new").status, 200);
    assert!(clients[1].is_closed());
    assert_eq!(clients[0].get("/x").status, 200);
}

#[test]
fn at_the_connection_limit_with_nobody_idle_the_answer_is_503() {
    let site = Site::with(Settings { max_connections: 16, ..settings() });
    let mut busy: Vec<Client> = Vec::new();
    eventually("all places are taken by half-sent requests", || {
        let mut client = site.connect();
        client.send("GET / HTTP/1.1\r\nConnection: close\r\n");
        busy.push(client);
        let reply = site.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        if reply.status == 503 {
            assert_eq!(reply.code(), "overloaded");
        }
        reply.status == 503
    });
    // Whoever was there before is still served.
    let served = busy.iter_mut().filter_map(|client| {
        client.try_send("Host: a\r\n\r\n").then(|| client.rest().contains(" 200 "))
    });
    assert_eq!(served.filter(|served| *served).count(), 16);
}

#[test]
fn what_all_clients_make_the_door_hold_is_bounded() {
    let site = Site::with(Settings { buffered_bytes: 64 * 1024, ..settings() });
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16000\r\n\r\n";
    let mut clients: Vec<Client> = (0..12).map(|_| site.connect()).collect();
    for client in &mut clients {
        client.send(format!("{head}{}", "x".repeat(15_000)));
    }
    let statuses: Vec<u16> = clients
        .iter_mut()
        .map(|client| {
            client.try_send("x".repeat(1000));
            client.reply().status
        })
        .collect();
    assert!(statuses.contains(&503) && statuses.contains(&200), "{statuses:?}");
    assert_eq!(site.get("/x").status, 200);
}
