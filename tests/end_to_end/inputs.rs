//! The oracles of what clients and files shape, on the committed cases and mutations of them.

#[path = "../../fuzz/input_oracles.rs"]
mod oracles;

use crate::front_door::smoke::smoke_with;

/// Pieces that matter to the parsers.
const PIECES: [&[u8]; 20] = [
    b"$",
    b",",
    b"=",
    b"+",
    b"%2",
    b"&",
    b"\"",
    b"\\u0000",
    b"{",
    b"[",
    b"}",
    b"]",
    b":null",
    b"true",
    b"99999999999",
    b"-1",
    b"\n",
    b"\0",
    b"i=1,l=32",
    b"\xef\xbb\xbf",
];

#[test]
fn import_lines_hold_for_mutated_cases() {
    smoke_with("import_line", &PIECES, oracles::import_line);
}

#[test]
fn password_hashes_hold_for_mutated_cases() {
    smoke_with("password_hash", &PIECES, oracles::password_hash);
}

#[test]
fn parameters_hold_for_mutated_cases() {
    smoke_with("parameters", &PIECES, oracles::parameters);
}

#[test]
fn tokens_hold_for_mutated_cases() {
    smoke_with("token", &PIECES, oracles::token);
}

#[test]
fn configurations_hold_for_mutated_cases() {
    smoke_with("configuration", &PIECES, oracles::configuration);
}

#[test]
fn passkeys_hold_for_mutated_cases() {
    smoke_with("passkey", &PIECES, oracles::passkey);
}
