#![no_main]
//! See `muster_fuzz::cursor`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| muster_fuzz::cursor(input));
