//! Every target over its corpus: what a fuzzer once found stays found.

use std::fs;
use std::path::Path;

use muster_fuzz::TARGETS;

#[test]
fn every_target_holds_over_its_corpus() {
    for (name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(name);
        let mut files: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        assert!(files.len() > 5, "{name} has no corpus");
        for file in files {
            let input = fs::read(&file).unwrap();
            let held = std::panic::catch_unwind(|| target(&input));
            assert!(held.is_ok(), "{}", file.display());
        }
    }
}
