#![no_main]
//! See `muster_fuzz::token`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| muster_fuzz::token(input));
