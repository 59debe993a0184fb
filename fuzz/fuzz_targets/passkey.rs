//! Feeds arbitrary bytes to the oracle of `passkey`.
#![no_main]

#[path = "../input_oracles.rs"]
#[expect(dead_code, reason = "each target uses one oracle")]
mod oracles;

libfuzzer_sys::fuzz_target!(|input: &[u8]| oracles::passkey(input));
