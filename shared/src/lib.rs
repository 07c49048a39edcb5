//! The common crate of Muster. A module may use only what stands to its left in
//! `domain → config, clock, metrics → store | mail | files → context → error → http → auth → lambda`; a test enforces it.

pub mod auth;
pub mod clock;
pub mod config;
pub mod context;
pub mod domain;
pub mod error;
pub mod files;
pub mod http;
pub mod lambda;
pub mod mail;
pub mod metrics;
pub mod store;
