#![no_main]
//! See `muster_fuzz::upload`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| muster_fuzz::upload(input));
