//! One fuzzer for all targets, for a short run on the stable compiler: the folder of the corpus, among the arguments, says which.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use muster_fuzz::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let folders = std::env::args().collect::<Vec<_>>();
    let named = folders.iter().rev().find_map(|folder| {
        let name = Path::new(folder).file_name()?;
        TARGETS.into_iter().find(|(target, _)| name == *target)
    });
    named.unwrap_or_else(|| panic!("no folder of a target")).1
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| TARGET(input));
