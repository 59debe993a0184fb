//! Feeds arbitrary bytes to the oracle of `token`.
#![no_main]

#[path = "../input_oracles.rs"]
#[expect(dead_code, reason = "each target uses one oracle")]
mod oracles;

libfuzzer_sys::fuzz_target!(|input: &[u8]| oracles::token(input));
