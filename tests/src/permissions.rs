//! What the functions' roles were needed for in the end-to-end tests, held against what the template grants.
//!
//! Every [`World`](crate::world::World) that ends writes down which grants its calls needed: a grant is one action on one
//! resource under one value of the condition, and a call needs it if it would be refused without it. The program
//! `permissions` then names the grants that no call needed. So whoever takes any single grant away makes a test fail, because
//! a world in which anything was refused panics, and whoever grants too much makes the program fail. What earlier tests
//! wrote down stays until the folder is removed, which `make` does first: fewer tests, or none, need fewer grants.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use muster_local::Review;

/// Where tests of one build write it down: beside their programs.
fn folder() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let mut above = program.ancestors().skip(1);
    let folder = above.find(|folder| !folder.ends_with("deps"));
    Ok(folder.unwrap_or(&program).join("needed-grants"))
}

/// Writes down what was needed; one file for each process.
///
/// # Errors
/// When the file cannot be written.
pub fn record(review: &Review) -> io::Result<()> {
    let folder = folder()?;
    std::fs::create_dir_all(&folder)?;
    let needed: Vec<&str> = review.needed.iter().map(String::as_str).collect();
    let mut file = std::fs::OpenOptions::new();
    let file = file.create(true).append(true);
    let mut file = file.open(folder.join(std::process::id().to_string()))?;
    // In one piece: worlds end side by side.
    file.write_all(format!("{}\n", needed.join("\n")).as_bytes())
}

/// What was written down.
///
/// # Errors
/// When it cannot be read.
pub fn needed() -> io::Result<BTreeSet<String>> {
    let mut needed = BTreeSet::new();
    for file in std::fs::read_dir(folder()?)? {
        let text = std::fs::read_to_string(file?.path())?;
        needed.extend(text.lines().map(str::to_owned));
    }
    Ok(needed)
}
