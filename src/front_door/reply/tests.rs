//! Replies as tiny_http writes them, for all kinds of clients.

use super::*;

/// The fields that every answer has, as they are written.
fn security_lines() -> String {
    SECURITY_FIELDS.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

/// The same without the fields that every answer has, which must be there.
fn relay(input: &str, to_head: bool, version: Version, size: usize) -> Result<String, Malformed> {
    let whole = relay_whole(input, to_head, version, size)?;
    assert_eq!(whole.matches(&security_lines()).count(), 1, "{whole}");
    Ok(whole.replace(&security_lines(), ""))
}

#[test]
fn a_reply_keeps_a_policy_of_its_own_and_gets_the_other_fields() {
    let input = "HTTP/1.1 200 OK\r\ncontent-security-policy: default-src 'self'\r\nContent-Length: 0\r\n\r\n";
    let whole = relay_whole(input, false, Version::Http11, 1000).unwrap();
    assert!(!whole.contains("frame-ancestors") && whole.contains("default-src 'self'"), "{whole}");
    assert_eq!(whole.matches("nosniff").count(), 1, "{whole}");
}

/// Reads a reply in pieces of a size and writes it for a client.
fn relay_whole(
    input: &str,
    to_head: bool,
    version: Version,
    size: usize,
) -> Result<String, Malformed> {
    let mut reply = Reply::new(to_head);
    let (mut out, mut coding, mut done) = (Vec::new(), Coding::Plain, false);
    for piece in input.as_bytes().chunks(size) {
        let mut body = Vec::new();
        let read = reply.feed(piece, &mut body)?;
        if let Some(head) = read.head {
            coding = head.write(&mut out, "", version, true).0;
        }
        write_body(&mut out, coding, &body, read.done);
        done |= read.done;
    }
    assert!(done, "{input}");
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn a_reply_with_a_length_is_passed_on_without_what_concerns_the_hop() {
    let input = "HTTP/1.1 200 OK\r\nServer: tiny-http (Rust)\r\nDate: x\r\nContent-Length: 5\r\n\
                 Connection: keep-alive\r\n\r\nhello";
    for size in 1..input.len() {
        assert_eq!(
            relay(input, false, Version::Http11, size).unwrap(),
            "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 5\r\n\r\nhello"
        );
    }
    let old = relay(input, false, Version::Http10, 1000).unwrap();
    assert!(old.contains("Connection: keep-alive\r\n\r\nhello"));
}

#[test]
fn a_chunked_reply_stays_chunked_or_ends_with_the_connection() {
    let input = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert_eq!(
        relay(input, false, Version::Http11, 1000).unwrap(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    );
    for size in 1..input.len() {
        assert_eq!(
            relay(input, false, Version::Http10, size).unwrap(),
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"
        );
    }
}

#[test]
fn replies_without_body_end_with_their_head() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(relay(head, true, Version::Http11, 1000).unwrap(), head);
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(relay(chunked, true, Version::Http11, 1000).unwrap(), "HTTP/1.1 200 OK\r\n\r\n");
    for status in ["204 No Content", "304 Not Modified"] {
        let input = format!("HTTP/1.1 {status}\r\nContent-Length: 9\r\n\r\n");
        let expected = format!("HTTP/1.1 {status}\r\n\r\n");
        assert_eq!(relay(&input, false, Version::Http11, 1000).unwrap(), expected);
    }
}

#[test]
fn what_tiny_http_never_writes_is_refused() {
    for input in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
        "nonsense\r\n\r\n",
    ] {
        assert_eq!(relay(input, false, Version::Http11, 1000), Err(Malformed), "{input}");
    }
    let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(HEAD_BYTES));
    assert_eq!(relay(&endless, false, Version::Http11, 1000), Err(Malformed));
}
