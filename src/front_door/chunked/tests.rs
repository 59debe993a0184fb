//! Each rule of `chunked`, its limits at their edges, and independence of packets.

use super::*;

fn decode(input: &[u8], limit: usize) -> Result<(Vec<u8>, Progress), Refusal> {
    let mut decoder = Decoder::new(limit);
    let mut out = Vec::new();
    decoder.feed(input, &mut out).map(|progress| (out, progress))
}

fn complete(input: &str) -> String {
    let (out, progress) = decode(input.as_bytes(), 1000).unwrap();
    assert_eq!(progress, Progress { consumed: input.len(), done: true }, "{input:?}");
    String::from_utf8(out).unwrap()
}

#[test]
fn well_formed_bodies_are_decoded() {
    assert_eq!(complete("0\r\n\r\n"), "");
    assert_eq!(complete("5\r\nhello\r\n0\r\n\r\n"), "hello");
    assert_eq!(complete("00000005\r\nhello\r\n000\r\n\r\n"), "hello");
    assert_eq!(complete("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n").len(), 20);
    assert_eq!(complete("2;x;y=\"z, w\"\r\n\r\n\r\n0;last\r\n\r\n"), "\r\n");
    assert_eq!(complete("1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n"), "x");
}

#[test]
fn malformed_bodies_are_refused() {
    for input in [
        "+5\r\n",
        "-5\r\n",
        " 5\r\n",
        "5 \r\n",
        "5\t;x\r\n",
        "0x5\r\n",
        "\r\n",
        ";x\r\n",
        "g\r\n",
        "5\n",
        "5\r5",
        "5;x\n",
        "5;\u{1}\r\n",
        "5;é\r\n",
        "1\r\nxx",
        "1\r\nx\n",
        "1\r\nx\rx",
        "123456789\r\n",
        "000000000\r\n",
        "0\r\n\n",
        "0\r\nA\r\n",
        "0\r\n: b\r\n",
        "0\r\n A: b\r\n",
        "0\r\nA : b\r\n",
        "0\r\nA: b\n",
        "0\r\nA: b\rC",
        "0\r\nA: \0\r\n",
        "0\r\nA: b\r\n c\r\n",
    ] {
        let result = decode(input.as_bytes(), 1000);
        assert_eq!(result.map_err(|r| r.cause), Err(Cause::InvalidRequest), "{input:?}");
    }
}

#[test]
fn bytes_after_the_end_are_left() {
    let (out, progress) = decode(b"1\r\nx\r\n0\r\n\r\nGET /", 10).unwrap();
    assert_eq!((out, progress), (b"x".to_vec(), Progress { consumed: 11, done: true }));
}

#[test]
fn the_body_limit_holds_at_its_edges_before_data_comes() {
    for (size, fits) in [(9, true), (10, true), (11, false)] {
        let one = decode(format!("{size:x}\r\n").as_bytes(), 10);
        assert_eq!(one.is_ok(), fits, "{size}");
        let two = decode(format!("4\r\nabcd\r\n{:x}\r\n", size - 4).as_bytes(), 10);
        assert_eq!(two.map_err(|r| r.cause).err(), (!fits).then_some(Cause::PayloadTooLarge));
    }
    assert!(decode(b"ffffffff\r\n", 10).is_err());
}

#[test]
fn extensions_and_trailers_share_a_bounded_budget() {
    for (bytes, fits) in [(-1, true), (0, true), (1, false)] {
        let room = OVERHEAD_BYTES.checked_add_signed(bytes).unwrap();
        let extension = format!("1;{}\r\nx\r\n0\r\n\r\n", "y".repeat(room - 1));
        assert_eq!(decode(extension.as_bytes(), 10).is_ok(), fits);
        // Name, colon, and the end of the line count too.
        let trailer = format!("0\r\nA:{}\r\n\r\n", "y".repeat(room - 3));
        assert_eq!(decode(trailer.as_bytes(), 10).is_ok(), fits);
    }
    let many = "1;y\r\nx\r\n".repeat(OVERHEAD_BYTES);
    assert!(decode(many.as_bytes(), OVERHEAD_BYTES).is_err());
}

#[test]
fn every_split_decodes_the_same() {
    for input in [
        "5;e=\"x\"\r\nhello\r\n3\r\n\r\n\r\r\n0\r\nA: b\r\n\r\nrest",
        "5\r\nhelloX\r\n",
        "b\r\nhello world",
        "1\r\nx\r\n0\r\nA: b\n",
    ] {
        let whole = decode(input.as_bytes(), 10);
        let (mut decoder, mut out, mut consumed) = (Decoder::new(10), Vec::new(), 0);
        let mut by_byte = Ok(Progress { consumed: 0, done: false });
        for byte in input.as_bytes().chunks(1) {
            by_byte = decoder.feed(byte, &mut out);
            match by_byte {
                Ok(progress) => consumed += progress.consumed,
                Err(_) => break,
            }
        }
        let by_byte = by_byte.map(|progress| (out, Progress { consumed, done: progress.done }));
        assert_eq!(whole, by_byte, "{input:?}");
    }
}
