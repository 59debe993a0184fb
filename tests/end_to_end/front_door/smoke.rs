//! The oracles of the fuzz targets, on the committed cases and some thousand mutations of them.
//! Deterministic, so that a failure stays one.

use std::path::Path;

use super::oracles;

/// A small generator (xorshift); quality does not matter here, repetition does.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end.max(1)
    }
}

/// Pieces that matter to the parsers.
const PIECES: [&[u8]; 16] = [
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b"0",
    b"+",
    b"\r\n\r\n",
    b"chunked",
    b", ",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: b\r\n",
    b"\"",
    b"\0",
];

fn mutate(random: &mut Random, pieces: &[&[u8]], case: &[u8]) -> Vec<u8> {
    let mut input = case.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        match random.below(4) {
            0 => drop(input.splice(at..at, pieces[random.below(pieces.len())].iter().copied())),
            1 if at < input.len() => input[at] = u8::try_from(random.below(256)).unwrap(),
            2 if at < input.len() => drop(input.remove(at)),
            _ => {
                let copy = input[at..].to_vec();
                let to = random.below(input.len() + 1);
                input.splice(to..to, copy.into_iter().take(40));
            }
        }
    }
    input
}

fn smoke(target: &str, oracle: fn(&[u8])) {
    smoke_with(target, &PIECES, oracle);
}

/// Runs an oracle on the cases of a target, and on mutations with these pieces.
pub(crate) fn smoke_with(target: &str, pieces: &[&[u8]], oracle: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 5, "the cases of {target} are gone");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for path in paths {
        let case = std::fs::read(&path).unwrap();
        oracle(&case);
        for _ in 0..200 {
            oracle(&mutate(&mut random, pieces, &case));
        }
    }
}

#[test]
fn framing_holds_for_mutated_cases() {
    smoke("framing", oracles::framing);
}

#[test]
fn chunked_holds_for_mutated_cases() {
    smoke("chunked", oracles::chunked);
}

#[test]
fn forwarded_holds_for_mutated_cases() {
    smoke("forwarded", oracles::forwarded);
}
