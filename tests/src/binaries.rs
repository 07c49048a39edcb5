//! The programs themselves, built from the sources as they are now and as the tests were built.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use muster_local::functions;

/// Where the binaries of the functions and of the local stack are. Cargo builds those that are not up to date, so that no test
/// runs an old one; it builds nothing of another package for a test by itself.
///
/// # Panics
/// When they cannot be built.
#[must_use]
pub fn built() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(build).clone()
}

fn build() -> PathBuf {
    // target/<profile>/deps/<this test>
    let this = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let folder = this.ancestors().nth(2).unwrap_or(Path::new("."));
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let packages = functions::ALL.iter().map(|function| function.name);
    let packages = packages.chain(["muster-local"]);
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--locked",
            "--quiet",
            "--bins",
            "--profile",
            profile,
        ])
        .arg("--target-dir")
        .arg(folder.parent().unwrap_or(folder))
        .args(packages.flat_map(|package| ["--package", package]))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "the binaries cannot be built"
    );
    folder.to_owned()
}
