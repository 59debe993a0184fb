//! What is accepted, what is refused, and that nothing of a refused connection is read on.

use super::support::{Reply, Site, changed, settings};
use gatepost::config::ForwardedHeader;

/// A smuggled request that must never be seen, behind one that is refused.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

fn refused(head: &str, status: u16, code: &str) {
    let site = Site::new();
    let mut client = site.connect();
    client.send(format!("{head}{SMUGGLED}"));
    let reply = client.reply();
    assert_eq!((reply.status, reply.code().as_str()), (status, code), "{head:?}");
    assert_eq!(reply.field("connection"), Some("close"));
    assert!(client.is_closed(), "{head:?}");
    assert_eq!(site.backend.handled.load(std::sync::atomic::Ordering::SeqCst), 0, "{head:?}");
}

fn refused_post(fields: &str, status: u16, code: &str) {
    refused(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n"), status, code);
}

#[test]
fn a_length_that_is_no_plain_number_is_refused() {
    for length in ["+5", "005", "abc", "-1", "", "5, 5", "5,6", "0x5", "5 5", "1e1", "00"] {
        refused_post(&format!("Content-Length: {length}"), 400, "invalid_request");
    }
}

#[test]
fn an_enormous_length_is_refused_before_anything_is_allocated() {
    for length in ["99999999999999", "18446744073709551615", "2000000000", &"9".repeat(100)] {
        refused_post(&format!("Content-Length: {length}"), 413, "payload_too_large");
    }
}

#[test]
fn two_lengths_or_length_with_chunking_are_refused() {
    refused_post("Content-Length: 5\r\nContent-Length: 5", 400, "invalid_request");
    refused_post("Content-Length: 5\r\nContent-Length: 6", 400, "invalid_request");
    refused_post("Content-Length: 5\r\nTransfer-Encoding: chunked", 400, "invalid_request");
    refused_post("Transfer-Encoding: chunked\r\nContent-Length: 0", 400, "invalid_request");
}

#[test]
fn any_transfer_coding_but_chunked_is_refused() {
    for coding in ["gzip", "gzip, chunked", "chunked, chunked", "identity", "xchunked", ""] {
        refused_post(&format!("Transfer-Encoding: {coding}"), 501, "not_implemented");
    }
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked";
    refused_post(twice, 400, "invalid_request");
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    refused(old, 400, "invalid_request");
}

#[test]
fn malformed_chunks_are_refused() {
    for body in ["+5\r\nhello\r\n0\r\n\r\n", "5 \r\nhello", "\r\n", "5\nhello", "5\r\nhelloX"] {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        refused(&format!("{head}{body}"), 400, "invalid_request");
    }
}

#[test]
fn folded_lines_and_spaces_before_colons_are_refused() {
    refused_post("X: y\r\n Content-Length: 5", 400, "invalid_request");
    refused_post("Content-Length : 5", 400, "invalid_request");
    refused_post(" Content-Length: 5", 400, "invalid_request");
    refused_post("NoColon", 400, "invalid_request");
    refused_post(": empty", 400, "invalid_request");
}

#[test]
fn there_is_exactly_one_host() {
    refused("GET / HTTP/1.1\r\n\r\n", 400, "invalid_request");
    refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "invalid_request");
    refused("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400, "invalid_request");
    refused("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "invalid_request");
    refused("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, "invalid_request");
    refused("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400, "invalid_request");
}

#[test]
fn bare_line_ends_and_bytes_outside_ascii_are_refused() {
    refused("GET / HTTP/1.1\nHost: a\n\n", 400, "invalid_request");
    refused("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400, "invalid_request");
    refused("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400, "invalid_request");
    refused("GET /é HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_request");
    refused("GET / HTTP/1.1\r\nHost: a\r\né: X\r\n\r\n", 400, "invalid_request");
}

#[test]
fn a_value_with_bytes_outside_ascii_is_taken_and_ends_at_the_door_unless_it_must_not_be_missed() {
    let site = Site::new();
    let seen = |reply: &Reply, names: &[&str]| -> Vec<String> {
        names.iter().flat_map(|name| reply.seen(name)).collect()
    };
    let reply = site.ask(
        b"GET / HTTP/1.1\r\nHost: a\r\ncf-ipcity: S\xe3o Paulo\r\nCookie: n=\xc3\xa9\r\n\
          User-Agent: \xffFuchs/\xc3\xbc (\x80)\r\nX-Forwarded-Uri: /\xe9\r\nAccept: */*\r\n\r\n",
    );
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(seen(&reply, &["cf-ipcity"]), [""; 0]);
    let kept = seen(&reply, &["cookie", "user-agent", "x-forwarded-uri", "accept"]);
    assert_eq!(kept, ["n=??", "?Fuchs/?? (?)", "", "*/*"]);
    // In open mode it decides, so it must not be missed.
    let reply = site.ask(b"GET / HTTP/1.1\r\nHost: a\r\nOrigin: http://a\xfc.example\r\n\r\n");
    assert_eq!(seen(&reply, &["origin"]), ["http://a?.example"]);
    let reply = site.ask(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
          0\r\nX: \xe9\r\n\r\n",
    );
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[test]
fn a_value_with_bytes_outside_ascii_is_refused_where_the_door_or_a_worker_goes_by_it() {
    let site = Site::new();
    for field in [
        "Host: \u{e9}",
        "Host: a\r\nAuthorization: Bearer \u{e9}",
        "Host: a\r\nContent-Type: application/json; \u{e9}",
        "Host: a\r\nContent-Length: 0\u{e9}",
        "Host: a\r\nContent-Disposition: \u{e9}",
        "Host: a\r\nTransfer-Encoding: \u{e9}",
        "Host: a\r\nConnection: close, \u{e9}",
        "Host: a\r\nConnection: close\r\nCONNECTION: \u{e9}",
        "Host: a\r\nExpect: \u{e9}",
    ] {
        // As UTF-8 and as Latin-1 writes it.
        let request = format!("GET / HTTP/1.1\r\n{field}\r\n\r\n");
        let latin: Vec<u8> = request.chars().map(|c| u8::try_from(c).unwrap()).collect();
        for request in [request.into_bytes(), latin] {
            let reply = site.ask(&request);
            assert_eq!((reply.status, reply.code().as_str()), (400, "invalid_request"), "{field}");
        }
    }
}

#[test]
fn a_forwarding_entry_with_bytes_outside_ascii_is_an_unreadable_one() {
    for (forwarded_header, field, last) in [
        (ForwardedHeader::XForwardedFor, "X-Forwarded-For: 192.0.2.1, ", "192.0.2.9"),
        (ForwardedHeader::Forwarded, "Forwarded: for=192.0.2.1, ", "for=192.0.2.9"),
    ] {
        let trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        let site = Site::with(changed(settings(), |s| {
            s.trusted_proxies = trusted_proxies;
            s.forwarded_header = forwarded_header;
        }));
        let client = |entry: &[u8]| {
            let begin = format!("GET / HTTP/1.1\r\nHost: a\r\n{field}");
            let reply = site.ask([begin.as_bytes(), entry, b"\r\n\r\n"].concat());
            assert_eq!(reply.status, 200, "{reply:?}");
            reply.seen("x-gatepost-client").remove(0)
        };
        assert_eq!(client(last.as_bytes()), "192.0.2.9");
        // What stands left of it is not believed either.
        for unreadable in [&b"\xe9"[..], b"\xc3\xa9", &[last.as_bytes(), b";x=\"\xe9\""].concat()] {
            assert_eq!(client(unreadable), "127.0.0.1");
        }
        // Nor is it looked at further left than anybody listed has written.
        let old = [b"\xe9, ", last.as_bytes()].concat();
        assert_eq!(client(&old), "192.0.2.9");
    }
}

#[test]
fn malformed_request_lines_are_refused() {
    for line in [
        "GET  / HTTP/1.1",
        "GET /",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/11",
        "GET a HTTP/1.1",
        "GET * HTTP/1.1",
        "G(T / HTTP/1.1",
        "GET /#f HTTP/1.1",
        "GET ftp://a/ HTTP/1.1",
        "GET http:///x HTTP/1.1",
        "GET http://u@a/ HTTP/1.1",
        "GET /\t HTTP/1.1",
    ] {
        refused(&format!("{line}\r\nHost: a\r\n\r\n"), 400, "invalid_request");
    }
    refused("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501, "not_implemented");
}

#[test]
fn other_versions_and_the_http2_preface_hear_505() {
    refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "version_not_supported");
    refused("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505, "version_not_supported");
    refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version_not_supported");
}

#[test]
fn fields_that_must_be_single_are_refused_when_doubled() {
    refused_post("Authorization: a\r\nAuthorization: b", 400, "invalid_request");
    refused_post("Content-Type: a\r\nContent-Type: b", 400, "invalid_request");
    refused_post("Expect: x", 417, "expectation_failed");
}

#[test]
fn garbage_after_a_good_request_does_not_spoil_its_answer() {
    let site = Site::new();
    let mut client = site.connect();
    client.send("GET /good HTTP/1.1\r\nHost: a\r\n\r\n\u{1}garbage".replace('\u{1}', "\n"));
    assert_eq!(client.reply().json()["target"], "/good");
    assert_eq!(client.reply().code(), "invalid_request");
    assert!(client.is_closed());
}

#[test]
fn a_request_split_at_every_byte_is_the_same_request() {
    let site = Site::new();
    let request = "POST /split HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: z\r\n\r\n";
    let mut client = site.connect();
    for at in 1..request.len() {
        client.send(&request[..at]);
        if at % 8 == 0 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        client.send(&request[at..]);
        assert_eq!(client.reply().json()["body"], "abcde");
    }
}

#[test]
fn a_chunked_body_arrives_with_a_plain_length() {
    let site = Site::new();
    let reply = site.ask(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nTrailer: T\r\n\r\n\
         5;ext=\"q\"\r\nhello\r\n00\r\nT: 1\r\n\r\n",
    );
    assert_eq!(reply.json()["body"], "hello");
    assert_eq!(reply.seen("content-length"), ["5"]);
    assert!(reply.seen("transfer-encoding").is_empty() && reply.seen("trailer").is_empty());
}

#[test]
fn a_body_on_an_upgrade_is_a_body_and_the_upgrade_is_ignored() {
    let site = Site::new();
    for _ in 0..6 {
        let reply = site.ask(
            "POST /up HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\
             Content-Length: 3\r\n\r\nabc",
        );
        assert_eq!(reply.json()["body"], "abc");
        assert!(reply.seen("upgrade").is_empty() && reply.seen("connection").is_empty());
    }
}

#[test]
fn absolute_form_and_asterisk_form_are_understood() {
    let site = Site::new();
    let reply = site.ask("GET http://b.example:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(reply.json()["target"], "/x?y");
    assert_eq!(reply.seen("host"), ["b.example:81"]);
    let reply = site.ask("GET http://b?y HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(reply.json()["target"], "/?y");
    let reply = site.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(reply.json()["target"], "*");
}

#[test]
fn one_empty_line_before_a_request_is_skipped() {
    let site = Site::new();
    let mut client = site.connect();
    for _ in 0..2 {
        client.send("\r\nPOST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na");
        assert_eq!(client.reply().json()["body"], "a");
    }
}
