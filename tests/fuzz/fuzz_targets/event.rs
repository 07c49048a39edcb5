#![no_main]
//! See `muster_tests::event`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| muster_fuzz::event(input));
