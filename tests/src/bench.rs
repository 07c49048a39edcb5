//! What benchmarks, and tests of what things take, have in common.

use std::path::PathBuf;

/// What a benchmark was told on its command line, without the `--bench` that `cargo bench` adds.
pub fn words() -> impl Iterator<Item = String> {
    std::env::args().skip(1).filter(|word| word != "--bench")
}

/// Where cargo puts what it builds; a benchmark is in `deps` of its profile's folder.
///
/// # Panics
/// When this program is somewhere else.
#[must_use]
pub fn target() -> PathBuf {
    let this = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let target = this.ancestors().nth(3);
    target
        .unwrap_or_else(|| panic!("{} is not where cargo puts it", this.display()))
        .to_owned()
}

/// A file of so many new users, each with address, names, phone and employee number.
#[must_use]
pub fn users(count: u32) -> String {
    let heading = "External ID,Email,First Name,Last Name,Phone Number,Employee Number\n";
    let user = |n: u32| {
        let phone = 15_111_000_000 + u64::from(n);
        format!("D-{n:07},driver.{n}@northwind.example,Ada {n},Lovelace,+49{phone},{n}\n")
    };
    (0..count).fold(heading.to_owned(), |file, n| file + &user(n))
}

/// The most memory that a process had, in kilobytes (proc(5), `VmHWM`); `process` is its id, or `self`.
///
/// # Panics
/// When there is no such process, or no such file as on Linux.
#[must_use]
pub fn peak_memory(process: &str) -> u32 {
    let peak = memory(process, "VmHWM:");
    peak.unwrap_or_else(|| panic!("no peak memory of process {process}"))
}

/// The memory that a process has now, in kilobytes; none if there is no such process any more.
#[must_use]
pub fn resident_memory(process: &str) -> Option<u32> {
    memory(process, "VmRSS:")
}

fn memory(process: &str, what: &str) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
