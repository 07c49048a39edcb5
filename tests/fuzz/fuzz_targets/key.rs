#![no_main]
//! See `muster_fuzz::key`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| muster_fuzz::key(input));
