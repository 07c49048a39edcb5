//! What operators see, and what users are told when a job fails for good.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_collect,
    clippy::too_many_lines,
    reason = "a test that cannot go on says so, need not be fast, and tells what happens in one go"
)]

mod failures;
mod hostile;
mod metrics;
mod traces;

/// A file of so many new users with an address.
fn new_users(count: usize) -> String {
    let rows = (0..count).map(|row| format!("N-{row},n{row}@new.example,Ann {row}\n"));
    format!("External ID,Email,First Name\n{}", rows.collect::<String>())
}
