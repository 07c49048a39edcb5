//! What must hold for any bytes that come from outside. Each target is an ordinary function that panics when it does not:
//! the fuzzers in `fuzz_targets` look for such bytes, and the tests run every target over the corpus, on which each fuzzer
//! starts.
#![expect(
    clippy::panic,
    reason = "a target says so when something does not hold"
)]

mod cursor;
mod key;
mod text;
mod token;
mod upload;

pub use cursor::cursor;
pub use key::key;
#[cfg(feature = "stack")]
pub use muster_tests::event::event;
pub use text::text;
pub use token::token;
pub use upload::upload;

/// A target.
pub type Target = fn(&[u8]);

/// The targets by the names of their fuzzers and of the folders of their corpus. There is one more, `event`, which needs all
/// functions, and whose corpus is run where they are built anyway.
pub const TARGETS: [(&str, Target); 5] = [
    ("upload", upload),
    ("token", token),
    ("cursor", cursor),
    ("key", key),
    ("text", text),
];
