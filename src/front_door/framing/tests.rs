//! Each rule of `framing`, each limit at N-1, N and N+1, and independence of packets.

use super::*;

const LIMITS: Limits = Limits { head_bytes: 300, line_bytes: 100, fields: 8, body_bytes: 1000 };

fn decide(input: &str) -> Decision<'_> {
    parse(input.as_bytes(), 0, &LIMITS)
}

/// What a decision amounts to, without the borrowed parts.
fn outcome(decision: &Decision<'_>) -> Result<Option<String>, Refusal> {
    match decision {
        Decision::Incomplete(_) => Ok(None),
        Decision::Complete(head) => Ok(Some(format!("{head:?}"))),
        Decision::Refused(refusal) => Err(*refusal),
    }
}

fn accepted(input: &str) -> Head<'_> {
    match decide(input) {
        Decision::Complete(head) => head,
        other => panic!("{input:?}: {other:?}"),
    }
}

fn cause(input: &str) -> Cause {
    match decide(input) {
        Decision::Refused(refusal) => refusal.cause,
        other => panic!("{input:?}: {other:?}"),
    }
}

fn with_fields(fields: &str) -> String {
    format!("POST /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n")
}

#[test]
fn a_plain_request_is_understood() {
    let text = "GET /a?b=c HTTP/1.1\r\nHost: a.example:80\r\nX-Y:  z \t\r\n\r\nrest";
    let head = accepted(text);
    assert_eq!((head.method, &*head.target, head.host), ("GET", "/a?b=c", "a.example:80"));
    assert_eq!(head.fields[1], Field { name: "X-Y", value: b"z" });
    assert_eq!((head.body, head.version), (BodyLength::None, Version::Http11));
    assert_eq!(&text[head.length..], "rest");
}

