#![no_main]
//! See `muster_fuzz::text`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| muster_fuzz::text(input));
