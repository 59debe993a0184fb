//! Feeds arbitrary bytes to the oracle of `framing`.
#![no_main]

#[path = "../oracles.rs"]
#[expect(dead_code, reason = "each target uses one oracle")]
mod oracles;

libfuzzer_sys::fuzz_target!(|input: &[u8]| oracles::framing(input));
