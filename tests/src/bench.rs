//! What the benchmarks have in common.

/// What a benchmark was told on its command line, without the `--bench` that `cargo bench` adds.
pub fn words() -> impl Iterator<Item = String> {
    std::env::args().skip(1).filter(|word| word != "--bench")
}

/// The most memory that a process had, in kilobytes (proc(5), `VmHWM`); `process` is its id, or `self`.
///
/// # Panics
/// When there is no such process, or no such file as on Linux.
#[must_use]
pub fn peak_memory(process: &str) -> u32 {
    let file = format!("/proc/{process}/status");
    let status = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    kilobytes.unwrap_or_else(|| panic!("{file}: {status}"))
}
