//! What must hold for any input. Used by the fuzz targets and, with a deterministic mutator, by the
//! ordinary tests.

use std::net::{IpAddr, Ipv4Addr};

use gatepost::config::{Cidr, ForwardedHeader};
use gatepost::internals::front_door::chunked::{Decoder, Progress};
use gatepost::internals::front_door::forwarded::client_address;
use gatepost::internals::front_door::framing::{BodyLength, Decision, Field, Limits, parse};
use gatepost::internals::front_door::{Version, canonical};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const SENDER: canonical::Sender = canonical::Sender { client: CLIENT, is_proxy: true };
const ID: &str = "0123456789abcdef";

/// Small, so that inputs of a few hundred bytes reach them.
const LIMITS: Limits = Limits { head_bytes: 512, line_bytes: 128, fields: 12, body_bytes: 4096 };
const ROOMY: Limits = Limits { head_bytes: 4096, line_bytes: 2048, fields: 32, body_bytes: 4096 };

/// The decision does not depend on packets, and an accepted request has one meaning.
pub(crate) fn framing(input: &[u8]) {
    let whole = parse(input, 0, &LIMITS);
    let mut scanned = 0;
    for end in 0..=input.len() {
        match parse(&input[..end], scanned, &LIMITS) {
            Decision::Incomplete(more) => scanned = more,
            decided => {
                assert_eq!(decided, whole, "decided differently after {end} bytes");
                break;
            }
        }
    }
    let Decision::Complete(head) = whole else { return };
    let bytes = &input[..head.length];
    assert!(bytes.ends_with(b"\r\n\r\n"));
    let plain = |b: &u8| matches!(b, b'\t' | b'\r' | b'\n' | b' '..=b'~');
    assert!(bytes.iter().all(|b| plain(b) || *b >= 0x80));
    assert!(head.method.is_ascii() && head.target.is_ascii() && head.host.is_ascii());
    assert!(head.fields.iter().all(|field| field.name.is_ascii()));
    let count = |byte: u8| bytes.iter().filter(|b| **b == byte).count();
    assert_eq!(count(b'\r'), count(b'\n'));
    framed_once(&head.fields, head.body, head.version);

    let mut request = canonical::begin(&head, SENDER, ID);
    canonical::finish(&mut request, head.body, b"");
    assert!(request.iter().all(plain), "tiny_http takes nothing else");
    if let BodyLength::Known(_) | BodyLength::Chunked = head.body {
        assert!(request.windows(21).any(|w| w == b"\r\ncontent-length: 0\r\n"));
    }
    let Decision::Complete(again) = parse(&request, 0, &ROOMY) else {
        panic!("not accepted again: {:?}", String::from_utf8_lossy(&request));
    };
    assert_eq!(again.length, request.len());
    assert_eq!((again.method, &again.target, again.host), (head.method, &head.target, head.host));
    assert_eq!(again.version, Version::Http11);
    assert!(again.keep_alive && !again.expects_continue && again.body != BodyLength::Chunked);
    for private in [canonical::CLIENT_FIELD, canonical::PROXY_FIELD, canonical::REQUEST_ID_FIELD] {
        assert_eq!(again.fields.iter().filter(|f| f.name.eq_ignore_ascii_case(private)).count(), 1);
    }
    let mut twice = canonical::begin(&again, SENDER, ID);
    canonical::finish(&mut twice, again.body, b"");
    assert_eq!(request, twice, "canonical means that writing it again changes nothing");
}

/// Counts the framing fields in the simplest way.
fn framed_once(fields: &[Field<'_>], body: BodyLength, version: Version) {
    let values = |name: &str| -> Vec<&str> {
        let named = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| field.ascii().expect("these are ASCII")).collect()
    };
    let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
    match body {
        BodyLength::None => assert!(lengths.is_empty() && codings.is_empty()),
        BodyLength::Known(length) => {
            assert_eq!((lengths, codings.len()), (vec![length.to_string().as_str()], 0));
        }
        BodyLength::Chunked => {
            assert_eq!((lengths.len(), codings.len()), (0, 1));
            assert!(codings[0].eq_ignore_ascii_case("chunked") && version == Version::Http11);
        }
    }
    assert!(values("host").len() == 1 || version == Version::Http10);
}

/// Decoding does not depend on packets, keeps its limit, and undoes encoding.
pub(crate) fn chunked(input: &[u8]) {
    const LIMIT: usize = 200;
    let mut decoder = Decoder::new(LIMIT);
    let mut whole = Vec::new();
    let result = decoder.feed(input, &mut whole);
    assert!(whole.len() <= LIMIT);
    let step = usize::from(input.first().copied().unwrap_or(0) % 7) + 1;
    let (mut decoder, mut out, mut consumed) = (Decoder::new(LIMIT), Vec::new(), 0);
    let mut pieces = Ok(Progress { consumed: 0, done: false });
    for piece in input.chunks(step) {
        pieces = decoder.feed(piece, &mut out);
        match pieces {
            Ok(progress) => consumed += progress.consumed,
            Err(_) => break,
        }
    }
    match (result, pieces) {
        (Ok(whole_progress), Ok(progress)) => {
            assert_eq!((whole_progress.consumed, whole_progress.done), (consumed, progress.done));
            assert_eq!(whole, out);
        }
        (Err(one), Err(other)) => assert_eq!(one, other),
        other => panic!("decided differently in pieces of {step}: {other:?}"),
    }
    if result.is_ok_and(|progress| progress.done) {
        assert!(input[..consumed].ends_with(b"\r\n"));
    }
    let data = &input[..input.len().min(LIMIT)];
    let mut encoded = Vec::new();
    for chunk in data.chunks(step * 5) {
        encoded.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        encoded.extend_from_slice(chunk);
        encoded.extend_from_slice(b"\r\n");
    }
    encoded.extend_from_slice(b"0\r\n\r\n");
    let mut decoder = Decoder::new(LIMIT);
    let mut decoded = Vec::new();
    let progress = decoder.feed(&encoded, &mut decoded).expect("our own encoding");
    assert!(progress.done && progress.consumed == encoded.len() && decoded == data);
}

/// A client cannot talk its way past the entries of a trusted proxy.
pub(crate) fn forwarded(input: &[u8]) {
    let _ = std::str::from_utf8(input).map(str::parse::<Cidr>);
    let trusted = ["10.0.0.0/8".parse::<Cidr>().expect("a block")];
    let (proxy, stranger) = ([10, 0, 0, 1].into(), [203, 0, 113, 9].into());
    for (header, name, added) in [
        (ForwardedHeader::XForwardedFor, "x-forwarded-for", "198.51.100.7"),
        (ForwardedHeader::Forwarded, "forwarded", "for=198.51.100.7"),
    ] {
        let client = |peer: IpAddr, value: &[u8]| {
            let lines: Vec<Field<'_>> =
                value.split(|b| *b == b'\n').map(|value| Field { name, value }).collect();
            client_address(peer, &lines, header, &trusted)
        };
        assert_eq!(client(stranger, input), stranger);
        let found = client(proxy, input);
        assert_eq!(found, found.to_canonical());
        for glue in [", ", ",", "\n"] {
            let extended = [input, glue.as_bytes(), added.as_bytes()].concat();
            assert_eq!(client(proxy, &extended), IpAddr::from([198, 51, 100, 7]), "{extended:?}");
        }
    }
}
