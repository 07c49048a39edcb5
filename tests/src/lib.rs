//! What the end-to-end tests, the API document and the benchmarks are made of.

pub mod openapi;
pub mod world;