#[test]
fn every_prefix_of_a_request_is_incomplete_and_every_split_decides_the_same() {
    let inputs = [
        with_fields("Content-Length: 5"),
        with_fields("Content-Length: +5"),
        with_fields("A: b\nC: d"),
        with_fields("A: b\rC: d"),
        with_fields("A: b\r\n folded"),
        format!("\r\n{}", with_fields("A: b")),
        "\r\n\r\nGET / HTTP/1.1\r\n".to_owned(),
        "\n\nGET / HTTP/1.1\r\n".to_owned(),
        "\r\rGET / HTTP/1.1\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(200)),
        format!("\r\nGET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(200)),
        with_fields(&format!("A: {}", "x".repeat(400))),
        with_fields(&"A: b\r\n".repeat(20)),
    ];
    for input in &inputs {
        let whole = outcome(&decide(input));
        let mut scanned = 0;
        let mut by_byte = Ok(None);
        for end in 0..=input.len() {
            let decision = parse(&input.as_bytes()[..end], scanned, &LIMITS);
            by_byte = outcome(&decision);
            match decision {
                Decision::Incomplete(more) => scanned = more,
                _ => break,
            }
        }
        assert_eq!(whole, by_byte, "{input:?}");
        for at in 0..input.len() {
            match parse(&input.as_bytes()[..at], 0, &LIMITS) {
                Decision::Incomplete(scanned) => {
                    let rest = parse(input.as_bytes(), scanned, &LIMITS);
                    assert_eq!(whole, outcome(&rest), "{input:?} split at {at}");
                }
                early => assert_eq!(whole, outcome(&early), "{input:?} cut at {at}"),
            }
        }
    }
}

#[test]
fn lengths_are_plain_numbers() {
    for bad in ["+5", "-1", "005", "00", "", "abc", "5,5", "5, 5", "0x5", "5 ", "5.0", "٥"] {
        let text = with_fields(&format!("Content-Length: {bad}"));
        if bad == "5 " {
            assert_eq!(accepted(&text).body, BodyLength::Known(5));
        } else {
            assert_eq!(cause(&text), Cause::InvalidRequest, "{bad}");
        }
    }
    assert_eq!(accepted(&with_fields("content-LENGTH:0")).body, BodyLength::Known(0));
}

#[test]
fn the_body_limit_holds_at_its_edges() {
    for (length, fits) in [("999", true), ("1000", true), ("1001", false)] {
        let text = with_fields(&format!("Content-Length: {length}"));
        assert_eq!(matches!(decide(&text), Decision::Complete(_)), fits, "{length}");
    }
    for huge in ["99999999999999", "18446744073709551615", "18446744073709551616"] {
        let text = with_fields(&format!("Content-Length: {huge}"));
        assert_eq!(cause(&text), Cause::PayloadTooLarge);
    }
}

#[test]
fn the_head_limit_holds_at_its_edges() {
    let bare = with_fields("A: ").len();
    for (length, fits) in [(299, true), (300, true), (301, false)] {
        let text = with_fields(&format!("A: {}", "x".repeat(length - bare)));
        assert_eq!(text.len(), length);
        match decide(&text) {
            Decision::Complete(_) => assert!(fits),
            Decision::Refused(refusal) => {
                assert!(!fits);
                assert_eq!(refusal.cause, Cause::HeadersTooLarge);
            }
            Decision::Incomplete(_) => panic!("undecided at {length}"),
        }
    }
}

#[test]
fn the_request_line_limit_holds_at_its_edges() {
    let bare = "GET / HTTP/1.1\r\n".len();
    for (length, fits) in [(99, true), (100, true), (101, false)] {
        for start in ["", "\r\n"] {
            let path = "x".repeat(length - bare);
            let text = format!("{start}GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n");
            let decision = decide(&text);
            assert_eq!(matches!(decision, Decision::Complete(_)), fits, "{length}");
            if !fits {
                assert_eq!(cause(&text), Cause::TargetTooLong);
            }
        }
    }
}

#[test]
fn the_field_limit_holds_at_its_edges() {
    for (count, fits) in [(7, true), (8, true), (9, false)] {
        let text = with_fields(&vec!["A: b"; count - 1].join("\r\n"));
        assert_eq!(matches!(decide(&text), Decision::Complete(_)), fits, "{count}");
        if !fits {
            assert_eq!(cause(&text), Cause::HeadersTooLarge);
        }
    }
}

#[test]
fn every_byte_that_has_no_place_in_a_head_is_refused_wherever_it_stands() {
    for byte in (0..=255_u8).filter(|b| !matches!(b, b'\t' | b' '..=b'~')) {
        let template = b"GET /x HTTP/1.1\r\nHost: a\r\nAb: cd\r\n\r\n";
        for at in 0..template.len() {
            let mut input = template.to_vec();
            input[at] = byte;
            // The value of a field that nothing acts on may hold any byte beyond ASCII.
            let value = template.windows(3).position(|part| part == b"Ab:").unwrap() + 3;
            let in_value = byte >= 0x80 && (value..value + 3).contains(&at);
            let same = input == template || in_value;
            let decision = parse(&input, 0, &LIMITS);
            let complete = matches!(decision, Decision::Complete(_));
            assert_eq!(complete, same, "{byte:#x} at {at}: {decision:?}");
        }
    }
}

#[test]
fn framing_by_two_means_is_refused() {
    for fields in [
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    ] {
        assert_eq!(cause(&with_fields(fields)), Cause::InvalidRequest, "{fields}");
    }
}

#[test]
fn chunked_alone_is_the_only_coding() {
    for coding in ["chunked", "Chunked", "CHUNKED"] {
        let text = with_fields(&format!("Transfer-Encoding: {coding}"));
        assert_eq!(accepted(&text).body, BodyLength::Chunked);
    }
    for coding in ["gzip", "gzip, chunked", "chunked, chunked", "chunked;q=1", "", "\u{b}chunked"] {
        let text = with_fields(&format!("Transfer-Encoding: {coding}"));
        assert!(matches!(decide(&text), Decision::Refused(_)), "{coding:?}");
    }
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(cause(old), Cause::InvalidRequest);
}

#[test]
fn hosts_are_counted_and_spelled() {
    assert_eq!(cause("GET / HTTP/1.1\r\n\r\n"), Cause::InvalidRequest);
    assert_eq!(cause("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"), Cause::InvalidRequest);
    assert_eq!(accepted("GET / HTTP/1.0\r\n\r\n").host, "");
    assert_eq!(accepted("GET / HTTP/1.1\r\nHost:\r\n\r\n").host, "");
    for bad in ["a b", "a,b", "a/b", "u@h", "a\tb", "a?b", "a#b", "\"a\""] {
        assert_eq!(cause(&format!("GET / HTTP/1.1\r\nHost: {bad}\r\n\r\n")), Cause::InvalidRequest);
    }
    for good in ["[::1]:80", "a.b-c_d~e", "127.0.0.1:8080", "x%20y"] {
        assert_eq!(accepted(&format!("GET / HTTP/1.1\r\nHost: {good}\r\n\r\n")).host, good);
    }
}

#[test]
fn targets_come_out_in_origin_form() {
    for (method, target, origin, host) in [
        ("GET", "/", "/", "a"),
        ("GET", "//x//y", "//x//y", "a"),
        ("GET", "http://b", "/", "b"),
        ("GET", "HTTPS://b:1/c?d", "/c?d", "b:1"),
        ("GET", "http://b?d", "/?d", "b"),
        ("OPTIONS", "*", "*", "a"),
        ("OPTIONS", "http://b", "*", "b"),
        ("OPTIONS", "/", "/", "a"),
    ] {
        let text = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = accepted(&text);
        assert_eq!((&*head.target, head.host), (origin, host), "{target}");
    }
    for bad in ["*", "a", "a/b", "ftp://a/", "http://", "http:///x", "http://u@b/", "/a#b", "?x"] {
        assert_eq!(cause(&format!("GET {bad} HTTP/1.1\r\nHost: a\r\n\r\n")), Cause::InvalidRequest);
    }
    assert_eq!(cause("CONNECT b:1 HTTP/1.1\r\nHost: b\r\n\r\n"), Cause::NotImplemented);
}

#[test]
fn only_two_versions_are_spoken() {
    for version in ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/9.9"] {
        let text = format!("GET / {version}\r\nHost: a\r\n\r\n");
        assert_eq!(cause(&text), Cause::VersionNotSupported);
    }
    for version in ["HTTP/1", "HTTP/1.10", "http/1.1", "HTTP/1.1x", "HTTPS/1.1", "HTTP/a.b", ""] {
        let text = format!("GET / {version}\r\nHost: a\r\n\r\n");
        assert_eq!(cause(&text), Cause::InvalidRequest, "{version}");
    }
}

#[test]
fn connections_are_kept_as_the_version_and_the_options_say() {
    for (version, fields, keep) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: x, CLOSE\r\n", false),
        ("1.1", "Connection: x\r\nConnection: close\r\n", false),
        ("1.1", "Connection: closed\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let text = format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
        assert_eq!(accepted(&text).keep_alive, keep, "{version} {fields}");
    }
}

#[test]
fn expectations_are_met_or_refused() {
    assert!(accepted(&with_fields("Expect: 100-Continue")).expects_continue);
    assert!(!accepted("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expects_continue);
    assert_eq!(cause(&with_fields("Expect: 200-ok")), Cause::ExpectationFailed);
    let twice = with_fields("Expect: 100-continue\r\nExpect: 100-continue");
    assert_eq!(cause(&twice), Cause::InvalidRequest);
}

#[test]
fn malformed_fields_are_refused() {
    for fields in ["A : b", " A: b", "A: b\r\n c", "A: b\r\n\tc", "A", ": b", "A\tB: c", "A(: b"] {
        assert_eq!(cause(&with_fields(fields)), Cause::InvalidRequest, "{fields:?}");
    }
}
