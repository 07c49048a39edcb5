//! The programs themselves, built from the sources as they are now and as the tests were built; or a program that is all of
//! them.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use muster_local::functions;
use muster_shared::lambda;

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

/// What each function is called, as names of this program: a stack that spawns its functions from this folder runs this program
/// in their place, built as it is built, which must begin with [`act`].
///
/// # Errors
/// When the folder cannot be written.
pub fn link(folder: &Path) -> io::Result<()> {
    let this = std::env::current_exe()?;
    let mut names = functions::ALL.iter().map(|function| function.name);
    names.try_for_each(|name| symlink(&this, folder.join(name)))
}

/// Serves as the function by whose name this program was called; whether it was by one.
///
/// # Panics
/// When the function cannot start.
#[must_use]
pub fn act() -> bool {
    let program = std::env::args().next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    let mut functions = functions::ALL.iter();
    let Some(function) = functions.find(|function| function.name == name) else {
        return false;
    };
    lambda::serve(function).unwrap_or_else(|error| panic!("{error}"));
    true
}
