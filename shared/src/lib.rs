//! The common crate of Muster. A module may use only what stands above it here (a test enforces it).

pub mod clock;
pub mod mail;
