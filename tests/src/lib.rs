//! What the end-to-end tests, the API document and the benchmarks are made of.
#![expect(clippy::panic, reason = "a test that cannot go on says so")]

pub mod bench;
pub mod binaries;
pub mod event;
pub mod openapi;
pub mod output;
pub mod permissions;
pub mod report;
pub mod usage;
pub mod world;
